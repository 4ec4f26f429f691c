"""What of the runs behind a table's cells is not done: columns in the CSV, a mark for people, a note below."""

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
    """Of one study, by its account.

    A task of which nothing was run at all lacks in whatever is over several tasks: it would be among them.
    """

    def __init__(self, results: StudyResults) -> None:
        runs = results.study.runs
        self._account = results.study.account
        self._done = runs.groupby(["strategy", "task"]).size().to_dict()
        self._absent = self._account.tasks() - self._account.begun()

    def counts(self, strategy: str, tasks: Iterable[str], one: bool = False) -> dict[str, int]:
        """``runs`` that are in the numbers, ``failed`` ones among them, and those that are not: ``missing``,
        ``damaged`` and ``unfinished``.

        Args:
            one: the numbers are of one task, and say nothing of others.
        """
        wanted = set(tasks) if one else {*tasks, *self._absent}
        states = self._account.lacking(wanted, strategy)
        counts = {name: sum(states[state] for state in of) for name, of in _COLUMNS.items()}
        return {"runs": sum(self._done.get((strategy, task), 0) for task in wanted), **counts}

    def mark(self, strategy: str, tasks: Iterable[str], one: bool = False) -> str:
        """What stands behind a cell whose runs are not all done; else nothing."""
        counts = self.counts(strategy, tasks, one)
        return MARK if any(counts[name] for name in _COLUMNS) else ""

    def note(self, strategies: Iterable[str], tasks: Iterable[str], one: bool = False) -> str:
        """What the mark means, to go behind a caption; empty where nothing has one."""
        wanted = set(tasks) if one else {*tasks, *self._absent}
        told = {strategy: self._account.short(wanted, strategy) for strategy in strategies}
        said = "; ".join(f"{strategy}: {short}" for strategy, short in told.items() if short)
        return f" {MARK} Not all runs are done, and failed ones count as misses: {said}." if said else ""


def with_counts(data: pd.DataFrame, lacking: Lacking, tasks: Callable[[Row], Iterable[str]]) -> pd.DataFrame:
    """A table whose rows are of a strategy on several tasks, with :meth:`Lacking.counts` as further columns.

    Args:
        tasks: those of a row.
    """
    counts = [lacking.counts(row["strategy"], tasks(row)) for row in data.to_dict("records")]
    return data.assign(**{column: [count[column] for count in counts] for column in counts[0]})
