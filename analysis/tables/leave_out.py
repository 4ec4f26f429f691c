"""The mean speedup with each kernel and each device left out, which shows whether it generalises."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from analysis.reference import HEADLINE_TARGET, device_of, kernel_of
from analysis.study.aggregate import over_all, refused_because, summarise, task_of
from analysis.study.results import StudyResults
from analysis.study.speedup import task_rows
from analysis.tables.lacking import Lacking, with_counts
from analysis.tables.table import Table, text_rows, times_cell


def leave_out(results: StudyResults, axis: str = "evaluations", target: float = HEADLINE_TARGET) -> Table | None:
    """Mean speedups without each kernel and each device; ``None`` if there is only one kernel and one device."""
    rows = task_rows(results.speedups)
    rows = rows[(rows["axis"] == axis) & (rows["target"] == target) & rows["task"].isin(results.counted[target])]
    if rows.empty:
        return None
    rows = rows.assign(device=[device_of(task) for task in rows["task"]])
    data = pd.DataFrame([row for _, part in rows.groupby("strategy", sort=True) for row in _of_strategy(part)])
    groups = list(dict.fromkeys(zip(data["left_out"], data["kind"], strict=True)))
    if len(groups) < 2:
        return None
    strategies = sorted(set(data["strategy"]))
    lacking, tasks = Lacking(results), results.counted[target]
    data = with_counts(data, lacking, lambda row: _without(tasks, row["left_out"], row["kind"]))
    cells = {(r["strategy"], r["left_out"], r["kind"]): r for r in data.to_dict("records")}
    lines = [
        [name, *(_cell(cells.get((s, name, kind)), lacking.mark(s, _without(tasks, name, kind))) for s in strategies)]
        for name, kind in groups
    ]
    return Table(
        name="leave-out",
        title=f"Speedup within {target:.0%} in {axis}, with each kernel and each device left out",
        caption=(
            "Geometric mean over the remaining tasks, 95% interval where it is supported (over new kernels with "
            "three or more, else over seeds of these tasks). If one kernel or device carries the mean, its row is "
            "lower." + lacking.note(strategies, tasks)
        ),
        headers=("left out", *strategies),
        rows=text_rows(lines),
        data=data,
    )


def _without(tasks: Iterable[str], left_out: str, kind: str) -> set[str]:
    of = {"kernel": kernel_of, "device": device_of}.get(kind)
    return {task for task in tasks if of is None or of(task) != left_out}


def _of_strategy(rows: pd.DataFrame) -> list[dict[str, Any]]:
    summaries = [_row(rows, "nothing", "")]
    for kind in ("kernel", "device"):
        names: Sequence[str] = sorted(set(rows[kind]))
        if len(names) > 1:
            summaries += [_row(rows[rows[kind] != name], name, kind) for name in names]
    return summaries


def _row(rows: pd.DataFrame, left_out: str, kind: str) -> dict[str, Any]:
    tasks = [task_of(row) for row in rows.to_dict("records")]
    summary, refused = summarise(tasks, over_all), refused_because(tasks)
    low, high = (float("nan"), float("nan")) if refused else (summary.low, summary.high)
    return {
        "strategy": rows["strategy"].iloc[0],
        "left_out": left_out,
        "kind": kind,
        "tasks": len(tasks),
        "bound": summary.bound,
        "speedup": summary.estimate.value,
        "speedup_low": low,
        "speedup_high": high,
        "refused": refused,
    }


def _cell(row: dict[Any, Any] | None, mark: str) -> str:
    if row is None:
        return "–"
    return times_cell(row["speedup"], row["speedup_low"], row["speedup_high"], row["bound"]) + mark
