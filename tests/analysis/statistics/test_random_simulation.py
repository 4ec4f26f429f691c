"""The simulated clock against the harness's own schedule and against the closed form."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics import random_search, random_simulation
from analysis.statistics.successive_sampling import SuccessiveSampling, costs_by_rate
from harness.evaluation import Measurement, Status
from harness.run.clock import schedule


def costs(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    device = np.where(rng.random(n) < 0.2, 0.0, 0.055)
    return rng.lognormal(-1, 1, n), device


@pytest.mark.parametrize("workers", [1, 3, 16])
def test_clock_is_that_of_one_large_batch(workers: int) -> None:
    compile_s, device_s = costs(40)
    searches = random_simulation.simulate(compile_s, device_s, 30, 5, np.random.default_rng(0), workers)
    for asked, rows, ends in zip(searches.asked, searches.rows, searches.end_s, strict=True):
        batch = [Measurement(Status.OK, compile_s=compile_s[i], benchmark_s=device_s[i]) for i in asked]
        spans = {int(i): span.end_s for i, span in zip(asked, schedule(batch, workers, 0.0), strict=True)}
        for row, end in zip(rows, ends, strict=True):
            if device_s[row] > 0:  # a failed compile ends earlier, but counts from its turn
                assert end == pytest.approx(spans[int(row)])
        assert np.all(np.diff(ends) >= 0)


@pytest.mark.parametrize("kind", ["uniform", "by_parameter"])
def test_sequential_ert_agrees_with_the_closed_form(kind: str) -> None:
    n, k, budget = 300, 6, 60
    compile_s, device_s = costs(n)
    rng = np.random.default_rng(2)
    hit = np.arange(n) < k
    p = None if kind == "uniform" else np.where(np.arange(n) % 3 == 0, 5.0, 1.0)
    searches = random_simulation.simulate(compile_s, device_s, budget, 20_000, rng, sequential=True, p=p)
    seconds, evaluations = random_simulation.costs_and_evaluations(searches, hit).T
    cost = compile_s + device_s
    if p is None:
        ert = random_search.ert(n, k, budget)
        exact = random_search.ert_seconds(n, k, budget, float(cost[~hit].mean()), float(cost[hit].mean()))
    else:
        law = SuccessiveSampling.of(p, hit)
        ert, exact = law.ert(budget), law.ert_seconds(budget, *costs_by_rate(p, hit, cost))
    influence = seconds / seconds.mean() - evaluations / evaluations.mean()
    error = influence.std() / np.sqrt(len(influence))
    assert abs(np.log(seconds.mean() / evaluations.mean() * ert / exact)) < 4 * error
    assert error < 0.01


def test_in_parallel_the_hit_that_ends_first_counts() -> None:
    """Two workers: the long compile is asked first, and the short one behind it ends before."""
    compile_s, device_s = np.array([10.0, 1.0, 1.0]), np.zeros(3)
    searches = random_simulation.simulate(compile_s, device_s, 3, 400, np.random.default_rng(0), 2)
    first = searches.asked[:, 0] == 0
    seconds, evaluations = random_simulation.costs_and_evaluations(searches, np.array([True, True, False])).T
    assert (evaluations[first] == 1).all() and (searches.rows[first, 0] != 0).all()
    assert set(seconds[first]) == {1.0, 2.0}  # the other hit, first or second on the free worker


def test_workers_share_the_compiling() -> None:
    compile_s, device_s = np.full(200, 1.0), np.full(200, 0.01)
    one, four = (
        random_simulation.simulate(compile_s, device_s, 100, 3, np.random.default_rng(0), w).end_s[:, -1].mean()
        for w in (1, 4)
    )
    assert one / four == pytest.approx(4, rel=0.02)
