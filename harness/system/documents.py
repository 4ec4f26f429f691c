"""Documents of somebody's folder: bounded, and never a pipe that keeps a reader waiting."""

from __future__ import annotations

import json
import os
import stat
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

MAX_BYTES = 1 << 24
"""Of a document that is read whole."""


def read_text(path: Path) -> str:
    """A document's text.

    Raises:
        OSError: not readable, larger than any document of ours, or a pipe or device.
        UnicodeDecodeError: not UTF-8.
    """
    return read_bytes(path).decode("utf-8")


def read_bytes(path: Path, at_most: int | None = MAX_BYTES) -> bytes:
    """A file's bytes.

    Args:
        at_most: so many; ``None``: however many there are.

    Raises:
        OSError: not readable, larger, or a pipe or device.
    """
    with BufferedReader(FileIO(str(path), "r", opener=without_waiting)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(None, "not a regular file", str(path))
        data = file.read() if at_most is None else file.read(at_most + 1)
    if at_most is not None and len(data) > at_most:
        raise OSError(None, f"more than {at_most >> 20} MiB", str(path))
    return data


def without_waiting(name: str, flags: int) -> int:
    """Opens a file for :class:`io.FileIO`; a pipe that nobody writes into would keep whoever opens it waiting."""
    return os.open(name, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)


def read_json(path: Path) -> Any:
    """What a JSON document says.

    Raises:
        OSError: as :func:`read_text`.
        ValueError: no JSON, or nested too deeply.
    """
    try:
        return json.loads(read_text(path))
    except RecursionError:
        raise ValueError("nested too deeply") from None
