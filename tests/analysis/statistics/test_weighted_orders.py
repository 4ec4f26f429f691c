"""Draws without replacement: the law of every order on small tables, for both ways of drawing."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.statistics import random_search
from analysis.statistics.successive_sampling import SuccessiveSampling, costs_by_rate
from analysis.statistics.weighted_orders import _by_clocks, orders


def test_every_order_is_as_likely_as_it_should_be() -> None:
    p = np.array([0.5, 0.3, 0.15, 0.05])
    found = orders(p, 4, 100_000, np.random.default_rng(0))
    codes = found @ (4 ** np.arange(4)[::-1])
    for order in permutations(range(4)):
        expected, left = 1.0, 1.0
        for j in order:
            expected, left = expected * p[j] / left, left - p[j]
        share = np.mean(codes == np.array(order) @ (4 ** np.arange(4)[::-1]))
        assert abs(share - expected) < 5 * np.sqrt(expected / len(found))


@pytest.mark.parametrize("skew", [1.0, 30.0])
def test_many_rows_are_drawn_by_repetition_and_few_by_clocks(skew: float) -> None:
    """20 of 500 rows are drawn: both ways draw a row with the same chance, and no row twice."""
    p = np.where(np.arange(500) < 50, skew, 1.0)
    drawn = [way(p / p.sum(), 20, 20_000, np.random.default_rng(1)) for way in (orders, _by_clocks)]
    for found in drawn:
        assert found.shape == (20_000, 20) and (np.diff(np.sort(found, axis=1), axis=1) > 0).all()
    shares = [np.mean(found < 50, axis=0) for found in drawn]
    assert np.abs(shares[0] - shares[1]).max() < 5 * np.sqrt(2 * 0.25 / 20_000)
    assert shares[0][0] == pytest.approx(50 * skew / p.sum(), abs=0.02)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.data())
def test_on_random_spaces_the_law_is_what_searches_find(data: st.DataObject) -> None:
    """Conditional spaces: branches of any size, hits anywhere, any budget, any costs; E[T], S(t), ERT and seconds."""
    sizes = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=6))
    p = np.repeat(1.0 / (len(sizes) * np.array(sizes)), sizes)
    n = len(p)
    hits = data.draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=min(n, 5)))
    budget = data.draw(st.integers(1, n))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    hit = np.isin(np.arange(n), list(hits))
    cost = rng.lognormal(0.0, 1.0, n)
    law, searches = SuccessiveSampling.of(p, hit), 3_000
    found = orders(p, n, searches, rng)
    evaluations = 1 + hit[found].argmax(axis=1)
    assert abs(law.mean() - evaluations.mean()) <= 5 * evaluations.std() / np.sqrt(searches) + 1e-9
    survival = law.survivals(budget)
    for t in {1, budget // 2, budget}:
        error = np.sqrt(max(survival[t] * (1 - survival[t]), 1 / searches) / searches)
        assert abs(survival[t] - np.mean(evaluations > t)) < 5 * error
    assert law.miss_draws(budget).sum() == pytest.approx(survival[1:].sum(), rel=1e-6, abs=1e-8)
    if (success := 1 - survival[-1]) * searches < 200:
        return  # too few of them hit for an error of their mean
    assert law.ert(budget) == pytest.approx(survival[:-1].sum() / success)
    spent = np.minimum(evaluations, budget)
    seconds = np.take_along_axis(np.cumsum(cost[found], axis=1), spent[:, None] - 1, axis=1)[:, 0]
    ended = (evaluations <= budget) / np.mean(evaluations <= budget)
    influence = seconds / seconds.mean() - ended
    ratio = law.ert_seconds(budget, *costs_by_rate(p, hit, cost)) * np.mean(evaluations <= budget) / seconds.mean()
    assert abs(np.log(ratio)) < 5 * influence.std() / np.sqrt(searches) + 1e-9


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 400), st.data())
def test_where_all_rows_are_alike_it_is_uniform_random_search(n: int, data: st.DataObject) -> None:
    k, budget = data.draw(st.integers(1, n)), data.draw(st.integers(1, n))
    hit = np.arange(n) < k
    law, cost = SuccessiveSampling.of(np.full(n, 0.2), hit), np.random.default_rng(n).lognormal(0, 1, n)
    assert law.mean() == pytest.approx(random_search.mean(n, k), rel=1e-9)
    assert law.ert(budget) == pytest.approx(random_search.ert(n, k, budget), rel=1e-6)
    expected = random_search.survival(n, k, np.arange(budget + 1))
    np.testing.assert_allclose(law.survivals(budget), expected, atol=1e-9)
    misses = float(cost[~hit].mean()) if k < n else 0.0
    exact = random_search.ert_seconds(n, k, budget, misses, float(cost[hit].mean()))
    assert law.ert_seconds(budget, *costs_by_rate(np.ones(n), hit, cost)) == pytest.approx(exact, rel=1e-6)
