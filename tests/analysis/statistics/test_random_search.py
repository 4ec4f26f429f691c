"""The closed form of random search against counting and against draws."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from analysis.reference import initial_points_cap, stratum
from analysis.statistics import random_search


def first_hits(n: int, k: int) -> np.ndarray:
    """Return T for every order of n configurations, the first k of which are hits."""
    return np.array([1 + min(order.index(h) for h in range(k)) for order in permutations(range(n))])


@pytest.mark.parametrize(("n", "k"), [(1, 1), (5, 1), (6, 2), (6, 5), (7, 3)])
def test_law_agrees_with_every_order(n: int, k: int) -> None:
    t = first_hits(n, k)
    np.testing.assert_allclose(
        random_search.survival(n, k, np.arange(n + 1)), [(t > i).mean() for i in range(n + 1)], atol=1e-12
    )
    assert random_search.mean(n, k) == pytest.approx(t.mean())
    assert random_search.variance(n, k) == pytest.approx(t.var())
    for q in (0.01, 0.25, 0.5, 0.75, 1.0):
        smallest = min(i for i in range(1, n + 1) if (t <= i).mean() >= q - 1e-12)
        assert random_search.quantile(n, k, q) == smallest


@pytest.mark.parametrize("budget", [1, 2, 4, 7, 100])
def test_ert_charges_misses_and_hits(budget: int) -> None:
    n, k, miss, hit = 7, 2, 3.0, 0.5
    t = first_hits(n, k)
    b = min(budget, n)
    success = t <= b
    assert random_search.hit_probability(n, k, budget) == pytest.approx(success.mean())
    assert random_search.ert(n, k, budget) == pytest.approx(np.minimum(t, b).sum() / success.sum())
    spent = np.where(success, (t - 1) * miss + hit, b * miss)
    assert random_search.ert_seconds(n, k, budget, miss, hit) == pytest.approx(spent.sum() / success.sum())


def test_sum_of_survival_is_the_closed_form_for_large_spaces() -> None:
    n, k, budget = 67_200, 220, 300
    total = random_search.survival(n, k, np.arange(budget)).sum()
    assert random_search.expected_cost(n, k, budget) == pytest.approx(total, rel=1e-9)
    ratio = np.cumprod((n - k - np.arange(budget)) / (n - np.arange(budget)))
    np.testing.assert_allclose(random_search.survival(n, k, np.arange(1, budget + 1)), ratio, rtol=1e-9)


def test_without_hits_nothing_is_finite_and_bad_arguments_are_refused() -> None:
    assert random_search.mean(10, 0) == random_search.ert(10, 0, 5) == random_search.quantile(10, 0, 0.5) == np.inf
    for bad in ((0, 0), (5, 6), (5, -1)):
        with pytest.raises(ValueError, match="K"):
            random_search.survival(*bad, 1)
    with pytest.raises(ValueError, match="budget"):
        random_search.expected_cost(5, 1, 0)


def test_best_so_far_agrees_with_every_order() -> None:
    quality = np.array([0.2, 1.0, 0.0, 0.7, 0.7, 0.0])
    best = np.array([np.maximum.accumulate(quality[list(order)]) for order in permutations(range(6))])
    expectation, levels = random_search.best_so_far(quality, 6, (0.1, 0.5, 0.9))
    np.testing.assert_allclose(expectation, best.mean(axis=0), atol=1e-12)
    exact = np.quantile(best, [0.1, 0.5, 0.9], axis=0, method="inverted_cdf").T
    np.testing.assert_allclose(levels, exact)


def test_strata_and_cap() -> None:
    assert [stratum(e) for e in (19.9, 20.0, 1000.0, 1000.1, np.inf)] == [
        "trivial", "useful", "useful", "needle", "unknown",
    ]  # fmt: skip
    # after n0 random points a perfect strategy hits at once: E[min(T, n0 + 1)] evaluations
    t = first_hits(7, 1)
    assert initial_points_cap(7, 1, 3) == pytest.approx(t.mean() / np.minimum(t, 4).mean())
