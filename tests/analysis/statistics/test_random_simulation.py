"""The simulated clock against the harness's own schedule and against the closed form."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics import random_search, random_simulation
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
    again = np.random.default_rng(0)
    for rows, ends in zip(searches.rows, searches.end_s, strict=True):
        asked = again.choice(40, 30, replace=False)
        batch = [Measurement(Status.OK, compile_s=compile_s[i], benchmark_s=device_s[i]) for i in asked]
        spans = {int(i): span.end_s for i, span in zip(asked, schedule(batch, workers, 0.0), strict=True)}
        for row, end in zip(rows, ends, strict=True):
            if device_s[row] > 0:  # a failed compile ends earlier, but counts from its turn
                assert end == pytest.approx(spans[int(row)])
        assert np.all(np.diff(ends) >= 0)


def test_sequential_ert_agrees_with_the_closed_form() -> None:
    n, k, budget = 300, 6, 60
    compile_s, device_s = costs(n)
    rng = np.random.default_rng(2)
    searches = random_simulation.simulate(compile_s, device_s, budget, 3000, rng, sequential=True)
    cost = float((compile_s + device_s).mean())
    exact = random_search.ert_seconds(n, k, budget, cost, cost)
    assert random_simulation.ert_seconds(n, k, budget, searches) == pytest.approx(exact, rel=0.02)


def test_workers_share_the_compiling() -> None:
    compile_s, device_s = np.full(200, 1.0), np.full(200, 0.01)
    one, four = (
        random_simulation.simulate(compile_s, device_s, 100, 3, np.random.default_rng(0), w).end_s[:, -1].mean()
        for w in (1, 4)
    )
    assert one / four == pytest.approx(4, rel=0.02)
