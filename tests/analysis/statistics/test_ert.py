"""ERT and its interval against simulations with known truth."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.ert import LogEstimate, combine, estimate, lower_limit_without_hits, wilson


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


def test_limit_without_hits_holds_in_95_of_100() -> None:
    # with ERT at the limit, no hit at all is as rare as the level says
    budget, runs = 50, 4
    p = 1 / lower_limit_without_hits(budget * runs)
    nothing = (np.random.default_rng(0).geometric(p, (20_000, runs)) > budget).all(axis=1)
    assert nothing.mean() == pytest.approx(0.025, abs=0.006)


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
