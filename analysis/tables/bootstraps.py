"""The mean speedup with each kind of interval: t and percentile bootstrap, for these tasks and for new kernels."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pandas as pd

from analysis.reference import HEADLINE_TARGET
from analysis.runs.contract import FIRST_STREAMS
from analysis.statistics.bootstrap import TaskRuns, over_seeds, two_level
from analysis.statistics.ert import LogEstimate
from analysis.study.results import StudyResults
from analysis.study.speedup import task_rows
from analysis.tables.baselines import headline_stratum, stratum_name
from analysis.tables.lacking import Lacking
from analysis.tables.table import Table, text_rows, times_cell

REPLICATES = 2000
FEWEST = 3
"""Fewest seeds per task for which resampling gives an interval: with two, it only returns the two values."""
_SEED = 20261123


def bootstraps(results: StudyResults, axis: str = "evaluations", target: float = HEADLINE_TARGET) -> Table | None:
    """One row per strategy that hit on every task of the headline stratum; ``None`` without an exact baseline."""
    stratum = headline_stratum(results.speedups)
    whole = results.speedups
    whole = whole[(whole["task"] == "ALL") & (whole["stratum"] == stratum) & (whole["baseline"] == "exact_random")]
    whole = whole[(whole["axis"] == axis) & (whole["target"] == target) & (whole["bound"] == "none")]
    rows = [_row(results, record, axis, target, stratum) for record in whole.to_dict("records")]
    if not rows:
        return None
    lacking = Lacking(results)
    tasks = {task for task in results.counted[target] if stratum in ("all", results.strata[task])}
    rows = [row | lacking.counts(row["strategy"], tasks) for row in rows]
    return Table(
        name="bootstraps",
        title=f"Speedup within {target:.0%} in {axis} with four kinds of interval, {stratum_name(stratum)}",
        caption=(
            "95% intervals: over seeds of these tasks, and over new kernels (bootstrap: kernels, then their shapes, "
            "then seeds; kernels have equal weight, so its centre may differ). The report uses the t intervals; "
            "percentile bootstraps cover the truth less often than their nominal level (experiments/coverage)."
            + lacking.note([row["strategy"] for row in rows], tasks)
        ),
        headers=("strategy", "these tasks: t", "bootstrap of seeds", "new kernels: t", "two-level bootstrap"),
        rows=text_rows([_cells(row, lacking.mark(row["strategy"], tasks)) for row in rows]),
        data=pd.DataFrame(rows),
    )


def task_runs(results: StudyResults, strategy: str, axis: str, target: float, stratum: str) -> list[TaskRuns]:
    """The counted runs of a strategy by task, with the exact ERT of random search."""
    single = task_rows(results.speedups)
    single = single[(single["axis"] == axis) & (single["target"] == target) & (single["strategy"] == strategy)]
    single = single[single["task"].isin(results.counted[target])]
    single = single[(single["stratum"] == stratum) | (stratum == "all")]
    times = results.times
    times = times[(times["axis"] == axis) & (times["target"] == target) & (times["strategy"] == strategy)]
    by_task = dict(list(times.groupby("task", sort=True)))
    runs = results.study.runs
    first = set(runs["task"][(runs["streams"] == FIRST_STREAMS) & (runs["strategy"] == strategy)])
    return [
        TaskRuns(
            row["kernel"],
            by_task[row["task"]]["cost"].to_numpy(np.float64),
            by_task[row["task"]]["hit"].to_numpy(bool),
            float(np.log(row["speedup"] * row["ert"])),
            tuple(by_task[row["task"]]["seed"]) if row["task"] in first else None,
        )
        for row in single.to_dict("records")
    ]


def _row(results: StudyResults, whole: dict[Any, Any], axis: str, target: float, stratum: str) -> dict[str, Any]:
    strategy = str(whole["strategy"])
    tasks = task_runs(results, strategy, axis, target, stratum)
    one, two = (
        np.random.default_rng(s) for s in np.random.SeedSequence([_SEED, zlib.crc32(strategy.encode())]).spawn(2)
    )
    seeds, kernels = over_seeds(tasks, REPLICATES, one), two_level(tasks, REPLICATES, two)
    these = LogEstimate.of_row(whole, "_these")
    refused = bool(whole["refused_these"])
    row: dict[str, Any] = {"strategy": strategy, "tasks": len(tasks), "speedup": whole["speedup"]}
    row["these_low"], row["these_high"] = (float("nan"), float("nan")) if refused else these.interval()
    few = min(len(task.cost) for task in tasks) < FEWEST
    row["seeds_low"], row["seeds_high"] = (float("nan"), float("nan")) if few else seeds.percentile()
    row["kernels_low"], row["kernels_high"] = whole["speedup_low"], whole["speedup_high"]
    row["two_level"] = float(np.exp(kernels.centre))
    row["two_level_low"], row["two_level_high"] = (float("nan"), float("nan")) if few else kernels.percentile()
    return row


def _cells(row: dict[str, Any], mark: str) -> list[str]:
    value = row["speedup"]
    return [
        f"{row['strategy']}{mark}",
        times_cell(value, row["these_low"], row["these_high"]),
        times_cell(value, row["seeds_low"], row["seeds_high"]),
        times_cell(value, row["kernels_low"], row["kernels_high"]),
        times_cell(row["two_level"], row["two_level_low"], row["two_level_high"]),
    ]
