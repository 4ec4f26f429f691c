"""Status of a study: what it holds and what it lacks, from its folder alone. Writes nothing.

The counterpart in the analysis is ``analysis/runs/account.py``;
``tests/test_account.py`` checks that both give the same answer.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from harness.errors import UserError
from harness.landscapes.library import SEPARATOR
from harness.run import contract
from harness.run.damage import blocked, unverified
from harness.run.state import State, run_state, set_aside
from harness.run.survey import inside, once_each, runs_of_task
from harness.study.held_together import held_together, named
from harness.study.plan import ANY, PlannedRun, read_plans, run_directories
from harness.system.documents import read_bytes


@dataclass(frozen=True, order=True)
class RunStatus:
    """The status of one run.

    Attributes:
        run: the run, named as its directory is.
        message: one line: why it failed, what is damaged, which process holds it, or what is superseded.
        unverified: whether its log has no checksums, since an older NearOpt wrote it.
        utilisation: how busy the compile workers of a finished asynchronous run were (:mod:`harness.run.utilisation`).
    """

    run: PlannedRun
    state: State
    message: str = ""
    unverified: bool = False
    utilisation: float | None = None


@dataclass(frozen=True)
class StudyStatus:
    """The status of all runs of a results folder.

    Attributes:
        runs: each once, sorted.
        planned: whether any sweep wrote a plan.
        superseded: superseded attempts, which count nowhere, sorted.
        faults: one sentence for each folder that cannot be read.
    """

    results: Path
    runs: tuple[RunStatus, ...]
    planned: bool
    superseded: tuple[RunStatus, ...] = ()
    faults: tuple[str, ...] = ()

    def counts(self) -> dict[tuple[str, str], Counter[State]]:
        """Number of runs in each state, and of superseded attempts, by task and strategy label."""
        groups: dict[tuple[str, str], Counter[State]] = {}
        for status in (*self.runs, *self.superseded):
            groups.setdefault((status.run.task, status.run.label), Counter())[status.state] += 1
        return groups

    def utilisations(self) -> dict[tuple[str, str], float]:
        """Mean utilisation of the asynchronous runs, by task and strategy label."""
        known: dict[tuple[str, str], list[float]] = {}
        for status in self.runs:
            if status.utilisation is not None:
                known.setdefault((status.run.task, status.run.label), []).append(status.utilisation)
        return {group: fmean(shares) for group, shares in known.items()}

    def totals(self) -> Counter[State]:
        """The same counts over all tasks and strategies."""
        return Counter(status.state for status in (*self.runs, *self.superseded))

    def to_json(self) -> dict[str, Any]:
        """Counts by task and strategy, totals, every run that is not done, and what is superseded."""
        busy = self.utilisations()
        return {
            "results": str(self.results),
            "planned": self.planned,
            "totals": _named(self.totals()),
            "groups": [
                {"task": task, "strategy": label, **_named(counts)}
                | ({"utilisation": round(busy[task, label], 4)} if (task, label) in busy else {})
                for (task, label), counts in self.counts().items()
            ],
            "open": [_entry(status) for status in self.runs if status.state is not State.DONE],
            "superseded": [_entry(status) for status in self.superseded],
            "faults": list(self.faults),
        }


def _entry(status: RunStatus) -> dict[str, Any]:
    return {
        "task": status.run.task,
        "strategy": status.run.label,
        "seed": status.run.seed,
        "state": str(status.state),
        "message": status.message,
        **({"unverified": True} if status.unverified else {}),
    }


def _named(counts: Counter[State]) -> dict[str, int]:
    return {str(state): counts[state] for state in State}


def study_status(results: Path) -> StudyStatus:
    """The state of every run in ``results`` and of every run planned for it.

    Raises:
        UserError: the folder does not exist or holds no study, a plan is damaged, or a newer NearOpt wrote something.
    """
    if not results.is_dir():
        raise UserError(f"{results}: no such folder: expected a results folder")
    plans = read_plans(results)
    faults: list[str] = []
    tasks = inside(results, faults)
    found = [directory for task in tasks for directory in runs_of_task(task, faults)]
    directories = {named(directory): directory for directory in once_each(results, found)}
    held = held_together(results, directories)
    states = [_status(run, directory) for run, directory in directories.items()]
    states += [RunStatus(run, state, message) for run, (state, message) in held.counted.items()]
    for run in _missing(plans, {*directories, *held.counted}):
        wrong = blocked(results / run.place)
        states.append(RunStatus(run, State.DAMAGED if wrong else State.MISSING, wrong))
    if not states and not faults:
        raise UserError(f"{results}: contains no run and no sweep plan: expected a results folder")
    aside = [(run, f"{name}: files of an earlier attempt") for run, at in directories.items() for name in set_aside(at)]
    superseded = sorted(RunStatus(run, State.SUPERSEDED, why) for run, why in (*aside, *held.superseded.items()))
    return StudyStatus(results, tuple(sorted(states)), bool(plans), tuple(superseded), tuple(faults))


def _status(run: PlannedRun, directory: Path) -> RunStatus:
    state, message = run_state(directory)
    without_checks = state in (State.INTERRUPTED, State.FAILED) and unverified(directory)
    return RunStatus(run, state, message, without_checks, _utilisation(directory) if state is State.DONE else None)


def _utilisation(directory: Path) -> float | None:
    text = read_bytes(directory / contract.DONE)
    if b"utilisation" not in text:  # checked first, since few of thousands of runs are asynchronous
        return None
    share = json.loads(text).get("utilisation")
    return float(share) if isinstance(share, int | float) else None


def state_of(results: Path, run: PlannedRun) -> State:
    """The state of one planned run, as in :func:`study_status`.

    Raises:
        UserError: a newer NearOpt made the run.
    """
    found = run_directories(results, run)
    directory = found[0] if found else results / run.place
    if os.path.lexists(directory):
        return run_state(directory)[0]
    return State.DAMAGED if blocked(directory) else State.MISSING


def _missing(plans: set[PlannedRun], present: set[PlannedRun]) -> list[PlannedRun]:
    """Planned runs that are missing; a run on one device fulfils a plan for any device."""
    devices: dict[str, set[str]] = {}
    for run in present:
        devices.setdefault(run.task.rpartition(SEPARATOR)[0], set()).add(run.task)
    missing = []
    for run in plans - present:
        tasks = devices.get(run.task.removesuffix(f"{SEPARATOR}{ANY}"), set()) if run.task.endswith(ANY) else set()
        if not any(replace(run, task=task) in present for task in tasks):
            missing.append(replace(run, task=next(iter(tasks))) if len(tasks) == 1 else run)
    return missing
