"""A task that was never solved: its limit is exact, and with other tasks the test keeps its level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from analysis.statistics.ert import ErtEstimate, LogEstimate, estimate
from analysis.statistics.no_hits import EVEN, RatioLimit, lower_limit_without_hits, p_beyond
from analysis.statistics.supported import NEW_KERNELS, THESE_TASKS
from analysis.study.aggregate import TaskSpeedup, over_seeds, p_of_limit, task_of
from analysis.study.pairing import compared

BUDGET = 60.0


def test_limit_holds_in_95_of_100_whatever_the_law() -> None:
    # a run hits at once or never: then no law of the same ERT hits less often
    budget, runs = 50, 4
    limit = lower_limit_without_hits(budget * runs, runs)
    p = budget / (limit + budget)  # E[cost] / p = budget (1 - p) / p
    nothing = (np.random.default_rng(0).random((40_000, runs)) > p).all(axis=1)
    assert nothing.mean() == pytest.approx(0.025, abs=0.003)
    # with a constant chance of a hit, the limit for many runs, it is as rare or rarer
    memoryless = (np.random.default_rng(1).geometric(1 / limit, (40_000, runs)) > budget).all(axis=1)
    assert memoryless.mean() < 0.025
    assert lower_limit_without_hits(1e6, 10**6) == pytest.approx(1e6 / -np.log(0.025), rel=1e-4)


def test_p_is_the_exact_law_and_continuous_in_the_threshold() -> None:
    """With one task and exact random search, p is (1 + b / ERT)^-n at the ERT that corresponds to the threshold."""
    runs, base = 30, 400.0
    limit = RatioLimit(float(np.log(base / (runs * BUDGET))), runs, 1, 0.0, float("inf"))
    for threshold in (0.5, 1.0, 2.0):
        expected = (1 + BUDGET / (base / threshold)) ** -runs
        assert p_beyond(limit.at, threshold, 1) == pytest.approx(expected, rel=0.01)
    found = [p_beyond(limit.at, threshold, 1) for threshold in np.linspace(0.3, 3, 200)]
    assert (np.diff(found) < 0).all() and np.abs(np.diff(np.log(found))).max() < 0.3
    # a small error of the other side joins the law and changes little
    close = RatioLimit(limit.log, runs, 1, 0.01, 29.0)
    assert p_beyond(close.at, 1.0, 1) == pytest.approx(p_beyond(limit.at, 1.0, 1), rel=0.02)


def test_a_baseline_that_never_hit_is_the_mirror_image() -> None:
    limit = RatioLimit(1.0, 10, 1, 0.3, 9.0)
    mirrored = RatioLimit(-1.0, 10, -1, 0.3, 9.0)
    assert p_beyond(limit.at, 2.0, 1) == pytest.approx(p_beyond(mirrored.at, 0.5, -1))


def test_without_an_error_of_the_other_side_there_is_no_p() -> None:
    assert np.isnan(p_beyond(RatioLimit(1.0, 10, 1, float("nan"), float("nan")).at, 2.0, 1))


def study(rng: np.random.Generator, hit_rates: Sequence[float], seeds: int, exact: bool) -> list[TaskSpeedup]:
    """Simulate one task for each chance of a hit within the budget. Times are exponential; each true ratio is 1."""
    tasks = []
    for kernel, rate in enumerate(hit_rates):
        mean = BUDGET / -np.log1p(-rate)
        sides = [rng.exponential(mean, seeds) for _ in range(2)]
        own, runs = (estimate(np.minimum(times, BUDGET), times <= BUDGET) for times in sides)
        base = ErtEstimate(mean, 1, 1, LogEstimate(float(np.log(mean)))) if exact else runs
        row = compared(own, base) | {"kernel": f"k{kernel}", "stratum": "useful", "budget": BUDGET}
        tasks.append(task_of(row))
    return tasks


@pytest.mark.parametrize(
    ("hit_rates", "seeds", "exact"),
    [
        ((0.03, 0.7), 20, True),
        pytest.param((0.03, 0.7), 20, False, marks=pytest.mark.slow),
        pytest.param((0.05, 0.9, 0.9, 0.9), 30, True, marks=pytest.mark.slow),
        pytest.param((0.05, 0.9, 0.9, 0.9), 30, False, marks=pytest.mark.slow),
        pytest.param((0.02, 0.02, 0.5), 30, True, marks=pytest.mark.slow),
        ((0.02, 0.02, 0.5), 30, False),
    ],
)
def test_false_refutations_stay_below_the_error_rate(hit_rates: Sequence[float], seeds: int, exact: bool) -> None:
    """The mean ratio is 1, and "at least 1" is tested whenever a task was never solved."""
    rng, p_values, studies = np.random.default_rng([seeds, exact]), [], 1500
    for _ in range(studies):
        tasks = study(rng, hit_rates, seeds, exact)
        if {task.bound for task in tasks} == {"none", "upper"}:
            p_values.append(p_of_limit(tasks, THESE_TASKS, 1.0, "upper"))
    assert len(p_values) > 150
    for level in (0.05, 0.0125):
        # of all studies, as the verdict counts
        assert np.mean(np.array(p_values) <= level) * len(p_values) / studies <= level
        assert np.mean(np.array(p_values) <= level) <= level + 3 * np.sqrt(level / len(p_values))


def test_new_kernels_are_refuted_too_where_all_are_slow() -> None:
    """The limit of a kernel that was never solved does not widen the spread until a slow strategy cannot be refuted."""
    tasks = study(np.random.default_rng(3), (0.9,) * 5, 30, True)
    never = compared(estimate(np.full(30, BUDGET), np.zeros(30)), ErtEstimate(20, 1, 1, LogEstimate(np.log(20.0))))
    tasks.append(task_of(never | {"kernel": "k9", "stratum": "useful", "budget": BUDGET}))
    p = p_of_limit(tasks, NEW_KERNELS, 5.0, "upper")
    assert p < 0.0125
    assert p_of_limit(tasks, THESE_TASKS, 5.0, "upper") < p
    assert over_seeds(tasks[:-1]).value == pytest.approx(1.0, rel=0.4)


def test_limits_that_are_exact_at_most_chances_decide_like_exact_ones() -> None:
    """The mean is half a log below the threshold, with an error only where the limits are set at the last chance."""

    def mean_at(chance: float) -> LogEstimate:
        return LogEstimate(0.0, 1e-6 if chance > 0.999 * EVEN else 0.0)

    assert p_beyond(mean_at, float(np.exp(0.5)), 1) < 1e-3
    assert p_beyond(mean_at, float(np.exp(0.5)), -1) == pytest.approx(1.0)
