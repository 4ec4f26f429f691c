"""Pass studies with a known speedup, as if loaded from run directories, through every function up to the verdict.

A task is a recorded table with known hits. At each evaluation a strategy draws a latency that is near-optimal with a
constant chance, so that its ERT is one over that chance and its speedup over exact random search is the requested one.
Runs of ``random_hierarchical`` are drawn in the same way, with a chance that is smaller by that factor. Costs are
lognormal.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.reference import TARGETS
from analysis.runs.load import Study
from analysis.statistics import random_search
from analysis.statistics.ert import LogEstimate
from analysis.statistics.supported import NEW_KERNELS, THESE_TASKS
from analysis.study.aggregate import aggregates
from analysis.study.baseline import EXACT_RANDOM, HIERARCHICAL_RUNS, PRIMARY, Baseline
from analysis.study.incumbents import Optima
from analysis.study.pairing import Ground
from analysis.study.results import StudyResults
from analysis.study.speedup import COLUMNS, DETAILS, task_speedups_on
from analysis.study.time_to_target import times_to_target
from analysis.verdict.cells import REFUTED, SUPPORTED
from analysis.verdict.hypothesis import ALL, Hypothesis
from analysis.verdict.judge import judge

Floats = NDArray[np.float64]
ROWS, TASKS_PER_KERNEL = 400, 2
_LATENCIES = np.array([1.005, 1.03, 1.08])
"""The latency of a hit at each of ``TARGETS`` and at no closer one; t* is 1."""


@dataclass(frozen=True)
class Scenario:
    """One kind of study.

    Attributes:
        speedup: true speedup of every strategy, at every target, on both axes and over both kinds of random search.
        hits: rows of a table within each target.
        budget: evaluations of a run.
        runs_too: with runs of ``random_hierarchical`` as a second baseline.
        shared: how many first evaluations of a seed all strategies draw from the same random numbers.
        spread: standard deviation of log speedups between kernels.
        never: tasks that no strategy ever solves.
    """

    name: str
    speedup: float
    hits: tuple[int, int, int] = (2, 8, 16)
    budget: int = 30
    seeds: int = 30
    kernels: int = 4
    runs_too: bool = True
    shared: int = 0
    spread: float = 0.0
    never: int = 0


SCENARIOS = (
    Scenario("5 times, exact alone, 70% hits", 5.0, budget=10, runs_too=False),
    Scenario("5 times, over both", 5.0),
    Scenario("5 times, over both, shared seeds", 5.0, shared=5),
    Scenario("5 times, tied runs", 5.0, hits=(30, 40, 60), budget=10, runs_too=False),
    Scenario("random against random", 1.0, hits=(4, 8, 16), budget=60, runs_too=False),
    Scenario("5 times, kernels differ", 5.0, spread=0.4),
    Scenario("2 times, over both", 2.0),
    Scenario("15 times, exact alone", 15.0, budget=10, runs_too=False),
    Scenario("1 time, one task never solved", 1.0, hits=(4, 8, 16), budget=60, runs_too=False, never=1),
)


def stream(scenario: Scenario, number: int) -> np.random.Generator:
    """Return the random numbers of one study."""
    return np.random.default_rng([zlib.crc32(scenario.name.encode()), number])


def kernel_truths(scenario: Scenario, rng: np.random.Generator) -> Floats:
    """Draw the logs of the kernels' true speedups, equal for all strategies; the first draw of a study's stream."""
    return rng.normal(np.log(scenario.speedup), scenario.spread, scenario.kernels)


def batch(scenario: Scenario, hypothesis: Hypothesis, numbers: Sequence[int]) -> list[Counter[str]]:
    """Draw and judge the studies with the given numbers, each with its own random numbers.

    Returns:
        Counts for each study: ``claim WORD`` and ``strategy WORD`` for supported and refuted verdicts; ``OF given``,
        ``OF refused`` and ``OF held`` for intervals that were given, were refused, and cover the truth. ``OF`` is a
        question (for intervals of ALL), ``a kernel`` or ``a task``.
    """
    labels = (EXACT_RANDOM, HIERARCHICAL_RUNS) if scenario.runs_too else (EXACT_RANDOM,)
    asked = replace(hypothesis, baselines=labels, strata=(ALL,))
    streams = [stream(scenario, number) for number in numbers]
    truths = np.stack([kernel_truths(scenario, rng) for rng in streams])
    study = _drawn(scenario, asked.strategies, truths, streams)
    best = Optima(dict.fromkeys(study.references, 1.0), {})
    ground = Ground(study, best, TARGETS, times_to_target(study, best))
    tables = {b.label: task_speedups_on(ground, b) for b in (PRIMARY, Baseline(HIERARCHICAL_RUNS)) if b.label in labels}
    found = []
    for number, of_kernels in enumerate(truths):
        counts: Counter[str] = Counter()
        parts = {label: _of_study(table, number, asked.strategies) for label, table in tables.items()}
        for part in parts.values():
            _count_intervals(counts, part, of_kernels, float(np.log(scenario.speedup)))
        wholes = {label: part[part["task"] == "ALL"] for label, part in parts.items()}
        empty = pd.DataFrame()
        others = {name: of for name, of in wholes.items() if name != EXACT_RANDOM}
        results = StudyResults(Study(empty, empty), best, empty, empty, wholes[EXACT_RANDOM], others, {}, {})
        verdict = judge(results, asked)
        words = verdict.verdicts[THESE_TASKS][ALL]
        for word in (SUPPORTED, REFUTED):
            counts[f"claim {word}"] += verdict.claim[THESE_TASKS][ALL] == word
            counts[f"strategy {word}"] += words[asked.strategies[0]] == word
        found.append(counts)
    return found


def _of_study(table: pd.DataFrame, number: int, strategies: Sequence[str]) -> pd.DataFrame:
    """Select the rows of one study: its tasks, its kernels and ALL."""
    own = table[table["task"].str.endswith(f"__s{number}") & table["strategy"].isin(strategies)]
    whole = aggregates(own)
    return pd.concat([own, whole[whole["stratum"] == "all"]]).reindex(columns=[*COLUMNS, *DETAILS])


def _count_intervals(counts: Counter[str], table: pd.DataFrame, of_kernels: Floats, new: float) -> None:
    """Count the intervals; ``of_kernels``: logs of the kernels' true speedups; ``new``: that of new kernels."""
    for row in table.to_dict("records"):
        kernel = "" if row["task"] == "ALL" else row["task"].removeprefix("kernel:").split("-")[0]
        if row["task"] == "ALL":
            asked = [(THESE_TASKS, "_these", float(of_kernels.mean())), (NEW_KERNELS, "", new)]
        else:
            what = "a kernel" if row["task"].startswith("kernel:") else "a task"
            asked = [(what, "", float(of_kernels[int(kernel.removeprefix("k"))]))]
        for what, of, truth in asked:
            if row["bound"] != "none" or row[f"refused{of}"]:
                counts[f"{what} refused"] += 1
                continue
            low, high = LogEstimate.of_row(row, of).interval()
            counts[f"{what} given"] += 1
            counts[f"{what} held"] += bool(low <= np.exp(truth) <= high)


def _drawn(
    scenario: Scenario, strategies: Sequence[str], truths: Floats, streams: Sequence[np.random.Generator]
) -> Study:
    """Draw all studies as one, with a task name for each study's task."""
    n, k, budget = ROWS, scenario.hits, scenario.budget
    exact = np.array([random_search.ert(n, hits, budget) for hits in k])
    runs, blocks, prices = [], [], []
    references: dict[str, pd.DataFrame] = {}
    recorded = _table(k)
    for number, kernel, shape in np.ndindex(len(truths), scenario.kernels, TASKS_PER_KERNEL):
        task = f"k{kernel}-{shape}__s{number}"
        references[task] = recorded
        chances, rng = np.exp(truths[number, kernel]) / exact, streams[number]
        common = rng.random((scenario.seeds, scenario.shared))
        of_strategies = dict.fromkeys(strategies, chances)
        if scenario.runs_too:
            of_strategies[HIERARCHICAL_RUNS] = 1 / exact
        for name, chance in of_strategies.items():
            uniform = rng.random((scenario.seeds, budget))
            uniform[:, : scenario.shared] = common
            hopeless = kernel * TASKS_PER_KERNEL + shape < scenario.never
            blocks.append(_latencies(uniform, np.zeros(3) if hopeless else np.minimum(chance, 1.0)))
            prices.append(rng.lognormal(-0.125, 0.5, uniform.shape))
            runs += [(task, f"k{kernel}", name, seed) for seed in range(scenario.seeds)]
    latency = np.concatenate(blocks)
    cost = np.concatenate(prices)
    count = len(runs)
    frame = pd.DataFrame(runs, columns=["task", "kernel", "strategy", "seed"]).rename_axis("run")
    frame = frame.assign(
        budget_evaluations=float(budget), budget_seconds=np.nan, batch=1, compile_workers=1, evaluations=budget,
        ended="budget", coverage="exhaustive", clock_s=cost.sum(axis=1),
    )  # fmt: skip
    evaluations = pd.DataFrame(
        {
            "run": np.repeat(np.arange(count), budget),
            "index": np.tile(np.arange(budget), count),
            "ok": True,
            "latency_ms": latency.ravel(),
            "oracle_ms": latency.ravel(),
            "clock_end_s": np.cumsum(cost, axis=1).ravel(),
        }
    )
    return Study(frame, evaluations, references)


def _latencies(uniform: Floats, chances: Floats) -> Floats:
    """The latency at the closest target whose chance exceeds the evaluation's number; 2 or more without one."""
    place = np.searchsorted(chances, uniform, side="right")
    return np.where(place < len(chances), _LATENCIES[np.minimum(place, len(chances) - 1)], 2.0 + uniform)


def _table(hits: tuple[int, int, int]) -> pd.DataFrame:
    """A recorded table of ``ROWS`` with these hits, the optimum 1.0 among them; every row costs 1 s."""
    latency = np.full(ROWS, 3.0)
    for count, value in zip(hits[::-1], _LATENCIES[::-1], strict=True):
        latency[:count] = value
    latency[0] = 1.0
    zero = np.zeros(ROWS)
    return pd.DataFrame(
        {"status": "ok", "latency_ms": latency, "compile_s": np.ones(ROWS), "verify_s": zero, "benchmark_s": zero}
    )
