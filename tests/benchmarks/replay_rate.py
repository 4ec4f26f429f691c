"""Evaluations per second of ``random`` in replay, without run directories.

    python -m tests.benchmarks.replay_rate [LANDSCAPE.parquet]

The rate of the run loops alone: ask, look up, bootstrap the noise, tell. Runs exhaust the landscape, five times over.
The last line is the ratio of the asynchronous loop on 16 workers to the sequential one, run in turns.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from harness.backends.replay import NOISES, ReplayBackend
from harness.landscapes.landscape import Landscape, read_landscape
from harness.run.loop import run_loop
from harness.run.overlapped import run_overlapped
from harness.strategies.base import Budget
from harness.strategies.random import RandomSearch

LANDSCAPE = "experiments/landscapes/matmul-2048x2048x2048-bf16__h100.parquet"
REPEATS = 5
WORKERS = 16


def rate(landscape: Landscape, noise: str, batch: int, seed: int, workers: int = 0) -> float:
    """Evaluations per second of one run over the whole landscape; asynchronous on ``workers`` if there are any."""
    strategy_seed, noise_seed, repair_seed = np.random.SeedSequence(seed).spawn(3)
    backend = ReplayBackend(landscape, noise_seed, noise)
    budget = Budget(evaluations=len(landscape.codes))
    strategy = RandomSearch(backend.space, strategy_seed, budget)
    rest = (np.random.default_rng(repair_seed), [], lambda _: None, lambda _: None)
    start = time.perf_counter()
    if workers:
        run_overlapped(strategy, backend, budget, workers, *rest)
    else:
        run_loop(strategy, backend, budget, batch, *rest)
    return len(landscape.codes) / (time.perf_counter() - start)


def main() -> None:
    """Print the median and best of several runs by noise and batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("landscape", nargs="?", default=LANDSCAPE, type=Path)
    landscape = read_landscape(parser.parse_args().landscape)
    rate(landscape, "none", 1, 0)
    print(f"{landscape.name}: {len(landscape.codes)} configurations\n")
    print("| noise | batch | evaluations/s, median | best |\n|---|---|---|---|")
    for noise in NOISES:
        for batch in (1, 100):
            rates = [rate(landscape, noise, batch, seed) for seed in range(REPEATS)]
            print(f"| {noise} | {batch} | {np.median(rates):,.0f} | {max(rates):,.0f} |")
    for noise in NOISES:
        pairs = [(rate(landscape, noise, 1, seed), rate(landscape, noise, 1, seed, WORKERS)) for seed in range(REPEATS)]
        ratio = np.median([overlapped / sequential for sequential, overlapped in pairs])
        print(f"asynchronous on {WORKERS} workers over sequential, noise {noise}: {ratio:.2f}")


if __name__ == "__main__":
    main()
