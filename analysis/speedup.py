"""Speedup over random search: ERT_random / ERT_strategy per task, and geometric means over tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.aggregate import aggregates
from analysis.baseline import EXACT_RANDOM, RANDOM_RUNS, Conditions, exact_random
from analysis.ert import ErtEstimate, LogEstimate, estimate, lower_limit_without_hits
from analysis.incumbents import Optima
from analysis.load import Study
from analysis.reference import HEADLINE_TARGET, TARGETS, difficulty, stratum
from analysis.time_to_target import AXES, budgets, times_to_target

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
]
"""The columns of speedups.csv.

``budget`` is in evaluations, also on the seconds axis (in seconds only where the runs were limited in seconds
alone). ``bound`` is ``none``; ``upper`` where a strategy without any hit makes the speedup an upper bound: then ``ert``
is the sum of min(T, B), ``speedup_low`` is 0 and ``speedup_high`` the limit by
:func:`analysis.ert.lower_limit_without_hits`. Against runs of ``random`` that never hit it is ``lower``, and
``unknown`` (speedup nan) where neither hit, or where the pool holds nothing within the target: then there is nothing
to find, and no aggregate counts the task. Aggregates have task ``kernel:<name>`` or ``ALL``, ``ert`` is a geometric
mean there and ``budget`` empty unless equal for all; each comes for every stratum and for ``all``; sampled tasks
count only where there are no exhaustive ones. Limits are nan where no interval can be had (one seed on either side).
"""


def speedups(study: Study, optima: Optima, targets: Sequence[float] = TARGETS) -> pd.DataFrame:
    """The whole table, per task and aggregated, with the columns of ``COLUMNS``."""
    per_task = task_speedups(study, optima, targets)
    return pd.concat([per_task, aggregates(_counted(study, optima, per_task))], ignore_index=True)[COLUMNS]


def _counted(study: Study, optima: Optima, per_task: pd.DataFrame) -> pd.DataFrame:
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
    return task not in study.references or difficulty(study.references[task], t_star, target).k > 0


def task_speedups(study: Study, optima: Optima, targets: Sequence[float] = TARGETS) -> pd.DataFrame:
    """Speedups per task: ``COLUMNS`` plus kernel, log (of the speedup), se and df."""
    times = times_to_target(study, optima, targets)
    strata = task_strata(study, optima)
    rows: list[dict[str, Any]] = []
    for (task, strategy), runs in study.runs.groupby(["task", "strategy"], sort=True):
        own = times[times["run"].isin(runs.index)]
        exact = _exact_baselines(study, optima, runs, own, targets)
        pairs = _against_exact(own, exact)
        missing = {(t, a) for t in targets for a in AXES} - {(pair[0], pair[1]) for pair in pairs}
        if missing and strategy != RANDOM_RUNS:  # random is not compared with itself
            pairs += [p for p in _against_runs(study, optima, runs, targets) if (p[0], p[1]) in missing]
        for target, axis, baseline, budget, result, base in pairs:
            row = {"task": task, "kernel": runs["kernel"].iloc[0], "strategy": strategy, "target": target}
            row |= {"axis": axis, "baseline": baseline, "budget": budget, "stratum": strata[str(task)]}
            rows.append(row | _compared(result, base))
    return pd.DataFrame(rows, columns=[*COLUMNS, "kernel", "log", "se", "df"])


Pair = tuple[float, str, str, float, ErtEstimate, ErtEstimate]
"""target, axis, name of the baseline, budget, the strategy's ERT and the baseline's."""


def _exact_baselines(
    study: Study, optima: Optima, runs: pd.DataFrame, own: pd.DataFrame, targets: Sequence[float]
) -> dict[tuple[float, str], ErtEstimate]:
    first = runs.iloc[0]
    table = study.references.get(first["task"])
    if table is None:
        return {}
    budget = own.loc[own["axis"] == "evaluations", "budget"].iloc[0]
    conditions = Conditions(max(1, round(budget)), int(first["batch"]), int(first["compile_workers"]))
    found: dict[tuple[float, str], ErtEstimate] = {}
    for target in targets:
        if not findable(study, optima, str(first["task"]), target):
            found |= {(target, axis): ErtEstimate(float("inf"), 0, 1, LogEstimate(float("inf"))) for axis in AXES}
            continue
        hard = difficulty(table, optima.t_star_ms[first["task"]], target)
        for axis in AXES:
            log = exact_random(table, hard, axis, conditions)
            if log is not None:
                found[target, axis] = ErtEstimate(log.value, 1, 1, log)
    return found


def _against_exact(own: pd.DataFrame, exact: dict[tuple[float, str], ErtEstimate]) -> list[Pair]:
    pairs: list[Pair] = []
    for target, axis, group in _groups(own):
        if (target, axis) in exact:
            result = estimate(group["cost"], group["hit"])
            pairs.append((target, axis, EXACT_RANDOM, _budget(group), result, exact[target, axis]))
    return pairs


def _against_runs(study: Study, optima: Optima, runs: pd.DataFrame, targets: Sequence[float]) -> list[Pair]:
    """Against the runs of the strategy called ``random`` on the same task, cut to the smaller budget of the two."""
    first = runs.iloc[0]
    rivals = study.runs[(study.runs["task"] == first["task"]) & (study.runs["strategy"] == RANDOM_RUNS)]
    if rivals.empty:
        return []
    index = [*runs.index, *rivals.index]
    both = study.runs.index.isin(index)
    limits = study.runs["budget_seconds"]
    cut = replace(study, runs=study.runs.assign(budget_seconds=limits.where(~both, limits[both].min())))
    smallest = budgets(study).loc[index].min()
    times = times_to_target(cut, optima, targets, pd.Series(smallest, index=index))
    bases = {
        (target, axis): estimate(group["cost"], group["hit"])
        for target, axis, group in _groups(times[times["run"].isin(rivals.index)])
    }
    return [
        (target, axis, RANDOM_RUNS, _budget(group), estimate(group["cost"], group["hit"]), bases[target, axis])
        for target, axis, group in _groups(times[times["run"].isin(runs.index)])
    ]


def _groups(times: pd.DataFrame) -> Iterator[tuple[float, str, pd.DataFrame]]:
    for target in times["target"].unique():
        for axis in AXES:
            group = times[(times["target"] == target) & (times["axis"] == axis)]
            if len(group):  # a task that was recorded without costs has no seconds
                yield float(target), axis, group


def _budget(group: pd.DataFrame) -> float:
    return float(group["budget"].iloc[0])


def _compared(result: ErtEstimate, base: ErtEstimate) -> dict[str, Any]:
    """One row's numbers: a ratio of two ERTs, either of which may be only a lower bound."""
    ratio: LogEstimate = base.log - result.log
    low, high = ratio.interval()
    bound = "none"
    if result.bounded and base.bounded:
        ratio, low, high, bound = LogEstimate(float("nan"), float("nan")), 0.0, float("inf"), "unknown"
    elif result.bounded:
        bound, low = "upper", 0.0
        upper_base = base.log.interval()[1]
        high = upper_base / lower_limit_without_hits(result.ert)
    elif base.bounded:
        bound, high = "lower", float("inf")
        upper_own = result.log.interval()[1]
        low = lower_limit_without_hits(base.ert) / upper_own
    return {
        "hits": result.hits,
        "runs": result.runs,
        "ert": result.ert,
        "bound": bound,
        "speedup": ratio.value,
        "speedup_low": low,
        "speedup_high": high,
        "log": ratio.log,
        "se": ratio.se,
        "df": ratio.df,
    }


def task_strata(study: Study, optima: Optima) -> dict[str, str]:
    """Stratum of each task by exact random search; without a recording by the ERT of its ``random`` runs."""
    strata: dict[str, str] = {}
    for task, runs in study.runs.groupby("task", sort=True):
        name = str(task)
        rivals = runs[runs["strategy"] == RANDOM_RUNS]
        if not np.isfinite(optima.t_star_ms[name]):
            strata[name] = "unknown"
        elif name in study.references:
            hard = difficulty(study.references[name], optima.t_star_ms[name], HEADLINE_TARGET)
            strata[name] = stratum(hard.expected_evaluations)
        elif rivals.empty:
            strata[name] = "unknown"
        else:
            limits = budgets(study).loc[rivals.index]
            times = times_to_target(study, optima, (HEADLINE_TARGET,), limits)
            seen = times[times["axis"] == "evaluations"]
            result = estimate(seen["cost"], seen["hit"])
            strata[name] = "unknown" if result.bounded else stratum(result.ert)
    return strata
