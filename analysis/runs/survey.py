"""One walk over a folder: its runs, its plans, and what cannot be read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.runs import contract
from analysis.runs.damage import UNREADABLE
from analysis.runs.documents import read_json
from analysis.runs.folders import folders
from analysis.runs.held_together import HeldTogether, held_together
from analysis.runs.names import check_names
from analysis.runs.state import Name, name_of
from analysis.runs.version import check_plans, check_version


@dataclass(frozen=True)
class Collection:
    """A folder with a consolidated file, and the run directories below it.

    Attributes:
        prefix: prefix of the requested paths in the file; empty for all.
        directories: run directories by their paths below the folder.
    """

    root: Path
    prefix: str
    directories: Mapping[str, Path]

    def held(self) -> HeldTogether:
        """See :func:`analysis.runs.held_together.held_together`."""
        return held_together(self.root, self.directories, self.prefix)


@dataclass(frozen=True)
class Survey:
    """What a walk below a path found.

    Attributes:
        directories: everything with the place and name of a run's directory, resolved.
        roots: results folders with plans, above or below the path.
        collections: the nearest one at or above the path, and those below it.
        faults: one sentence for each unreadable folder.
    """

    path: Path
    directories: tuple[Path, ...]
    roots: tuple[Path, ...]
    collections: tuple[Collection, ...]
    faults: tuple[str, ...]


def survey(path: Path) -> Survey:
    """Walk over the folders below ``path``."""
    top = path.resolve()
    roots = [folder for folder in (top, *top.parents[:3]) if (folder / contract.PLANNED).is_dir()]
    gathered = [folder for folder in (top, *top.parents[:3]) if (folder / contract.CONSOLIDATED).exists()][:1]
    directories: list[Path] = []
    faults: list[str] = []

    def unread(error: OSError) -> None:
        folder = Path(error.filename)
        if not os.path.lexists(folder):  # Path.exists raises in unreadable folders
            return
        if name_of(folder) is not None:
            directories.append(folder)
        else:
            faults.append(f"{folder}: {UNREADABLE}{error.strerror}): what is in it is not counted.")

    for place, inner, files in folders(top, unread):
        if name_of(place) is not None:
            inner.clear()
            directories.append(place)
            continue
        directories += [place / name for name in files if name_of(place / name) is not None]
        if contract.PLANNED in inner and place != top:
            roots.append(place)
        if contract.CONSOLIDATED in files and place != top:
            gathered.append(place)
    directories.sort()
    return Survey(path, tuple(directories), tuple(roots), _collections(top, gathered, directories), tuple(faults))


def _collections(top: Path, roots: list[Path], directories: list[Path]) -> tuple[Collection, ...]:
    """Assign every directory to the innermost folder that contains it."""
    own: dict[Path, dict[str, Path]] = {root: {} for root in roots}
    for directory in directories:
        inside = [root for root in roots if directory.is_relative_to(root)]
        if inside:
            root = max(inside, key=lambda folder: len(folder.parts))
            own[root][directory.relative_to(root).as_posix()] = directory
    return tuple(
        Collection(root, f"{top.relative_to(root).as_posix()}/" if top != root and top.is_relative_to(root) else "", of)
        for root, of in own.items()
    )


def planned(root: Path) -> tuple[set[Name], list[Path]]:
    """All runs that sweeps planned for a results folder, and the plans that cannot be read.

    Raises:
        AnalysisError: a newer NearOpt made a plan.
    """
    check_plans(root)
    runs: set[Name] = set()
    unreadable = []
    for file in sorted((root / contract.PLANNED).glob("*.json")):
        try:
            document = read_json(file)
            check_version(file, document.get("version", 1))
            for group in document["runs"]:
                check_names(file, group["task"], group["strategy"])
                runs |= {Name(str(group["task"]), str(group["strategy"]), int(seed)) for seed in group["seeds"]}
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            unreadable.append(file)
    return runs, unreadable


def asked_for(root: Path, run: Name, path: Path) -> bool:
    """Whether ``path`` includes a run of ``root``: all runs, or those of a task, strategy or seed."""
    with suppress(ValueError):
        wanted = path.resolve().relative_to(root).parts
        stem = run.task.removesuffix(contract.ANY_DEVICE)
        return all(
            asked == own or (own == run.task != stem and asked.startswith(stem))
            for asked, own in zip(wanted, run.place.parts, strict=False)
        )
    return True  # the results folder lies below the path


def missing(plans: Mapping[Name, Path], present: set[Name]) -> dict[Name, Path]:
    """The planned runs that do not exist, with their results folder.

    A plan for any device is met by a run on any device, and named after the only device if there is one.
    """
    devices: dict[str, set[str]] = {}
    for run in present:
        devices.setdefault(run.task.rpartition("__")[0], set()).add(run.task)
    lacking = {}
    for run in plans.keys() - present:
        any_device = run.task.endswith(contract.ANY_DEVICE)
        tasks = devices.get(run.task.removesuffix(contract.ANY_DEVICE), set()) if any_device else set()
        if not any(replace(run, task=task) in present for task in tasks):
            lacking[replace(run, task=next(iter(tasks))) if len(tasks) == 1 else run] = plans[run]
    return lacking
