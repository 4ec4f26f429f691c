from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from harness.strategies.common.acquisition import argmax_shuffled, log_expected_improvement, log_h


@pytest.mark.parametrize(("mean", "deviation", "best"), [(0.0, 1.0, 0.5), (1.0, 0.3, 0.0), (2.0, 0.4, 0.5), (-1, 2, 3)])
def test_log_ei_equals_numerical_integration(mean: float, deviation: float, best: float) -> None:
    density = norm(mean, deviation).pdf
    expected, _ = quad(lambda f: (best - f) * density(f), best - 12 * deviation - abs(mean - best), best, limit=200)
    ours = log_expected_improvement(np.array([mean]), np.array([deviation**2]), best)
    assert ours[0] == pytest.approx(np.log(expected), rel=1e-6)


def test_log_ei_is_finite_and_increasing_far_below_underflow() -> None:
    z = -np.logspace(10, -3, 400)
    values = log_h(z)
    assert np.isfinite(values).all()
    assert (np.diff(values) > 0).all()


@pytest.mark.parametrize("edge", [-1.0, -1.0 / np.sqrt(np.finfo(float).eps)])
def test_branches_meet(edge: float) -> None:
    below, above = log_h(np.array([edge * (1 + 1e-9), edge * (1 - 1e-9)]))
    assert below == pytest.approx(above, rel=1e-6)


def test_ties_are_drawn_from() -> None:
    rng = np.random.default_rng(0)
    picks = {argmax_shuffled(np.array([0.0, 1.0, 1.0, 1.0 - 1e-12]), rng) for _ in range(60)}
    assert picks == {1, 2, 3}
