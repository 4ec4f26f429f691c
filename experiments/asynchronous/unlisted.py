"""Choose how overlapping evaluations weigh costs in spaces too large to list.

``python -m experiments.asynchronous.unlisted --seeds 8:14 --processes N`` appends missing runs to unlisted.csv and
prints the table and, for each pair, ERT ratios with intervals. The tasks are four of those in
:mod:`experiments.ablation.unlisted` on which variants were chosen before: recorded tasks with idle parameters. Compiles
overlap on 6 or 16 workers at their recorded costs with 10% noise. A run ends at t* or after 300 evaluations.
"""

from __future__ import annotations

import argparse
import csv
import heapq
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from experiments.ablation.unlisted import IDLE, NOISE, TARGET, WITHOUT_RULES, landscape, padded
from harness.evaluation import Configuration, Status
from harness.strategies.base import Budget
from harness.strategies.conditional_gp import ConditionalGP
from harness.testing.driver import evaluation

TASKS = (
    "matmul-4096x4096x4096-bf16",
    "attention-4x16x2048x64-causal-bf16",
    "attention-2x16x4096x128-causal-bf16",
    "softmax-512x65536-bf16",
)
WORKERS, WEIGHTS, BEFORE = (6, 16), ("0", "3"), "3"
BUDGET, COST_NOISE, RESAMPLES = 300, 0.1, 4000
FIELDS = ("task", "workers", "weight", "seed", "hit", "evaluations", "seconds", "ask_cpu_s")
Key = tuple[str, int, str, int]
"""Task, workers, cost weight and seed."""


def run(key: Key) -> dict[str, str]:
    """Make one run; evaluations and seconds are those to the target, or of the whole run without a hit."""
    task, workers, weight, seed = key
    recording = landscape(task)
    space, best_ms = padded(recording), float(np.nanmin(recording.oracle_ms))
    rows = {codes.tobytes(): i for i, codes in enumerate(recording.codes)}
    given: Any = space, np.random.SeedSequence(seed), Budget(evaluations=BUDGET)
    # Without tournaments and rules of thumb, like all runs in unlisted.csv.
    strategy = ConditionalGP(*given, overlapping_cost_weight=float(weight), overlapping_tournament=1, **WITHOUT_RULES)
    noise = np.random.default_rng([seed, 1])
    busy: list[tuple[float, int, Configuration, int, float]] = []
    asked, told, now_s, ask_s, best, hit = 0, 0, 0.0, 0.0, np.inf, (BUDGET, 0.0)
    while told < BUDGET and best > 1.0:
        while len(busy) < workers and asked < BUDGET:
            begun = time.process_time()
            (configuration,) = strategy.ask(1)
            ask_s += time.process_time() - begun
            own = {name: value for name, value in configuration.items() if not name.startswith(IDLE)}
            row = rows[recording.space.encode(own).tobytes()]
            cost_s = float(recording.costs_s[row].sum() * np.exp(COST_NOISE * noise.standard_normal()))
            heapq.heappush(busy, (now_s + cost_s, asked, configuration, row, cost_s))
            asked += 1
        now_s, _, configuration, row, cost_s = heapq.heappop(busy)
        worked = recording.status[row] is Status.OK
        reading = float(recording.oracle_ms[row]) * noise.lognormal(0.0, NOISE) if worked else recording.status[row]
        strategy.tell([replace(evaluation(told, configuration, reading), compile_s=cost_s)])
        told += 1
        if worked:
            before, best = best, min(best, float(recording.oracle_ms[row]) / best_ms)
            hit = (told, now_s) if best <= TARGET < before else hit
    found = best <= TARGET
    evaluations, seconds = hit if found else (told, now_s)
    values = (task, workers, weight, seed, int(found), evaluations, f"{seconds:.2f}", f"{ask_s / asked:.4f}")
    return dict(zip(FIELDS, map(str, values), strict=True))


def cells(rows: Sequence[dict[str, str]]) -> dict[tuple[int, str], dict[str, np.ndarray]]:
    """The runs that all weights have, by workers and task: for each weight (hit, evaluations, seconds), [seeds, 3]."""
    found: dict[tuple[int, str], dict[str, dict[str, tuple[float, ...]]]] = {}
    for row in rows:
        numbers = tuple(float(row[name]) for name in ("hit", "evaluations", "seconds"))
        found.setdefault((int(row["workers"]), row["task"]), {}).setdefault(row["weight"], {})[row["seed"]] = numbers
    made = {}
    for key, by_weight in sorted(found.items()):
        seeds = sorted(set.intersection(*(set(by_weight.get(weight, {})) for weight in WEIGHTS)))
        if seeds:
            made[key] = {weight: np.array([by_weight[weight][seed] for seed in seeds]) for weight in WEIGHTS}
    return made


def ert(runs: np.ndarray) -> np.ndarray:
    """ERT in evaluations and in seconds, [2], of runs [n, 3]; without a hit, as if half of one."""
    hits, *spent = runs.sum(axis=0)
    return np.asarray(np.array(spent) / max(hits, 0.5))


def ratios(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    """Lines with the ERT ratio of the weights: geometric mean over cells, with its 95% interval over seeds."""
    made, rng = cells(rows), np.random.default_rng(0)

    def mean(resample: bool) -> np.ndarray:
        logs = []
        for by_weight in made.values():
            n = len(by_weight[BEFORE])
            at = rng.integers(0, n, n) if resample else np.arange(n)
            logs.append(np.log(ert(by_weight[WEIGHTS[0]][at]) / ert(by_weight[BEFORE][at])))
        return np.asarray(np.mean(logs, axis=0))

    value = np.exp(mean(False))
    low, high = np.exp(np.quantile([mean(True) for _ in range(RESAMPLES)], [0.025, 0.975], axis=0))
    for i, axis in enumerate(("evaluations", "seconds")):
        yield f"weight 0 / weight {BEFORE}, {axis}: {value[i]:.2f} [{low[i]:.2f}, {high[i]:.2f}], {len(made)} cells"


def table(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    """ERT in evaluations and seconds with hits, a row per workers and task, and the mean CPU time of an ask."""
    yield "| workers | task | " + " | ".join(f"weight {weight}" for weight in WEIGHTS) + " |"
    yield "| --- " * (2 + len(WEIGHTS)) + "|"
    for (workers, task), by_weight in cells(rows).items():
        shown = []
        for weight in WEIGHTS:
            evaluations, seconds = ert(by_weight[weight])
            hits = int(by_weight[weight][:, 0].sum())
            shown.append(f"{evaluations:.0f}, {seconds:.1f} s, {hits}/{len(by_weight[weight])}")
        yield f"| {workers} | {task} | " + " | ".join(shown) + " |"
    for weight in WEIGHTS:
        asks = [1e3 * float(row["ask_cpu_s"]) for row in rows if row["weight"] == weight]
        yield f"weight {weight}: mean ask {np.mean(asks):.0f} ms CPU"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_name("unlisted.csv"))
    parser.add_argument("--seeds", default="8:14", help="FIRST:END, below 1000")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    first, _, end = given.seeds.partition(":")
    rows = list(csv.DictReader(given.output.open(encoding="utf-8"))) if given.output.exists() else []
    done = {(row["task"], int(row["workers"]), row["weight"], int(row["seed"])) for row in rows}
    wanted = [
        (task, workers, weight, seed)
        for seed in range(int(first), int(end))
        for task in TASKS
        for workers in WORKERS
        for weight in WEIGHTS
        if (task, workers, weight, seed) not in done
    ]
    with ProcessPoolExecutor(given.processes) as pool:
        waiting = [pool.submit(run, key) for key in wanted]
        for future in track(as_completed(waiting), "runs", len(waiting)):
            rows.append(future.result())
            with given.output.open("a", encoding="utf-8", newline="") as out:
                writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
                if out.tell() == 0:
                    writer.writeheader()
                writer.writerow(rows[-1])
    print("\n".join([*table(rows), *ratios(rows)]))


if __name__ == "__main__":
    main()
