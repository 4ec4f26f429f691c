"""What a study holds and what it still lacks, read from its folder alone. Writes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import UserError
from harness.landscapes.library import SEPARATOR
from harness.run import contract
from harness.run.damage import damage
from harness.run.failures import failed
from harness.run.version import check_run_version, check_version
from harness.study.plan import ANY, PlannedRun, read_plans
from harness.system.lease import holder


class State(StrEnum):
    """Of a run.

    ``running``: a process on this machine holds its directory. ``interrupted``: begun, and nobody is at it; on a file
    system whose locks do not reach other machines, one of theirs may be. ``failed``: it left FAILED. ``missing``: a
    sweep planned it and there is no directory of it.
    """

    DONE = "done"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, order=True)
class RunStatus:
    """One run.

    Attributes:
        run: by the names of its directory.
        message: why it failed, what of it is damaged, or which process is at it, one line.
    """

    run: PlannedRun
    state: State
    message: str = ""


@dataclass(frozen=True)
class StudyStatus:
    """All runs of a results folder, sorted; ``planned`` tells whether some sweep left its plan."""

    results: Path
    runs: tuple[RunStatus, ...]
    planned: bool

    def counts(self) -> dict[tuple[str, str], Counter[State]]:
        """How many runs are in which state, by task and strategy label."""
        groups: dict[tuple[str, str], Counter[State]] = {}
        for status in self.runs:
            groups.setdefault((status.run.task, status.run.label), Counter())[status.state] += 1
        return groups

    def totals(self) -> Counter[State]:
        """How many runs are in which state."""
        return Counter(status.state for status in self.runs)

    def to_json(self) -> dict[str, Any]:
        """Counts by task and strategy, totals, and every run that is not done."""
        return {
            "results": str(self.results),
            "planned": self.planned,
            "totals": _named(self.totals()),
            "groups": [
                {"task": task, "strategy": label, **_named(counts)} for (task, label), counts in self.counts().items()
            ],
            "open": [
                {
                    "task": status.run.task,
                    "strategy": status.run.label,
                    "seed": status.run.seed,
                    "state": str(status.state),
                    "message": status.message,
                }
                for status in self.runs
                if status.state is not State.DONE
            ],
        }


def _named(counts: Counter[State]) -> dict[str, int]:
    return {str(state): counts[state] for state in State}


def study_status(results: Path) -> StudyStatus:
    """The state of every run in ``results`` and of every run planned for it.

    Raises:
        UserError: no such folder, nothing of a study in it, a damaged plan, or what a newer NearOpt wrote.
    """
    if not results.is_dir():
        raise UserError(f"{results}: no such folder: expected a results folder")
    plans = read_plans(results)
    directories = {_run(directory): directory for directory in _run_directories(results)}
    states = [_status(run, directory) for run, directory in directories.items()]
    held_together = _consolidated(results) if not directories else {}
    states += [RunStatus(run, state, message) for run, (state, message) in held_together.items()]
    states += [RunStatus(run, State.MISSING) for run in _missing(plans, {*directories, *held_together})]
    if not states:
        raise UserError(f"{results}: no run and no plan of a sweep in it: expected a results folder")
    return StudyStatus(results, tuple(sorted(states)), bool(plans))


def _run_directories(results: Path) -> Iterable[Path]:
    for directory in results.glob(f"*/*/{contract.SEED_PREFIX}*"):
        if directory.name.removeprefix(contract.SEED_PREFIX).isdigit():
            yield directory


def _run(directory: Path) -> PlannedRun:
    return PlannedRun(directory.parts[-3], directory.parts[-2], int(directory.name.removeprefix(contract.SEED_PREFIX)))


def _status(run: PlannedRun, directory: Path) -> RunStatus:
    check_run_version(directory)
    at_it = holder(directory)  # first: a run that ends meanwhile has its DONE
    wrong = damage(directory)
    if not wrong and (directory / contract.DONE).exists():
        return RunStatus(run, State.DONE)
    if at_it is not None:
        return RunStatus(run, State.RUNNING, at_it)
    if wrong:
        return RunStatus(run, State.DAMAGED, wrong)
    failure = failed(directory)
    return RunStatus(run, State.INTERRUPTED) if failure is None else RunStatus(run, State.FAILED, failure.message)


_ENDS = {contract.ENDED_FAILED: (State.FAILED, "as the consolidated file says")}


def _consolidated(results: Path) -> dict[PlannedRun, tuple[State, str]]:
    """Runs whose directories are not there; the analysis keeps their numbers, and their places in ``path``."""
    file = results / contract.CONSOLIDATED
    if not file.exists():
        return {}
    try:
        table = pq.read_table(file, columns=[contract.PATH])
        document = json.loads((table.schema.metadata or {}).get(contract.METADATA_KEY, b"{}"))
        check_version(file, document.get("version", 1))
        table = pq.read_table(file, columns=[contract.PATH, contract.ENDED])
        ends: Sequence[tuple[str, str]] = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        return {_run(Path(path)): _ENDS.get(ended, (State.DONE, "")) for path, ended in ends}
    except (OSError, ValueError, IndexError, KeyError, AttributeError, pa.ArrowException):
        raise UserError(f"{file}: not readable: delete it, nearopt report writes it again") from None


def _missing(plans: set[PlannedRun], present: set[PlannedRun]) -> list[PlannedRun]:
    """Planned runs that are not there; a plan for any device is met by a run on one, and named after the only one."""
    devices: dict[str, set[str]] = {}
    for run in present:
        devices.setdefault(run.task.rpartition(SEPARATOR)[0], set()).add(run.task)
    missing = []
    for run in plans - present:
        tasks = devices.get(run.task.removesuffix(f"{SEPARATOR}{ANY}"), set()) if run.task.endswith(ANY) else set()
        if not any(replace(run, task=task) in present for task in tasks):
            missing.append(replace(run, task=next(iter(tasks))) if len(tasks) == 1 else run)
    return missing
