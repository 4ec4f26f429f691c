"""Random search for many sets of hits at once equals the closed form, or is close to it."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics import random_search
from analysis.statistics.many_targets import many_erts
from analysis.statistics.successive_sampling import SuccessiveSampling, costs_by_rate

N = 300
RNG = np.random.default_rng(11)
COST = RNG.lognormal(0.0, 0.5, N)
HITS = RNG.random((4, N)) < np.array([0.01, 0.05, 0.3, 0.6])[:, None]


@pytest.mark.parametrize("budget", [8, 100, 5000])
def test_equal_chances_are_exact(budget: int) -> None:
    found = many_erts(np.ones(N), COST, HITS, budget)
    for i, hit in enumerate(HITS):
        k, prices = int(hit.sum()), (float(COST[~hit].mean()), float(COST[hit].mean()))
        assert found.evaluations[i] == pytest.approx(random_search.ert(N, k, budget))
        assert found.seconds[i] == pytest.approx(random_search.ert_seconds(N, k, budget, *prices))
        assert found.mean[i] == pytest.approx(random_search.mean(N, k))


@pytest.mark.parametrize("budget", [8, 100])
def test_other_chances_are_good_to_half_a_per_cent(budget: int) -> None:
    p = RNG.choice([1.0, 2.0, 8.0, 30.0], N)
    found = many_erts(p, COST, HITS, budget)
    for i, hit in enumerate(HITS):
        law = SuccessiveSampling.of(p, hit)
        assert found.evaluations[i] == pytest.approx(law.ert(budget), rel=0.005)
        assert found.seconds[i] == pytest.approx(law.ert_seconds(budget, *costs_by_rate(p, hit, COST)), rel=0.005)
        assert found.mean[i] == pytest.approx(law.mean())


def test_without_a_hit_it_never_ends() -> None:
    for p in (np.ones(N), np.arange(1.0, N + 1)):
        found = many_erts(p, COST, np.zeros((1, N), dtype=bool), 10)
        assert np.isinf([found.evaluations, found.seconds, found.mean]).all()
