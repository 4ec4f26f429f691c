"""The comparison of two sides: each task's ERTs and their ratio, and the mean over tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.gate.exact import ExactErts
from analysis.gate.ratio import Part, TaskRatio, identical, paired, part, side_shares, stratified, unpaired, variance
from analysis.gate.side_times import START, SideTimes, TaskTimes
from analysis.runs.contract import FIRST_STREAMS
from analysis.statistics.ert import LogEstimate, combine
from analysis.statistics.seed_clusters import EXACT, SeedShares, difference

NOTHING = LogEstimate(float("nan"), float("nan"), float("nan"))
WITHOUT_INTERVAL = LogEstimate(0.0, float("nan"), float("nan"))
TELLING = 3
"""Number of different times to target that, if equal on both sides run by run, cannot be chance."""


@dataclass(frozen=True)
class SideErt:
    """ERT of one side on one task in evaluations; without a hit the evaluations spent, a lower bound.

    Attributes:
        hits, runs: ``None`` for an exact law, which has neither.
    """

    ert: float
    hits: int | None
    runs: int | None

    @property
    def bounded(self) -> bool:
        """Whether the ERT is a lower bound."""
        return self.hits == 0


@dataclass(frozen=True)
class TaskComparison:
    """The comparison on one task.

    Attributes:
        ratio: the candidate's ERT over the baseline's, over all runs or, if they pair, over the common seeds.
        pairs: number of common seeds if runs pair, else 0.
        same: times to target later than the shared start if every pair of runs had the same outcome; else ``None``.
        shared: the influence of seeds on the ratio if runs of other tasks share their random streams; else ``None``.
    """

    task: str
    candidate: SideErt
    baseline: SideErt
    ratio: LogEstimate
    pairs: int
    parts: TaskRatio
    same: frozenset[float] | None = None
    shared: SeedShares | None = None

    @property
    def solved(self) -> bool:
        """Whether any run of either side hit the target; always true with an exact law."""
        return not (self.candidate.bounded and self.baseline.bounded)


@dataclass(frozen=True)
class Comparison:
    """All tasks, in the suite's order, and the geometric mean of their ratios (candidate / baseline).

    A task that no run of either side solved is not in the mean; the ratio is nan if no task was solved. If the runs of
    both sides are identical, the ratio is 1 without an interval, which would describe seeds that were not run.
    """

    tasks: tuple[TaskComparison, ...]
    ratio: LogEstimate

    @property
    def compared(self) -> tuple[TaskComparison, ...]:
        """The tasks that count in the ratio."""
        return tuple(task for task in self.tasks if task.solved)

    @property
    def unsolved(self) -> tuple[str, ...]:
        """The tasks that no run of either side solved."""
        return tuple(task.task for task in self.tasks if not task.solved)

    @property
    def same(self) -> bool:
        """Whether every pair of runs is identical, and not only because all hit at once."""
        told = [task.same for task in self.compared]
        return all(times is not None for times in told) and sum(len(times or ()) for times in told) >= TELLING

    @property
    def pairs(self) -> bool:
        return any(task.pairs for task in self.compared)

    def variance_per_seed(self) -> tuple[float, float]:
        """Variance of the mean log ratio with one seed per task: the candidate's and the baseline's part.

        If runs pair, the second is 0 and the first is that of a pair; for an exact law it is 0.
        """
        own = theirs = 0.0
        clusters = 1.0
        if any(task.shared is not None for task in self.compared) and np.isfinite(self.ratio.se):
            clusters = (self.ratio.se / stratified([task.parts for task in self.compared]).se) ** 2
        for task in self.compared:
            halves = np.atleast_1d(task.parts.variances)
            own += float(halves[0]) * (task.pairs or task.candidate.runs or 0)
            theirs += float(halves[1]) * (task.baseline.runs or 0) if len(halves) > 1 else 0.0
        each = clusters / len(self.compared) ** 2
        return own * each, theirs * each


def compare(candidate: SideTimes, baseline: SideTimes | ExactErts, target: float) -> Comparison:
    """Compare the tasks of ``candidate``, all of which ``baseline`` must have.

    Runs of a task pair if every common seed began with the same readings. Such runs share the initial design, and an
    unchanged strategy repeats its runs.
    """
    old = candidate.streams == FIRST_STREAMS
    if isinstance(baseline, ExactErts):
        tasks = [_over_law(name, own, baseline.erts[name], target, old) for name, own in candidate.tasks.items()]
    else:
        first = old, baseline.streams == FIRST_STREAMS
        tasks = [_task(name, own, baseline.tasks[name], target, first) for name, own in candidate.tasks.items()]
    solved = [task for task in tasks if task.solved]
    mean = stratified([task.parts for task in solved], [task.shared for task in solved]) if solved else NOTHING
    comparison = Comparison(tuple(tasks), mean)
    return replace(comparison, ratio=WITHOUT_INTERVAL) if comparison.same else comparison


def _task(
    name: str, candidate: TaskTimes, baseline: TaskTimes, target: float, first: tuple[bool, bool]
) -> TaskComparison:
    """Compare one task; ``first``: which of the sides has random streams of version 1."""
    common = shared_starts(candidate, baseline)
    own, theirs = (side.at(common) if common else side for side in (candidate, baseline))
    sides = [part(side.cost(target), side.hit(target)) for side in (own, theirs)]
    alike = (
        common and np.array_equal(own.times[target], theirs.times[target]) and np.array_equal(own.spent, theirs.spent)
    )
    parts = identical(sides[0]) if alike else paired(*sides) if common else unpaired(*sides)
    late = frozenset(float(time) for time in own.times[target] if START < time < np.inf)
    shown = [SideErt(*_ert(side, target)) for side in (own, theirs)]
    shared = None if alike else _shared(sides, (own.seeds, theirs.seeds), first)
    ratio, same = stratified([parts]), late if alike else None
    return TaskComparison(name, shown[0], shown[1], ratio, len(common), parts, same, shared)


def _over_law(name: str, candidate: TaskTimes, law: LogEstimate, target: float, old: bool) -> TaskComparison:
    """Compare with an exact or simulated law; ``old``: the candidate has random streams of version 1."""
    own = part(candidate.cost(target), candidate.hit(target))
    variances = np.array([float(variance(own.share)), law.se**2])
    parts = TaskRatio(np.asarray(own.log - law.log), variances, np.array([own.seeds - 1.0, np.inf]))
    shares = side_shares(own, candidate.seeds) if old else None
    shown = SideErt(*_ert(candidate, target)), SideErt(law.value, None, None)
    shared = difference(shares, None, LogEstimate(0.0, law.se))
    return TaskComparison(name, *shown, stratified([parts]), 0, parts, shared=shared)


def _shared(sides: Sequence[Part], seeds: Sequence[Sequence[int]], first: Sequence[bool]) -> SeedShares | None:
    """The influence of seeds on the ratio. A side without a hit, or with its own streams, is independent."""
    shares = [side_shares(side, of) if old else None for side, of, old in zip(sides, seeds, first, strict=True)]
    apart = [
        LogEstimate(0.0, float(np.sqrt(variance(side.share))), side.seeds - 1.0)
        for side, known in zip(sides, shares, strict=True)
        if known is None
    ]
    return difference(shares[0], shares[1], combine(apart, [1.0] * len(apart)) if apart else EXACT)


def shared_starts(candidate: TaskTimes, baseline: TaskTimes) -> list[int]:
    """The common seeds, at least two, if all are known to have begun alike; else none."""
    theirs = dict(zip(baseline.seeds, baseline.starts, strict=True))
    begun = [(seed, start) for seed, start in zip(candidate.seeds, candidate.starts, strict=True) if seed in theirs]
    alike = all(start and theirs[seed] == start for seed, start in begun)
    return [seed for seed, _ in begun] if len(begun) > 1 and alike else []


def _ert(side: TaskTimes, target: float) -> tuple[float, int, int]:
    hits = int(side.hit(target).sum())
    return float(side.cost(target).sum()) / max(hits, 1), hits, len(side.seeds)
