"""How evaluations of a run overlap: ``workers=W schedule=batch|async``, or ``batch`` and the backend's own workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import UserError
from harness.system.near import expected_name

BATCH, ASYNC = "batch", "async"
SCHEDULES = (BATCH, ASYNC)
MAX_WORKERS = 4096
WORKERS_OF_BACKEND = "compile_workers"


@dataclass(frozen=True)
class Overlap:
    """Settings of asynchronous evaluation.

    Attributes:
        workers: compile workers, each of which gets a configuration as soon as it is free.
        ask_ahead: ask for a configuration before a worker is free for it.
    """

    workers: int
    ask_ahead: bool = False


@dataclass(frozen=True)
class Schedule:
    """The schedule of a run, from ``workers`` and ``schedule``.

    Attributes:
        batch: configurations asked at once, or under way at once.
        backend: the backend's target and arguments, including its compile workers.
        overlap: ``None`` if each batch is told before the next is asked.
    """

    batch: int
    backend: Mapping[str, Any]
    overlap: Overlap | None = None


def scheduled(document: Mapping[str, Any]) -> Schedule:
    """The schedule of a composed run; without ``workers``, ``batch`` and the backend determine it.

    Raises:
        UserError: an option is unknown or contradicts another.
    """
    batch, workers, kind, ahead = (document[name] for name in ("batch", "workers", "schedule", "ask_ahead"))
    backend = dict(document["backend"])
    if kind not in SCHEDULES:
        raise UserError(f"schedule={kind}: expected {expected_name(str(kind), SCHEDULES)}")
    if ahead and kind != ASYNC:
        raise UserError("ask_ahead=true: needs schedule=async")
    if workers is None:
        if kind == ASYNC:
            raise UserError("schedule=async: needs workers=W, the number of compile workers to keep busy")
        return Schedule(batch, backend)
    if not 1 <= workers <= MAX_WORKERS:
        raise UserError(f"workers={workers}: expected a whole number from 1 to {MAX_WORKERS}")
    if batch != 1:
        raise UserError(
            f"workers={workers} batch={batch}: both set the number of configurations asked at once: give only one of "
            "them"
        )
    if (own := backend.get(WORKERS_OF_BACKEND)) not in (None, 1):
        raise UserError(
            f"workers={workers} backend.{WORKERS_OF_BACKEND}={own}: both set the compile workers: give only one of them"
        )
    if WORKERS_OF_BACKEND in backend or kind == BATCH:
        backend[WORKERS_OF_BACKEND] = workers
    return Schedule(workers, backend, None if kind == BATCH else Overlap(workers, ahead))
