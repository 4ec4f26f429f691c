"""Two sides beside each other: each task's ERTs and their ratio, and the mean over tasks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.gate.ratio import TaskRatio, identical, paired, part, stratified, unpaired
from analysis.gate.side_times import SideTimes, TaskTimes
from analysis.statistics.ert import LogEstimate

NOTHING = LogEstimate(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class SideErt:
    """ERT of one side on one task in evaluations; without a hit the sum of what was spent, a lower bound."""

    ert: float
    hits: int
    runs: int


@dataclass(frozen=True)
class TaskComparison:
    """One task.

    Attributes:
        ratio: the candidate's ERT over the baseline's, of all runs or, where they pair, of the seeds in common.
        pairs: seeds in common where runs pair, else 0.
    """

    task: str
    candidate: SideErt
    baseline: SideErt
    ratio: LogEstimate
    pairs: int
    parts: TaskRatio

    @property
    def solved(self) -> bool:
        """Whether any run of either side came near the optimum."""
        return self.candidate.hits + self.baseline.hits > 0


@dataclass(frozen=True)
class Comparison:
    """All tasks, in the suite's order, and the geometric mean of their ratios (candidate / baseline).

    A task that no run of either side solved compares nothing and is not in the mean; the ratio is nan where that is so
    of every task.
    """

    tasks: tuple[TaskComparison, ...]
    ratio: LogEstimate

    @property
    def compared(self) -> tuple[TaskComparison, ...]:
        """The tasks that the ratio is of."""
        return tuple(task for task in self.tasks if task.solved)

    @property
    def unsolved(self) -> tuple[str, ...]:
        """Tasks that no run of either side solved."""
        return tuple(task.task for task in self.tasks if not task.solved)

    @property
    def pairs(self) -> bool:
        return any(task.pairs for task in self.compared)

    def variance_per_seed(self) -> tuple[float, float]:
        """Variance that one seed a task would give the mean log ratio: the candidate's and the baseline's part.

        Where runs pair the second is 0 and the first that of a pair.
        """
        own = theirs = 0.0
        for task in self.compared:
            halves = np.atleast_1d(task.parts.variances)
            own += float(halves[0]) * (task.pairs or task.candidate.runs)
            theirs += float(halves[1]) * task.baseline.runs if len(halves) > 1 else 0.0
        return own / len(self.compared) ** 2, theirs / len(self.compared) ** 2


def compare(candidate: SideTimes, baseline: SideTimes, target: float) -> Comparison:
    """The tasks of ``candidate``, all of which ``baseline`` has.

    Runs of a task pair where every seed that both sides have began with the same readings: they share the initial
    design, and a strategy that was not changed repeats its runs.
    """
    tasks = [_task(name, own, baseline.tasks[name], target) for name, own in candidate.tasks.items()]
    solved = [task.parts for task in tasks if task.solved]
    return Comparison(tuple(tasks), stratified(solved) if solved else NOTHING)


def _task(name: str, candidate: TaskTimes, baseline: TaskTimes, target: float) -> TaskComparison:
    common = shared_starts(candidate, baseline)
    own, theirs = (side.at(common) if common else side for side in (candidate, baseline))
    sides = [part(side.cost(target), side.hit(target)) for side in (own, theirs)]
    if common and np.array_equal(own.times[target], theirs.times[target]) and np.array_equal(own.spent, theirs.spent):
        parts = identical()
    else:
        parts = paired(*sides) if common else unpaired(*sides)
    shown = [SideErt(*_ert(side, target)) for side in (own, theirs)]
    return TaskComparison(name, shown[0], shown[1], stratified([parts]), len(common), parts)


def shared_starts(candidate: TaskTimes, baseline: TaskTimes) -> list[int]:
    """The seeds of both, at least two, if they all are known to have begun alike; else none."""
    theirs = dict(zip(baseline.seeds, baseline.starts, strict=True))
    begun = [(seed, start) for seed, start in zip(candidate.seeds, candidate.starts, strict=True) if seed in theirs]
    alike = all(start and theirs[seed] == start for seed, start in begun)
    return [seed for seed, _ in begun] if len(begun) > 1 and alike else []


def _ert(side: TaskTimes, target: float) -> tuple[float, int, int]:
    hits = int(side.hit(target).sum())
    return float(side.cost(target).sum()) / max(hits, 1), hits, len(side.seeds)
