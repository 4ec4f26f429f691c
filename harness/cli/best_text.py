"""The best configurations as text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.cli.text_table import aligned
from harness.system.text import printable
from harness.tuning.gather import BestOfTask
from harness.tuning.outcome import OBSERVED, RECORDED, RETIMED, Outcome
from harness.tuning.triton_config import triton_config

KNOWN_BY = {
    OBSERVED: "one reading of the search: not confirmed",
    RETIMED: "timed again, interleaved with the other fast ones",
    RECORDED: "best known by the recording",
}


def outcome_lines(outcome: Outcome) -> list[str]:
    """The best configuration of one outcome, one line per parameter, with the default, the vendor and the failures."""
    if outcome.best is None:
        return [f"{outcome.task}: none of {outcome.evaluations} evaluations succeeded", *failure_lines(outcome)]
    best = outcome.best
    rows = [[name, _value(value)] for name, value in best.configuration.items()]
    beside = [["latency", f"{best.latency_ms:.5g} ms", KNOWN_BY[best.known_by]]]
    if outcome.default_ms is not None:
        beside.append(["default", f"{outcome.default_ms:.5g} ms", _ratio(outcome.default_ms, best.latency_ms)])
    if outcome.vendor is not None:
        name, vendor_ms = outcome.vendor
        beside.append(["vendor", f"{vendor_ms:.5g} ms", f"{_ratio(vendor_ms, best.latency_ms)} ({name})"])
    return [
        f"the best configuration of {outcome.task}",
        *(f"  {line}" for line in aligned(rows, 2)),
        *aligned(beside, 3),
        _tally(outcome),
        *failure_lines(outcome),
    ]


def failure_lines(outcome: Outcome) -> list[str]:
    """One line for each failure status, with its most common message."""
    return [
        f"  {status}: {outcome.statuses[status]}" + (f"; most often, {count} times: {message}" if message else "")
        for status, (message, count) in outcome.messages.items()
    ]


def table_lines(tasks: Sequence[BestOfTask]) -> list[str]:
    """A table with one line per task."""
    head = ["task", "best", "latency ms", "known by", "default/best", "vendor/best", "runs", "evaluations", "failed"]
    columns = aligned([head, *map(_cells, tasks)], 2)
    last = ["configuration", *(_configuration(task.outcome) for task in tasks)]
    return [f"{line}  {printable(cell)}" for line, cell in zip(columns, last, strict=True)]


def _cells(task: BestOfTask) -> list[str]:
    outcome, best = task.outcome, task.outcome.best
    vendor_ms = None if outcome.vendor is None else outcome.vendor[1]
    seed = "" if outcome.seed is None else f" seed {outcome.seed}"
    return [
        outcome.task,
        f"{outcome.strategy}{seed}" if outcome.strategy else "recording",
        "–" if best is None else f"{best.latency_ms:.5g}",
        "–" if best is None else best.known_by,
        *("–" if best is None or x is None else f"{x / best.latency_ms:.2f}" for x in (outcome.default_ms, vendor_ms)),
        str(len(task.of)),
        str(task.evaluations),
        str(task.failures),
    ]


def _configuration(outcome: Outcome) -> str:
    if outcome.best is None:
        return "none succeeded"
    return " ".join(f"{name}={_value(value)}" for name, value in outcome.best.configuration.items())


def triton_line(outcome: Outcome) -> str:
    """A ``triton.Config`` that can be pasted, or a comment that says why there is none."""
    if outcome.best is None:
        return "# no evaluation succeeded:"
    return triton_config(outcome.best.configuration) or "# not a Triton kernel:"


def left_out_lines(left_out: Sequence[str]) -> Iterator[str]:
    """Lines that say what the table leaves out: at most three reasons, then a count."""
    shown = left_out[:3]
    yield from (f"left out: {each}" for each in shown)
    if len(left_out) > len(shown):
        yield f"left out: {len(left_out) - len(shown)} more"


def _tally(outcome: Outcome) -> str:
    of = f" by {outcome.strategy}" if outcome.strategy else ""
    done = "" if outcome.state in ("done", RECORDED) else f", {outcome.state}"
    statuses = ", ".join(f"{count} {status}" for status, count in outcome.statuses.items())
    return f"{outcome.evaluations} evaluations{of}{done}: {statuses}"


def _ratio(other_ms: float, best_ms: float) -> str:
    return f"{other_ms / best_ms:.2f} times the best's"


def _value(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
