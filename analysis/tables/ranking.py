"""Mean ranks over tasks with pairwise tests, for the appendix of a report."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.reference import HEADLINE_TARGET
from analysis.statistics.ranks import Ranking, rank
from analysis.study.results import StudyResults
from analysis.study.speedup import task_rows
from analysis.tables.lacking import Lacking
from analysis.tables.table import Table, text_rows


def ranking(results: StudyResults, axis: str = "evaluations", target: float = HEADLINE_TARGET) -> Ranking | None:
    """Rank strategies by their speedup on each counted task; without a hit, an upper bound counts as its best case.

    Strategies that lack a task are left out; ``None`` with fewer than two strategies or three tasks.
    """
    rows = task_rows(results.speedups)
    rows = rows[(rows["axis"] == axis) & (rows["target"] == target) & rows["task"].isin(results.counted[target])]
    if rows.empty or rows["baseline"].nunique() > 1:
        return None
    # 1 / ERT: all strategies of a task are compared with the same random search
    scores = rows.assign(score=np.where(rows["hits"] > 0, 1.0 / rows["ert"], 0.0))
    table = scores.pivot_table(index="task", columns="strategy", values="score").dropna(axis="columns")
    if table.shape[0] < 3 or table.shape[1] < 2:
        return None
    return rank([str(name) for name in table.columns], table.to_numpy(np.float64))


def ranking_table(ranks: Ranking, results: StudyResults, target: float = HEADLINE_TARGET) -> Table:
    """Mean ranks and Holm-adjusted p values against the best; ``ranks`` is the :func:`ranking` of the study."""
    lacking, tasks = Lacking(results), results.counted[target]
    data = pd.DataFrame({"strategy": ranks.strategies, "mean_rank": ranks.mean_rank})
    for i, name in enumerate(ranks.strategies):
        data[f"p_holm_{name}"] = ranks.p_holm[:, i]
    counts = [lacking.counts(name, tasks) for name in ranks.strategies]
    data = data.assign(**{column: [count[column] for count in counts] for column in counts[0]})
    rows = [
        [f"{name}{lacking.mark(name, tasks)}", f"{mean:.2f}", "–" if i == 0 else f"{ranks.p_holm[0, i]:.2g}"]
        for i, (name, mean) in enumerate(zip(ranks.strategies, ranks.mean_rank, strict=True))
    ]
    friedman = "" if np.isnan(ranks.friedman_p) else f" Friedman's test: p = {ranks.friedman_p:.2g}."
    return Table(
        name="ranks",
        title=f"Mean ranks over {ranks.tasks} tasks",
        caption=(
            f"By ERT; a strategy without a hit is last, ties share a rank.{friedman} p: Wilcoxon's signed ranks "
            "against the best, Holm's correction over all pairs. Tasks of one kernel are not independent, so the table "
            "is only descriptive." + lacking.note(ranks.strategies, tasks)
        ),
        headers=("strategy", "mean rank", "p against the best"),
        rows=text_rows(rows),
        data=data,
    )
