"""A study's status for the terminal."""

from __future__ import annotations

from collections import Counter

from harness.cli.text_table import aligned
from harness.run.state import State
from harness.study.status import StudyStatus

SHOWN = 10
"""Runs of a state that are listed one by one."""


def format_status(status: StudyStatus) -> str:
    """A row per task and strategy, totals, what is damaged or failed, who is at what runs, and what to do next.

    What is superseded is no run: it has a column, and is not among ``runs``.
    """
    rows = [(task, label, counts) for (task, label), counts in status.counts().items()]
    names = [str(state) for state in State]
    heads = ["task", "strategy", *names, "runs"]
    body = [[task, label, *_cells(counts)] for task, label, counts in rows]
    body.append(["total", "", *_cells(status.totals())])
    told = [line for state in (State.DAMAGED, State.FAILED, State.RUNNING) for line in _told(status, state)]
    return "\n".join([*aligned([heads, *body], left=2), *told, *status.faults, *_next(status)])


def _cells(counts: Counter[State]) -> list[str]:
    return [str(counts[state] or "") for state in State] + [str(sum(counts.values()) - counts[State.SUPERSEDED])]


def _told(status: StudyStatus, state: State) -> list[str]:
    """The runs that have something to say, one by one."""
    runs = [run for run in status.runs if run.state is state]
    lines = [f"{state}: {run.run.place.as_posix()}: {run.message}" for run in runs[:SHOWN]]
    more = len(runs) - SHOWN
    return [*lines, f"and {more} more: --json lists them"] if more > 0 else lines


def _next(status: StudyStatus) -> list[str]:
    totals = status.totals()
    lines = []
    if not status.planned:
        lines.append("no sweep left its plan here: what is missing is not known")
    if totals[State.INTERRUPTED] or totals[State.MISSING]:
        lines.append("the command that began it runs what is interrupted or missing")
    if totals[State.DAMAGED]:
        lines.append("the command that began it runs again what is damaged, or says what to move away")
    if totals[State.SUPERSEDED]:
        lines.append("superseded is what newer runs replaced: it counts nowhere; --json lists it")
    if totals[State.FAILED]:
        lines.append("resume=retry_failed added to it tries failures again; FAILED in a run's directory has the trace")
    return lines
