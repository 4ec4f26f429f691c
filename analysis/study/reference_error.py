"""The effect of the error of the recorded latencies on difficulty and speedup: the reference is measured too.

A target is a share above the lowest recorded latency, so both the optimum and the set of hits depend on readings. There
are two ways to see the effect: *afresh*, with near-optima that were timed again (an independent reference, without
assumptions), and *disturbed*, with every recorded latency multiplied by exp(sd z), z standard normal, as the new
reference (a parametric bootstrap: it adds the error a second time, so its centre is off and only its spread counts).

Random search and the strategy are judged by the same table each time. A harder task is harder for both, so the error of
their ratio is smaller than that of either. Random search is represented by its law even if the baseline is runs
(:func:`kind_of`), because few runs would add their own luck. Strata stay those of the recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.landscapes.reference_error import REPLICATES, disturbed, numbers_of
from analysis.reference import TARGETS, costs, draw_probability, is_drawn, is_hit, space_rows, true_latency
from analysis.statistics.ert import LogEstimate, combine
from analysis.statistics.many_targets import many_erts
from analysis.statistics.no_hits import RatioLimit
from analysis.statistics.seed_clusters import SeedShares
from analysis.study.baseline import HIERARCHICAL_RUNS
from analysis.study.laws import BY_PARAMETER, UNIFORM
from analysis.study.results import StudyResults
from analysis.study.time_to_target import AXES

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """A task under several references.

    Attributes:
        expected: E[T] by kind of random search; inf if no configuration of the space hits. [references] each
        log_speedup: by strategy, kind and axis, log of ERT of random search at the strategy's budget over its own.
            Without a hit it is a bound, as if one run hit at its end. [references] each
    """

    expected: dict[str, Floats]
    log_speedup: dict[tuple[str, str, str], Floats]


@dataclass(frozen=True)
class Disturbed:
    """The effect of a relative error of the recorded latencies on a study.

    Attributes:
        relative_error: standard deviation of the log of every recorded latency.
        difficulty: task, kind, target, ``se`` of log E[T].
        speedups: task, strategy, kind, target, axis, ``se`` of the log speedup.
    """

    relative_error: float
    replicates: int
    difficulty: pd.DataFrame
    speedups: pd.DataFrame


def disturb(results: StudyResults, relative_error: float, replicates: int = REPLICATES) -> Disturbed:
    """Judge every recorded task of a study by disturbed references, each task with random numbers of its own.

    Tasks that were recorded as independent draws are left out: few of their rows are near the optimum, and their
    numbers already include the error of their rate.
    """
    listed = [task for task, table in results.study.references.items() if not is_drawn(table)]
    tasks = [t for t in sorted(listed) if np.isfinite(results.best.t_star_ms.get(t, np.inf))]
    hard: list[dict[str, Any]] = []
    fast: list[dict[str, Any]] = []
    for task in tasks:
        latencies = disturbed(results.study.references[task], relative_error, replicates, numbers_of(task))
        strategies = sorted(set(results.study.runs.loc[results.study.runs["task"] == task, "strategy"]))
        for target in TARGETS:
            judged = judged_by(results, task, latencies, target, strategies)
            of = {"task": task, "target": target}
            hard += [{**of, "kind": kind, "se": _spread(np.log(e))} for kind, e in judged.expected.items()]
            fast += [
                {**of, "strategy": strategy, "kind": kind, "axis": axis, "se": _spread(log)}
                for (strategy, kind, axis), log in judged.log_speedup.items()
            ]
    columns = ["task", "strategy", "kind", "target", "axis", "se"]
    difficulty = pd.DataFrame(hard, columns=["task", "kind", "target", "se"])
    return Disturbed(relative_error, replicates, difficulty, pd.DataFrame(fast, columns=columns))


def _spread(logs: Floats) -> float:
    """The standard deviation; nan if a reference has no hits or costs are unknown."""
    return float(logs.std(ddof=1)) if np.isfinite(logs).all() else float("nan")


def kind_of(baseline: str) -> str:
    """The kind of random search of a baseline's label, or of the strategy whose runs it is."""
    return BY_PARAMETER if baseline.startswith(HIERARCHICAL_RUNS) or BY_PARAMETER in baseline else UNIFORM


def errors_of_speedups(by: Disturbed) -> dict[tuple[str, str, str, float, str], LogEstimate]:
    """The known errors of the log speedup, around 0, by task, strategy, kind of random search, target and axis."""
    return {
        (row["task"], row["strategy"], row["kind"], row["target"], row["axis"]): LogEstimate(
            0.0, float(row["se"]), by.replicates - 1
        )
        for row in by.speedups.to_dict("records")
        if row["se"] > 0
    }


def widened(table: pd.DataFrame, by: Disturbed) -> pd.DataFrame:
    """The rows of single tasks of a speedup table, with the reference error included in their own.

    Rows without a known error (no recorded table, or one without probabilities of its rows) stay unchanged. The
    intervals of the rows themselves are not recomputed.
    """
    known = errors_of_speedups(by)
    rows = table.to_dict("records")
    for row in rows:
        error = known.get((row["task"], row["strategy"], kind_of(row["baseline"]), row["target"], row["axis"]))
        if error is None:
            continue
        if np.isfinite(row["se"]):
            both = combine([LogEstimate.of_row(row), error], [1.0, 1.0])
            row["se"], row["df"] = both.se, both.df
        for name in ("shared", "limit"):
            row[name] = _with(row[name], error)
    return pd.DataFrame(rows, columns=table.columns)


def _with(of: Any, error: LogEstimate) -> Any:
    """Add an independent error to what a row has about its seeds, or about a side that never hit."""
    if isinstance(of, SeedShares):
        return replace(of, rest=combine([of.rest, error], [1.0, 1.0]))
    if isinstance(of, RatioLimit):
        both = combine([LogEstimate(0.0, of.se, of.df), error], [1.0, 1.0])
        return replace(of, se=both.se, df=both.df)
    return of


def afresh(table: pd.DataFrame, timed_ms: Mapping[str, float]) -> Floats:
    """The latency of every row: as timed again for those in ``timed_ms``, otherwise rescaled to match. [rows]

    Args:
        table: with a column ``key``.
        timed_ms: new latencies by key; failures of the recording are ignored.
    """
    true = true_latency(table)
    fresh = table["key"].map(dict(timed_ms)).to_numpy(np.float64)
    known = np.isfinite(fresh) & np.isfinite(true)
    scale = float(np.median(fresh[known] / true[known])) if known.any() else 1.0
    return np.where(known, fresh, true * scale)


def judged_by(results: StudyResults, task: str, latencies: Floats, target: float, strategies: Sequence[str]) -> Judged:
    """Difficulty and speedups of a recorded task under other latencies of its rows.

    Args:
        latencies: of the rows of the recorded table. [references, rows]

    Raises:
        KeyError: the task has no recording.
    """
    table = results.study.references[task]
    space = space_rows(table)
    rows = table.index.isin(space.index)
    limit = latencies.min(axis=1, keepdims=True)
    hits = np.asarray(is_hit(latencies, limit, target))
    p, cost = draw_probability(space), costs(space)
    kinds = {UNIFORM: np.ones(len(space))} | ({} if p is None else {BY_PARAMETER: p})
    runs = results.study.runs[results.study.runs["task"] == task]
    row_of = pd.Series(np.arange(len(table)), index=true_latency(table))
    row_of = row_of[~row_of.index.duplicated()]
    of_strategy = {name: own for name in strategies if len(own := runs[runs["strategy"] == name])}
    budget_of = {name: _budget(own, len(space)) for name, own in of_strategy.items()}
    base = {
        (kind, budget): many_erts(likely, cost, hits[:, rows], budget)
        for kind, likely in kinds.items()
        for budget in {len(space), *budget_of.values()}
    }
    log_speedup: dict[tuple[str, str, str], Floats] = {}
    for strategy, own in of_strategy.items():
        spent = _erts(results, own, budget_of[strategy], hits, row_of)
        for kind in kinds:
            for axis in AXES:
                of = getattr(base[kind, budget_of[strategy]], axis)
                with np.errstate(divide="ignore", invalid="ignore"):
                    log_speedup[strategy, kind, axis] = np.log(of) - np.log(spent[axis])
    return Judged({kind: base[kind, len(space)].mean for kind in kinds}, log_speedup)


def _budget(runs: pd.DataFrame, size: int) -> int:
    """The budget in evaluations, as in :func:`analysis.study.time_to_target.times_to_target`."""
    known = runs["budget_evaluations"].max()
    return int(min(known if np.isfinite(known) else max(1.0, runs["evaluations"].mean()), size))


def _erts(
    results: StudyResults, runs: pd.DataFrame, budget: int, hits: NDArray[np.bool_], row_of: pd.Series
) -> dict[str, Floats]:
    """The ERT of one strategy's runs under each reference, by axis; without a hit, their total cost. [references]"""
    steps = results.steps[results.steps["run"].isin(runs.index) & (results.steps["evaluation"] <= budget)]
    steps = steps[np.isfinite(steps["true_ms"])]
    at = row_of.reindex(steps["true_ms"]).to_numpy(np.float64)
    known = np.isfinite(at)  # a latency that is not in the table belongs to no row: it was beaten, or timed live
    hit = hits[:, np.where(known, at, 0).astype(np.int64)] & known
    number, inverse = np.unique(steps["run"].to_numpy(), return_inverse=True)
    starts = np.searchsorted(inverse, np.arange(len(number)))
    spent = runs.loc[number] if len(number) else runs.iloc[:0]
    never = runs.index.difference(pd.Index(number))
    all_spent = {
        "evaluations": runs["evaluations"].astype(np.float64).clip(upper=budget),
        "seconds": runs["clock_s"].astype(np.float64),
    }
    found = {}
    for axis, name in (("evaluations", "evaluation"), ("seconds", "clock_s")):
        when = np.where(hit, steps[name].to_numpy(np.float64), np.inf)
        first = np.minimum.reduceat(when, starts, axis=1) if len(number) else np.empty((len(hits), 0))
        missed = all_spent[axis].loc[spent.index].to_numpy()
        cost = np.where(np.isfinite(first), first, missed).sum(axis=1) + float(all_spent[axis].loc[never].sum())
        found[axis] = cost / np.maximum(np.isfinite(first).sum(axis=1), 1)
    return found
