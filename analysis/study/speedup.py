"""Speedup over random search: ERT_random / ERT_strategy per task, and geometric means over tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.reference import DIFFICULTIES, HEADLINE_TARGET, TARGETS, StratumRule, kernel_of, stratum
from analysis.runs.load import Study
from analysis.statistics.ert import estimate
from analysis.study.aggregate import aggregates
from analysis.study.baseline import DRAWN_RANDOM, HIERARCHICAL_RUNS, PRIMARY, RANDOM_RUNS, Baseline
from analysis.study.incumbents import Optima
from analysis.study.pairing import Ground, compared, pairs
from analysis.study.time_to_target import budgets, times_to_target

COLUMNS = [
    "task",
    "strategy",
    "target",
    "axis",
    "baseline",
    "budget",
    "stratum",
    "hits",
    "runs",
    "ert",
    "bound",
    "speedup",
    "speedup_low",
    "speedup_high",
    "refused",
    "workers",
    "baseline_workers",
    "unreachable_above",
]
"""The columns of speedups.csv.

``budget`` is in evaluations, also on the seconds axis (in seconds only if the runs were limited only in seconds).
``bound`` is ``none``, or ``upper`` if a strategy without a hit makes the speedup an upper bound: then ``ert`` is the
sum of min(T, B), ``speedup_low`` is 0 and ``speedup_high`` the limit by
:func:`analysis.statistics.no_hits.lower_limit_without_hits`. Against runs of ``random`` that never hit it is ``lower``.
It is ``unknown`` (speedup nan) if neither hit, or if no row of the space is within the target: then there is nothing to
find, and the task does not count in aggregates. Aggregates have task ``kernel:<name>`` or ``ALL``; their ``ert`` is a
geometric mean, and ``budget`` is empty unless equal for all. There is one for every stratum and for ``all``; sampled
tasks count only if there are no exhaustive ones. Limits are nan without an interval (one seed on either side), or if it
is ``refused`` for the given reason (:mod:`analysis.statistics.supported`). ``workers`` and ``baseline_workers`` are the
compile workers of both sides; empty if an aggregate's tasks differ in them. ``unreachable_above`` is the noise-free
E[T] of the random search in a task's row: a tuner needs at least one evaluation, so no larger speedup can be reached
(:mod:`analysis.verdict.unreachable`); empty over runs and for aggregates.
"""
DETAILS = [
    "log",
    "se",
    "df",
    "bias",
    "se_these",
    "df_these",
    "refused_these",
    "limit",
    "shared",
    "tasks",
    "base_hits",
    "base_runs",
]
"""Further columns in memory: the log of the speedup, its standard error, degrees of freedom and bias; for aggregates of
``ALL`` also those for these tasks only.

If the speedup is only a bound, ``limit`` has a task's :class:`analysis.statistics.no_hits.RatioLimit` and ``tasks`` the
tasks of an aggregate. ``shared`` has a task's :class:`analysis.statistics.seed_clusters.SeedShares` if runs have random
streams of version 1. ``base_hits`` and ``base_runs`` are those of the runs of random search, 0 if it is exact.
"""


def speedups(
    study: Study, optima: Optima, targets: Sequence[float] = TARGETS, baseline: Baseline = PRIMARY
) -> pd.DataFrame:
    """The speedup table, per task and aggregated: ``COLUMNS`` and ``DETAILS``."""
    return speedups_on(ground_of(study, optima, targets), baseline)


def ground_of(
    study: Study, optima: Optima, targets: Sequence[float] = TARGETS, rule: StratumRule | None = None
) -> Ground:
    """The data that the speedups over several baselines share."""
    return Ground(study, optima, targets, times_to_target(study, optima, targets), rule)


def speedups_on(ground: Ground, baseline: Baseline) -> pd.DataFrame:
    """As :func:`speedups`, for one of several baselines."""
    per_task = task_speedups_on(ground, baseline)
    whole = aggregates(counted(ground, per_task))
    return pd.concat([per_task, whole], ignore_index=True).reindex(columns=[*COLUMNS, *DETAILS])


def task_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a speedup table for single tasks, with their kernels."""
    single = table[~table["task"].str.startswith("kernel:") & (table["task"] != "ALL")]
    return single.assign(kernel=[kernel_of(task) for task in single["task"]])


def counted(ground: Ground, per_task: pd.DataFrame) -> pd.DataFrame:
    """The rows that count in aggregates."""
    tasks = {target: counted_tasks(ground, float(target)) for target in per_task["target"].unique()}
    of_rows = zip(per_task["task"], per_task["target"], strict=True)
    return per_task.loc[[task in tasks[target] for task, target in of_rows]]


def counted_tasks(ground: Ground, target: float) -> set[str]:
    """The tasks that count in aggregates: those with hits, and only exhaustive ones if there are any."""
    tasks = {str(task) for task in ground.study.runs["task"]}
    exhaustive = tasks - sampled_tasks(ground.study)
    return {task for task in exhaustive or tasks if ground.findable(task, target)}


def sampled_tasks(study: Study) -> set[str]:
    """The tasks whose recording is a sample; their optimum is only the sample's, so the headline excludes them."""
    return {str(task) for task in study.runs.loc[study.runs["coverage"] == "sample", "task"]} & set(study.references)


def task_speedups(
    study: Study, optima: Optima, targets: Sequence[float] = TARGETS, baseline: Baseline = PRIMARY
) -> pd.DataFrame:
    """Speedups per task: ``COLUMNS`` plus kernel, log (of the speedup), se and df."""
    return task_speedups_on(ground_of(study, optima, targets), baseline)


def task_speedups_on(ground: Ground, baseline: Baseline) -> pd.DataFrame:
    """As :func:`task_speedups`, for one of several baselines."""
    strata = task_strata(ground)
    rows: list[dict[str, Any]] = []
    for (task, strategy), runs in ground.runs.items():
        for pair in pairs(ground, baseline, task, strategy):
            row = {"task": task, "kernel": runs["kernel"].iloc[0], "strategy": strategy, "target": pair.target}
            row |= {"axis": pair.axis, "baseline": pair.baseline, "budget": pair.budget, "stratum": strata[task]}
            row |= {"refused": "", "workers": pair.workers, "baseline_workers": pair.baseline_workers}
            over = ground.standing_in(baseline, task)
            row["unreachable_above"] = ground.expected(task, pair.target, over, pair.baseline)
            drawn = pair.baseline.startswith(DRAWN_RANDOM)
            rows.append(row | compared(pair.own, pair.base, drawn) | {"shared": pair.shared})
    return pd.DataFrame(
        rows, columns=[*COLUMNS, "kernel", "log", "se", "df", "bias", "limit", "shared", "base_hits", "base_runs"]
    )


def task_strata(ground: Ground) -> dict[str, str]:
    """The stratum of each task by exact random search, or by the rule; without a recording, by the ERT of its runs."""
    study, optima, rule = ground.study, ground.optima, ground.rule
    strata: dict[str, str] = {}
    of_runs = RANDOM_RUNS if rule.by == DIFFICULTIES[0] else HIERARCHICAL_RUNS
    for task, runs in study.runs.groupby("task", sort=True):
        name = str(task)
        rivals = runs[runs["strategy"] == of_runs]
        if not np.isfinite(optima.t_star_ms[name]):
            strata[name] = "unknown"
        elif name in study.references:
            strata[name] = stratum(rule.e5(ground.difficulty(name, HEADLINE_TARGET)), rule)
        elif rivals.empty:
            strata[name] = "unknown"
        else:
            limits = budgets(study).loc[rivals.index]
            times = times_to_target(study, optima, (HEADLINE_TARGET,), limits)
            seen = times[times["axis"] == "evaluations"]
            result = estimate(seen["cost"], seen["hit"])
            strata[name] = "unknown" if result.bounded else stratum(result.ert, rule)
    return strata
