"""The probability of improvement if runs tie, which is no certainty in either direction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from analysis.statistics.improvement import average, over_exact_random, over_runs


@pytest.mark.parametrize("runs", [2, 3, 5, 10, 30])
@pytest.mark.parametrize("p", [0.5, 0.8, 0.95, 0.99])
def test_interval_holds_the_share_of_wins(runs: int, p: float) -> None:
    """Runs win against a constant with probability p; often all of the few runs do. The number of wins is binomial."""
    held = 0.0
    for wins in range(runs + 1):
        low, high = over_exact_random([2.0] * wins + [0.0] * (runs - wins), [1.0], 1).interval()
        assert high > low
        held += binom.pmf(wins, runs, p) * (low <= p <= high)
    tied = p**runs + (1 - p) ** runs  # the error of samples that spread is another matter: it is that of a mean
    assert held >= min(0.95, tied) - 0.02


def test_ties_have_a_width() -> None:
    for ours, theirs in (([2.0] * 3, [1.0] * 4), ([1.0] * 3, [1.0] * 4), ([0.0] * 2, [1.0] * 2)):
        low, high = over_runs(ours, theirs).interval()
        assert high - low > 0.5
    mean = average([over_runs([2.0] * 5, [1.0] * 5), over_runs([1.0] * 5, [1.0] * 5)])
    assert 0.0 < mean.interval()[0] < 0.75 < mean.interval()[1] <= 1.0
    assert np.isnan(over_runs([2.0], [1.0, 1.0]).interval()).all()
