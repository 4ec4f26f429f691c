"""Random search in replay without noise follows the hypergeometric law, on every committed landscape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.statistics.random_search import mean, variance
from harness.backends.replay import ReplayBackend
from harness.evaluation import Evaluation
from harness.landscapes.landscape import read_landscape
from harness.landscapes.library import recorded_landscapes
from harness.run.loop import run_loop
from harness.strategies.base import Budget
from harness.strategies.random import RandomSearch

TARGET = 0.05
SMALLEST = min(recorded_landscapes(), key=lambda path: path.stat().st_size, default=Path())


def first_hit(path: Path, seed: int) -> int:
    """Return the evaluations until the incumbent by observed latency is within 5% of the best by its oracle value."""
    landscape = read_landscape(path)
    strategy_seed, noise_seed, repair_seed = np.random.SeedSequence(seed).spawn(3)
    backend = ReplayBackend(landscape, noise_seed, noise="none")
    strategy = RandomSearch(space=backend.space, seed=strategy_seed, budget=Budget(backend.space.size))
    goal = (1 + TARGET) * np.nanmin(landscape.oracle_ms)
    log: list[Evaluation] = []
    rng = np.random.default_rng(repair_seed)
    run_loop(strategy, backend, Budget(backend.space.size), 1, rng, [], log.extend, lambda _: None)
    oracle = np.array([np.inf if e.oracle_ms is None else e.oracle_ms for e in log])
    return int(np.argmax(oracle <= goal)) + 1


def check(path: Path, seeds: int) -> None:
    landscape = read_landscape(path)
    n = landscape.space.size
    hits = landscape.oracle_ms <= (1 + TARGET) * np.nanmin(landscape.oracle_ms)
    k = int(np.sum(hits & landscape.searchable))
    times = [first_hit(path, seed) for seed in range(seeds)]
    expected = mean(n, k)
    error = (variance(n, k) / seeds) ** 0.5
    assert abs(np.mean(times) - expected) < 4 * error


def test_the_smallest_landscape() -> None:
    check(SMALLEST, seeds=20)


@pytest.mark.slow
@pytest.mark.parametrize("path", recorded_landscapes(), ids=lambda path: path.stem)
def test_every_landscape(path: Path) -> None:
    check(path, seeds=200)
