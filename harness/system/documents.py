"""Read documents from a user's folder: limited in size, and never blocking on a pipe."""

from __future__ import annotations

import json
import os
import stat
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

MAX_BYTES = 1 << 24
"""Largest size of a document that is read whole."""


def read_text(path: Path) -> str:
    """Read a document's text.

    Raises:
        OSError: not readable, larger than :data:`MAX_BYTES`, or a pipe or device.
        UnicodeDecodeError: not UTF-8.
    """
    return read_bytes(path).decode("utf-8")


def read_bytes(path: Path, at_most: int | None = MAX_BYTES) -> bytes:
    """Read a file's bytes.

    Args:
        at_most: largest number of bytes; ``None`` for no limit.

    Raises:
        OSError: not readable, too large, or a pipe or device.
    """
    with BufferedReader(FileIO(str(path), "r", opener=without_waiting)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(None, "not a regular file", str(path))
        data = file.read() if at_most is None else file.read(at_most + 1)
    if at_most is not None and len(data) > at_most:
        raise OSError(None, f"more than {at_most >> 20} MiB", str(path))
    return data


def without_waiting(name: str, flags: int) -> int:
    """Open a file for :class:`io.FileIO` without blocking, as a pipe without a writer would."""
    return os.open(name, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)


def read_json(path: Path) -> Any:
    """Read a JSON document.

    Raises:
        OSError: as :func:`read_text`.
        ValueError: not JSON, or nested too deeply.
    """
    try:
        return json.loads(read_text(path))
    except RecursionError:
        raise ValueError("nested too deeply") from None
