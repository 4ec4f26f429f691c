"""What was worked out once from a file's content, kept for the next command. Losing it costs time and nothing else."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.system.atomic import write_text
from harness.system.documents import read_json

VARIABLE = "NEAROPT_CACHE"
"""A folder to keep it in, instead of the user's cache folder; empty: keep nothing."""
MAX_ENTRIES = 2000


def cache_folder() -> Path | None:
    """Where to keep things (the XDG base directory specification); ``None``: nowhere."""
    given = os.environ.get(VARIABLE)
    if given is not None:
        return Path(given) if given else None
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():  # which the specification says to ignore
        try:
            base = Path.home() / ".cache"
        except RuntimeError:
            return None
    return base / "nearopt"


def recall(kind: str, key: str) -> Any:
    """The JSON document kept under ``key``; ``None`` where there is none that can be read.

    Args:
        kind: what it is, a file name's worth.
        key: a digest of everything that it was made of, the code included.
    """
    folder = cache_folder()
    if folder is None:
        return None
    with suppress(OSError, ValueError):
        return read_json(folder / kind / f"{key}.json")
    return None


def keep(kind: str, key: str, document: Any) -> None:
    """Keep a JSON document; where that cannot be, nothing happens. Of a kind, the oldest beyond a bound go."""
    folder = cache_folder()
    if folder is None:
        return
    with suppress(OSError):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        write_text(folder / kind / f"{key}.json", json.dumps(document))
        entries = list((folder / kind).glob("*.json"))
        if len(entries) > MAX_ENTRIES:
            for old in sorted(entries, key=lambda entry: entry.stat().st_mtime)[: len(entries) - MAX_ENTRIES]:
                old.unlink(missing_ok=True)
