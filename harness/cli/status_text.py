"""The status of a study as text for the terminal."""

from __future__ import annotations

from collections import Counter

from harness.cli.text_table import aligned
from harness.run.state import State
from harness.study.status import RunStatus, StudyStatus
from harness.system.text import printable

UNVERIFIED = "its log has no checksums, so it is unverified"
SHOWN = 10
"""How many runs of each state are listed individually."""


def format_status(status: StudyStatus) -> str:
    """A row per task and strategy, totals, damaged and failed runs, running processes, and what to do next.

    Superseded attempts have a column of their own and do not count as ``runs``.
    """
    rows = [(task, label, counts) for (task, label), counts in status.counts().items()]
    names = [str(state) for state in State]
    busy = status.utilisations()
    shares = {group: f"{share:.0%}" for group, share in busy.items()}
    heads = ["task", "strategy", *names, "runs", *(["workers busy"] if busy else [])]
    body = [
        [task, label, *_cells(counts), *([shares.get((task, label), "")] if busy else [])]
        for task, label, counts in rows
    ]
    body.append(["total", "", *_cells(status.totals()), *([""] if busy else [])])
    states = (State.DAMAGED, State.FAILED, State.RUNNING, State.INTERRUPTED)
    told = [line for state in states for line in _told(status, state)]
    return "\n".join([*aligned([heads, *body], left=2), *told, *map(printable, status.faults), *_next(status)])


def _cells(counts: Counter[State]) -> list[str]:
    return [str(counts[state] or "") for state in State] + [str(sum(counts.values()) - counts[State.SUPERSEDED])]


def _told(status: StudyStatus, state: State) -> list[str]:
    """A line for each run in this state that has a message, up to :data:`SHOWN` of them."""
    runs = [run for run in status.runs if run.state is state and (run.message or run.unverified)]
    lines = [printable(f"{state}: {run.run.place.as_posix()}: {_said(run)}") for run in runs[:SHOWN]]
    more = len(runs) - SHOWN
    return [*lines, f"and {more} more: --json lists them"] if more > 0 else lines


def _said(run: RunStatus) -> str:
    return "; ".join(filter(None, [run.message, UNVERIFIED if run.unverified else ""]))


def _next(status: StudyStatus) -> list[str]:
    totals = status.totals()
    lines = []
    if not status.planned:
        lines.append("no sweep plan found here, so missing runs are unknown")
    if totals[State.INTERRUPTED] or totals[State.MISSING]:
        lines.append("run the same command again to finish interrupted and missing runs")
    if totals[State.DAMAGED]:
        lines.append("run the same command again to repeat damaged runs; it names any that must be moved away first")
    if totals[State.SUPERSEDED]:
        lines.append("superseded runs were replaced by newer ones and are not counted; --json lists them")
    if totals[State.FAILED]:
        lines.append(
            "add resume=retry_failed to retry failed runs; the file FAILED in a run's directory has the traceback"
        )
    return lines
