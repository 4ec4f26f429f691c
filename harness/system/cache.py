"""What was worked out once from a file's content, kept for the next command. Losing it costs time and nothing else."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.system.atomic import write_text
from harness.system.sealed_lines import CHECK, Seals, sealed

VARIABLE = "NEAROPT_CACHE"
"""A folder to keep it in, instead of the user's cache folder; empty: keep nothing."""
MAX_ENTRIES = 2000
MAX_BYTES = 1 << 20
"""Of one entry: a larger one is neither kept nor read."""


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


def recall(kind: str, key: str) -> dict[str, Any] | None:
    """The JSON object kept under ``key``; ``None`` where there is none, or not one as this user kept it.

    Args:
        kind: what it is, a file name's worth.
        key: a digest of everything that it was made of, the code included.
    """
    folder = cache_folder()
    if folder is None:
        return None
    with suppress(OSError, ValueError):
        line = _own_bytes(folder / kind / f"{key}.json").removesuffix(b"\n")
        seals = Seals()
        if not seals.fault(line) and seals.sealed:
            return {name: value for name, value in json.loads(line).items() if name != CHECK}
    return None


def keep(kind: str, key: str, document: Mapping[str, Any]) -> None:
    """Keep a JSON object with a key at least; where that cannot be, nothing happens. The oldest beyond a bound go."""
    folder = cache_folder()
    line, _ = sealed(json.dumps(dict(document)).encode(), 0)  # a flipped bit would be read as another number
    if folder is None or len(line) > MAX_BYTES:
        return
    with suppress(OSError):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        write_text(folder / kind / f"{key}.json", line.decode("ascii"))
        entries = list((folder / kind).glob("*.json"))
        if len(entries) > MAX_ENTRIES:
            for old in sorted(entries, key=lambda entry: entry.stat().st_mtime)[: len(entries) - MAX_ENTRIES]:
                old.unlink(missing_ok=True)


def _own_bytes(file: Path) -> bytes:
    """A file's bytes, unless it is another user's: in a folder that several share, anybody may have put it there.

    Raises:
        OSError: not readable, or not a file of this user's of at most :data:`MAX_BYTES`.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_size > MAX_BYTES:
            raise OSError(None, "no entry of this user's", str(file))
        return stream.read(MAX_BYTES)
