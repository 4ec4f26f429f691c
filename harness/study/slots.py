"""Slots of a sweep, one worker process each, with its own pipe, so that a dying worker ends only its own run."""

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
"""Reports the progress of a run: its slot's name, the run, and the arguments of
:data:`~harness.study.attempt.Report`."""
Told = tuple[int, float | None, float | None]


@dataclass(frozen=True)
class Slot:
    """A place for one worker.

    Attributes:
        name: the name on the display.
        environment: environment variables of its processes, in addition to ours.
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
    """Attempt all jobs, each in the first free slot; yields outcomes as they arrive.

    Closing the iterator ends the workers: they drop their current evaluation and release their locks and devices.

    Args:
        jobs: runs with their numbers, which are yielded with the outcomes, in starting order.
        fresh: whether to use a new process for every run.
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
    with suppress(OSError):  # the worker died, which reading from it reports
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
    theirs.close()  # otherwise the pipe would never report the worker's end
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
    finally:  # a second Ctrl-C skips the waiting
        for worker in workers:
            worker.process.kill()


@contextmanager
def ctrl_c_held_back() -> Iterator[None]:
    """Hold SIGINT back until the block ends; workers started in it never receive one, so that only the parent
    reacts."""
    resource_tracker.ensure_running()  # started now, since its start would unblock SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, options: SweepOptions) -> None:
    """Main loop of a worker: receive runs through the pipe, and send their progress and outcomes back."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # unwinds: releases locks, devices
    _end_with_parent()
    try:
        while (config := pipe.recv()) is not None:
            pipe.send(attempt(config, options, throttled(lambda *at: pipe.send(at))))
    except (EOFError, ConnectionError):
        return  # the parent is gone, so there is nobody to report to


def throttled(report: Report) -> Report:
    """Limit ``report`` to a few calls per second, since a replayed evaluation takes microseconds."""
    last = [0.0]

    def now_and_then(evaluations: int, best_ms: float | None, busy: float | None) -> None:
        now = monotonic()
        if now - last[0] >= REPORT_EVERY_S:
            last[0] = now
            report(evaluations, best_ms, busy)

    return now_and_then


def _end_with_parent() -> None:
    """End this process as soon as the parent is gone, since an orphan would keep its run locked."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
