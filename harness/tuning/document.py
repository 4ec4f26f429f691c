"""Convert outcomes to JSON."""

from __future__ import annotations

from typing import Any

from harness.evaluation import Configuration
from harness.tuning.gather import BestOfTask, Gathered, by_task
from harness.tuning.outcome import OBSERVED, Outcome
from harness.tuning.triton_config import triton_config


def plain(configuration: Configuration) -> dict[str, Any]:
    """A configuration in JSON types: a permutation becomes a list."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in configuration.items()}


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """One outcome as JSON: ``configuration`` names every active parameter; unknown values are null."""
    best = outcome.best
    return {
        "task": outcome.task,
        "configuration": None if best is None else plain(best.configuration),
        "latency_ms": None if best is None else best.latency_ms,
        "known_by": None if best is None else best.known_by,
        "confirmed": best is not None and best.known_by != OBSERVED,
        "strategy": outcome.strategy or None,
        "seed": outcome.seed,
        "state": outcome.state,
        "path": str(outcome.path),
        "evaluations": outcome.evaluations,
        "failures": outcome.failures,
        "statuses": dict(outcome.statuses),
        "messages": {status: {"message": said, "count": n} for status, (said, n) in outcome.messages.items()},
        "default_ms": outcome.default_ms,
        "vendor_ms": None if outcome.vendor is None else outcome.vendor[1],
        "vendor": None if outcome.vendor is None else outcome.vendor[0],
        "triton": None if best is None else triton_config(best.configuration),
    }


def gathered_document(gathered: Gathered) -> dict[str, Any]:
    """The best of each task, with sums over all its runs, and what was left out."""
    return {
        "best": [_task_document(task) for task in by_task(gathered.outcomes)],
        "left_out": list(gathered.left_out),
    }


def _task_document(task: BestOfTask) -> dict[str, Any]:
    sums = {"runs": len(task.of), "all_evaluations": task.evaluations, "all_failures": task.failures}
    return {**outcome_document(task.outcome), **sums}
