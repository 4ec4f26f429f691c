"""The rate of hits among independent draws: exact limits against the sums that define them; a bound without hits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from analysis.statistics.drawn_rate import BY_DRAWS, BY_HITS, DrawnRate
from analysis.statistics.no_hits import lower_limit_without_hits
from experiments.helion_2.coverage import rates, stopped, table


@pytest.mark.parametrize(("hits", "draws"), [(1, 40), (3, 30_000), (20, 700)])
def test_limits_are_where_the_tails_of_the_stopping_rule_hold_2_5_percent(hits: int, draws: int) -> None:
    by_draws, by_hits = DrawnRate(hits, draws).limits(), DrawnRate(hits, draws, BY_HITS).limits()
    for low, _ in (by_draws, by_hits):  # so many hits in n draws, or that early
        assert binom.sf(hits - 1, draws, low) == pytest.approx(0.025)
    assert binom.cdf(hits, draws, by_draws[1]) == pytest.approx(0.025)
    assert binom.cdf(hits - 1, draws - 1, by_hits[1]) == pytest.approx(0.025)  # that late
    assert by_hits[1] < by_draws[1]


def test_the_estimate_reaches_both_ends_of_the_exact_interval() -> None:
    for rate in (DrawnRate(3, 30_000), DrawnRate(20, 9_000, BY_HITS), DrawnRate(67, 22_180)):
        low, high = rate.estimate().log.interval()
        exact = rate.interval()
        assert low <= exact[0] * (1 + 1e-9) and high >= exact[1] * (1 - 1e-9)
        assert min(exact[0] / low, high / exact[1]) == pytest.approx(1.0)
        assert rate.estimate().ert == pytest.approx(rate.expected_evaluations)
        assert exact[0] < rate.expected_evaluations < exact[1]
        assert rate.estimate(2.0).ert == pytest.approx(2 * rate.expected_evaluations)


def test_without_a_hit_there_is_a_bound() -> None:
    none = DrawnRate(0, 5_000)
    low, high = none.interval()
    assert np.isinf(high) and np.isinf(none.expected_evaluations)
    estimate = none.estimate()
    assert estimate.bounded and np.isnan(estimate.log.se)
    assert lower_limit_without_hits(estimate.ert, estimate.runs) == pytest.approx(low, rel=1e-3)


def test_counts_that_cannot_be_are_refused() -> None:
    for hits, draws, by in ((3, 2, BY_DRAWS), (0, 0, BY_DRAWS), (0, 9, BY_HITS), (1, 9, "time")):
        with pytest.raises(ValueError, match="expected"):
            DrawnRate(hits, draws, by)


def test_the_simulation_s_arrays_are_the_report_s_estimates() -> None:
    rng = np.random.default_rng(1)
    for sittings in (False, True):
        hits, draws, by_hits = stopped(1 / 1500, (40,), sittings, rng)
        made, low, high = rates(hits, draws, by_hits)
        for i in range(40):
            one = DrawnRate(int(hits[i]), int(draws[i]), BY_HITS if by_hits[i] else BY_DRAWS)
            log = one.estimate().log
            assert (made.log[i], made.se[i], made.df[i], made.bias[i]) == pytest.approx(
                (log.log, log.se, log.df, log.bias)
            )
            assert (np.exp(low[i]), np.exp(high[i])) == pytest.approx(one.interval())


def test_intervals_hold_the_truth_under_both_stopping_rules() -> None:
    """A reduced form with 600 studies a cell; the 24,000 of all cells determine 95% to within 0.3%."""
    rows = table(600)
    for column, least in ((5, 95.0), (6, 95.5), (7, 95.5)):  # E[T], one task, the mean of four
        assert np.mean([float(row[column]) for row in rows]) > least
        assert min(float(row[column]) for row in rows) > 92.0
    assert max(float(row[column]) for row in rows for column in (8, 9)) < 8.5
