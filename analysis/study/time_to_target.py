"""The time that each run took to come within a target, including censoring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.reference import TARGETS, is_hit, space_rows
from analysis.runs.contract import ENDED_FAILED
from analysis.runs.load import Study
from analysis.study.incumbents import Optima, incumbent_steps

AXES = ("evaluations", "seconds")


def budgets(study: Study, runs: pd.DataFrame | None = None) -> pd.Series[float]:
    """The budget B of each run in evaluations: as configured, at most N; nan if only seconds were limited.

    Args:
        runs: rows of ``study.runs``; by default all.
    """
    some = study.runs if runs is None else runs
    sizes = {task: len(space_rows(study.references[task])) for task in set(some["task"]) & set(study.references)}
    size, configured = some["task"].map(sizes), some["budget_evaluations"]
    return configured.where(~(configured > size.astype(np.float64)), size.astype(np.float64))


def times_to_target(
    study: Study,
    optima: Optima,
    targets: Sequence[float] = TARGETS,
    budget: pd.Series[float] | None = None,
) -> pd.DataFrame:
    """T and its cost for every run, target and axis.

    T is the first evaluation after which the incumbent, chosen by observed latency (ties: the first), is a hit
    by its true latency. On the seconds axis it is the tuning clock at the end of that evaluation. A failed run is a
    miss, whatever it had found, because it delivers no configuration.

    Args:
        budget: B in evaluations by run, to compare with runs of a smaller budget; runs that it omits are not timed. By
            default the configured budget of all runs.

    Returns:
        run, task, kernel, strategy, seed, target, axis, budget (evaluations; seconds on the seconds axis of runs
        limited only in seconds), hit, time (T; nan when missed), cost (T, or what the run spent without a hit:
        evaluations up to B, or the clock at its end). Evaluations are counted from 1.
    """
    runs = study.runs
    limit = budgets(study) if budget is None else budget
    runs = runs.loc[limit.index]
    evaluations = _within(study, limit)
    spent = evaluations.groupby("run").agg(evaluations=("index", "size"), seconds=("clock_end_s", "max"))
    spent = spent.reindex(runs.index, fill_value=0)
    clock_s = spent["seconds"].groupby(runs["task"]).max()
    free = clock_s.index[clock_s == 0]  # recorded without costs: seconds mean nothing
    spent["evaluations"] = spent["evaluations"].clip(lower=1)  # one that exceeded its seconds was still evaluated
    by_seconds = runs["budget_seconds"].notna()
    by_seconds &= (runs["ended"] == "budget") | (runs["clock_s"] > runs["budget_seconds"])
    reached_seconds = by_seconds & ~(spent["evaluations"] >= limit)
    spent["seconds"] = spent["seconds"].where(~reached_seconds, runs["budget_seconds"])
    allowed = limit.fillna(spent["evaluations"].groupby([runs["task"], runs["strategy"]]).transform("mean"))
    t_star = runs["task"].map(optima.t_star_ms)
    broken = (runs["ended"] == ENDED_FAILED).to_numpy()
    parts = []
    for axis in AXES:
        steps = incumbent_steps(evaluations, by_clock=axis == "seconds")
        when = steps["evaluation" if axis == "evaluations" else "clock_s"]
        for target in targets:
            hit = is_hit(steps["true_ms"].to_numpy(), t_star.loc[steps["run"]].to_numpy(np.float64), target)
            first = when[hit].groupby(steps["run"][hit]).first()
            part = runs[["task", "kernel", "strategy", "seed"]].reset_index()
            part["target"], part["axis"] = target, axis
            seconds_alone = limit.isna() & (axis == "seconds")
            part["budget"] = allowed.where(~seconds_alone, runs["budget_seconds"]).to_numpy()
            part["time"] = part["run"].map(first).astype(np.float64).where(~broken)
            part["hit"] = part["time"].notna()
            part["cost"] = part["time"].fillna(part["run"].map(spent[axis]).astype(np.float64))
            parts.append(part if axis == "evaluations" else part[~part["task"].isin(free)])
    order = ["run", "task", "kernel", "strategy", "seed", "target", "axis", "budget", "hit", "time", "cost"]
    return pd.concat(parts, ignore_index=True)[order]


def _within(study: Study, limit: pd.Series[float]) -> pd.DataFrame:
    """The evaluations within the budget, of the runs in ``limit``."""
    rows = study.evaluations
    number = rows["run"].to_numpy()
    most = limit.reindex(study.runs.index).fillna(np.inf).to_numpy()
    seconds = study.runs["budget_seconds"].fillna(np.inf).to_numpy()
    named = study.runs.index.isin(limit.index)
    inside = named[number] & (rows["index"].to_numpy() < most[number])
    inside &= rows["clock_end_s"].to_numpy() <= seconds[number]
    return rows if bool(inside.all()) else rows[inside]
