"""Speedup over random search: ERT_random / ERT_strategy per task, and geometric means over tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.reference import DIFFICULTIES, HEADLINE_TARGET, TARGETS, StratumRule, difficulty, kernel_of, stratum
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

``budget`` is in evaluations, also on the seconds axis (in seconds only where the runs were limited in seconds
alone). ``bound`` is ``none``; ``upper`` where a strategy without any hit makes the speedup an upper bound: then ``ert``
is the sum of min(T, B), ``speedup_low`` is 0 and ``speedup_high`` the limit by
:func:`analysis.statistics.no_hits.lower_limit_without_hits`. Against runs of ``random`` that never hit it is ``lower``,
and ``unknown`` (speedup nan) where neither hit, or where no row of the space is within the target: then there is
nothing to find, and no aggregate counts the task. Aggregates have task ``kernel:<name>`` or ``ALL``, ``ert`` is a
geometric mean there and ``budget`` empty unless equal for all; each comes for every stratum and for ``all``; sampled
tasks count only where there are no exhaustive ones. Limits are nan where no interval can be had (one seed on either
side), or where it is ``refused`` for the reason given there (:mod:`analysis.statistics.supported`). ``workers`` and
``baseline_workers`` are the compile workers on either side's clock; empty where an aggregate's tasks differ in them.
``unreachable_above`` is the noise-free E[T] of the random search that a task's row is over: a tuner needs at least one
evaluation, so no claim of more times as fast can be reached there (:mod:`analysis.verdict.unreachable`); empty over
runs and of aggregates.
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
``ALL`` also those that answer for these tasks alone. Where the speedup is only a bound, ``limit`` has a task's
:class:`analysis.statistics.no_hits.RatioLimit` and ``tasks`` what an aggregate is made of. ``shared`` has a task's
:class:`analysis.statistics.seed_clusters.SeedShares` where runs have random streams of version 1. ``base_hits`` and
``base_runs`` are of the runs that stand for random search, 0 where it is exact."""


def speedups(
    study: Study, optima: Optima, targets: Sequence[float] = TARGETS, baseline: Baseline = PRIMARY
) -> pd.DataFrame:
    """The whole table, per task and aggregated: ``COLUMNS`` and ``DETAILS``."""
    return speedups_on(ground_of(study, optima, targets), baseline)


def ground_of(study: Study, optima: Optima, targets: Sequence[float] = TARGETS) -> Ground:
    """What the speedups over several baselines share."""
    return Ground(study, optima, targets, times_to_target(study, optima, targets))


def speedups_on(ground: Ground, baseline: Baseline) -> pd.DataFrame:
    """As :func:`speedups`, over one of several baselines."""
    per_task = task_speedups_on(ground, baseline)
    whole = aggregates(counted(ground.study, ground.optima, per_task))
    return pd.concat([per_task, whole], ignore_index=True).reindex(columns=[*COLUMNS, *DETAILS])


def task_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a speedup table that speak of one task, with its kernel."""
    single = table[~table["task"].str.startswith("kernel:") & (table["task"] != "ALL")]
    return single.assign(kernel=[kernel_of(task) for task in single["task"]])


def counted(study: Study, optima: Optima, per_task: pd.DataFrame) -> pd.DataFrame:
    """The rows that aggregates are made of."""
    counted = {target: counted_tasks(study, optima, float(target)) for target in per_task["target"].unique()}
    return per_task.loc[[row.task in counted[row.target] for row in per_task.itertuples()]]


def counted_tasks(study: Study, optima: Optima, target: float) -> set[str]:
    """Tasks that aggregates are made of: exhaustive ones where there are any, with something to find."""
    tasks = {str(task) for task in study.runs["task"]}
    exhaustive = tasks - sampled_tasks(study)
    return {task for task in exhaustive or tasks if findable(study, optima, task, target)}


def sampled_tasks(study: Study) -> set[str]:
    """Tasks whose recording is a sample: its optimum is that of the rows seen, so they stay out of the headline."""
    return {str(task) for task in study.runs.loc[study.runs["coverage"] == "sample", "task"]} & set(study.references)


def findable(study: Study, optima: Optima, task: str, target: float) -> bool:
    """Whether any configuration is known to be within the target of a known optimum."""
    t_star = optima.t_star_ms[task]
    if not np.isfinite(t_star):
        return False
    if task not in study.references:
        return True
    hard = difficulty(study.references[task], t_star, target)
    return hard.k > 0 or hard.drawn


def task_speedups(
    study: Study, optima: Optima, targets: Sequence[float] = TARGETS, baseline: Baseline = PRIMARY
) -> pd.DataFrame:
    """Speedups per task: ``COLUMNS`` plus kernel, log (of the speedup), se and df."""
    return task_speedups_on(ground_of(study, optima, targets), baseline)


def task_speedups_on(ground: Ground, baseline: Baseline) -> pd.DataFrame:
    """As :func:`task_speedups`, over one of several baselines."""
    strata = task_strata(ground.study, ground.optima, ground.rule)
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


def task_strata(study: Study, optima: Optima, rule: StratumRule | None = None) -> dict[str, str]:
    """Stratum of each task by exact random search, or as ``rule`` says; without a recording by the ERT of its runs."""
    strata: dict[str, str] = {}
    rule = rule or StratumRule()
    of_runs = RANDOM_RUNS if rule.by == DIFFICULTIES[0] else HIERARCHICAL_RUNS
    for task, runs in study.runs.groupby("task", sort=True):
        name = str(task)
        rivals = runs[runs["strategy"] == of_runs]
        if not np.isfinite(optima.t_star_ms[name]):
            strata[name] = "unknown"
        elif name in study.references:
            hard = difficulty(study.references[name], optima.t_star_ms[name], HEADLINE_TARGET)
            strata[name] = stratum(rule.e5(hard), rule)
        elif rivals.empty:
            strata[name] = "unknown"
        else:
            limits = budgets(study).loc[rivals.index]
            times = times_to_target(study, optima, (HEADLINE_TARGET,), limits)
            seen = times[times["axis"] == "evaluations"]
            result = estimate(seen["cost"], seen["hit"])
            strata[name] = "unknown" if result.bounded else stratum(result.ert, rule)
    return strata
