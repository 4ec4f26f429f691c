"""The law of random search by parameter: the closed form for uniform p, brute force, and simulated searches."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from analysis.statistics import random_search
from analysis.statistics.successive_sampling import SuccessiveSampling


@pytest.mark.parametrize(("n", "k"), [(5, 1), (40, 3), (700, 2), (3000, 11), (30, 29), (12, 12)])
def test_with_equal_probabilities_it_is_the_negative_hypergeometric(n: int, k: int) -> None:
    law = SuccessiveSampling.of(np.full(n, 0.3), np.arange(n) < k)
    assert law.mean() == pytest.approx(random_search.mean(n, k), rel=1e-9)
    budget = min(n, 120)
    expected = random_search.survival(n, k, np.arange(budget + 1))
    np.testing.assert_allclose(law.survivals(budget), expected, atol=1e-9)
    assert law.ert(budget) == pytest.approx(random_search.ert(n, k, budget), rel=1e-8)
    assert law.expected_cost(budget) == pytest.approx(random_search.expected_cost(n, k, budget), rel=1e-8)


def brute_force(p: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """Compute P(T = t) for t = 1 .. N from every order in which the configurations can be drawn."""
    mass = np.zeros(len(p) + 1)
    for order in permutations(range(len(p))):
        probability, left = 1.0, p.sum()
        for j in order:
            probability *= p[j] / left
            left -= p[j]
        mass[1 + next(i for i, j in enumerate(order) if hit[j])] += probability
    return mass[1:]


@pytest.mark.parametrize("seed", range(6))
def test_it_is_what_every_order_of_draws_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, hit = rng.dirichlet(np.full(6, 0.7)), np.zeros(6, dtype=bool)
    hit[rng.choice(6, size=1 + seed % 3, replace=False)] = True
    law, mass = SuccessiveSampling.of(p, hit), brute_force(p, hit)
    assert law.mean() == pytest.approx(float(mass @ np.arange(1, 7)), rel=1e-9)
    survival = np.concatenate([[1.0], 1.0 - np.cumsum(mass)])
    np.testing.assert_allclose(law.survivals(6), survival, atol=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_searches_find(seed: int) -> None:
    """Products of uniform draws over branches of very unequal size, as in a conditional space."""
    rng = np.random.default_rng(100 + seed)
    sizes = rng.integers(1, 60, size=8)
    p = np.repeat(1.0 / (8 * sizes), sizes)
    hit = np.zeros(len(p), dtype=bool)
    hit[rng.choice(len(p), size=3, replace=False)] = True
    law = SuccessiveSampling.of(p, hit)
    searches = 20_000
    clocks = rng.exponential(size=(searches, len(p))) / p
    first = clocks[:, hit].min(axis=1)
    evaluations = 1 + (clocks[:, ~hit] < first[:, None]).sum(axis=1)
    assert abs(law.mean() - evaluations.mean()) < 4 * evaluations.std() / np.sqrt(searches)
    survival = law.survivals(60)
    for t in (1, 5, 20, 60):
        share = np.mean(evaluations > t)
        assert abs(survival[t] - share) < 4 * np.sqrt(survival[t] * (1 - survival[t]) / searches) + 1e-9


def test_without_hits_it_never_ends() -> None:
    law = SuccessiveSampling.of([0.5, 0.5], [False, False])
    assert law.mean() == float("inf") and law.ert(2) == float("inf") and law.hit_probability(2) == 0


@pytest.mark.parametrize(
    ("p", "hit"), [([], []), ([1.0], [True, False]), ([0.0, 1.0], [True, False]), ([np.nan, 1.0], [True, False])]
)
def test_what_is_no_law_is_refused(p: list[float], hit: list[bool]) -> None:
    with pytest.raises(ValueError, match="expected"):
        SuccessiveSampling.of(p, hit)


def test_a_quantile_lies_beyond_as_much_as_is_asked_and_within_the_space() -> None:
    n = 60
    law = SuccessiveSampling.of(np.ones(n), np.arange(n) < 5)
    for beyond in (0.01, 1e-6):
        assert law.survivals(n)[law.quantile(beyond)] <= beyond
    few = SuccessiveSampling.of(np.ones(5), np.arange(5) < 1)
    assert few.quantile(1e-9) == few.misses + 1 == 5
    assert SuccessiveSampling.of(np.ones(5), np.zeros(5, dtype=bool)).quantile(1e-9) == 5
