from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp

from analysis.statistics.non_inferiority import ALPHA, non_inferiority, power


def test_it_is_the_one_sided_t_test_against_the_margin() -> None:
    losses = np.random.default_rng(0).normal(0.2, 0.7, 12)
    found = non_inferiority(losses.tolist())
    assert found.p == pytest.approx(ttest_1samp(losses, 1.0, alternative="less").pvalue)
    assert found.shown == (found.bound < 1.0)


@pytest.mark.parametrize(
    ("units", "sd", "loss"), [(5, 0.6, 0.0), (12, 1.5, 0.0), (25, 1.0, 0.5), (9, 0.8, 1.0), (6, 1.0, 1.6)]
)
def test_level_and_power_are_those_of_simulations(units: int, sd: float, loss: float) -> None:
    rng = np.random.default_rng(1)
    runs = 20_000
    losses = rng.normal(loss, sd, (runs, units))
    means, spreads = losses.mean(axis=1), losses.std(axis=1, ddof=1)
    shown = (means + t.ppf(1 - ALPHA, units - 1) * spreads / np.sqrt(units) < 1.0).mean()
    expected = power(units, sd, loss)
    assert shown == pytest.approx(expected, abs=4 * np.sqrt(max(expected * (1 - expected), 1e-4) / runs))
    if loss == 1.0:
        assert expected == pytest.approx(ALPHA)


def test_few_or_equal_units() -> None:
    assert not non_inferiority([]).shown and non_inferiority([]).power() == 0.0
    assert not non_inferiority([-5.0]).shown and non_inferiority([-5.0]).bound == np.inf
    assert non_inferiority([0.5, 0.5]).shown and not non_inferiority([1.0, 1.0]).shown
    assert non_inferiority([0.5, 0.5]).power(0.5) == 1.0
