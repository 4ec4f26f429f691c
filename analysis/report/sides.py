"""What two studies have in common, what only one has, and which runs of each are not done."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.reference import HEADLINE_TARGET
from analysis.report.text import counted_in
from analysis.runs.load import Study
from analysis.runs.told import Account
from analysis.study.results import StudyResults
from analysis.tables.table import Table, text_rows


def cells_of(study: Study) -> set[tuple[str, str]]:
    """The pairs of task and strategy that have runs."""
    return {
        (str(task), str(strategy)) for task, strategy in zip(study.runs["task"], study.runs["strategy"], strict=True)
    }


def only_in(one: Study, other: Study) -> set[tuple[str, str]]:
    """The pairs of task and strategy that have runs in ``one`` and none in ``other``."""
    return cells_of(one) - cells_of(other)


def comparable_cells(a: StudyResults, b: StudyResults) -> set[tuple[str, str]]:
    """The pairs of task and strategy that have runs in both studies and count in the aggregates of both.

    If one side leaves a task out of its aggregates (its optimum is not known, or its recording is a sample), ``ALL``
    would cover different tasks on the two sides.
    """
    common = cells_of(a.study) & cells_of(b.study)
    alone = uncounted(a, b)
    return {(task, strategy) for task, strategy in common if task not in alone}


def uncounted(a: StudyResults, b: StudyResults) -> set[str]:
    """The tasks in both studies that count in the aggregates of only one."""
    both = {task for task, _ in cells_of(a.study) & cells_of(b.study)}
    return both & (a.counted[HEADLINE_TARGET] ^ b.counted[HEADLINE_TARGET])


def of_same_tasks(joined: pd.DataFrame, a: StudyResults, b: StudyResults) -> pd.DataFrame:
    """The joined table without aggregates of strata to which the studies assign different tasks."""
    differ = {stratum for task in a.strata.keys() & b.strata.keys() if a.strata[task] != b.strata[task]
              for stratum in (a.strata[task], b.strata[task])}  # fmt: skip
    aggregate = joined["task"].str.startswith("kernel:") | (joined["task"] == "ALL")
    return joined[~(aggregate & joined["stratum"].isin(differ))]


def with_accounts(joined: pd.DataFrame, a: Account, b: Account) -> pd.DataFrame:
    """Add how many runs of each row are not done, by side.

    The columns are the numbers ``failed_a``, ``missing_a`` and so on, and ``lacking_a`` in words.
    """
    counted = counted_in(joined)
    columns: dict[str, list[Any]] = {}
    for row in joined.to_dict("records"):
        tasks = counted[str(row["task"]), str(row["stratum"])]
        for side, account in (("a", a), ("b", b)):
            for state, count in account.lacking(tasks, row["strategy"]).items():
                columns.setdefault(f"{state}_{side}", []).append(count)
            columns.setdefault(f"lacking_{side}", []).append(account.short(tasks, row["strategy"]))
    return joined.assign(**columns)


def left_out_table(a: Study, b: Study) -> Table | None:
    """The runs that only one study has, one row per task and strategy; ``None`` if there are none."""
    rows = [
        {"task": task, "strategy": strategy, "only_in": name,
         "runs": int(((one.runs["task"] == task) & (one.runs["strategy"] == strategy)).sum())}
        for name, one, other in (("A", a, b), ("B", b, a))
        for task, strategy in sorted(only_in(one, other))
    ]  # fmt: skip
    if not rows:
        return None
    return Table(
        name="left-out",
        title="Not compared: runs in only one of the two studies",
        caption="No number above includes them.",
        headers=("task", "strategy", "only in", "runs"),
        rows=text_rows([[str(value) for value in row.values()] for row in rows]),
        data=pd.DataFrame(rows),
    )


def left_out(a: StudyResults, b: StudyResults) -> list[str]:
    """One sentence for each thing that is not compared."""
    said = []
    if of_one := sorted(uncounted(a, b)):
        said.append(
            f"Counted in only one of the studies (optimum not known, or a sample), so left out: {', '.join(of_one)}."
        )
    for column, noun in (("task", "tasks"), ("strategy", "strategies")):
        one, other = (set(study.study.runs[column]) for study in (a, b))
        for name, only in (("A", one - other), ("B", other - one)):
            if only:
                said.append(f"Only in {name}, so left out: {noun} {', '.join(sorted(only))}.")
    shared = [set(a.study.runs[column]) & set(b.study.runs[column]) for column in ("task", "strategy")]
    for name, one_side, other_side in (("A", a, b), ("B", b, a)):
        alone = sorted(only_in(one_side.study, other_side.study))
        named = [f"{label} on {task}" for task, label in alone if task in shared[0] and label in shared[1]]
        if named:
            said.append(f"Only in {name}, so left out: {', '.join(named)}.")
    return said
