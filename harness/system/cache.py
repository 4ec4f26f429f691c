"""A cache of results computed from files' contents. Losing it costs only time."""

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
"""Environment variable with a folder to use instead of the user's cache folder; empty disables the cache."""
MAX_ENTRIES = 2000
MAX_BYTES = 1 << 20
"""Largest size of an entry; a larger one is neither stored nor read."""


def cache_folder() -> Path | None:
    """The cache folder (XDG base directory specification); ``None`` if the cache is disabled."""
    given = os.environ.get(VARIABLE)
    if given is not None:
        return Path(given) if given else None
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():  # the specification says to ignore relative paths
        try:
            base = Path.home() / ".cache"
        except RuntimeError:
            return None
    return base / "nearopt"


def recall(kind: str, key: str) -> dict[str, Any] | None:
    """The JSON object stored under ``key``; ``None`` if there is none, or it is not as this user stored it.

    Args:
        kind: the kind of result, fit for a file name.
        key: a digest of everything that it was computed from, including the code.
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
    """Store a JSON object with at least one key, if possible. The oldest entries beyond a limit are removed."""
    folder = cache_folder()
    line, _ = sealed(json.dumps(dict(document)).encode(), 0)  # otherwise a flipped bit would be read as another number
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
    """A file's bytes, if it belongs to this user: in a shared folder anybody could have written it.

    Raises:
        OSError: not readable, or not a file of this user of at most :data:`MAX_BYTES`.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_size > MAX_BYTES:
            raise OSError(None, "not a file of this user", str(file))
        return stream.read(MAX_BYTES)
