"""Errors raised by the statistics, and their values without data, without hits, or with only hits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from analysis.statistics import random_search, restarts
from analysis.statistics.bootstrap import Replicates, TaskRuns, over_seeds, two_level
from analysis.statistics.equivalence import pairs_needed, tost_power
from analysis.statistics.ert import LogEstimate, combine, estimate, mean_error, wilson
from analysis.statistics.improvement import Probability, average, over_runs
from analysis.statistics.many_targets import many_means
from analysis.statistics.multiplicity import lower_bound, p_at_least, p_at_most, upper_bound
from analysis.statistics.random_effects import components
from analysis.statistics.ranks import rank
from analysis.statistics.successive_sampling import SuccessiveSampling
from analysis.statistics.survival import kaplan_meier, restricted_mean, smallest_common_tau

RNG = np.random.default_rng
LAW = SuccessiveSampling.of([1.0, 2.0, 3.0], [True, False, False])
NO_HITS = SuccessiveSampling.of([1.0, 2.0], [False, False])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: estimate([], []), "at least one run"),
        (lambda: over_runs([], [1.0]), "at least one run on either side"),
        (lambda: over_runs([1.0], []), "at least one run on either side"),
        (lambda: restarts.simulate([], [], 3, RNG(0)), "at least one run"),
        (lambda: kaplan_meier([], []), "at least one run"),
        (lambda: restricted_mean(kaplan_meier([2.0, 3.0], [True, False]), 3.5), "tau=3.5: expected at most 3"),
        (lambda: random_search.survival(5, 2, -1), "must not be negative"),
        (lambda: random_search.quantile(5, 2, 0.0), r"q=0\.0"),
        (lambda: random_search.quantile(5, 2, 1.01), r"q=1\.01"),
        (lambda: LAW.survivals(0), "budget=0: expected at least 1"),
        (lambda: tost_power(1, 0.1, 0.1), "1 pairs: expected 2 or more"),
        (lambda: rank(["a"], [[1.0]]), "two strategies, got a table of 1 x 1"),
        (lambda: rank(["a", "b"], np.empty((0, 2))), "got a table of 0 x 2"),
        (lambda: rank(["a", "b"], [[1.0, 2.0, 3.0]]), "got a table of 1 x 3"),
    ],
)
def test_what_cannot_be_estimated_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_without_hits_nothing_is_finite() -> None:
    assert random_search.mean(5, 0) == random_search.variance(5, 0) == random_search.quantile(5, 0, 0.5) == np.inf
    assert random_search.ert_seconds(5, 0, 3, 1.0, 1.0) == NO_HITS.ert_seconds(3, [1.0, 1.0], 1.0) == np.inf
    assert random_search.quantile(5, 2, 1.0) == 4 and random_search.quantile(5, 5, 1.0) == 1
    assert NO_HITS.quantile(0.5) == 2 and NO_HITS.survivals(3).tolist() == [1.0, 1.0, 1.0, 0.0]
    assert np.isinf(restarts.simulate([1.0, 2.0], [False, False], 4, RNG(0))).tolist() == [True] * 4
    means = many_means(np.array([1.0, 2.0]), np.array([[False, False], [True, False]]))
    assert means.tolist() == pytest.approx([np.inf, 1 + 2 / 3])
    lost = estimate([3.0, 4.0], [False, False])
    assert (lost.ert, lost.hits, lost.runs, lost.bounded) == (7.0, 0, 2, True) and np.isnan(lost.log.se)


def test_restarts_cost_their_misses() -> None:
    """Half of the runs miss for 10 and half hit for 1: the number of misses before a hit is geometric, 1 on average."""
    totals = restarts.simulate([10.0, 1.0], [False, True], 20_000, RNG(0))
    assert set(np.unique(totals % 10)) == {1.0}
    assert totals.mean() == pytest.approx(11.0, abs=0.4) and np.mean(totals == 1.0) == pytest.approx(0.5, abs=0.02)
    assert restarts.simulate([2.0, 2.0], [True, True], 3, RNG(0)).tolist() == [2.0] * 3


def test_an_exact_number_has_no_interval_but_itself() -> None:
    exact, unknown = LogEstimate(np.log(3.0)), LogEstimate(1.0, float("nan"), float("nan"))
    assert exact.interval() == pytest.approx((3.0, 3.0)) and exact.value == pytest.approx(3.0)
    assert p_at_most(exact, 2.9) == 0.0 and p_at_most(exact, 3.1) == 1.0 and p_at_least(exact, 3.1) == 0.0
    assert p_at_most(LogEstimate(0.0), 1.0) == 1.0, "at the threshold it is not above"
    assert lower_bound(exact) == upper_bound(exact) == pytest.approx(3.0)
    assert np.isnan(unknown.interval()).all() and np.isnan(p_at_least(unknown, 1.0))
    assert combine([exact, exact], [1.0, -1.0]) == LogEstimate(0.0) and np.isnan((exact - unknown).se)


def test_bias_is_taken_off_and_degrees_of_freedom_are_welchs() -> None:
    one, other = LogEstimate(1.0, 0.3, 4.0, 0.2), LogEstimate(0.5, 0.4, 9.0, 0.1)
    difference = one - other
    assert (difference.log, difference.bias, difference.centre) == pytest.approx((0.5, 0.1, 0.4))
    assert difference.se == pytest.approx(0.5)
    assert difference.df == pytest.approx(0.25**2 / (0.09**2 / 4 + 0.16**2 / 9))
    low, high = one.interval()
    assert np.sqrt(low * high) == pytest.approx(np.exp(0.8)) and high / low == pytest.approx(np.exp(2 * 2.776445 * 0.3))
    row = {"log": 1.0, "se_kernels": 0.3, "df_kernels": 4.0, "bias": float("nan")}
    assert LogEstimate.of_row(row, "_kernels") == LogEstimate(1.0, 0.3, 4.0)
    normal = LogEstimate(0.0, 1.0)
    assert normal.interval()[1] == pytest.approx(np.exp(1.959964)) and p_at_most(normal, 1.0) == 0.5


def test_errors_of_means_and_rates() -> None:
    assert mean_error([1.0, 2.0, 3.0]) == pytest.approx(1 / np.sqrt(3))
    assert np.isnan([mean_error([2.0]), mean_error([2.0, 2.0]), mean_error([])]).all()
    assert wilson(0, 10) == pytest.approx((0.0, 0.277533), abs=1e-6)
    assert wilson(5, 10) == pytest.approx((0.236593, 0.763407), abs=1e-6)
    assert wilson(10, 10)[1] == pytest.approx(1.0)


def test_power_where_pairs_do_not_differ_is_certain_either_way() -> None:
    assert tost_power(2, 0.0, 0.1) == 1.0 and tost_power(2, 0.0, 0.1, true_ratio=1.11) == 0.0
    assert tost_power(2, 0.0, 0.1, true_ratio=1.1) == 0.0, "at the margin it is not inside"
    assert pairs_needed(0.0, 0.1) == 2 and pairs_needed(1.0, 0.01) is None
    least = pairs_needed(0.1, 0.1)
    assert least is not None and tost_power(least, 0.1, 0.1) >= 0.8 > tost_power(least - 1, 0.1, 0.1)


def test_a_probability_stays_within_its_bounds() -> None:
    assert Probability(0.9, 0.2, 5.0).interval()[1] == 1.0 and Probability(0.1, 0.2, 5.0).interval()[0] == 0.0
    assert Probability(0.4, 0.0, 5.0).interval() == (0.4, 0.4)
    assert np.isnan(Probability(0.4, float("nan"), 5.0).interval()).all()
    one = over_runs([1.0], [0.0, 0.5])
    assert one.value == 1.0 and np.isnan(one.se)
    beaten = over_runs([1.0, 2.0, 3.0], [0.0, 0.5])
    assert (beaten.se, beaten.df) == (1.0, 1.0), "no spread between two runs and three is no certainty"
    assert average([Probability(0.2, 0.0, 5.0), Probability(0.4, 0.0, 5.0)]) == Probability(
        pytest.approx(0.3), 0.0, np.inf
    )
    mean = average([Probability(0.2, 0.1, 4.0), Probability(0.4, 0.2, 9.0)])
    assert mean.df == pytest.approx(0.05**2 / (0.1**4 / 4 + 0.2**4 / 9)) and mean.se == pytest.approx(0.05**0.5 / 2)


def test_a_curve_is_known_as_long_as_somebody_was_watched() -> None:
    curve = kaplan_meier([1.0, 2.0, 2.0, 4.0], [True, True, False, False])
    assert (
        curve.time.tolist() == [1.0, 2.0] and curve.at_risk.tolist() == [4.0, 3.0] and curve.died.tolist() == [1.0, 1.0]
    )
    assert curve.survival.tolist() == pytest.approx([0.75, 0.5])
    assert curve.se[1] == pytest.approx(0.5 * np.sqrt(1 / 12 + 1 / 6))
    assert curve.at([0.5, 1.0, 4.0]).tolist() == pytest.approx([1.0, 0.75, 0.5]) and np.isnan(curve.at(4.1))
    ended = kaplan_meier([1.0, 3.0], [True, True])
    assert ended.at(9.0) == 0.0 and ended.se[-1] == 0.0 and restricted_mean(ended, 9.0).mean == pytest.approx(2.0)
    mean = restricted_mean(curve, 4.0)
    assert mean.mean == pytest.approx(1 + 0.75 + 2 * 0.5)
    assert mean.se == pytest.approx(np.sqrt(1.75**2 / 12 + 1.0**2 / 6))
    assert restricted_mean(curve, 1.0).mean == 1.0 and np.isnan(restricted_mean(curve, 1.0).se)
    assert smallest_common_tau([np.array([1.0, 5.0]), np.array([2.0, 4.0])]) == 4.0


def test_components_by_hand() -> None:
    """Two kernels of two tasks, without errors: within kernels the squares are 2, between their means 32."""
    found = components([1.0, 3.0, 7.0, 9.0], [0.0] * 4, ["a", "a", "b", "b"])
    assert (found.tasks, found.within) == (2.0, 0.0) and found.between == pytest.approx((36 - 2) / (4 - 8 / 4))
    with_errors = components([1.0, 3.0, 7.0, 9.0], [0.5] * 4, ["a", "a", "b", "b"])
    assert with_errors.tasks == pytest.approx((4 - 4 * 0.25 / 2) / 2) and with_errors.within == 0.25
    assert with_errors.between == pytest.approx((36 - 1.75 - 4 * 0.25 * (1 / 2 - 1 / 4)) / 2)
    assert components([1.0, 5.0], [0.1, 0.1], ["a", "b"]).tasks == 0.0
    assert components([1.0, 1.0, 1.0], [9.0] * 3, ["a", "a", "b"]).between == 0.0


def test_ranks_by_hand() -> None:
    scores = [[1.0, 3.0, 2.0], [1.0, 2.0, 3.0], [np.inf, np.inf, 5.0], [0.0, 4.0, 4.0]]
    found = rank(["a", "b", "c"], scores)
    assert found.strategies == ("b", "c", "a") and found.tasks == 4
    assert found.mean_rank.tolist() == pytest.approx([1.5, (2 + 1 + 3 + 1.5) / 4, (3 + 3 + 1.5 + 3) / 4])
    assert (np.diag(found.p_holm) == 1.0).all() and (found.p_holm == found.p_holm.T).all()
    assert found.cliques == ((0, 2),), "one group, and none of its parts beside it"
    assert np.isnan(rank(["a", "b"], [[1.0, 2.0], [1.0, 2.0]]).friedman_p)
    assert np.isnan(rank(["a", "b", "c"], [[1.0, 2.0, 3.0]]).friedman_p)
    assert np.isnan(rank(["a", "b", "c"], np.ones((4, 3))).friedman_p)
    levels = np.repeat(np.arange(4.0)[None] // 2, 30, axis=0) * 9 + RNG(0).normal(0, 1e-3, (30, 4))
    assert rank(["a", "b", "c", "d"], levels, alpha=1e-3).cliques == ((0, 1), (2, 3))


def runs(kernel: str, cost: list[float], hit: list[bool], seeds: tuple[int, ...] | None = None) -> TaskRuns:
    return TaskRuns(kernel, np.array(cost), np.array(hit), np.log(8.0), seeds)


def test_seeds_that_tasks_share_are_drawn_again_where_a_task_is_left_with_none() -> None:
    tasks = [runs("a", [2.0, 4.0], [True, True], (1, 2)), runs("b", [1.0, 8.0], [True, True], (3, 4))]
    found = over_seeds(tasks, 400, RNG(0))
    assert found.centre == pytest.approx((np.log(8 / 3) + np.log(8 / 4.5)) / 2)
    assert np.isfinite(found.values).all() and len(np.unique(found.values.round(9))) > 4


def test_kernels_weigh_the_same_however_many_shapes_they_have() -> None:
    tasks = [runs("a", [2.0, 2.0], [True, True]), *[runs("b", [8.0, 8.0], [True, True]) for _ in range(3)]]
    found = two_level(tasks, 2000, RNG(0))
    assert found.centre == pytest.approx(np.log(4.0) / 2)
    shares = np.unique(found.values.round(9), return_counts=True)
    assert shares[0].tolist() == pytest.approx([0.0, np.log(4.0) / 2, np.log(4.0)])
    assert (shares[1] / 2000).tolist() == pytest.approx([0.25, 0.5, 0.25], abs=0.04)


def test_replicates_that_are_all_equal_are_no_certainty() -> None:
    tied = Replicates(1.0, 0.0, np.ones(9), np.zeros(9))
    assert np.isnan([*tied.percentile(), *tied.studentised()]).all()
    values = np.array([-np.inf, 0.0, 1.0, 2.0])
    spread = Replicates(1.0, 0.5, values, np.full(4, 0.5))
    assert spread.percentile(0.5) == pytest.approx((0.0, np.exp(1.0)))
    low, high = spread.studentised(0.5)
    assert (low, high) == pytest.approx((np.exp(1.0), np.inf)), "t is -inf, -2, 0 and 2"
