"""Spaces too large to enumerate, with a known optimum: recorded tasks with additional parameters that do nothing.

``python -m experiments.ablation.unlisted --processes N`` appends missing runs to unlisted.csv and prints the table;
``--strategies`` and ``--kernels other`` say which runs to make. The variants of ``conditional_gp`` were chosen on tasks
of TASKS; no default was chosen on a kernel of OTHER_KERNELS (the first recording of each, by name).
Eleven idle parameters, five of which are active in only two of three modes, turn each configuration into a plateau of
five million equally fast ones, as in Helion's spaces. Readings have 0.5% noise. Runs have batches of six and B = 180,
and end at t*.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from harness.evaluation import Configuration, Status
from harness.landscapes.landscape import Landscape, read_landscape
from harness.landscapes.library import find_landscape
from harness.strategies.base import Budget, Strategy
from harness.strategies.conditional_gp import ConditionalGP
from harness.strategies.heuristic_first import HeuristicFirst
from harness.strategies.optuna_tpe import OptunaTPE
from harness.strategies.random_hierarchical import RandomHierarchical
from harness.testing.driver import evaluation
from search_spaces.parameter import Categorical, Ordinal, Parameter
from search_spaces.space import SearchSpace

TASKS = (
    "matmul-4096x4096x4096-bf16",
    "attention-4x16x2048x64-causal-bf16",
    "softmax-4096x2560-bf16",
    "attention-1x16x8192x64-full-fp16",
    "matmul-1024x1024x1024-bf16",
    "matmul-512x512x8192-bf16",
    "attention-2x16x4096x128-causal-bf16",
    "attention-4x32x1024x128-causal-bf16",
    "softmax-16384x2560-bf16",
    "softmax-512x65536-bf16",
    "layernorm-8192x4096-bf16",
    "layernorm-2048x16384-fp16",
)
OTHER_KERNELS = (
    "attention_backward-2x32x2048x128-causal-bf16",
    "chunked_scan-1x4096x128x64x128x8x128-bf16",
    "conv2d-2x64x64x320-320x3x3-s1p1-fp16",
    "cross_entropy-256x128256-bf16",
    "decode_attention-4x64x8x16384x128-page16-bf16",
    "fp8_gemm-4096x4096x7168-bf16",
    "grouped_gemm-128x8x3072x4096-bf16",
    "int4_gemm-16x8192x28672-group128-bf16",
    "layernorm_backward-2048x12288-fp16",
    "top_k-16x50304-50-fp16",
)
KERNELS = {"chosen": TASKS, "other": OTHER_KERNELS, "all": (*TASKS, *OTHER_KERNELS)}
STRATEGIES = (
    "conditional_gp", "conditional_gp_2", "as_listed", "heuristic_first", "optuna_tpe", "random_hierarchical",
)  # fmt: skip
WITHOUT_RULES: dict[str, Any] = {"heuristic_tournament": 1, "heuristic_slope": 0.0}
FIRST_SEED = 100
"""Seeds 0 to 11 were used to choose what is compared."""
BATCH, BUDGET, NOISE, TARGET = 6, 180, 0.005, 1.05
FIELDS = ("task", "strategy", "seed", "hit", "evaluations", "best", "ask_cpu_s")
IDLE = "idle_"
Key = tuple[str, str, int]
"""Task, strategy and seed."""


def padded(landscape: Landscape) -> SearchSpace:
    """The landscape's space with idle parameters."""
    space = landscape.space
    mode = f"{IDLE}mode"
    idle: list[Parameter] = [Categorical(mode, ("a", "b", "c"))]
    for i in range(10):
        condition = f"{mode} != 'a'" if i % 2 else None
        kind = Categorical(f"{IDLE}{i}", ("w", "x", "y", "z"), condition) if i % 3 else None
        idle.append(kind or Ordinal(f"{IDLE}{i}", (1, 2, 4, 8, 16), "log2", condition))
    return SearchSpace([*space.parameters, *idle], space.constraints, space.constants, space.features)


def build(name: str, space: SearchSpace, seed: int) -> Strategy:
    """Build a strategy: ``conditional_gp_2`` is conditional_gp without rules of thumb, ``as_listed`` the same with the
    targets and the prior that it has in listed spaces, and ``heuristic_first`` begins by the rules and goes on with
    Optuna's TPE."""
    given = space, np.random.SeedSequence(seed), Budget(evaluations=BUDGET)
    if name == "optuna_tpe":
        return OptunaTPE(*given)
    if name == "random_hierarchical":
        return RandomHierarchical(*given)
    if name == "as_listed":
        return ConditionalGP(*given, resolution=0.0, priors={"lengthscale": (0.0, 1.0)}, **WITHOUT_RULES)
    if name == "conditional_gp_2":
        return ConditionalGP(*given, **WITHOUT_RULES)
    if name == "heuristic_first":
        return HeuristicFirst(*given, then={"_target_": f"{OptunaTPE.__module__}.{OptunaTPE.__name__}"})
    return ConditionalGP(*given)


def run(landscape: Landscape, name: str, seed: int) -> dict[str, float]:
    """Make one run; return the evaluations to the target (all of them if it missed) and the best latency over t*."""
    space = padded(landscape)
    rows = {codes.tobytes(): i for i, codes in enumerate(landscape.codes)}
    strategy, noise = build(name, space, seed), np.random.default_rng([seed, 1])
    best_ms, ask_s = float(np.nanmin(landscape.oracle_ms)), 0.0
    seen: list[float] = []

    def row(configuration: Configuration) -> int:
        own = {name: value for name, value in configuration.items() if not name.startswith(IDLE)}
        return rows[landscape.space.encode(own).tobytes()]

    while len(seen) < BUDGET and min(seen, default=np.inf) > 1.0:
        begun = time.process_time()
        asked = strategy.ask(BATCH)
        ask_s += time.process_time() - begun
        outcomes = []
        for configuration in asked:
            i = row(configuration)
            worked = landscape.status[i] is Status.OK
            reading = landscape.oracle_ms[i] * noise.lognormal(0.0, NOISE)
            outcomes.append(evaluation(len(seen), configuration, float(reading) if worked else landscape.status[i]))
            seen.append(float(landscape.oracle_ms[i]) / best_ms if worked else np.inf)
        strategy.tell(outcomes)
    hits = np.flatnonzero(np.array(seen) <= TARGET)
    needed = int(hits[0]) + 1 if hits.size else BUDGET
    return {"hit": int(hits.size > 0), "evaluations": needed, "best": min(seen), "ask_cpu_s": ask_s / len(seen) * BATCH}


@lru_cache(maxsize=4)
def landscape(task: str) -> Landscape:
    """A recording, kept for the next seeds."""
    return read_landscape(find_landscape(task, "h100"))


def row_of(key: Key) -> dict[str, str]:
    """One run as a row of the results."""
    task, name, seed = key
    found = run(landscape(task), name, seed)
    return {"task": task, "strategy": name, "seed": str(seed), **{k: f"{v:.4g}" for k, v in found.items()}}


def table(rows: list[dict[str, str]]) -> Iterator[str]:
    """Format the ERT to within 5%, with hits and runs, in a line per task."""
    yield f"| task | {' | '.join(STRATEGIES)} |"
    yield "| --- |" + " --- |" * len(STRATEGIES)
    means: dict[str, list[float]] = {name: [] for name in STRATEGIES}
    for task in dict.fromkeys(row["task"] for row in rows):
        cells = []
        for name in STRATEGIES:
            own = [row for row in rows if row["task"] == task and row["strategy"] == name]
            if not own:
                cells.append("")
                continue
            hits, spent = (sum(int(row[field]) for row in own) for field in ("hit", "evaluations"))
            means[name].append(spent / hits if hits else np.inf)
            cells.append(f"{means[name][-1]:.0f}, {hits}/{len(own)}" if hits else f"–, 0/{len(own)}")
        yield f"| {task} | {' | '.join(cells)} |"
    overall = [float(np.exp(np.mean(np.log(means[name])))) if means[name] else np.inf for name in STRATEGIES]
    yield f"| geometric mean | {' | '.join(f'{mean:.0f}' if np.isfinite(mean) else '–' for mean in overall)} |"


@dataclass(frozen=True)
class Ratio:
    """A ratio of ERTs with its 95% interval, over so many tasks."""

    value: float
    low: float
    high: float
    tasks: int

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def ratio(rows: list[dict[str, str]], over: str, under: str = "conditional_gp") -> Ratio:
    """The ERT of ``over`` over that of ``under``: geometric mean over tasks, with its 95% interval over seeds.

    It is over the tasks, and of each over the seeds, that both have. The interval comes from 4,000 resamples of each
    task's seeds; a resample without a hit counts as half a hit.
    """
    found = {
        (row["strategy"], row["task"], row["seed"]): (int(row["hit"]), int(row["evaluations"]))
        for row in rows
        if row["strategy"] in (over, under)
    }
    both = [(task, seed) for name, task, seed in found if name == over and (under, task, seed) in found]
    tasks = dict.fromkeys(task for task, _ in both)
    tables = {
        (name, task): np.array([found[name, task, seed] for one, seed in both if one == task])
        for name in (over, under)
        for task in tasks
    }

    def mean_log_ert(name: str, rng: np.random.Generator | None) -> float:
        logs = []
        for task in tasks:
            table = tables[name, task]
            hits, spent = (table if rng is None else rng.choice(table, len(table))).sum(axis=0)
            logs.append(np.log(spent / max(hits, 0.5)))
        return float(np.mean(logs))

    rng = np.random.default_rng(0)
    value = np.exp(mean_log_ert(over, None) - mean_log_ert(under, None))
    drawn = [np.exp(mean_log_ert(over, rng) - mean_log_ert(under, rng)) for _ in range(4000)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Ratio(float(value), float(low), float(high), len(tasks))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_name("unlisted.csv"))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--kernels", choices=sorted(KERNELS), default="chosen")
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    names = arguments.strategies.split(",")
    if unknown := sorted(set(names) - set(STRATEGIES)):
        parser.error(f"--strategies: {unknown[0]} is unknown: expected some of {', '.join(STRATEGIES)}")
    file: Path = arguments.output
    rows = list(csv.DictReader(file.open(encoding="utf-8"))) if file.exists() else []
    done = {(row["task"], row["strategy"], int(row["seed"])) for row in rows}
    wanted = [
        (task, name, seed)
        for seed in range(FIRST_SEED, FIRST_SEED + arguments.seeds)
        for task in KERNELS[arguments.kernels]
        for name in names
        if (task, name, seed) not in done
    ]
    with ProcessPoolExecutor(arguments.processes) as pool:
        waiting = [pool.submit(row_of, key) for key in wanted]
        for future in track(as_completed(waiting), "runs", len(waiting)):
            rows.append(future.result())
            with file.open("a", encoding="utf-8", newline="") as out:
                writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
                if out.tell() == 0:
                    writer.writeheader()
                writer.writerow(rows[-1])
    for kernels, tasks in KERNELS.items():
        own = [row for row in rows if row["task"] in tasks]
        has = {row["strategy"] for row in own}
        pairs = [(over, under) for under in ("conditional_gp", "conditional_gp_2") for over in STRATEGIES]
        said = [
            f"{over} / {under}: {found}, {found.tasks} tasks"
            for over, under in pairs
            if {over, under} <= has and STRATEGIES.index(over) > STRATEGIES.index(under)
            for found in [ratio(own, over, under)]
        ]
        print("\n".join([f"kernels: {kernels}", *table(own), *said]))


if __name__ == "__main__":
    main()
