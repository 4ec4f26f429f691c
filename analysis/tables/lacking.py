"""How many runs behind a table's cells are not done: columns in the CSV, a mark in the cell, a note below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from analysis.runs.state import State
from analysis.study.results import StudyResults

Row = Mapping[Any, Any]
MARK = "†"
_COLUMNS = {
    "failed": (State.FAILED,),
    "missing": (State.MISSING,),
    "damaged": (State.DAMAGED,),
    "unfinished": (State.RUNNING, State.INTERRUPTED),
}


class Lacking:
    """The runs of a study that are not done, by its account.

    A task on which nothing was run counts as missing in every number over several tasks, since it would be among them.
    """

    def __init__(self, results: StudyResults) -> None:
        runs = results.study.runs
        self._account = results.study.account
        self._done = runs.groupby(["strategy", "task"]).size().to_dict()
        self._absent = self._account.tasks() - self._account.begun()

    def counts(self, strategy: str, tasks: Iterable[str], one: bool = False) -> dict[str, int]:
        """Count the ``runs`` behind the numbers, ``failed`` ones among them, and the ``missing``, ``damaged`` and
        ``unfinished`` ones.

        Args:
            one: the numbers cover one task only.
        """
        wanted = set(tasks) if one else {*tasks, *self._absent}
        states = self._account.lacking(wanted, strategy)
        counts = {name: sum(states[state] for state in of) for name, of in _COLUMNS.items()}
        return {"runs": sum(self._done.get((strategy, task), 0) for task in wanted), **counts}

    def mark(self, strategy: str, tasks: Iterable[str], one: bool = False) -> str:
        """The mark behind a cell whose runs are not all done; empty otherwise."""
        counts = self.counts(strategy, tasks, one)
        return MARK if any(counts[name] for name in _COLUMNS) else ""

    def note(self, strategies: Iterable[str], tasks: Iterable[str], one: bool = False) -> str:
        """The meaning of the mark, to append to a caption; empty if no cell has one."""
        wanted = set(tasks) if one else {*tasks, *self._absent}
        told = {strategy: self._account.short(wanted, strategy) for strategy in strategies}
        said = "; ".join(f"{strategy}: {short}" for strategy, short in told.items() if short)
        return f" {MARK} Not all runs are done; failed ones count as misses: {said}." if said else ""


def with_counts(
    data: pd.DataFrame, lacking: Lacking, tasks: Callable[[Row], Iterable[str]], one: bool = False
) -> pd.DataFrame:
    """Add the columns of :meth:`Lacking.counts` to a table whose rows are strategies on several tasks, or on one.

    Args:
        tasks: returns the tasks of a row.
        one: a row covers one task only.
    """
    counts = [lacking.counts(row["strategy"], tasks(row), one) for row in data.to_dict("records")]
    return data.assign(**{column: [count[column] for count in counts] for column in counts[0]})
