"""The probability that a gate detects its slowdown, simulated from the looks of its suite and its runs.

A plan's power is reached only if the runs carry enough information: three seeds on three tasks detect a slowdown of 1.3
in one gate of seven. So gates are simulated. Both sides are drawn with replacement from the existing runs; the
candidate wastes evaluations, as many as lengthen the geometric-mean ERT by the slowdown; and each simulated gate is
judged by the code that judges the real one. Sides and tasks are treated as independent, so paired runs detect more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from analysis.gate.exact import ExactErts
from analysis.gate.judge import Judgement, Plan, Verdict, normal_score, verdict_at
from analysis.gate.ratio import Part, mean_of, part, unpaired, variance
from analysis.gate.side_times import SideTimes
from analysis.gate.spending import bounds
from analysis.statistics.ert import LogEstimate

GATES = 400
"""Simulated gates: a standard error of 1.5% at a power of 90%."""
DRAWS = 4000
"""Draws from each task's times, to find the share of evaluations to waste."""
MOST_WASTED = 0.9
Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int], Floats]
"""Times to target of simulated gates, inf without a hit within the budget. [gates, tasks, seeds]"""
End = tuple[Verdict, int]
"""A verdict and the seeds per task that it took."""


@dataclass(frozen=True)
class Power:
    """The power of a gate.

    Attributes:
        chance: probability of calling the plan's slowdown a regression.
        gates: number of simulated gates.
    """

    chance: float
    gates: int


def power(judgement: Judgement, budget: int) -> Power | None:
    """The power of the gate that was run; ``None`` if nothing was compared or no waste reaches the slowdown.

    Args:
        budget: evaluations per run.
    """
    plan, last = judgement.plan, judgement.last
    named = [task.task for task in last.comparison.compared]
    baseline = judgement.baseline
    of = baseline if isinstance(baseline, SideTimes) else judgement.candidate
    times = [of.tasks[name].times[plan.target] for name in named]
    if not named or not any(np.isfinite(each).any() for each in times):
        return None
    rng, gates = np.random.default_rng(0), GATES

    def draw(rng: np.random.Generator, gates: int, seeds: int) -> Floats:
        return resampled(rng, times, gates, seeds)

    try:
        share = slowing_share(draw, plan.slowdown, budget, rng, DRAWS)
    except ValueError:  # even the most waste is too little
        return None
    candidate = wasted(draw(rng, gates, plan.looks[-1]), share, rng)
    if isinstance(baseline, ExactErts):
        log = within(draw(rng, 1, DRAWS), budget).log[0]
        errors = np.array([baseline.erts[name].se for name in named])
        ends = against_law(candidate, log, errors, budget, plan)
    else:
        growing = baseline.fewest == last.seeds and not last.comparison.same
        ends = held(candidate, draw(rng, gates, plan.looks[-1] if growing else baseline.fewest), budget, plan)
    return Power(sum(verdict is Verdict.REGRESSION for verdict, _ in ends) / gates, gates)


def resampled(rng: np.random.Generator, times: Sequence[Floats], gates: int, seeds: int) -> Floats:
    """Draw times of each task with replacement. [gates, tasks, seeds]"""
    return np.stack([rng.choice(of_task, (gates, seeds)) for of_task in times], axis=1)


def wasted(times: Floats, share: float, rng: np.random.Generator, luck: Floats | float = 0.0) -> Floats:
    """Times to target if this share of all evaluations is wasted on random configurations.

    Args:
        times: [gates, tasks, seeds]
        luck: probability that a random configuration is a hit. [tasks, 1]
    """
    if share == 0:
        return times
    found = np.isfinite(times)
    more = rng.negative_binomial(np.where(found, times, 1.0), 1 - share)
    late = np.where(found, times + more, np.inf)
    return late if np.all(luck == 0) else np.minimum(late, rng.geometric(share * luck, times.shape))


def within(times: Floats, budget: int) -> Part:
    """The times as runs with the budget see them."""
    return part(np.minimum(times, budget), times <= budget)


def slowing_share(
    draw: Draw, slowdown: float, budget: int, rng: np.random.Generator, draws: int, luck: Floats | float = 0.0
) -> float:
    """The share to waste so that the geometric mean over tasks of ERT at the budget grows by a factor.

    Raises:
        ValueError: no share up to :data:`MOST_WASTED` is enough.
    """
    if slowdown == 1:
        return 0.0
    times = draw(rng, 1, draws)
    base = within(times, budget).log.mean()

    def excess(share: float) -> float:
        slow = wasted(times, share, np.random.default_rng(0), luck)
        return float(within(slow, budget).log.mean() - base - np.log(slowdown))

    return float(brentq(excess, 0.0, MOST_WASTED, xtol=1e-3))


def held(candidate: Floats, baseline: Floats, budget: int, plan: Plan) -> list[End]:
    """The outcome of each simulated gate.

    Args:
        candidate, baseline: times to target. [gates, tasks, seeds]; the candidate with the seeds of the last look.
    """
    gates, tasks = candidate.shape[:2]
    base = within(baseline, budget)
    found = []
    for seeds in plan.looks:
        ratio = unpaired(within(candidate[..., :seeds], budget), base)
        parts = ratio.variances.swapaxes(1, 2).reshape(-1, gates)  # halves x tasks
        found.append(mean_of(ratio.log.T, parts, np.repeat(ratio.df, tasks)))
    return _ends(found, gates, plan)


def against_law(candidate: Floats, log: Floats, errors: Floats, budget: int, plan: Plan) -> list[End]:
    """As :func:`held`, with the baseline's log ERT and its simulation error given. Both [tasks]."""
    gates, tasks = candidate.shape[:2]
    found = []
    for seeds in plan.looks:
        own = within(candidate[..., :seeds], budget)
        parts = np.concatenate([variance(own.share).T, np.repeat(errors[:, None] ** 2, gates, axis=1)])
        df = np.concatenate([np.full(tasks, seeds - 1.0), np.full(tasks, np.inf)])
        found.append(mean_of((own.log - log).T, parts, df))
    return _ends(found, gates, plan)


def _ends(found: Sequence[tuple[Floats, Floats, Floats]], gates: int, plan: Plan) -> list[End]:
    looks = [[LogEstimate(*(float(of[gate]) for of in look)) for look in found] for gate in range(gates)]
    return [judged(each, plan) for each in looks]


def judged(looks: Sequence[LogEstimate], plan: Plan) -> End:
    """The verdict from looks at these ratios, and the seeds per task that it took."""
    information: list[float] = []
    verdict = Verdict.UNDECIDED
    for k, (ratio, seeds) in enumerate(zip(looks, plan.looks, strict=True)):
        last = k == len(looks) - 1
        information.append(1 / ratio.se**2)
        last = last or information[-1] >= plan.needed
        limits = bounds(plan.design, information, plan.needed, k == len(looks) - 1)
        verdict = verdict_at(normal_score(ratio), limits, plan.to_the_end and not last)
        if verdict is not Verdict.UNDECIDED or last:
            return verdict, seeds
    return verdict, plan.looks[-1]
