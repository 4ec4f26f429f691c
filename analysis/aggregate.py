"""Geometric means of speedups over tasks, with intervals that respect the clustering by kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.ert import LogEstimate, combine
from analysis.reference import STRATA

MIN_KERNELS = 3
"""A t interval on fewer kernel means is too wide to say anything (t is 12.7 with one degree of freedom)."""


@dataclass(frozen=True)
class TaskSpeedup:
    """The speedup of one strategy on one task: a row of ``speedup.task_speedups``."""

    kernel: str
    stratum: str
    budget: float
    hits: int
    runs: int
    ert: float
    bound: str
    speedup_low: float
    speedup_high: float
    log: LogEstimate


def aggregates(per_task: pd.DataFrame) -> pd.DataFrame:
    """Rows ``kernel:<name>`` and ``ALL`` for every strategy, target, axis, baseline and stratum (and ``all``).

    The speedup is the geometric mean over tasks. Intervals: ``kernel:<name>`` speaks of these tasks (seeds are
    resampled); ``ALL`` of new kernels from three kernels on (:func:`over_all`), else of these tasks.
    """
    keys = ["strategy", "target", "axis", "baseline"]
    rows: list[dict[str, Any]] = []
    for key, group in per_task.groupby(keys, sort=True):
        common = dict(zip(keys, key, strict=True))
        tasks = [_task(row) for row in group.to_dict("records")]
        for stratum in ("all", *STRATA, "unknown"):
            part = [task for task in tasks if stratum in ("all", task.stratum)]
            for kernel in sorted({task.kernel for task in part}):
                own = [task for task in part if task.kernel == kernel]
                rows.append({"task": f"kernel:{kernel}", "stratum": stratum, **common, **_row(own, over_seeds)})
            if part:
                rows.append({"task": "ALL", "stratum": stratum, **common, **_row(part, over_all)})
    return pd.DataFrame(rows)


def _task(row: dict[Any, Any]) -> TaskSpeedup:
    names = ("kernel", "stratum", "budget", "hits", "runs", "ert", "bound", "speedup_low", "speedup_high")
    estimate = LogEstimate(row["log"], row["se"], row["df"])
    return TaskSpeedup(**{name: row[name] for name in names}, log=estimate)


def over_seeds(tasks: Sequence[TaskSpeedup]) -> LogEstimate:
    """Mean log speedup of exactly these tasks: only seeds vary."""
    return combine([task.log for task in tasks], [1.0 / len(tasks)] * len(tasks))


def over_kernels(tasks: Sequence[TaskSpeedup]) -> LogEstimate:
    """Mean log speedup of kernels like these: jackknife over kernels (clusters), t with G - 1 degrees of freedom.

    Every task weighs the same; seeds and shapes are in the spread between kernels. With mean_(g) the mean without
    kernel g: var = (G-1) / G * sum_g (mean_(g) - mean)^2 (Cameron & Miller 2015, "CV3"). As many tasks in each
    kernel make it the t interval on kernel means. Simulated, 1-1-1-2 tasks of four kernels cover 94%, 1-1-1-5 92%,
    where the usual sandwich has 94 and 88%.
    """
    logs = np.array([task.log.log for task in tasks])
    names = np.array([task.kernel for task in tasks])
    kernels = sorted(set(names))
    g, mean = len(kernels), float(logs.mean())
    if g < 2:
        return LogEstimate(mean, float("nan"), float("nan"))
    without = np.array([logs[names != kernel].mean() for kernel in kernels])
    return LogEstimate(mean, float(np.sqrt((g - 1) / g * ((without - mean) ** 2).sum())), g - 1)


def over_all(tasks: Sequence[TaskSpeedup]) -> LogEstimate:
    """The estimate that ``ALL`` shows: new kernels where there are enough, else these tasks.

    Kernel means that agree by luck must not promise more than the seeds allow: the wider interval counts.
    """
    seeds, kernels = over_seeds(tasks), over_kernels(tasks)
    if len({task.kernel for task in tasks}) < MIN_KERNELS:
        return seeds
    return seeds if seeds.interval()[1] > kernels.interval()[1] else kernels


def _row(tasks: list[TaskSpeedup], mean: Callable[[Sequence[TaskSpeedup]], LogEstimate]) -> dict[str, Any]:
    bounds = {task.bound for task in tasks} - {"none"}
    bound = "none" if not bounds else bounds.pop() if len(bounds) == 1 else "unknown"
    estimate = mean(tasks)
    low, high = estimate.interval()
    if bound == "upper":
        low, high = 0.0, mean([_at(task, task.speedup_high) for task in tasks]).interval()[1]
    elif bound == "lower":
        low, high = mean([_at(task, task.speedup_low) for task in tasks]).interval()[0], float("inf")
    elif bound == "unknown":
        estimate, low, high = LogEstimate(float("nan")), 0.0, float("inf")
    budgets = {task.budget for task in tasks}
    return {
        "budget": budgets.pop() if len(budgets) == 1 else float("nan"),
        "hits": sum(task.hits for task in tasks),
        "runs": sum(task.runs for task in tasks),
        "ert": float(np.exp(np.mean([np.log(task.ert) for task in tasks]))),
        "bound": bound,
        "speedup": estimate.value,
        "speedup_low": low,
        "speedup_high": high,
    }


def _at(task: TaskSpeedup, limit: float) -> TaskSpeedup:
    """A bounded task moved to its own limit and then taken as known; any other as it is."""
    return task if task.bound == "none" else replace(task, log=LogEstimate(float(np.log(limit))))
