"""Geometric means of speedups over tasks, with intervals that respect the clustering by kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.ert import LogEstimate, combine
from analysis.reference import STRATA

MIN_KERNELS = 3
"""A t interval on fewer kernel means is too wide to say anything (t is 12.7 with one degree of freedom)."""


def aggregates(per_task: pd.DataFrame) -> pd.DataFrame:
    """Rows ``kernel:<name>`` and ``ALL`` for every strategy, target, axis, baseline and stratum (and ``all``).

    The speedup is the geometric mean over tasks. Intervals: ``kernel:<name>`` speaks of these tasks (seeds are
    resampled); ``ALL`` of new kernels from three kernels on (:func:`over_kernels`), else of these tasks.
    """
    rows: list[dict[str, Any]] = []
    for (strategy, target, axis, baseline), group in per_task.groupby(
        ["strategy", "target", "axis", "baseline"], sort=True
    ):
        common = {"strategy": strategy, "target": target, "axis": axis, "baseline": baseline}
        for stratum in ("all", *STRATA, "unknown"):
            part = group if stratum == "all" else group[group["stratum"] == stratum]
            if part.empty:
                continue
            for kernel, tasks in part.groupby("kernel", sort=True):
                rows.append({"task": f"kernel:{kernel}", "stratum": stratum, **common, **_row(tasks)})
            rows.append({"task": "ALL", "stratum": stratum, **common, **_row(part)})
    return pd.DataFrame(rows)


def over_seeds(tasks: pd.DataFrame) -> LogEstimate:
    """Mean log speedup of exactly these tasks: only seeds vary. Columns log, se, df."""
    estimates = [LogEstimate(*row) for row in tasks[["log", "se", "df"]].itertuples(index=False, name=None)]
    return combine(estimates, [1.0 / len(estimates)] * len(estimates))


def over_kernels(tasks: pd.DataFrame) -> LogEstimate:
    """Mean log speedup of kernels like these: a t interval on kernel means (clusters), G - 1 degrees of freedom.

    Seeds and shapes are in the spread of the kernel means. With G clusters of m_g tasks:
    var = G / (G-1) * sum_g (m_g (mean_g - mean) / m)^2. Columns kernel, log.
    """
    mean = float(tasks["log"].mean())
    clusters = tasks.groupby("kernel")["log"].agg(["mean", "size"])
    g = len(clusters)
    if g < 2:
        return LogEstimate(mean, float("nan"), float("nan"))
    shares = clusters["size"] * (clusters["mean"] - mean) / len(tasks)
    return LogEstimate(mean, float(np.sqrt(g / (g - 1) * (shares**2).sum())), g - 1)


def interval_of(tasks: pd.DataFrame) -> LogEstimate:
    """The interval that an aggregate row shows: new kernels where there are enough, else these tasks."""
    return over_kernels(tasks) if tasks["kernel"].nunique() >= MIN_KERNELS else over_seeds(tasks)


def _row(tasks: pd.DataFrame) -> dict[str, Any]:
    bounds = set(tasks["bound"]) - {"none"}
    bound = "none" if not bounds else bounds.pop() if len(bounds) == 1 else "unknown"
    estimate = interval_of(tasks)
    low, high = estimate.interval()
    if bound == "upper":
        low, high = 0.0, _outer(tasks, "speedup_high")[1]
    elif bound == "lower":
        low, high = _outer(tasks, "speedup_low")[0], float("inf")
    elif bound == "unknown":
        estimate, low, high = LogEstimate(float("nan")), 0.0, float("inf")
    budget = tasks["budget"].iloc[0] if tasks["budget"].nunique() == 1 else float("nan")
    return {
        "budget": budget,
        "hits": int(tasks["hits"].sum()),
        "runs": int(tasks["runs"].sum()),
        "ert": float(np.exp(np.log(tasks["ert"]).mean())),
        "bound": bound,
        "speedup": estimate.value,
        "speedup_low": low,
        "speedup_high": high,
    }


def _outer(tasks: pd.DataFrame, limit: str) -> tuple[float, float]:
    """The interval with every bounded task moved to its own limit and then taken as known."""
    moved = tasks.copy()
    bounded = moved["bound"] != "none"
    moved.loc[bounded, "log"] = np.log(moved.loc[bounded, limit])
    moved.loc[bounded, "se"], moved.loc[bounded, "df"] = 0.0, np.inf
    return interval_of(moved).interval()
