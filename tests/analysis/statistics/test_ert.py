"""ERT and its interval against simulations with known truth."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.ert import LogEstimate, combine, estimate, mean_error, wilson


def test_ert_charges_the_runs_that_missed() -> None:
    result = estimate([10, 200, 50, 200], [True, False, True, False])
    assert (result.ert, result.hits, result.runs, result.bounded) == (230.0, 2, 4, False)
    missed = estimate([200, 200], [False, False])
    assert (missed.ert, missed.hits, missed.bounded) == (400.0, 0, True)
    assert np.isnan(estimate([10], [True]).log.interval()).all()


@pytest.mark.parametrize(("seeds", "rate"), [(5, 1.0), (10, 0.7), (30, 0.3)])
def test_interval_covers_the_truth(seeds: int, rate: float) -> None:
    rng = np.random.default_rng(seeds)
    budget = 40
    p = 0.2 if rate == 1.0 else 1 - (1 - rate) ** (1 / budget)
    times = rng.geometric(p, (1500, seeds))
    truth = 1 / p  # geometric times have no memory: restarts at any budget cost the same
    covered, used = 0, 0
    for t in times:
        hit = t <= (budget if rate < 1 else np.inf)
        if not hit.any():
            continue
        low, high = estimate(np.where(hit, t, budget), hit).log.interval()
        covered += low <= truth <= high
        used += 1
    assert 0.93 <= covered / used <= 0.99


@pytest.mark.parametrize("runs", [2, 3, 5, 10])
@pytest.mark.parametrize("p", [0.5, 0.7, 0.9, 0.97])
def test_interval_covers_the_truth_where_runs_tie(runs: int, p: float) -> None:
    """Simulate an easy task: most runs hit at once, and often all of them do."""
    times = np.random.default_rng(runs).geometric(p, (2000, runs))
    logs = [estimate(t, np.ones(runs)).log for t in times]
    ends = np.array([log.interval() for log in logs])
    assert ((ends[:, 0] <= 1 / p) & (1 / p <= ends[:, 1])).mean() >= 0.89
    assert (ends[:, 1] > 1.2 * ends[:, 0]).all()


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("runs", [2, 3, 5, 10])
def test_interval_covers_random_search_of_a_tiny_space(size: int, runs: int) -> None:
    """One of ``size`` configurations is a hit: E[T] = (size + 1) / 2."""
    times = np.random.default_rng(size).integers(1, size + 1, (2000, runs))
    ends = np.array([estimate(t, np.ones(runs)).log.interval() for t in times])
    assert ((ends[:, 0] <= (size + 1) / 2) & ((size + 1) / 2 <= ends[:, 1])).mean() >= 0.93


@pytest.mark.parametrize("cost", [[1, 1, 1], [7, 7], [2.0, 2.0001, 2.0], [0.001] * 30])
def test_equal_readings_are_not_certainty(cost: list[float]) -> None:
    log = estimate(cost, np.ones(len(cost))).log
    low, high = log.interval()
    assert low < 0.75 * log.value < 1.3 * log.value < high
    assert np.isnan(estimate(cost[:1], [True]).log.interval()).all()
    ratio = LogEstimate(np.log(2.0)) - log  # over an exact baseline
    assert ratio.interval()[1] > 1.5 * ratio.interval()[0]


def test_the_error_of_a_mean() -> None:
    assert mean_error([1.0, 2.0, 3.0]) == pytest.approx(1 / np.sqrt(3))
    assert np.isnan([mean_error([]), mean_error([3.0]), mean_error([0.1 + 0.2, 0.3]), mean_error([0.0, 0.0])]).all()


def test_combination_is_welch_satterthwaite() -> None:
    a, b = LogEstimate(np.log(4.0), 0.3, 9), LogEstimate(np.log(2.0), 0.1, 4)
    both = combine([a, b], [1.0, -1.0])
    assert both.value == pytest.approx(2.0)
    assert both.se == pytest.approx(np.hypot(0.3, 0.1))
    assert both.df == pytest.approx((0.09 + 0.01) ** 2 / (0.09**2 / 9 + 0.01**2 / 4))
    exact = combine([LogEstimate(1.0), a], [1.0, -1.0])
    assert (exact.se, exact.df) == (pytest.approx(0.3), pytest.approx(9))
    assert LogEstimate(0.0, 0.1, float("inf")).interval()[1] == pytest.approx(np.exp(0.196), rel=1e-3)


def test_wilson_interval() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Newcombe 1998
    assert wilson(0, 5)[0] == 0.0
    assert wilson(5, 5)[1] == 1.0
