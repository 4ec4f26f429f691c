"""Restarts, Kaplan-Meier curves and restricted means against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics import restarts
from analysis.statistics.ert import estimate
from analysis.statistics.survival import kaplan_meier, restricted_mean, smallest_common_tau


def test_restarts_average_to_ert_and_keep_the_costs_of_failures_apart() -> None:
    cost, hit = np.array([10.0, 200.0, 50.0, 400.0]), np.array([True, False, True, False])
    totals = restarts.simulate(cost, hit, 200_000, np.random.default_rng(0))
    assert totals.mean() == pytest.approx(estimate(cost, hit).ert, rel=0.01)
    # P(first run hits) = 1/2; P(one failure of 200 before a hit) = 1/4 * 1/2
    assert np.mean(totals <= 50) == pytest.approx(0.5, abs=0.01)
    assert np.mean((totals == 210) | (totals == 250)) == pytest.approx(1 / 8, abs=0.01)
    assert np.isinf(restarts.simulate(cost, np.zeros(4, bool), 3, np.random.default_rng(0))).all()
    assert set(restarts.simulate([3.0, 5.0], [True, True], 99, np.random.default_rng(0))) == {3.0, 5.0}


def test_without_censoring_the_curve_is_the_share_not_yet_done() -> None:
    times = np.array([1.0, 2.0, 2.0, 5.0])
    curve = kaplan_meier(times, np.ones(4, bool))
    grid = np.array([0.5, 1.0, 3.0, 5.0, 9.0])
    np.testing.assert_allclose(curve.at(grid), (times[None, :] > grid[:, None]).mean(axis=1))
    # Greenwood is binomial then: S (1 - S) / n
    np.testing.assert_allclose(curve.se[:2] ** 2, curve.survival[:2] * (1 - curve.survival[:2]) / 4)
    assert restricted_mean(curve, 3.0).mean == pytest.approx(np.minimum(times, 3.0).mean())


def test_a_textbook_example() -> None:
    # Klein & Moeschberger (2003), table 4.1: 6-MP remission times in weeks, 21 patients, 9 relapses
    hit = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    curve = kaplan_meier([*hit, *censored], [True] * 9 + [False] * 12)
    np.testing.assert_allclose(curve.survival, [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], atol=5e-4)
    np.testing.assert_allclose(curve.se, [0.076, 0.087, 0.096, 0.107, 0.114, 0.128, 0.135], atol=6e-4)
    mean = restricted_mean(curve, 35.0)
    assert (mean.mean, mean.se) == (pytest.approx(23.287, abs=1e-2), pytest.approx(2.827, abs=1e-2))
    assert np.isnan(curve.at([36.0])[0])
    with pytest.raises(ValueError, match="expected at most 35"):
        restricted_mean(curve, 40.0)


def test_unequal_budgets_do_not_bias_it() -> None:
    rng = np.random.default_rng(1)
    covered, means = [], []
    truth = 1 - np.exp(-1.0)  # E[min(T, 1)] of a unit exponential
    for _ in range(400):
        times, watched = rng.exponential(1.0, 60), rng.uniform(0.2, 3.0, 60)
        watched[0] = 3.0
        found = restricted_mean(kaplan_meier(np.minimum(times, watched), times <= watched), 1.0)
        means.append(found.mean)
        covered.append(abs(found.mean - truth) < 1.96 * found.se)
    assert np.mean(means) == pytest.approx(truth, abs=0.01)
    assert 0.91 <= np.mean(covered) <= 0.98
    assert smallest_common_tau([np.array([1.0, 4.0]), np.array([3.0])]) == 3.0


def test_a_restricted_mean_of_equal_times_has_no_error() -> None:
    every = kaplan_meier([4, 4, 4], [True, True, True])
    assert restricted_mean(every, 4).mean == 4 and np.isnan(restricted_mean(every, 4).se)
    assert np.isnan(restricted_mean(kaplan_meier([9, 9], [False, False]), 9).se)
