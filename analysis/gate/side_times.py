"""The data that a gate needs from runs: for each task and seed the time to target, and how the run began."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.reference import TARGETS
from analysis.runs import contract
from analysis.runs.load import Study, load_study
from analysis.runs.rules import NO_RULES
from analysis.runs.state import CountedRun, State
from analysis.runs.told import OPEN, Account
from analysis.study.incumbents import optima
from analysis.study.time_to_target import times_to_target

Floats = NDArray[np.float64]
START = 5
"""First evaluations that tell whether two runs share their initial design; conditional_gp has the shortest design."""


@dataclass(frozen=True)
class Protocol:
    """The settings that two sides must have in common.

    Attributes:
        evaluations: budget of each run.
        noise: of the replay, ``recorded`` or ``none``.
        landscapes: task to SHA-256 of its recording.
    """

    evaluations: int
    noise: str
    landscapes: Mapping[str, str]


@dataclass(frozen=True)
class TaskTimes:
    """One strategy's runs on one task, by seed.

    Attributes:
        times: target to T in evaluations, inf where it was missed. [seeds]
        spent: evaluations of each run, at most the budget. [seeds]
        starts: a digest of the first :data:`START` readings of each run; empty if they do not distinguish
            configurations. [seeds]
    """

    seeds: tuple[int, ...]
    times: Mapping[float, Floats]
    spent: Floats
    starts: tuple[str, ...]

    def cost(self, target: float) -> Floats:
        """T, or all evaluations spent without a hit. [seeds]"""
        return np.minimum(self.times[target], self.spent)

    def hit(self, target: float) -> NDArray[np.bool_]:
        """Whether each run hit the target. [seeds]"""
        return np.isfinite(self.times[target])

    def at(self, seeds: Sequence[int]) -> TaskTimes:
        """Only these seeds, in this order."""
        rows = [self.seeds.index(seed) for seed in seeds]
        times = {target: values[rows] for target, values in self.times.items()}
        return TaskTimes(tuple(seeds), times, self.spent[rows], tuple(self.starts[row] for row in rows))


@dataclass(frozen=True)
class SideTimes:
    """One side of a gate.

    Attributes:
        label: the strategy's label.
        source: a description of where the times come from.
        tasks: by name.
        account: the number of runs in each state, and the number of superseded attempts; empty for a baseline file,
            whose runs were all done.
        notes: sentences about these states that a reader must know.
        streams: the version of its runs' random streams.
    """

    label: str
    source: str
    tasks: Mapping[str, TaskTimes]
    account: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    streams: int = contract.FIRST_STREAMS

    @property
    def runs(self) -> int:
        return sum(len(task.seeds) for task in self.tasks.values())

    @property
    def fewest(self) -> int:
        """The number of seeds of the task with the fewest."""
        return min(len(task.seeds) for task in self.tasks.values())


def read_side_times(
    folders: Sequence[Path], label: str, source: str, protocol: Protocol, seeds: Collection[int] | None = None
) -> SideTimes:
    """Read the run directories below ``folders``, all of one strategy.

    Args:
        seeds: read only these.

    Raises:
        AnalysisError: a run is damaged, failed or missing, or was made under another protocol; a task has no finished
            run; or the runs come from several versions of the code or of the random streams.
    """
    study = load_study(folders)
    _check_complete(study, source, protocol, seeds)
    _check_code(study.account, source)
    streams = _one_version(study, source, protocol, seeds)
    _check(study, source, protocol)
    limit = pd.Series(float(protocol.evaluations), index=study.runs.index)
    times = times_to_target(study, optima(study), TARGETS, limit)
    times = times[times["axis"] == "evaluations"]
    starts = _starts(study)
    tasks: dict[str, TaskTimes] = {}
    for task in protocol.landscapes:
        runs = study.runs[study.runs["task"] == task].sort_values("seed")
        runs = runs if seeds is None else runs[runs["seed"].isin(seeds)]
        if runs.empty:
            raise AnalysisError(f"{source}: no finished run of {task}: the suite has this task")
        if seeds is not None and (lacking := sorted(set(seeds) - set(runs["seed"]))):
            raise AnalysisError(f"{source}: no run of {task} with seed {lacking[0]}: expected every seed on every task")
        by_target = {target: _by_run(times[times["target"] == target], runs.index) for target in TARGETS}
        spent = np.minimum(runs["evaluations"].to_numpy(np.float64), protocol.evaluations)
        began = tuple(starts[run] for run in runs.index)
        tasks[task] = TaskTimes(tuple(map(int, runs["seed"])), by_target, spent, began)
    counts = Counter(run.state for run in _asked_for([*study.account.runs, *study.account.superseded], protocol, seeds))
    account = {str(state): counts[state] for state in State if counts[state]}
    return SideTimes(label, source, tasks, account, tuple(study.account.sentences()), streams)


def _by_run(times: pd.DataFrame, runs: pd.Index[int]) -> Floats:
    return times.set_index("run")["time"].reindex(runs).fillna(np.inf).to_numpy(np.float64)


def _check(study: Study, source: str, protocol: Protocol) -> None:
    runs = study.runs
    for row in runs.to_dict("records"):
        if row["landscape"] != protocol.landscapes.get(row["task"]):
            raise AnalysisError(f"{source}: {row['path']}: uses another recording of {row['task']} than the suite")
        if not row["budget_evaluations"] >= protocol.evaluations:  # nan: limited only in seconds
            raise AnalysisError(
                f"{source}: {row['path']}: budget.evaluations={row['budget_evaluations']:g}: "
                f"expected {protocol.evaluations} or more, as in the suite"
            )
        for name, wanted in (("noise", protocol.noise), ("batch", 1), ("rules", NO_RULES)):
            if row[name] != wanted:
                raise AnalysisError(f"{source}: {row['path']}: {name}={row[name]}: expected {wanted} as in the suite")


def _check_complete(study: Study, source: str, protocol: Protocol, seeds: Collection[int] | None) -> None:
    """Refuse an incomplete side: comparing only the finished runs would be biased towards those that finish."""
    wanted = _asked_for(study.account.runs, protocol, seeds)
    lacking = [run for run in wanted if run.state is not State.DONE]
    if lacking:
        counts = Counter(run.state for run in lacking)
        told = ", ".join(f"{counts[state]} {state}" for state in OPEN if counts[state])
        first = lacking[0]
        why = f", {first.message}" if first.message else ""
        raise AnalysisError(
            f"{source}: of {len(wanted)} runs {told} (the first: {first.run.task}, seed {first.run.seed}{why}): "
            "expected all of them done: a gate compares complete sides"
        )


def _asked_for(runs: Sequence[CountedRun], protocol: Protocol, seeds: Collection[int] | None) -> list[CountedRun]:
    return [run for run in runs if run.run.task in protocol.landscapes and (seeds is None or run.run.seed in seeds)]


def _check_code(account: Account, source: str) -> None:
    """Refuse runs of several versions of the code. A run that does not record its version is never refused."""
    for strategy, codes in account.codes.items():
        if len(codes.keys() - {""}) > 1:
            raise AnalysisError(f"{source}: {account.of_codes(strategy)}: expected runs of one version of the code")


def _one_version(study: Study, source: str, protocol: Protocol, seeds: Collection[int] | None) -> int:
    """The version of the random streams of the requested runs."""
    runs = study.runs[study.runs["task"].isin(protocol.landscapes.keys())]
    counts = Counter(map(int, (runs if seeds is None else runs[runs["seed"].isin(seeds)])["streams"]))
    if len(counts) > 1:
        said = ", ".join(f"{count} of version {version}" for version, count in sorted(counts.items()))
        raise AnalysisError(f"{source}: its runs have random streams of several versions: {said}: expected one")
    return next(iter(counts), contract.FIRST_STREAMS)


def _starts(study: Study) -> dict[int, str]:
    """Digests of how runs began: readings with recorded noise and costs distinguish even failed configurations.

    If two of the first evaluations look alike, as failures of equal cost do, the start of a run is unknown.
    """
    rows = study.evaluations
    first = rows[rows["index"] < START]
    numbers = first[["latency_ms", "clock_end_s"]].to_numpy(np.float64)
    hashes: dict[int, str] = {}
    for run, at in first.groupby("run", sort=False).indices.items():
        began = numbers[at].astype("<f8")
        looks = np.column_stack([began[:, 0], np.diff(began[:, 1], prepend=0.0)]).round(9)
        apart = len({row.tobytes() for row in looks}) == len(looks)
        hashes[int(str(run))] = hashlib.sha256(began.tobytes()).hexdigest()[:8] if apart else ""
    return hashes
