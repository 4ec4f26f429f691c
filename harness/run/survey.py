"""Find runs below a task's folder, and report unreadable folders, which a glob would skip silently."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from harness.run import contract
from harness.run.damage import UNREADABLE


def runs_of_task(task: Path, faults: list[str]) -> Iterator[Path]:
    """Paths with the location and name of a run's directory below ``RESULTS/<task>``.

    Args:
        faults: receives a sentence for each folder that cannot be read.
    """
    for label in inside(task, faults):
        for run in inside(label, faults):
            number = run.name.removeprefix(contract.SEED_PREFIX)
            if number != run.name and number.isascii() and number.isdigit():
                yield run


def once_each(results: Path, directories: Iterable[Path]) -> Iterator[Path]:
    """Each directory once: a directory that links point to counts by its own path if it is listed, else by the first
    link."""
    places: dict[object, list[Path]] = {}
    for directory in directories:
        places.setdefault(_identity(directory), []).append(directory)
    for several in places.values():
        if len(several) > 1:
            several.sort(key=lambda place: (_behind_a_link(results, place), place))
        yield several[0]


def _identity(directory: Path) -> object:
    for look in (directory.stat, directory.lstat):  # the second for a dangling link
        with suppress(OSError):
            status = look()
            return status.st_dev, status.st_ino
    return directory


def _behind_a_link(results: Path, directory: Path) -> bool:
    return directory.resolve() != results.resolve() / directory.relative_to(results)


def inside(folder: Path, faults: list[str]) -> list[Path]:
    """Entries of a folder, sorted, without hidden ones; empty if it is not a folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(folder / entry.name for entry in entries if not entry.name.startswith("."))
    except (NotADirectoryError, FileNotFoundError):
        return []
    except OSError as error:
        faults.append(f"{folder}: {UNREADABLE}{error.strerror}): what is in it is not counted.")
        return []
