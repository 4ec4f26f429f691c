"""Documents of somebody's folder: bounded, and never a pipe that keeps a reader waiting."""

from __future__ import annotations

import json
import stat
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
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(None, "not a regular file", str(path))
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(None, f"more than {MAX_BYTES >> 20} MiB", str(path))
    return data.decode("utf-8")


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
