"""The console script ``nearopt``: it runs a command and turns errors into one line and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from harness.cli.commands import COMMANDS
from harness.cli.completion import FLAGS, completion
from harness.cli.exit_codes import DONE, FAILED, INTERRUPTED, USER_ERROR
from harness.cli.parser import command_parser, parse
from harness.errors import UserError
from harness.system.terminal import say, warn
from harness.system.text import one_line, whole_line

OF_A_FILE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR,
     errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}
)  # fmt: skip
"""Operating-system errors whose own message and file name are explanation enough."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    from analysis.errors import AnalysisError

    _print_whatever_the_terminal_takes()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words[:1] in ([flag] for flag in FLAGS):
            say(completion(words[1:], COMMANDS))
            return DONE
        command, arguments = parse(words)
        if command is None:
            command_parser().print_help()
            return USER_ERROR
        code = command.run(arguments)
        sys.stdout.flush()  # otherwise a full disk would go unnoticed until the interpreter exits
        return code
    except (UserError, AnalysisError) as error:
        warn(f"nearopt: {whole_line(error)}")
        return USER_ERROR
    except KeyboardInterrupt as stop:
        how_far = f" ({stop})" if str(stop) else ""
        warn(f"nearopt: interrupted{how_far}; the same command resumes")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if error.errno not in OF_A_FILE or os.environ.get("NEAROPT_TRACEBACK"):
            return _unexpected(error)
        where = whole_line(error.filename) if error.filename is not None else "a file or standard output"
        warn(f"nearopt: {where}: {error.strerror}")
        return USER_ERROR
    except Exception as error:
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
    if os.environ.get("NEAROPT_TRACEBACK"):
        raise error
    warn(f"nearopt: {type(error).__name__}: {one_line(error, 600)} (NEAROPT_TRACEBACK=1 shows where)")
    return FAILED


def _print_whatever_the_terminal_takes() -> None:
    """Replace characters that the output's encoding lacks, so that printing about a finished report cannot fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
