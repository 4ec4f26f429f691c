"""Write files atomically, with clear errors if they cannot be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import Unwritable, UserError
from harness.system.temporaries import remove_left_over, temporary
from harness.system.text import one_line

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})
"""Error numbers of a full or read-only disk or a quota; a limit on the size of files (EFBIG) is a quota of the
process."""

_STREAMS = frozenset(map(Path, ("/dev", "/dev/fd", "/proc/self/fd")))
"""Folders of devices and streams, which are written to directly."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of ``path`` that replaces it when the block ends without an error.

    Removes temporary files that killed processes left in that folder. A device or standard stream is written directly.

    Raises:
        OSError: naming ``path``, with the system's message, also for errors of PyArrow.
    """
    if _written_itself(path):
        yield path
        return
    remove_left_over(path.parent)
    written = temporary(path.absolute())  # PyArrow would read a:b/c as an address
    try:
        yield written
        with written.open("rb") as stream:
            os.fsync(stream.fileno())
        written.replace(path)
    except OSError as error:
        raise _of(path, written, error) from None
    finally:
        with suppress(OSError):  # the disk's error is the one to report
            written.unlink(missing_ok=True)


def _written_itself(path: Path) -> bool:
    """Whether a path must not be replaced: ``/dev/null``, ``/dev/stdout``, a shell's ``/dev/fd/63``."""
    return path.absolute().parent in _STREAMS or path.is_char_device() or path.is_block_device()


def _of(path: Path, written: Path, error: OSError) -> OSError:
    """The error of a temporary file, renamed to the file that was meant."""
    if error.errno is None or error.filename not in (None, str(written)):
        return error
    return OSError(error.errno, os.strerror(error.errno), str(path))


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with replacing(path) as written:
        written.write_text(text, encoding="utf-8")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's errors into one clear line about ``path``, or about the file below it that they name.

    Raises:
        Unwritable: instead of an OSError that any other file there would cause as well.
        UserError: instead of any other OSError.
    """
    try:
        yield
    except OSError as error:
        kind = Unwritable if no_room(error) else UserError
        at = error.filename if isinstance(error.filename, str) and path in Path(error.filename).parents else path
        raise kind(f"{at}: cannot be written ({reason(error)})") from None


def check_writable(file: Path) -> None:
    """Check now that ``file`` can be created, which would otherwise fail after hours. Leaves nothing behind.

    Raises:
        UserError: the file cannot be created.
    """
    with writing(file):
        file.exists()  # raises for a name that is too long
        made = [folder for folder in file.parents if not folder.exists()]
        remove_left_over(file.parent)
        probe = temporary(file)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            probe.touch()
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)
                for folder in made:
                    folder.rmdir()


def no_room(error: OSError) -> bool:
    """Whether the disk is the cause and not a single file: full, read-only, or a quota."""
    # PyArrow's errors may carry the reason only in their text.
    return error.errno in NO_ROOM or (error.errno is None and any(os.strerror(n) in str(error) for n in NO_ROOM))


def reason(error: OSError) -> str:
    """The reason of an error, in the system's words."""
    return error.strerror or (os.strerror(error.errno) if error.errno else one_line(error, 200))
