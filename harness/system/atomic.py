"""Files that appear whole or not at all, and what to say when they cannot be written."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import Unwritable, UserError
from harness.system.text import one_line

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})
"""A limit on the size of files (EFBIG) is a quota of the process."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary sibling of ``path`` that takes its place when the block ends without an error."""
    # Process ids repeat on the hosts of a cluster.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_text(path: Path) -> str:
    """A text file, which may be anything in somebody's folder.

    Raises:
        OSError: not readable, or a pipe or device, which would keep a reader waiting.
        UnicodeDecodeError: not UTF-8.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(None, "not a regular file", str(path))
    return path.read_text(encoding="utf-8")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's errors into one clear line about ``path``.

    Raises:
        Unwritable: instead of an OSError that any other file there would meet, too.
        UserError: instead of any other OSError.
    """
    try:
        yield
    except OSError as error:
        kind = Unwritable if no_room(error) else UserError
        raise kind(f"{path}: cannot be written ({reason(error)})") from None


def check_writable(file: Path) -> None:
    """Try now what would otherwise fail after hours: whether ``file`` can be made. Leaves nothing behind.

    Raises:
        UserError: it cannot.
    """
    with writing(file):
        file.exists()  # a name that is too long says so
        made = [folder for folder in file.parents if not folder.exists()]
        probe = file.with_name(f".{file.name[:100]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
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
    # pyarrow's carry the reason in their text alone.
    return error.errno in NO_ROOM or (error.errno is None and any(os.strerror(n) in str(error) for n in NO_ROOM))


def reason(error: OSError) -> str:
    """Why, in the system's words."""
    return error.strerror or (os.strerror(error.errno) if error.errno else one_line(error, 200))
