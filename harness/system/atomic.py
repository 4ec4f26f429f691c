"""Files that appear whole or not at all, and what to say when they cannot be written."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import Unwritable
from harness.system.text import one_line


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
        Unwritable: instead of any OSError.
    """
    try:
        yield
    except OSError as error:
        # pyarrow's carry the reason in their text alone.
        reason = error.strerror or (os.strerror(error.errno) if error.errno else one_line(error, 200))
        raise Unwritable(f"{path}: cannot be written ({reason})") from None
