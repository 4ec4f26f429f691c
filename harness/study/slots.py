"""Slots of a sweep, a worker process each: it has a pipe of its own and takes down only its own run when it dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any

from harness.config.schema import RunConfig, SweepOptions
from harness.study.attempt import AttemptResult, Failure, Report, attempt
from harness.system.text import describe_exit
from harness.system.threads import inherited

REPORT_EVERY_S = 0.2
PATIENCE_S = 10.0

Watch = Callable[[str, RunConfig, int, float | None, float | None], None]
"""Told where a run is at: its slot's name, the run, and what :data:`~harness.study.attempt.Report` is told."""
Told = tuple[int, float | None, float | None]


@dataclass(frozen=True)
class Slot:
    """A place for one worker.

    Attributes:
        name: for the display.
        environment: what its processes start with, besides ours.
    """

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Worker:
    slot: Slot
    process: Any
    pipe: Connection
    at: tuple[int, RunConfig] | None = None


def run_in_slots(
    jobs: Sequence[tuple[int, RunConfig]], options: SweepOptions, slots: Sequence[Slot], watch: Watch, fresh: bool
) -> Generator[tuple[int, AttemptResult]]:
    """Attempt all jobs, each in the first slot that is free; yields outcomes as they come.

    Closing the iterator ends the workers: they drop their current evaluation and release what they hold.

    Args:
        jobs: runs with the numbers to yield them by, in the order in which they start.
        fresh: a new process for every run.
    """
    queue = deque(jobs)
    idle = deque(slots[: len(jobs)])
    workers: dict[Connection, _Worker] = {}
    try:
        while queue or workers:
            while queue and idle:
                worker = _started(idle.popleft(), options)
                workers[worker.pipe] = worker
                _assign(worker, queue, watch)
            for pipe in connection.wait(list(workers)):
                assert isinstance(pipe, Connection)
                worker = workers[pipe]
                assert worker.at is not None
                i, config = worker.at
                message = _received(worker)
                if isinstance(message, tuple):
                    watch(worker.slot.name, config, *message)
                    continue
                died = isinstance(message, Failure) and not worker.process.is_alive()
                if died or fresh or not queue:
                    _dismiss(worker)
                    del workers[pipe]
                    idle.append(worker.slot)
                else:
                    _assign(worker, queue, watch)
                yield i, message
    finally:
        _end(list(workers.values()))


def _assign(worker: _Worker, queue: deque[tuple[int, RunConfig]], watch: Watch) -> None:
    worker.at = queue.popleft()
    watch(worker.slot.name, worker.at[1], 0, None, None)
    with suppress(OSError):  # it died: reading from it will say so
        worker.pipe.send(worker.at[1])


def _received(worker: _Worker) -> AttemptResult | Told:
    assert worker.at is not None
    try:
        message: AttemptResult | Told = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join(PATIENCE_S)
        ending = f"its process ended ({describe_exit(worker.process.exitcode)}); the same command resumes it"
        return Failure(worker.at[1], ending, ending)
    return message


def _started(slot: Slot, options: SweepOptions) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, options))
    with inherited(slot.environment), ctrl_c_held_back():
        process.start()
    theirs.close()  # or the pipe would never report the worker's end
    return _Worker(slot, process, ours)


def _dismiss(worker: _Worker) -> None:
    with suppress(OSError):
        worker.pipe.send(None)
    worker.pipe.close()
    worker.process.join(PATIENCE_S)


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    until = monotonic() + PATIENCE_S
    try:
        for worker in workers:
            worker.process.join(max(0.0, until - monotonic()))
    finally:  # a second Ctrl-C ends the patience
        for worker in workers:
            worker.process.kill()


@contextmanager
def ctrl_c_held_back() -> Iterator[None]:
    """Hold SIGINT back until the block ends; workers started in it never see one, so that only the parent answers."""
    resource_tracker.ensure_running()  # it lets SIGINT through again when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, options: SweepOptions) -> None:
    """In a worker: runs come down the pipe, where they are at and how they ended goes up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # unwinds: locks and devices are released
    _end_with_parent()
    try:
        while (config := pipe.recv()) is not None:
            pipe.send(attempt(config, options, throttled(lambda *at: pipe.send(at))))
    except (EOFError, ConnectionError):
        return  # the parent is gone, and there is nobody to tell


def throttled(report: Report) -> Report:
    """``report``, but not more than a few times a second: a replayed evaluation takes microseconds."""
    last = [0.0]

    def now_and_then(evaluations: int, best_ms: float | None, busy: float | None) -> None:
        now = monotonic()
        if now - last[0] >= REPORT_EVERY_S:
            last[0] = now
            report(evaluations, best_ms, busy)

    return now_and_then


def _end_with_parent() -> None:
    """End as soon as the parent is gone, killed or not; an orphan would hold its run."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
