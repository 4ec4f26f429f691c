"""Studies with a known speedup, and the intervals that cover it.

A study has kernels, two tasks each. The log speedup of a task is log(TRUE) + a kernel's deviation + a task's own, both
normal. Times to target are exponential with the mean that gives this speedup over a random search whose ERT is known
exactly. The budget makes a run hit with the given rate; exponential times have no memory, so the true ERT with restarts
is their mean. There are two questions: the speedup on *these tasks* (their own mean) and on *new kernels* (TRUE).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.statistics.bootstrap import TaskRuns, two_level
from analysis.statistics.bootstrap import over_seeds as resample_seeds
from analysis.statistics.ert import ErtEstimate, LogEstimate, estimate
from analysis.study.aggregate import MIN_KERNELS, TaskSpeedup, over_kernels, over_seeds, summarise
from analysis.study.pairing import compared

TRUE = 6.0
KERNEL_SPREAD, TASK_SPREAD = 0.4, 0.4
"""Standard deviations of log speedups; the contenders' study has 0.3 between and 0.5 within kernels."""
TASKS_PER_KERNEL = 2
METHODS = (
    ("these tasks", "t"),
    ("these tasks", "percentile bootstrap"),
    ("these tasks", "bootstrap-t"),
    ("new kernels", "t"),
    ("new kernels", "percentile bootstrap"),
    ("new kernels", "bootstrap-t"),
)


@dataclass(frozen=True)
class Cell:
    """One kind of study."""

    seeds: int
    hit_rate: float
    kernels: int


def study(cell: Cell, rng: np.random.Generator, null: bool = False) -> tuple[list[TaskRuns], float]:
    """A study and the mean log speedup of its tasks. ``null``: the strategy is random search itself."""
    tasks, truths = [], []
    for kernel in range(cell.kernels):
        of_kernel = 0.0 if null else np.log(TRUE) + rng.normal(0.0, KERNEL_SPREAD)
        for _ in range(TASKS_PER_KERNEL):
            truth = of_kernel + (0.0 if null else rng.normal(0.0, TASK_SPREAD))
            times = rng.exponential(1.0, cell.seeds)
            limit = np.inf if cell.hit_rate == 1.0 else -np.log1p(-cell.hit_rate)
            tasks.append(TaskRuns(f"k{kernel}", np.minimum(times, limit), times <= limit, truth))
            truths.append(truth)
    return tasks, float(np.mean(truths))


def intervals(
    tasks: list[TaskRuns], replicates: int, rng: np.random.Generator
) -> dict[tuple[str, str], tuple[float, float]]:
    """Compute an interval of the mean speedup by each of ``METHODS``; bootstraps only with ``replicates``."""
    known = [as_speedup(task) for task in tasks]
    few = len({task.kernel for task in tasks}) < MIN_KERNELS
    found: dict[tuple[str, str], tuple[float, float]] = {}
    for question, method, mean in (
        ("these tasks", "t", over_seeds),
        ("new kernels", "t", over_kernels),
    ):
        if question == "new kernels" and few:
            continue
        summary = summarise(known, mean)
        found[question, method] = summary.low, summary.high
    if replicates:
        seeds, both = resample_seeds(tasks, replicates, rng), two_level(tasks, replicates, rng)
        for question, sample in (("these tasks", seeds), ("new kernels", both)):
            if question == "new kernels" and few:
                continue
            found[question, "percentile bootstrap"] = sample.percentile()
            found[question, "bootstrap-t"] = sample.studentised() if np.isfinite(sample.centre) else (0.0, np.inf)
    return found


def as_speedup(task: TaskRuns) -> TaskSpeedup:
    """Compute the speedup that the report derives from these runs."""
    own = estimate(task.cost, task.hit)
    base = LogEstimate(task.log_base)
    row = compared(own, ErtEstimate(base.value, 1, 1, base))
    return TaskSpeedup(
        kernel=task.kernel,
        stratum="useful",
        budget=1.0,
        hits=own.hits,
        runs=own.runs,
        ert=own.ert,
        bound=row["bound"],
        speedup_low=row["speedup_low"],
        speedup_high=row["speedup_high"],
        log=LogEstimate.of_row(row),
    )


def coverage(
    cell: Cell, repetitions: int, replicates: int, seed: np.random.SeedSequence, null: bool = False
) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the share of studies whose interval covers the truth, and the median log width, by question and method."""
    held: dict[tuple[str, str], list[bool]] = {}
    widths: dict[tuple[str, str], list[float]] = {}
    for child in seed.spawn(repetitions):
        drawing, resampling = (np.random.default_rng(s) for s in child.spawn(2))
        tasks, own = study(cell, drawing, null)
        truth = {"these tasks": np.exp(own), "new kernels": 1.0 if null else TRUE}
        for key, (low, high) in intervals(tasks, replicates, resampling).items():
            held.setdefault(key, []).append(bool(low <= truth[key[0]] <= high))
            with np.errstate(divide="ignore", invalid="ignore"):
                widths.setdefault(key, []).append(float(np.log(high) - np.log(low)))
    return {key: (float(np.mean(held[key])), float(np.median(widths[key]))) for key in held}
