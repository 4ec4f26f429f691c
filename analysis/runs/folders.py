"""The folders below a study, including linked ones; ``nearopt status`` follows the same links."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from analysis.runs import contract

BELOW_A_LINK = 3
"""Levels to follow: a link may lead to a results folder, a task, a strategy or a run, not to a file system."""


def folders(top: Path, unread: Callable[[OSError], None] | None = None) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield each folder with the names of its folders and of its other entries, like ``os.walk``.

    Names removed from the first list are not visited. A folder that is reachable in several ways is visited once: at
    its own place if that lies below ``top``, else through the first link, so that circular links end. Folders with a
    leading dot and those set aside by a run are skipped.

    Args:
        unread: called with the error of each unreadable folder.
    """
    seen: set[tuple[int, int]] = set()
    left: deque[tuple[Path, bool]] = deque([(top.resolve(), False)])
    while left:
        start, linked = left.popleft()
        for folder, inner, files in os.walk(start, onerror=unread):
            place = Path(folder)
            with suppress(OSError):  # removed meanwhile
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
