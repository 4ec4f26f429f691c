"""Difficulty and speedups with the error of the recorded latencies, if a study states one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.landscapes.reference_error import interval_of
from analysis.reference import HEADLINE_TARGET, difficulty
from analysis.statistics.ert import LogEstimate
from analysis.study.aggregate import aggregates
from analysis.study.baseline import EXACT_BY_PARAMETER
from analysis.study.laws import BY_PARAMETER, UNIFORM
from analysis.study.reference_error import Disturbed, widened
from analysis.study.results import StudyResults
from analysis.study.speedup import task_rows
from analysis.study.workers import axis_words_of
from analysis.tables.baselines import headline_stratum, stratum_name
from analysis.tables.lacking import Lacking, with_counts
from analysis.tables.table import Table, figure, text_rows, times_cell


def difficulties(results: StudyResults, disturbed: Disturbed, target: float = HEADLINE_TARGET) -> Table | None:
    """E[T] of both kinds of random search on every recorded task, with its interval under that error."""
    known = disturbed.difficulty[disturbed.difficulty["target"] == target]
    rows: list[dict[str, Any]] = []
    for row in known.to_dict("records"):
        task = row["task"]
        hard = difficulty(results.study.references[task], results.best.t_star_ms[task], target)
        expected = {UNIFORM: hard.expected_evaluations, BY_PARAMETER: hard.by_parameter}[row["kind"]]
        if expected is not None and np.isfinite(expected) and np.isfinite(row["se"]):
            low, high = interval_of(expected, row["se"], disturbed.replicates)
            own = {"task": task, "stratum": results.strata[task], "kind": row["kind"], "expected": expected}
            rows.append({**own, "low": low, "high": high, "se": row["se"]})
    if not rows:
        return None
    data = pd.DataFrame(rows)
    cells = {
        (r["task"], r["kind"]): f"{figure(r['expected'])} ({figure(r['low'])}–{figure(r['high'])})"
        for r in data.to_dict("records")
    }
    of_task = data.drop_duplicates("task")
    return Table(
        name="reference-error-tasks",
        title=f"Evaluations to within {target:.0%} by random search, with the error of the recorded latencies",
        caption=_told(disturbed) + " Strata are those of the undisturbed recording.",
        headers=("task", "stratum", "uniform", "by parameter"),
        rows=text_rows(
            [
                [task, stratum, *(cells.get((task, kind), "–") for kind in (UNIFORM, BY_PARAMETER))]
                for task, stratum in zip(of_task["task"], of_task["stratum"], strict=True)
            ]
        ),
        data=data,
    )


def speedups(results: StudyResults, disturbed: Disturbed, target: float = HEADLINE_TARGET) -> Table | None:
    """Mean speedups on these tasks, with intervals from the seeds alone and from seeds and reference."""
    stratum = headline_stratum(results.speedups)
    tables = [results.speedups, *(of for name, of in results.others.items() if name == EXACT_BY_PARAMETER)]
    parts = []
    for table in tables:
        single = task_rows(table)
        single = single[(single["target"] == target) & single["task"].isin(results.counted[target])]
        if len(single):
            both = _whole(aggregates(widened(single, disturbed)), target, stratum)
            parts.append(_intervals(_whole(table, target, stratum)).merge(_intervals(both, "_both"), on=_KEYS))
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if data.empty:
        return None
    tasks = {task for task in results.counted[target] if stratum in ("all", results.strata[task])}
    lacking = Lacking(results)
    data = with_counts(data, lacking, lambda _: tasks)
    rows = [
        [
            f"{r['strategy']}{lacking.mark(r['strategy'], tasks)}", r["baseline"], axis_words_of(r),
            times_cell(r["speedup"], r["low"], r["high"]),
            "–" if np.isnan(r["low_both"]) else f"{figure(r['low_both'])}–{figure(r['high_both'])}",
        ]
        for r in data.to_dict("records")
    ]  # fmt: skip
    return Table(
        name="reference-error-speedups",
        title=f"Speedup within {target:.0%} on these tasks, {stratum_name(stratum)}, with the latencies' own error",
        caption=_told(disturbed) + lacking.note(sorted(set(data["strategy"])), tasks),
        headers=("strategy", "over", "in", "95%, of seeds", "95%, of seeds and reference"),
        rows=text_rows(rows),
        data=data,
    )


_KEYS = ["strategy", "baseline", "axis"]
_TOLD = ["speedup", "workers", "baseline_workers"]


def _whole(table: pd.DataFrame, target: float, stratum: str) -> pd.DataFrame:
    named = (table["task"] == "ALL") & (table["stratum"] == stratum)
    return table[named & (table["target"] == target) & (table["bound"] == "none")]


def _intervals(rows: pd.DataFrame, ending: str = "") -> pd.DataFrame:
    found = []
    for row in rows.to_dict("records"):
        estimate = LogEstimate.of_row(row, "_these")
        low, high = (float("nan"), float("nan")) if row["refused_these"] else estimate.interval()
        own = {f"low{ending}": low, f"high{ending}": high, f"se{ending}": estimate.se}
        found.append({key: row[key] for key in _KEYS} | own | ({} if ending else {key: row[key] for key in _TOLD}))
    columns = [*_KEYS, *(f"{column}{ending}" for column in ("low", "high", "se"))]
    return pd.DataFrame(found, columns=columns if ending else [*columns, *_TOLD])


def _told(disturbed: Disturbed) -> str:
    return (
        f"Every recorded latency is uncertain by {100 * disturbed.relative_error:.2g}%, so the set of hits is "
        f"uncertain too: 95% intervals include the spread over {disturbed.replicates} disturbed references. Runs and "
        "random search are judged by the same reference each time."
    )
