"""Two one-sided tests against simulations with known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t

from analysis.statistics.equivalence import ALPHA, Equivalence, equivalence, pairs_needed, tost_power

STUDIES = 20_000


def share_equivalent(pairs: int, sd: float, margin: float, true_ratio: float, seed: int) -> float:
    """Count how many of ``STUDIES`` simulated studies are called equivalent, by an independent t interval."""
    logs = np.random.default_rng(seed).normal(np.log(true_ratio), sd, (STUDIES, pairs))
    half = t.ppf(1 - ALPHA, pairs - 1) * logs.std(axis=1, ddof=1) / np.sqrt(pairs)
    return float((np.abs(logs.mean(axis=1)) + half < np.log1p(margin)).mean())


@pytest.mark.parametrize(
    ("pairs", "sd", "margin", "true_ratio"),
    [(12, 0.05, 0.05, 1.0), (3, 0.1, 0.25, 1.0), (30, 0.5, 0.25, 1.0), (20, 0.3, 0.25, 1.1), (2, 0.02, 0.25, 1.0)],
)
def test_power_is_that_of_simulated_studies(pairs: int, sd: float, margin: float, true_ratio: float) -> None:
    simulated = share_equivalent(pairs, sd, margin, true_ratio, seed=pairs)
    error = 4 * np.sqrt(simulated * (1 - simulated) / STUDIES) + 1e-3
    assert tost_power(pairs, sd, margin, true_ratio) == pytest.approx(simulated, abs=error)


@pytest.mark.parametrize("pairs", [5, 12, 40])
def test_a_ratio_at_the_margin_is_called_equivalent_in_five_percent_at_most(pairs: int) -> None:
    at_margin = share_equivalent(pairs, 0.04, 0.05, 1.05, seed=7)
    assert at_margin < ALPHA + 4 * np.sqrt(ALPHA * (1 - ALPHA) / STUDIES)
    assert tost_power(pairs, 0.04, 0.05, 1.05) == pytest.approx(at_margin, abs=0.007)


def test_many_pairs_have_the_power_of_the_normal_closed_form() -> None:
    pairs, sd, margin = 900, 3.0, 0.25
    error = sd / np.sqrt(pairs)
    closed = 2 * norm.cdf(np.log1p(margin) / error - norm.ppf(1 - ALPHA)) - 1
    assert tost_power(pairs, sd, margin) == pytest.approx(closed, abs=0.003)


@pytest.mark.parametrize(("sd", "margin"), [(0.05, 0.05), (0.3, 0.25), (1.0, 0.25), (1e-6, 0.05)])
def test_the_pairs_needed_are_the_fewest(sd: float, margin: float) -> None:
    needed = pairs_needed(sd, margin)
    assert needed is not None and tost_power(needed, sd, margin) >= 0.8
    assert needed == 2 or tost_power(needed - 1, sd, margin) < 0.8


def test_no_number_of_pairs_shows_what_is_not_so() -> None:
    assert pairs_needed(0.1, 0.05, true_ratio=1.06) is None


def test_verdicts_follow_the_ninety_percent_interval() -> None:
    rng = np.random.default_rng(3)
    same, more, unclear = (np.exp(rng.normal(mean, sd, 12)) for mean, sd in ((0.0, 0.02), (0.11, 0.02), (0.0, 0.4)))
    found = [equivalence(ratios, 0.05) for ratios in (same, more, unclear)]
    assert [one.verdict for one in found] == ["equivalent", "different", "undecided"]
    for one in found:
        low, high = one.interval()
        assert one.equivalent == (low > 1 / 1.05 and high < 1.05)
    assert "12 pairs, equivalent within ±5%" in found[0].text() and found[0].power > 0.99
    assert found[2].power < 0.05 and (found[2].needed or 0) > 300


def test_few_or_equal_pairs_are_told_as_what_they_are() -> None:
    assert equivalence([], 0.05).text() == "0 pairs, too few to compare"
    one = equivalence([1.0], 0.05)
    assert one.verdict == "undecided" and np.isnan(one.interval()).all() and one.needed is None
    equal, apart = equivalence([1.0, 1.0, 1.0], 0.05), equivalence([2.0, 2.0], 0.05)
    assert equal.equivalent and equal.p > 0 and equal.needed is not None and equal.needed > 1
    assert apart.different and not apart.equivalent
    assert equivalence([1.0, 1.0], 0.05).verdict == "undecided"
    for one in (equal, equivalence([1.0] * 30, 0.05)):  # narrower with more, and never a point
        low, high = one.interval()
        assert low < 1 < high and high - low == pytest.approx(2 * (high - 1), rel=0.05)


def test_what_is_no_ratio_is_refused() -> None:
    for ratios in ([0.0, 1.0], [np.nan], [np.inf]):
        with pytest.raises(ValueError, match="expected finite ratios above 0"):
            equivalence(ratios, 0.05)
    with pytest.raises(ValueError, match="margin 0: expected more than 0"):
        equivalence([1.0], 0)
    with pytest.raises(ValueError, match="1 pairs: expected 2 or more"):
        tost_power(1, 0.1, 0.05)
    assert Equivalence(0, float("nan"), float("nan"), 0.05).p == 1.0


def test_two_pairs_have_a_power_and_one_has_none() -> None:
    two, one = equivalence([1.01, 0.99], 0.25), equivalence([1.01], 0.25)
    assert two.power == tost_power(2, two.spread, 0.25) and two.needed == pairs_needed(two.spread, 0.25)
    assert two.interval() == two.interval(0.9) != two.interval(0.95)
    assert np.isnan(one.power) and one.needed is None and one.p == 1.0 and np.isnan(one.interval()).all()
