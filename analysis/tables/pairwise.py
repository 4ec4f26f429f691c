"""How often the runs of one strategy end better than those of another on the same task."""

from __future__ import annotations

import pandas as pd

from analysis.reference import HEADLINE_TARGET
from analysis.statistics.improvement import average, over_runs
from analysis.study.results import StudyResults
from analysis.tables.lacking import Lacking
from analysis.tables.table import Table, text_rows


def pairwise(results: StudyResults) -> Table | None:
    """P(row ends better than column), ties counted half, averaged over common tasks; ``None`` with one strategy."""
    last = results.steps.groupby("run", sort=True)["true_ms"].last()
    runs = results.study.runs
    runs = runs[runs["task"].isin(results.counted[HEADLINE_TARGET])]
    final = -last.reindex(runs.index).fillna(float("inf"))
    groups = {
        (str(task), str(strategy)): final.loc[part.index].to_numpy()
        for (task, strategy), part in runs.groupby(["task", "strategy"], sort=True)
    }
    strategies = sorted({strategy for _, strategy in groups})
    if len(strategies) < 2:
        return None
    lacking = Lacking(results)
    rows, data = [], []
    for one in strategies:
        cells = [one]
        for other in strategies:
            tasks = [task for task, strategy in groups if strategy == one and (task, other) in groups]
            if one == other or not tasks:
                cells.append("–")
                continue
            probability = average([over_runs(groups[task, one], groups[task, other]) for task in tasks])
            low, high = probability.interval()
            data.append({"better": one, "than": other, "tasks": len(tasks), "probability": probability.value})
            data[-1] |= {"low": low, "high": high}
            for name, who in (("", one), ("_than", other)):
                data[-1] |= {f"{key}{name}": count for key, count in lacking.counts(who, tasks).items()}
            cells.append(f"{probability.value:.2f}{lacking.mark(one, tasks) or lacking.mark(other, tasks)}")
        rows.append(cells)
    return Table(
        name="improvement",
        title="Probability that a run of the row ends better than one of the column",
        caption=(
            "By the true latency of the final incumbent, at the budget of each run; ties count half, tasks have equal "
            "weight. 0.5 means that neither is ahead. 95% intervals over seeds are in the CSV."
            + lacking.note(strategies, results.counted[HEADLINE_TARGET])
        ),
        headers=("", *strategies),
        rows=text_rows(rows),
        data=pd.DataFrame(data),
    )
