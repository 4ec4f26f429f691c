"""Split the gap to the optimum at the end of each strategy's runs into exploration and selection."""

from __future__ import annotations

from typing import Any

from analysis.reference import HEADLINE_TARGET
from analysis.study.gap_split import gap_split
from analysis.study.results import StudyResults
from analysis.tables.lacking import Lacking, with_counts
from analysis.tables.table import Table, text_rows


def gaps(results: StudyResults) -> Table | None:
    """Build the table: a row per task and strategy, with every run in the data; ``None`` if no run succeeded."""
    split = gap_split(results)
    if split.empty:
        return None
    lacking, rows = Lacking(results), []
    for (task, strategy), of in split.groupby(["task", "strategy"], sort=True):
        tried, chosen = int(of["tried_hit"].sum()), int(of["chosen_hit"].sum())
        means = {name: float(of[name].mean()) for name in ("gap", "exploration", "selection")}
        mark = lacking.mark(str(strategy), [str(task)], one=True)
        own: dict[str, Any] = {"task": task, "strategy": strategy, "runs": len(of), "mark": mark, **means}
        rows.append(own | {"largest_selection": float(of["selection"].max()), "tried_hits": tried, "hits": chosen})
    return Table(
        name="gap-split",
        title="Where the rest is lost: what runs tried, and what they chose",
        caption=(
            "At the end of the runs, in true latencies relative to t*, means over runs. Exploration: how far the best "
            "configuration tried is from the optimum; selection: how much worse the one chosen by its readings is; the "
            "gap is their sum. The last columns count runs that tried, and that chose, one within "
            f"{HEADLINE_TARGET:.0%}." + lacking.note(sorted(set(split["strategy"])), sorted(set(split["task"])))
        ),
        headers=("task", "strategy", "gap", "exploration", "selection", "largest selection", "tried", "chose"),
        rows=text_rows([_cells(row) for row in rows]),
        data=with_counts(split, lacking, lambda row: [row["task"]], one=True),
    )


def _cells(row: dict[str, Any]) -> list[str]:
    shares = (row[name] for name in ("gap", "exploration", "selection", "largest_selection"))
    hits = (f"{row[name]}/{row['runs']}" for name in ("tried_hits", "hits"))
    return [row["task"], row["strategy"], *(f"{share:.1%}{row['mark']}" for share in shares), *hits]
