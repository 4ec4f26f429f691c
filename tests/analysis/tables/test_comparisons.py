"""Holm, one-sided bounds, probability of improvement and ranks against closed forms and published examples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from analysis.statistics import random_search
from analysis.statistics.ert import LogEstimate
from analysis.statistics.improvement import average, over_exact_random, over_runs
from analysis.statistics.multiplicity import holm, lower_bound, p_at_least, p_at_most, upper_bound
from analysis.statistics.ranks import rank


def test_holm_is_that_of_r() -> None:
    # p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.005), "holm")
    np.testing.assert_allclose(holm([0.01, 0.02, 0.03, 0.04, 0.005]), [0.04, 0.06, 0.06, 0.06, 0.025])
    np.testing.assert_allclose(holm([0.9, float("nan")]), [1.0, 1.0])


def test_holm_keeps_the_chance_of_any_false_rejection() -> None:
    p = np.random.default_rng(0).uniform(size=(4000, 3))
    assert np.mean([holm(row).min() <= 0.05 for row in p]) == pytest.approx(0.05, abs=0.012)


def test_bounds_and_p_values_agree() -> None:
    estimate = LogEstimate(np.log(8.0), 0.2, 12.0)
    low, high = lower_bound(estimate), upper_bound(estimate)
    assert p_at_most(estimate, low) == pytest.approx(0.05)
    assert p_at_least(estimate, high) == pytest.approx(0.05)
    assert p_at_most(estimate, 5.0) < 0.05 < p_at_most(estimate, 7.0)
    assert p_at_most(LogEstimate(1.0), 2.0) == 0.0
    assert np.isnan(p_at_most(LogEstimate(1.0, float("nan"), float("nan")), 2.0))


def test_probability_of_improvement_between_two_normals() -> None:
    rng, truth, covered = np.random.default_rng(0), norm.cdf(0.7 / np.sqrt(2)), []
    for _ in range(400):
        found = over_runs(rng.normal(0.7, 1, 20), rng.normal(0.0, 1, 20))
        low, high = found.interval()
        covered.append(low <= truth <= high)
    assert 0.92 <= np.mean(covered) <= 0.98
    assert over_runs([1.0, 1.0], [1.0]).value == 0.5  # ties count half
    assert over_runs([2.0, 3.0], [1.0, 0.0]).value == 1.0


def test_probability_against_exact_random_is_that_of_simulated_draws() -> None:
    rng = np.random.default_rng(0)
    table = np.round(rng.uniform(size=50), 1)  # many ties
    ours = np.array([0.5, 0.9, 1.0])
    best = np.array([table[rng.permutation(50)[:7]].max() for _ in range(20_000)])
    simulated = np.mean((ours[:, None] > best) + 0.5 * (ours[:, None] == best))
    assert over_exact_random(ours, table, 7).value == pytest.approx(simulated, abs=0.01)
    # the single best row is never beaten, and is drawn with probability B / N
    unique = np.arange(10.0)
    assert over_exact_random([9.0], unique, 3).value == pytest.approx(1 - 0.5 * random_search.hit_probability(10, 1, 3))


def test_average_over_tasks() -> None:
    one, other = over_runs([1.0, 2.0, 3.0], [0.0, 2.0]), over_runs([0.0, 1.0], [0.5, 0.2])
    mean = average([one, other])
    assert mean.value == pytest.approx((one.value + other.value) / 2)
    assert mean.se == pytest.approx(np.hypot(one.se, other.se) / 2)


def test_ranks_share_ties_and_group_what_is_not_told_apart() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=20)
    scores = np.column_stack([base, base + 0.01 * rng.normal(size=20), base + 5.0])
    found = rank(["a", "b", "best"], scores)
    assert found.strategies[0] == "best"
    assert found.mean_rank.sum() == pytest.approx(6.0)
    assert found.friedman_p < 1e-4
    assert found.cliques == ((1, 2),)
    assert found.p_holm[0, 1] < 0.01 < found.p_holm[1, 2]
    tied = rank(["a", "b"], np.ones((5, 2)))
    assert tied.mean_rank.tolist() == [1.5, 1.5] and tied.cliques == ((0, 1),)
    assert rank(["a", "b"], [[-np.inf, 1.0]]).strategies == ("b", "a")
    with pytest.raises(ValueError, match="expected a number"):
        rank(["a", "b"], [[np.nan, 1.0]])


def test_one_run_has_a_share_of_wins_and_no_error() -> None:
    for ours, theirs in (([1.0], [0.0, 2.0, 1.0]), ([0.0, 2.0, 1.0], [1.0])):
        found = over_runs(ours, theirs)
        assert found.value == 0.5 and np.isnan([found.se, found.df, *found.interval()]).all()
