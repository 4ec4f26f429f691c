"""Files that appear whole or not at all, and what to say when they cannot be written."""

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
"""A limit on the size of files (EFBIG) is a quota of the process."""

_STREAMS = frozenset(map(Path, ("/dev", "/dev/fd", "/proc/self/fd")))
"""Folders of what is written to as it is."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary sibling of ``path`` that takes its place when the block ends without an error.

    What killed processes left of theirs in that folder goes away. A device or a standard stream is written itself.

    Raises:
        OSError: naming ``path``, in the system's words also where PyArrow wrote.
    """
    if _written_itself(path):
        yield path
        return
    remove_left_over(path.parent)
    written = temporary(path.absolute())  # PyArrow takes a:b/c for an address
    try:
        yield written
        with written.open("rb") as stream:
            os.fsync(stream.fileno())
        written.replace(path)
    except OSError as error:
        raise _of(path, written, error) from None
    finally:
        with suppress(OSError):  # the disk's error is the one to tell
            written.unlink(missing_ok=True)


def _written_itself(path: Path) -> bool:
    """Whether nothing may take a file's place: ``/dev/null``, ``/dev/stdout``, what a shell calls ``/dev/fd/63``."""
    return path.absolute().parent in _STREAMS or path.is_char_device() or path.is_block_device()


def _of(path: Path, written: Path, error: OSError) -> OSError:
    """An error of the temporary file, told of the file that was meant."""
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
        Unwritable: instead of an OSError that any other file there would meet, too.
        UserError: instead of any other OSError.
    """
    try:
        yield
    except OSError as error:
        kind = Unwritable if no_room(error) else UserError
        at = error.filename if isinstance(error.filename, str) and path in Path(error.filename).parents else path
        raise kind(f"{at}: cannot be written ({reason(error)})") from None


def check_writable(file: Path) -> None:
    """Try now what would otherwise fail after hours: whether ``file`` can be made. Leaves nothing behind.

    Raises:
        UserError: it cannot.
    """
    with writing(file):
        file.exists()  # a name that is too long says so
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
    """Whether the disk is to blame, and not one file of it: full, read-only, or a limit on what one may write."""
    # pyarrow's may carry the reason in their text alone.
    return error.errno in NO_ROOM or (error.errno is None and any(os.strerror(n) in str(error) for n in NO_ROOM))


def reason(error: OSError) -> str:
    """Why, in the system's words."""
    return error.strerror or (os.strerror(error.errno) if error.errno else one_line(error, 200))
