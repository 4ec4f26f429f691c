"""Where runs lie below a task's folder, and what cannot be looked into: a glob passes over that without a word."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from harness.run import contract
from harness.run.damage import UNREADABLE


def runs_of_task(task: Path, faults: list[str]) -> Iterator[Path]:
    """Whatever has the place and name of a run's directory below ``RESULTS/<task>``.

    Args:
        faults: gets a sentence for each folder that cannot be looked into.
    """
    for label in inside(task, faults):
        for run in inside(label, faults):
            number = run.name.removeprefix(contract.SEED_PREFIX)
            if number != run.name and number.isascii() and number.isdigit():
                yield run


def once_each(results: Path, directories: Iterable[Path]) -> Iterator[Path]:
    """Each once: one that links lead to as well by its own place if that is here, else by the first link."""
    places: dict[object, list[Path]] = {}
    for directory in directories:
        places.setdefault(_identity(directory), []).append(directory)
    for several in places.values():
        if len(several) > 1:
            several.sort(key=lambda place: (_behind_a_link(results, place), place))
        yield several[0]


def _identity(directory: Path) -> object:
    for look in (directory.stat, directory.lstat):  # the second for a link to nowhere
        with suppress(OSError):
            status = look()
            return status.st_dev, status.st_ino
    return directory


def _behind_a_link(results: Path, directory: Path) -> bool:
    return directory.resolve() != results.resolve() / directory.relative_to(results)


def inside(folder: Path, faults: list[str]) -> list[Path]:
    """What is in a folder, sorted, but for hidden names; nothing where it is none."""
    try:
        with os.scandir(folder) as entries:
            return sorted(folder / entry.name for entry in entries if not entry.name.startswith("."))
    except (NotADirectoryError, FileNotFoundError):
        return []
    except OSError as error:
        faults.append(f"{folder}: {UNREADABLE}{error.strerror}): what is in it is not counted.")
        return []
