"""The headline over every kind of random search, and in seconds for one and for many compile workers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.reference import HEADLINE_TARGET
from analysis.statistics.until_precise import ERROR, ROUGH
from analysis.study.results import MANY_WORKERS, StudyResults
from analysis.study.time_to_target import AXES
from analysis.study.workers import axis_words
from analysis.tables.lacking import Lacking, with_counts
from analysis.tables.table import Table, text_rows, times_cell

NAMES = {
    "exact_random": "exact random (closed form)",
    "exact_random_by_parameter": "exact random by parameter (closed form)",
    "noisy_random": "random with the recorded noise (simulated)",
    "noisy_random_by_parameter": "random by parameter with the recorded noise (simulated)",
    "exact_random_without_restarts": "exact random that never restarts",
    "exact_random_by_parameter_without_restarts": "exact random by parameter that never restarts",
    "random": "runs of random",
    "random_hierarchical": "runs of random_hierarchical",
    f"exact_random_{MANY_WORKERS}_workers": f"exact random on {MANY_WORKERS} compile workers",
    f"exact_random_by_parameter_{MANY_WORKERS}_workers": (
        f"exact random by parameter on {MANY_WORKERS} compile workers"
    ),
}


def over_each_random(results: StudyResults, target: float = HEADLINE_TARGET) -> Table | None:
    """Mean speedup over each baseline on both axes, in the stratum ``useful`` if it has tasks, else over all tasks."""
    stratum = headline_stratum(results.speedups)
    whole = [_whole(table, target, stratum) for table in (results.speedups, *results.others.values())]
    data = pd.concat([part for part in whole if len(part)], ignore_index=True) if any(map(len, whole)) else None
    if data is None:
        return None
    data = data[(data["axis"] == "seconds") | ~data["baseline"].str.endswith("_workers")]
    strategies = sorted(set(data["strategy"]))
    lacking = Lacking(results)
    tasks = {task for task in results.counted[target] if stratum in ("all", results.strata[task])}
    marks = [lacking.mark(name, tasks) for name in strategies]
    data = with_counts(data, lacking, lambda _: tasks)
    cells = {(r["baseline"], r["axis"], r["strategy"]): r for r in data.to_dict("records")}
    rows = []
    for axis in AXES:
        for baseline in [name for name in NAMES if name in set(data["baseline"])]:
            speedups = [cells.get((baseline, axis, name)) for name in strategies]
            if any(speedups):
                rows.append(
                    [
                        f"{axis_words(axis, data[data['baseline'] == baseline])}: {NAMES[baseline]}",
                        *map(_cell, speedups, marks),
                    ]
                )
    return Table(
        name="baselines",
        title=f"Speedup within {target:.0%} over each kind of random search, {stratum_name(stratum)}",
        caption=(
            "Geometric mean over tasks, 95% interval where it is supported. Exact random is noise-free. By parameter, "
            "each active parameter is drawn uniformly, as in random_hierarchical. Random search restarts after "
            "the strategy's budget, except where it never restarts (then E[T] replaces ERT). In seconds it has as many "
            f"compile workers as the strategy's own runs; in the last rows it has {MANY_WORKERS}, whatever the "
            "strategy had." + simulated_told(results) + lacking.note(strategies, tasks)
        ),
        headers=("over", *strategies),
        rows=text_rows(rows),
        data=data,
    )


def simulated_told(results: StudyResults) -> str:
    """A sentence on the precision of the simulated numbers."""
    known = results.simulated
    if not known:
        return ""
    short = {(label, task) for (label, task, _, _), one in known.items() if not one.precise}
    worst = max(one.error for one in known.values())
    told = f" Simulated numbers have a relative standard error of at most {worst:.2%}"
    return told + (f" ({len(short)} did not reach the required {ERROR:.1%} or {ROUGH:.0%})." if short else ".")


def headline_stratum(speedups: pd.DataFrame) -> str:
    """``useful`` if any counted task is in it, else ``all``."""
    whole = speedups[speedups["task"] == "ALL"]
    return "useful" if (whole["stratum"] == "useful").any() else "all"


def stratum_name(stratum: str) -> str:
    return "all tasks" if stratum == "all" else f"{stratum} tasks"


def _whole(table: pd.DataFrame, target: float, stratum: str) -> pd.DataFrame:
    return table[(table["task"] == "ALL") & (table["stratum"] == stratum) & (table["target"] == target)]


def _cell(row: dict[Any, Any] | None, mark: str) -> str:
    if row is None:
        return "–"
    return times_cell(row["speedup"], row["speedup_low"], row["speedup_high"], row["bound"]) + mark
