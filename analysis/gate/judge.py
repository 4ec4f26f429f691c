"""The gate: look at the data, stop when the looks so far decide, and give the verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, inf, log

from scipy.special import ndtri, stdtr

from analysis.errors import AnalysisError
from analysis.gate.compare import Comparison, compare
from analysis.gate.exact import ExactErts
from analysis.gate.side_times import SideTimes
from analysis.gate.spending import Bounds, Design, bounds, maximum_information
from analysis.statistics.ert import LogEstimate

MARGIN = 1.02
"""Safety factor: looks are not equally spaced in information if one side has all its runs from the start."""
PATIENCE = 3
"""Ask for more seeds of only the candidate, up to this multiple of what an equally large baseline would need."""


class Verdict(StrEnum):
    """The outcomes of a gate."""

    PASS = "pass"
    IMPROVEMENT = "improvement"
    REGRESSION = "regression"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Plan:
    """When a gate looks and which error rates it guarantees.

    Attributes:
        looks: seeds per task at each look.
        target: near-optimal means within this share of the optimum.
        slowdown: of the geometric-mean ERT; detected with probability ``power``.
        alpha: probability of calling an unchanged strategy a regression.
        to_the_end: continue after a pass, to see whether it is an improvement.
    """

    looks: tuple[int, ...]
    target: float
    slowdown: float
    alpha: float
    power: float
    to_the_end: bool = False

    @property
    def design(self) -> Design:
        return Design(log(self.slowdown), self.alpha, 1 - self.power)

    @property
    def needed(self) -> float:
        """Information at which the last look always decides."""
        return MARGIN * maximum_information(self.design, len(self.looks))


@dataclass(frozen=True)
class Look:
    """One look at the data.

    Attributes:
        seeds: the candidate's seeds per task.
        z: by how many standard errors the candidate is slower.
        information: 1 / se^2 of the mean log ratio; ``needed`` always decides.
    """

    seeds: int
    comparison: Comparison
    z: float
    information: float
    needed: float
    bounds: Bounds


@dataclass(frozen=True)
class Judgement:
    """The end of a gate.

    Attributes:
        more_seeds: about how many more seeds per task of the candidate would decide an undecided gate; else 0.
        baseline_seeds: how many seeds per task the baseline would need for that; 0 if it has enough.
    """

    verdict: Verdict
    plan: Plan
    candidate: SideTimes
    baseline: SideTimes | ExactErts
    looks: tuple[Look, ...]
    more_seeds: int = 0
    baseline_seeds: int = 0

    @property
    def last(self) -> Look:
        return self.looks[-1]


@dataclass(frozen=True)
class Source:
    """A side of a gate.

    Attributes:
        times: returns the times with a number of seeds per task, or with all available ones.
        grows: whether more seeds can be run.
    """

    times: Callable[[int], SideTimes]
    grows: bool


def gate(
    plan: Plan, candidate: Source, baseline: Source | ExactErts, seen: Callable[[Look, int, int], None] | None = None
) -> Judgement:
    """Look repeatedly until a look decides.

    Args:
        seen: called with each look, the maximum number of looks, and its number.

    Raises:
        AnalysisError: fewer than two seeds of a task on either side.
    """
    if not candidate.grows:  # all runs exist, so there is one look
        plan = replace(plan, looks=(max(plan.looks[-1], candidate.times(0).fewest),))
    looks: list[Look] = []
    for k, seeds in enumerate(plan.looks):
        own = candidate.times(seeds)
        theirs = baseline if isinstance(baseline, ExactErts) else baseline.times(seeds)
        for side in (own, theirs):
            if isinstance(side, SideTimes) and side.fewest < 2:
                raise AnalysisError(f"{side.source}: {side.fewest} seed of a task: expected 2 or more")
        last = k == len(plan.looks) - 1
        informed = [look.information for look in looks if look.information > 0]
        looks.append(_look(plan, informed, own, theirs, last=last))
        if seen is not None:
            seen(looks[-1], len(plan.looks), k + 1)
        last = last or looks[-1].information >= looks[-1].needed  # the error is spent: more data could not decide more
        verdict = verdict_at(looks[-1].z, looks[-1].bounds, plan.to_the_end and not last)
        if verdict is not Verdict.UNDECIDED or last:
            break
    judgement = Judgement(verdict, plan, own, theirs, tuple(looks))
    if verdict is not Verdict.UNDECIDED:
        return judgement
    return _short_of(judgement, isinstance(baseline, Source) and baseline.grows)


def _look(
    plan: Plan, before: Sequence[float], candidate: SideTimes, baseline: SideTimes | ExactErts, last: bool
) -> Look:
    comparison = compare(candidate, baseline, plan.target)
    needed = plan.needed
    ratio = comparison.ratio
    seeds = candidate.fewest
    if not comparison.compared:
        return Look(seeds, comparison, float("nan"), 0.0, needed, Bounds(inf, -inf))
    if comparison.same:
        return Look(seeds, comparison, 0.0, inf, needed, Bounds(ndtri(1 - plan.alpha), inf))
    information = 1 / ratio.se**2
    limits = bounds(plan.design, [*before, information], needed, last)
    return Look(seeds, comparison, normal_score(ratio), information, needed, limits)


def normal_score(ratio: LogEstimate) -> float:
    """The normal deviate with the same tail probability as log / se under Student's t."""
    t = ratio.log / ratio.se
    tail = float(stdtr(ratio.df, -abs(t)))
    z = -float(ndtri(tail)) if tail > 0 else abs(t)
    return z if t > 0 else -z


def verdict_at(z: float, limits: Bounds, keep_going: bool = False) -> Verdict:
    """The verdict of a look by its bounds; ``keep_going``: a pass does not stop the gate yet."""
    if z >= limits.upper:
        return Verdict.REGRESSION
    if z <= -limits.upper:
        return Verdict.IMPROVEMENT
    return Verdict.PASS if z <= limits.lower and not keep_going else Verdict.UNDECIDED


def _short_of(judgement: Judgement, baseline_grows: bool) -> Judgement:
    """Estimate how many more seeds per task give the information that always decides, at the spread seen so far."""
    last = judgement.last
    if not last.comparison.compared:
        return judgement  # more seeds or a larger budget may help; neither is known
    own, theirs = last.comparison.variance_per_seed()
    both = ceil((own + theirs) * last.needed)
    if isinstance(judgement.baseline, ExactErts):
        return replace(judgement, more_seeds=max(1, both - last.seeds))
    fewest = judgement.baseline.fewest
    left = 1 / last.needed - theirs / fewest
    alone = ceil(own / left) if left > 0 else inf
    if baseline_grows or last.comparison.pairs or alone > PATIENCE * both:
        seeds, wanted = both, 0 if baseline_grows or both <= fewest else both
    else:
        seeds, wanted = int(alone), 0
    return replace(judgement, more_seeds=max(1, seeds - last.seeds), baseline_seeds=wanted)
