"""The folders below a study, those behind links among them; ``nearopt status`` follows the same links."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from analysis.runs import contract

BELOW_A_LINK = 3
"""Levels: what is linked may be a results folder, a task's, a strategy's or a run, and is no whole file system."""


def folders(top: Path, unread: Callable[[OSError], None] | None = None) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Each folder with the names of its folders and of its other entries, as ``os.walk`` has them.

    Whoever takes names off the first list is not led there. A folder that is reached in several ways comes once: by its
    own place if that lies below ``top``, else by the first link, so that links in a circle end. Folders with a dot and
    what a run has set aside are left out.

    Args:
        unread: is given the error of each folder that cannot be looked into.
    """
    seen: set[tuple[int, int]] = set()
    left: deque[tuple[Path, bool]] = deque([(top.resolve(), False)])
    while left:
        start, linked = left.popleft()
        for folder, inner, files in os.walk(start, onerror=unread):
            place = Path(folder)
            with suppress(OSError):  # gone meanwhile
                status = place.stat()
                if (status.st_dev, status.st_ino) in seen:
                    inner.clear()
                    continue
                seen.add((status.st_dev, status.st_ino))
            hidden = (".", contract.ABORTED_PREFIX) if place.name.startswith(contract.SEED_PREFIX) else (".",)
            inner[:] = sorted(name for name in inner if not name.startswith(hidden))
            yield place, inner, files
            if linked and len(place.relative_to(start).parts) >= BELOW_A_LINK:
                inner.clear()
            left += [(place / name, True) for name in inner if (place / name).is_symlink()]
