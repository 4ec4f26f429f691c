from __future__ import annotations

import numpy as np

from harness.strategies.conditional_gp.targets import targets


def test_the_slow_half_and_failures_share_the_slowest_target() -> None:
    y = targets([1.0, 2.0, 4.0, 8.0, 100.0, None])
    assert y[2] == y[3] == y[4] == y[5] == y.max()
    assert y[0] < y[1] < y[2]
    np.testing.assert_allclose(y[1] - y[0], y[2] - y[1])


def test_targets_are_standardised_and_have_no_unit() -> None:
    latencies = np.random.default_rng(0).lognormal(size=30)
    y = targets(list(latencies))
    np.testing.assert_allclose([y.mean(), y.std()], [0.0, 1.0], atol=1e-8)
    assert (targets(list(1000.0 * latencies)) == y).all()


def test_without_clipping_failures_count_as_the_median() -> None:
    y = targets([1.0, 2.0, 100.0, None], clip_quantile=None)
    assert y[2] == y.max()
    assert y[3] == y[1]


def test_a_slope_compresses_the_slow_half_without_flattening_it() -> None:
    y = targets([1.0, 2.0, 4.0, 8.0, 16.0], clip_slope=0.25)
    np.testing.assert_allclose((y[3] - y[2]) / (y[2] - y[1]), 0.25, atol=1e-6)


def test_ranks_know_only_the_order() -> None:
    y = targets([1.0, 2.0, 4.0, 8.0], transform="rank", clip_quantile=None)
    assert (targets([1.0, 1.1, 9.0, 900.0], transform="rank", clip_quantile=None) == y).all()
    assert (np.diff(y) > 0).all()


def test_a_failure_counts_as_a_quantile_of_what_worked() -> None:
    y = targets([1.0, 2.0, 4.0, None], clip_quantile=None, failure_quantile=1.0)
    assert y[3] == y[2]


def test_nothing_to_learn_is_all_zeros() -> None:
    assert (targets([None, None]) == 0).all()
    assert (targets([3.0, 3.0]) == 0).all()
