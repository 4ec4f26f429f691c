"""Geometric means of speedups over tasks, with intervals that respect the clustering by kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.reference import STRATA
from analysis.statistics.ert import TIED, LogEstimate
from analysis.statistics.no_hits import RatioLimit, p_beyond
from analysis.statistics.seed_clusters import SeedShares, mean_over_tasks
from analysis.statistics.supported import NEW_KERNELS, THESE_TASKS, refusal

MIN_KERNELS = 3
"""Fewest kernels for a t interval on kernel means; with two it is too wide (t is 12.7 at one degree of freedom)."""


@dataclass(frozen=True)
class TaskSpeedup:
    """The speedup of one strategy on one task: a row of ``speedup.task_speedups``.

    ``limit`` is known if ``bound`` is not ``none``; ``base_runs`` is 0 if random search is exact; ``shared`` is what
    its seeds share with other tasks; ``workers`` are nan if unknown.
    """

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
    limit: RatioLimit | None = None
    base_hits: int = 0
    base_runs: int = 0
    shared: SeedShares | None = None
    workers: float = float("nan")
    baseline_workers: float = float("nan")


def aggregates(per_task: pd.DataFrame) -> pd.DataFrame:
    """Rows ``kernel:<name>`` and ``ALL`` for every strategy, target, axis, baseline and stratum (and ``all``).

    The speedup is the geometric mean over tasks. Intervals: ``kernel:<name>`` is about these tasks (seeds are
    resampled); ``ALL`` is about new kernels if there are three or more (:func:`over_all`), else about these tasks. An
    interval whose coverage has not been shown is refused, with the reason in ``refused``. ``se_these``, ``df_these``
    and ``refused_these`` are about these tasks for any number of kernels.
    """
    keys = ["strategy", "target", "axis", "baseline"]
    rows: list[dict[str, Any]] = []
    for key, group in per_task.groupby(keys, sort=True):
        common = dict(zip(keys, key, strict=True))
        tasks = [task_of(row) for row in group.to_dict("records")]
        for stratum in ("all", *STRATA, "unknown"):
            part = [task for task in tasks if stratum in ("all", task.stratum)]
            for kernel in sorted({task.kernel for task in part}):
                own = [task for task in part if task.kernel == kernel]
                rows.append({"task": f"kernel:{kernel}", "stratum": stratum, **common, **_row(own, over_seeds)})
            if part:
                rows.append({"task": "ALL", "stratum": stratum, **common, **_row(part, over_all)})
    return pd.DataFrame(rows)


def task_of(row: Mapping[Any, Any]) -> TaskSpeedup:
    """Convert a row of ``speedup.task_speedups``."""
    names = ("kernel", "stratum", "budget", "hits", "runs", "ert", "bound", "speedup_low", "speedup_high")
    estimate = LogEstimate.of_row(row)
    limit = row.get("limit")
    known = limit if isinstance(limit, RatioLimit) else None
    base_hits, base_runs = (int(row.get(name, 0)) for name in ("base_hits", "base_runs"))
    own = {name: row[name] for name in names}
    shared = row.get("shared")
    clusters = shared if isinstance(shared, SeedShares) else None
    workers, theirs = (float(row.get(name, np.nan)) for name in ("workers", "baseline_workers"))
    more: dict[str, Any] = {"base_hits": base_hits, "base_runs": base_runs, "shared": clusters}
    return TaskSpeedup(**own, log=estimate, limit=known, workers=workers, baseline_workers=theirs, **more)


def over_seeds(tasks: Sequence[TaskSpeedup]) -> LogEstimate:
    """Mean log speedup of exactly these tasks: only seeds vary, as clusters if tasks share their random streams."""
    return mean_over_tasks([task.log for task in tasks], [task.shared for task in tasks])


def over_kernels(tasks: Sequence[TaskSpeedup]) -> LogEstimate:
    """Mean log speedup of kernels like these: jackknife over kernels (clusters), t with G - 1 degrees of freedom.

    All tasks have equal weight; seeds and shapes are part of the spread between kernels. With mean_(g) the mean without
    kernel g: var = (G-1) / G * sum_g (mean_(g) - mean)^2 (Cameron & Miller 2015, "CV3"). With equal numbers of tasks
    per kernel it is the t interval on kernel means. In simulations, 1-1-1-2 tasks of four kernels cover 94% and 1-1-1-5
    cover 92%; the usual sandwich covers 94 and 88%. Means that are closer together than their seeds allow (all equal,
    because every run hit at once) are not certain: then the standard error over seeds is used.

    Random streams of version 1 move all kernels together, which the spread between their means does not include, so
    their covariance is added (:func:`_in_common`).
    """
    logs = np.array([task.log.log for task in tasks])
    names = np.array([task.kernel for task in tasks])
    kernels = sorted(set(names))
    g, mean, bias = len(kernels), float(logs.mean()), float(np.mean([task.log.bias for task in tasks]))
    if g < 2:
        return LogEstimate(mean, float("nan"), float("nan"), bias)
    without = np.array([logs[names != kernel].mean() for kernel in kernels])
    variance = float((g - 1) / g * ((without - mean) ** 2).sum()) + _in_common(tasks)
    se, of_seeds = float(np.sqrt(variance)), over_seeds(tasks).se
    if np.isnan(of_seeds):  # one run: only the spread between kernels is known, and equal numbers have none
        return LogEstimate(mean, se if se > 1e-9 else float("nan"), g - 1, bias)
    return LogEstimate(mean, se if se > TIED * of_seeds else of_seeds, g - 1, bias)


def _in_common(tasks: Sequence[TaskSpeedup]) -> float:
    """Covariance of kernel means by shared seeds, which the jackknife over kernels leaves out; 0 without such seeds.

    With c the mean covariance of two of G means, the spread of the means estimates (v - c) / G instead of the variance
    v / G + (G - 1) c / G: too little by c. The variance over all tasks with seeds as clusters, minus those of the
    single kernels, is (G - 1) c / G.
    """
    if all(task.shared is None for task in tasks):
        return 0.0
    kernels = sorted({task.kernel for task in tasks})
    parts = [[task for task in tasks if task.kernel == kernel] for kernel in kernels]
    apart = sum((len(part) / len(tasks)) ** 2 * over_seeds(part).se ** 2 for part in parts)
    found = (over_seeds(tasks).se ** 2 - apart) * len(parts) / (len(parts) - 1)
    return max(0.0, found) if np.isfinite(found) else 0.0


def over_all(tasks: Sequence[TaskSpeedup]) -> LogEstimate:
    """The estimate that ``ALL`` shows: for new kernels if there are enough, else for these tasks.

    By ``experiments/coverage``, its interval over three or more kernels covers the truth in 92-98% of studies with 10
    or more seeds; the wider of the two questions' intervals would cover it in up to 99%.
    """
    return over_kernels(tasks) if len({task.kernel for task in tasks}) >= MIN_KERNELS else over_seeds(tasks)


@dataclass(frozen=True)
class Summary:
    """The mean speedup of several tasks.

    Attributes:
        bound: ``none``, or ``upper``, ``lower``, ``unknown`` as in :data:`analysis.study.speedup.COLUMNS`.
        estimate: of the log mean; nan if the bound is unknown.
        low, high: the interval; bounded tasks are at their own limit.
    """

    bound: str
    estimate: LogEstimate
    low: float
    high: float


def summarise(tasks: Sequence[TaskSpeedup], mean: Callable[[Sequence[TaskSpeedup]], LogEstimate]) -> Summary:
    """Average ``tasks`` with ``mean``, one of :func:`over_seeds`, :func:`over_kernels` and :func:`over_all`."""
    bounds = {task.bound for task in tasks} - {"none"}
    bound = "none" if not bounds else bounds.pop() if len(bounds) == 1 else "unknown"
    if bound == "unknown":
        return Summary(bound, LogEstimate(float("nan"), float("nan"), float("nan")), 0.0, float("inf"))
    estimate = mean(tasks)
    low, high = estimate.interval()
    if bound == "upper":
        low, high = 0.0, mean([_at(task, task.speedup_high) for task in tasks]).interval()[1]
    elif bound == "lower":
        low, high = mean([_at(task, task.speedup_low) for task in tasks]).interval()[0], float("inf")
    return Summary(bound, estimate, low, high)


def p_of_limit(tasks: Sequence[TaskSpeedup], question: str, threshold: float, bound: str) -> float:
    """p of "the mean is at least ``threshold``" if some task was never solved (``bound``: ``upper``).

    If the baseline never solved some (``lower``), p of "at most"; see :func:`analysis.statistics.no_hits.p_beyond`.
    """
    mean = over_kernels if question == NEW_KERNELS else over_seeds

    def mean_at(chance: float) -> LogEstimate:
        return mean([task if task.limit is None else replace(task, log=task.limit.at(chance)) for task in tasks])

    return p_beyond(mean_at, threshold, 1 if bound == "upper" else -1)


def refused_because(tasks: Sequence[TaskSpeedup], question: str | None = None) -> str:
    """Why the mean of these tasks gets no interval; empty if it gets one. By default for :func:`over_all`.

    Tasks that were never solved have an exact law, so the hit rate is required only of the others.
    """
    kernels = len({task.kernel for task in tasks})
    question = question or (NEW_KERNELS if kernels >= MIN_KERNELS else THESE_TASKS)
    rate = _hit_rate([(task.hits, task.runs) for task in tasks])
    of_base = [(task.base_hits, task.base_runs) for task in tasks if task.base_runs]
    seeds = min(runs for _, runs in [*of_base, *((task.hits, task.runs) for task in tasks)])
    return refusal(question, seeds, rate, kernels, _hit_rate(of_base) if of_base else None)


def _hit_rate(counts: Sequence[tuple[int, int]]) -> float:
    """The hit rate over solved tasks, from hits and runs; 1 if none was solved."""
    solved = [(hits, runs) for hits, runs in counts if hits]
    return sum(hits for hits, _ in solved) / sum(runs for _, runs in solved) if solved else 1.0


def _row(tasks: list[TaskSpeedup], mean: Callable[[Sequence[TaskSpeedup]], LogEstimate]) -> dict[str, Any]:
    summary = summarise(tasks, mean)
    refused = refused_because(tasks) if mean is over_all else ""
    seeds = over_seeds(tasks) if summary.bound != "unknown" else summary.estimate
    return {
        "budget": _common([task.budget for task in tasks]),
        "hits": sum(task.hits for task in tasks),
        "runs": sum(task.runs for task in tasks),
        "ert": float(np.exp(np.mean([np.log(task.ert) for task in tasks]))),
        "bound": summary.bound,
        "speedup": summary.estimate.value,
        "speedup_low": float("nan") if refused and summary.bound != "upper" else summary.low,
        "speedup_high": float("nan") if refused and summary.bound != "lower" else summary.high,
        "refused": refused,
        "log": summary.estimate.log,
        "se": summary.estimate.se,
        "df": summary.estimate.df,
        "bias": summary.estimate.bias,
        "se_these": seeds.se,
        "df_these": seeds.df,
        "workers": _common([task.workers for task in tasks]),
        "baseline_workers": _common([task.baseline_workers for task in tasks]),
        "refused_these": refused_because(tasks, THESE_TASKS) if mean is over_all else "",
        "base_hits": sum(task.base_hits for task in tasks),
        "base_runs": sum(task.base_runs for task in tasks),
        "tasks": tuple(tasks) if summary.bound in ("upper", "lower") else None,
    }


def _common(values: Sequence[float]) -> float:
    """The common value; nan if the values differ."""
    return values[0] if len(set(values)) == 1 else float("nan")


def _at(task: TaskSpeedup, limit: float) -> TaskSpeedup:
    """A bounded task set to its limit and treated as known; other tasks unchanged."""
    return task if task.bound == "none" else replace(task, log=LogEstimate(float(np.log(limit))), shared=None)
