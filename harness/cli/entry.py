"""The console script ``nearopt``: runs a command and turns what went wrong into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from harness.cli.exit_codes import FAILED, INTERRUPTED, USER_ERROR
from harness.cli.parser import command_parser, parse
from harness.errors import UserError
from harness.system.text import one_line, whole_line


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    from analysis.errors import AnalysisError

    try:
        command, arguments = parse(argv)
        if command is None:
            command_parser().print_help()
            return USER_ERROR
        return command.run(arguments)
    except (UserError, AnalysisError) as error:
        print(f"nearopt: {whole_line(error)}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt as stop:
        how_far = f" ({stop})" if str(stop) else ""
        print(f"nearopt: interrupted{how_far}; the same command resumes", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if os.environ.get("NEAROPT_TRACEBACK"):
            raise
        print(
            f"nearopt: {type(error).__name__}: {one_line(error, 600)} (NEAROPT_TRACEBACK=1 shows where)",
            file=sys.stderr,
        )
        return FAILED
