"""The planned runs of a study: each sweep writes the list of its runs to RESULTS/planned/.

A file is named after its content. So two sweeps never write the same name with different contents, the same command
writes nothing when repeated, and a study is the union of its plans. To withdraw a plan, delete its file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from glob import escape
from pathlib import Path
from typing import Any

from harness.backends.declaration import declaration_of
from harness.config.schema import RunConfig
from harness.errors import UserError
from harness.landscapes.library import SEPARATOR
from harness.run import contract
from harness.run.version import check_version
from harness.system.atomic import write_text
from harness.system.digest import digest
from harness.system.documents import read_json
from harness.system.names import check_names

ANY = "*"
"""Placeholder for the device in the task of a live run, which is known only where it runs."""


@dataclass(frozen=True, order=True)
class PlannedRun:
    """One run, named as its directory is; the task may end in ``__*``."""

    task: str
    label: str
    seed: int

    @property
    def place(self) -> Path:
        """Its directory below the results folder."""
        return Path(self.task) / contract.run_name(self.label, self.seed)


def planned_run(config: RunConfig) -> PlannedRun | None:
    """The run directory that ``config`` will get, or ``None`` if only its backend knows.

    Raises:
        UserError: a replay needs a recording that does not exist.
    """
    task = _task(config)
    return None if task is None else PlannedRun(task, config.label, config.seed)


def _task(config: RunConfig) -> str | None:
    landscape = declaration_of(config.backend).landscape(config.task, config.backend)
    if landscape is not None:
        return landscape.stem
    return None if config.task is None else f"{config.task.name}{SEPARATOR}{ANY}"


def planned_runs(configs: Sequence[RunConfig]) -> Iterator[PlannedRun | None]:
    """The planned run of each; ``None`` also if a recording is missing, which the run itself reports. Looks up a task
    once."""
    tasks: dict[str, str | None] = {}
    for config in configs:
        of = repr((config.task, config.backend))
        if of not in tasks:
            tasks[of] = None
            with suppress(UserError):
                tasks[of] = _task(config)
        task = tasks[of]
        yield None if task is None else PlannedRun(task, config.label, config.seed)


def check_apart(configs: Sequence[RunConfig], results: Path) -> None:
    """Refuse, before anything is written, a sweep in which several runs would share a directory.

    Raises:
        UserError: naming the directory, the field that differs and its values.
    """
    owners: dict[tuple[object, ...], RunConfig] = {}
    for config, run in zip(configs, planned_runs(configs), strict=True):
        place = (run,) if run else (repr(config.task), repr(config.backend), config.label, config.seed)
        other = owners.setdefault(place, config)
        if other is not config and (changed := _difference(asdict(other), asdict(config))):
            where = results / (run.place if run else contract.run_name(config.label, config.seed))
            raise UserError(
                f"{changed}: runs of this sweep would share {where}: expected a single value, "
                "a strategy.label for each, or separate sweeps with different results="
            )


def _difference(one: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> str:
    """The first field in which two runs differ, and its values."""
    for name in (*one, *(name for name in other if name not in one)):
        first, second = one.get(name), other.get(name)
        if isinstance(first, Mapping) and isinstance(second, Mapping):
            if deeper := _difference(first, second, f"{prefix}{name}."):
                return deeper
        elif first != second:
            return f"{prefix}{name}={first},{second}"
    return ""


def without_repeats(configs: Sequence[RunConfig]) -> tuple[RunConfig, ...]:
    """The runs without repetitions: ``seed=0,0,1`` gives two."""
    return tuple({repr(config): config for config in configs}.values())


@contextmanager
def planned(configs: Sequence[RunConfig], results: Path) -> Iterator[Planning]:
    """Write the plan of a sweep over ``configs`` to the results folder before its first run starts.

    The plan is removed if the sweep came to nothing, so that a mistaken command plans nothing: if it was refused as a
    whole (:attr:`Planning.refused`), or ended with an error before one of its runs got a directory.

    Raises:
        UserError: the results folder cannot be written, or a newer NearOpt planned runs for it.
    """
    runs = {run for run in planned_runs(configs) if run is not None}
    if runs:
        _refuse_newer_plans(results)
    begun = _begun(results, runs)
    made = _write(results, runs) if runs else []
    planning = Planning()
    try:
        yield planning
    except Exception:
        planning.refused = True
        raise
    finally:
        after = _begun(results, runs)
        if not after or (planning.refused and after <= begun):
            _withdraw(made)


@dataclass
class Planning:
    """A plan whose sweep is running.

    Attributes:
        refused: set by the sweep when every run was refused.
    """

    refused: bool = False


def _begun(results: Path, runs: set[PlannedRun]) -> set[Path]:
    """The existing directories of ``runs``; each folder is listed only once."""
    groups: dict[tuple[str, Path], list[Path]] = {}
    for run in runs:
        name = contract.run_name(run.label, run.seed)
        groups.setdefault((run.task, name.parent), []).append(name)
    found: set[Path] = set()
    for (task, label), names in groups.items():
        for folder in _task_folders(results, task):
            there = _folders_in(folder / label)
            found |= {folder / name for name in names if name.name in there}
    return found


def _folders_in(folder: Path) -> frozenset[str]:
    """Names of the subfolders of ``folder``; empty if it does not exist or cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_dir())
    except OSError:
        return frozenset()


def _write(folder: Path, runs: set[PlannedRun]) -> list[Path]:
    """Write the plan of ``runs``; returns the paths that this created: the file and folders above it, if any."""
    document = _document(runs)
    file = folder / contract.PLANNED / f"{digest(document)[:16]}.json"
    if file.is_dir():
        raise UserError(f"{file}: is a folder but should be a sweep's plan: move it away")
    made = [path for path in (file, *file.parents) if not os.path.lexists(path)]  # a dangling link belongs to the user
    if file not in made and _says(file, document):
        return []
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(document, indent=1))
    except OSError as error:
        _withdraw(made)
        if all(run_directories(folder, run) for run in runs):
            return []  # an older study on a read-only disk: finished runs are skipped, and nothing is missing
        at = error.filename or folder
        raise UserError(f"{at}: cannot be written ({error.strerror}): expected a folder for results=") from None
    return made


def _says(file: Path, document: contract.PlanDocument) -> bool:
    """Whether a plan matches its name, and is neither empty nor truncated."""
    try:
        return bool(read_json(file)["runs"] == document["runs"])
    except (OSError, ValueError, TypeError, KeyError):
        return False


def _refuse_newer_plans(results: Path) -> None:
    for file in _plan_files(results):
        with suppress(OSError, ValueError, AttributeError):  # nearopt status reports a damaged plan
            check_version(file, read_json(file).get("version", 1))


def _plan_files(results: Path) -> list[Path]:
    return sorted((results / contract.PLANNED).glob("*.json"))


def _withdraw(made: Sequence[Path]) -> None:
    with suppress(OSError):  # not empty: it holds other plans or results
        for path in made:
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)


def _document(runs: set[PlannedRun]) -> contract.PlanDocument:
    groups: dict[tuple[str, str], list[int]] = {}
    for run in sorted(runs):
        groups.setdefault((run.task, run.label), []).append(run.seed)
    return {
        "version": contract.FORMAT_VERSION,
        "runs": [{"task": task, "strategy": label, "seeds": seeds} for (task, label), seeds in groups.items()],
    }


def read_plans(results: Path) -> set[PlannedRun]:
    """Every run that a sweep planned for ``results``.

    Raises:
        UserError: a plan is damaged, or a newer NearOpt made it.
    """
    runs: set[PlannedRun] = set()
    for file in _plan_files(results):
        try:
            document: contract.PlanDocument = read_json(file)
            check_version(file, document.get("version", 1))
            for group in document["runs"]:
                check_names(file, group["task"], group["strategy"])
                runs |= {PlannedRun(str(group["task"]), str(group["strategy"]), int(s)) for s in group["seeds"]}
        except FileNotFoundError:  # withdrawn just now
            continue
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            raise UserError(
                f"{file}: cannot be read as a sweep's plan: move it away; the sweep writes it again"
            ) from None
    return runs


def run_directories(results: Path, run: PlannedRun) -> list[Path]:
    """The directories that may belong to this run."""
    places = [task / contract.run_name(run.label, run.seed) for task in _task_folders(results, run.task)]
    return [place for place in places if _is_folder(place)]


def _is_folder(place: Path) -> bool:
    with suppress(PermissionError):
        return place.is_dir()
    return False  # not known: the run itself reports it


def _task_folders(results: Path, task: str) -> list[Path]:
    return list(results.glob(f"{escape(task[:-1])}{ANY}")) if task.endswith(ANY) else [results / task]
