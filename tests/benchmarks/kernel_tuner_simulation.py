"""Evaluations per second of replay and of Kernel Tuner's simulation mode, random search, on the same recording.

Usage: python -m tests.benchmarks.kernel_tuner_simulation CACHE.json.gz … (needs `pip install kernel-tuner==1.5.0`)

Kernel Tuner gets the recording's own cache file through its `tune_cache` (simulation mode) and its `random_sample`;
replay gets the landscape imported from it and `random`. Both search the recorded configurations (Kernel Tuner without
the failed ones) and evaluate the same number of them. CPU seconds of one process, the best of five after a first run:
*run* is a whole seeded run in a process that has had one before, as in a study of many seeds; *loop* leaves out what a
run of one evaluation costs.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.replay import ReplayBackend
from harness.formats.imports import import_file
from harness.landscapes.landscape import read_landscape
from harness.run.loop import run_loop
from harness.strategies.base import Budget
from harness.strategies.random import RandomSearch

EVALUATIONS = 1000
REPEATS = 5

Run = Callable[[int, int], int]
"""Runs so many evaluations with a seed; how many it did."""


def replay(landscape: Path) -> Run:
    """Replay random search in NearOpt."""

    def run(evaluations: int, seed: int) -> int:
        strategy_seed, noise_seed, repair_seed = np.random.SeedSequence(seed).spawn(3)
        backend = ReplayBackend(read_landscape(landscape), noise_seed)
        budget = Budget(evaluations)
        log: list[Any] = []
        strategy = RandomSearch(space=backend.space, seed=strategy_seed, budget=budget)
        run_loop(strategy, backend, budget, 1, np.random.default_rng(repair_seed), [], log.extend, lambda _: None)
        return len(log)

    return run


def simulation(cache: Path, objective: str) -> Run:
    """Simulate random search in Kernel Tuner, which has no seed."""
    from kernel_tuner import tune_cache

    def run(evaluations: int, _seed: int) -> int:
        with contextlib.redirect_stdout(io.StringIO()):
            results, _ = tune_cache(
                str(cache),
                strategy="random_sample",
                strategy_options={"max_fevals": evaluations},
                objective=objective,
                quiet=True,
            )
        return len(results)

    return run


def rates(run: Run, evaluations: int) -> tuple[float, float]:
    """Evaluations per CPU second of a whole run, and of its loop alone."""

    def best(count: int) -> tuple[float, int]:
        timed = []
        for seed in range(REPEATS):
            start = time.process_time()
            done = run(count, seed)
            timed.append((time.process_time() - start, done))
        return min(timed)

    run(evaluations, 0)
    (whole_s, done), (least_s, least) = best(evaluations), best(1)
    return done / whole_s, (done - least) / max(whole_s - least_s, 1e-9)


def compare(path: Path, folder: Path) -> str:
    """One line about one recording."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    document = json.loads(text)
    name = path.name.removesuffix(".gz").removesuffix(".json")
    cache, landscape = folder / f"{name}.json", folder / f"{name}__device.parquet"
    cache.write_bytes(text)
    import_file(path, landscape)
    evaluations = min(EVALUATIONS, len(document["cache"]))
    ours = rates(replay(landscape), evaluations)
    theirs = rates(simulation(cache, document.get("objective", "time")), evaluations)
    parts = [
        f"{what} {a:,.0f}/s against {b:,.0f}/s: {a / b:.1f}x"
        for what, a, b in zip(("run", "loop"), ours, theirs, strict=True)
    ]
    return f"{name}: {evaluations} evaluations; {'; '.join(parts)}"


def main() -> int:
    """Print a line for each recording."""
    if len(sys.argv) < 2:
        print("expected CACHE.json.gz …: see the module's docstring", file=sys.stderr)
        return 2
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:]:
            print(compare(Path(name), Path(folder)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
