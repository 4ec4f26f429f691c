"""Asks of conditional_gp with 15 pending evaluations in the space of Helion's softmax, compared with another checkout.

    python -m tests.benchmarks.overlapped_asks CHECKOUT [--runs 5]

The space is that of the committed recording, without its restriction to the recorded rows, so that it is too large to
list. Latencies and compile times are made up. Both checkouts are run in turn, each in a process of its own, with the
same seeds; an ask's time is that of the processor.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np

from harness.evaluation import Configuration, Status
from harness.landscapes.landscape import read_landscape
from harness.strategies.base import Budget
from harness.strategies.conditional_gp import ConditionalGP
from harness.testing import evaluation
from search_spaces.space import SearchSpace

HERE = Path(__file__).resolve().parents[2]
RECORDING = HERE / "experiments/landscapes/helion_softmax-16384x2560-bf16__h200.parquet"
WORKERS, EVALUATIONS = 16, 120
FAILURES = 0.1


def drawn(space: SearchSpace, configuration: Configuration, what: str) -> float:
    """A number in [0, 1) that depends on the configuration."""
    return crc32(f"{what} {space.key(configuration)}".encode()) / 2**32


def latency_ms(space: SearchSpace, configuration: Configuration) -> float:
    """A smooth latency to which each parameter contributes its own weight."""
    rng = np.random.default_rng(5)
    weights = 3.0 * rng.random(len(space.parameters)) ** 4
    best = [rng.integers(parameter.size) for parameter in space.parameters]
    codes = space.encode(configuration)
    apart = [abs(int(a) - b) / p.size if a >= 0 else 0.0 for a, b, p in zip(codes, best, space.parameters, strict=True)]
    return 1.0 + float(weights @ apart)


def run(seed: int) -> tuple[list[float], int]:
    """The time of every ask in s while all workers compile, and a checksum of what was asked for."""
    space = SearchSpace.from_json(read_landscape(RECORDING).space.to_json())
    strategy = ConditionalGP(space, np.random.SeedSequence(seed), Budget(EVALUATIONS))
    pending: list[tuple[float, int, Configuration, float]] = []
    now_s, told, trace = 0.0, 0, 0
    taken_s = []
    for asked in range(EVALUATIONS):
        if len(pending) == WORKERS:
            now_s, _, configuration, compile_s = heapq.heappop(pending)
            failed = drawn(space, configuration, "failure") < FAILURES
            result = evaluation(
                told, configuration, Status.COMPILE_ERROR if failed else latency_ms(space, configuration)
            )
            strategy.tell([replace(result, compile_s=compile_s)])
            told += 1
        started = time.process_time()
        (configuration,) = strategy.ask(1)
        if told:
            taken_s.append(time.process_time() - started)
        trace = crc32(space.key(configuration).encode(), trace)
        compile_s = 0.3 + 2.0 * drawn(space, configuration, "compile") ** 3
        heapq.heappush(pending, (now_s + compile_s, asked, configuration, compile_s))
    return taken_s, trace


def run_in(checkout: Path, seed: int) -> tuple[list[float], int]:
    """:func:`run` with the code of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, str(Path(__file__).resolve()), "--seed", str(seed)]
    done = subprocess.run(command, env=environment, cwd=checkout, capture_output=True, text=True, check=True)
    taken_s, trace = json.loads(done.stdout)
    return taken_s, trace


def main() -> None:
    """Print a table of both checkouts, the ratio of their mean asks, and whether they asked for the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path, nargs="?")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.seed is not None:
        run(options.seed)  # imports, caches
        print(json.dumps(run(options.seed)))
        return
    if options.checkout is None:
        parser.error("the checkout to compare with is missing")
    checkouts = {"before": options.checkout.resolve(), "now": HERE}
    taken_s: dict[str, list[float]] = {name: [] for name in checkouts}
    traces: dict[str, list[int]] = {name: [] for name in checkouts}
    for seed in range(options.runs):
        for name, checkout in checkouts.items():
            seconds, trace = run_in(checkout, seed)
            taken_s[name] += seconds
            traces[name].append(trace)
    print("| | asks | median (ms) | mean (ms) | p95 (ms) |\n|---|---|---|---|---|")
    for name, seconds in taken_s.items():
        ms = 1e3 * np.array(seconds)
        print(f"| {name} | {len(ms)} | {np.median(ms):.1f} | {ms.mean():.1f} | {np.quantile(ms, 0.95):.1f} |")
    ratio = float(np.mean(taken_s["before"]) / np.mean(taken_s["now"]))
    same = sum(before == now for before, now in zip(traces["before"], traces["now"], strict=True))
    print(f"\nmean before / now: {ratio:.2f}; the same configurations in {same} of {options.runs} runs")


if __name__ == "__main__":
    main()
