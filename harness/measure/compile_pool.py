"""A pool of compile workers that survives crashes and hangs of what they compile."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Protocol

from harness.errors import MachineError
from harness.evaluation import Configuration, Status
from harness.measure.jobs import CompileOutcome
from harness.measure.messages import describe
from harness.measure.process import WorkerProcess, clear_output
from harness.rules import COMPILED_TOO_LONG
from harness.system.text import one_line

START_TIMEOUT_S = 180.0
MAX_FAILED_STARTS = 3


class Compiler(Protocol):
    """The compiler that a worker runs; it is pickled."""

    def prepare(self) -> None:
        """Called once in each worker before its first job."""
        ...

    def compile(self, configuration: Configuration) -> CompileOutcome:
        """Compile one configuration."""
        ...

    def abandoned(self, pid: int, outcome: CompileOutcome) -> None:
        """Called in the parent when worker ``pid`` was lost over its job."""
        ...


class CompilePoolError(MachineError):
    """The compile workers cannot start at all."""


def serve_compiles(connection: Connection, compiler: Compiler) -> None:
    """Serve as a compile worker: send ``None`` when ready, then answer each configuration with an outcome."""
    compiler.prepare()
    connection.send(None)
    while True:
        configuration = connection.recv()
        clear_output()
        try:
            outcome = compiler.compile(configuration)
        except Exception as error:
            outcome = CompileOutcome(Status.COMPILE_ERROR, 0.0, 0.0, message=describe(error))
        connection.send(outcome)


@dataclass
class _Slot:
    """One worker. ``ticket`` is its job, if any, with its limit; ``deadline`` is when to give up on the job or the
    start."""

    process: WorkerProcess
    since: float
    deadline: float
    ready: bool = False
    ticket: int | None = None
    limit_s: float = float("inf")


class CompilePool:
    """Runs compiles in submission order on ``workers`` processes; never blocks.

    Args:
        compiler: the compiler that the workers run.
        workers: number of processes.
        timeout_s: wall seconds after which a compile's worker is killed and replaced.
        logs: directory for the workers' output.
        environment: variables set in the workers.

    Attributes:
        busy_s: wall seconds that workers have spent on jobs, summed over the workers.

    Use :meth:`submit`, wait on :attr:`connections` until :attr:`deadline`, then :meth:`poll`.
    """

    def __init__(
        self,
        compiler: Compiler,
        workers: int,
        *,
        timeout_s: float,
        logs: Path,
        environment: Mapping[str, str | None] | None = None,
    ) -> None:
        self._compiler = compiler
        self.timeout_s = timeout_s
        self._logs = logs
        # No GPU for compile workers: a mistake then fails at once instead of opening a second context.
        self._environment = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", **(environment or {})}
        self._queue: deque[tuple[int, Configuration, float]] = deque()
        self._failed_starts = 0
        self.busy_s = 0.0
        self._slots = [self._start(index) for index in range(workers)]

    def _start(self, index: int) -> _Slot:
        log = self._logs / f"compile-{index}.log"
        process = WorkerProcess(serve_compiles, self._compiler, log, self._environment, nice=5)
        now = time.monotonic()
        return _Slot(process, now, now + START_TIMEOUT_S)

    @property
    def workers(self) -> int:
        """Number of worker processes."""
        return len(self._slots)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [slot.process.pid for slot in self._slots]

    @property
    def in_flight(self) -> int:
        """Jobs submitted and not yet reported."""
        return len(self._queue) + sum(slot.ticket is not None for slot in self._slots)

    @property
    def idle(self) -> int:
        """Workers that are ready and have no job, minus the jobs that wait for a worker."""
        return sum(slot.ready and slot.ticket is None for slot in self._slots) - len(self._queue)

    def wait_until_ready(self) -> None:
        """Wait until every worker has started.

        Raises:
            CompilePoolError: workers repeatedly die before they are ready.
        """
        while any(not slot.ready for slot in self._slots):
            wait_for(self.connections, max(0.0, self.deadline - time.monotonic()))
            self.poll()

    @property
    def connections(self) -> list[Connection]:
        """Connections that become readable when there may be something to poll."""
        return [slot.process.connection for slot in self._slots if not slot.ready or slot.ticket is not None]

    @property
    def deadline(self) -> float:
        """Monotonic time at which :meth:`poll` has to be called again in any case."""
        waiting = [slot.deadline for slot in self._slots if not slot.ready or slot.ticket is not None]
        return min(waiting, default=float("inf"))

    def submit(self, ticket: int, configuration: Configuration, limit_s: float = float("inf")) -> None:
        """Queue a compile; its outcome comes back from :meth:`poll` under ``ticket``.

        Args:
            limit_s: wall seconds, or charged seconds, after which the run's rules end the compile.
        """
        self._queue.append((ticket, configuration, limit_s))
        self._dispatch()

    def poll(self) -> list[tuple[int, CompileOutcome]]:
        """Outcomes since the last call. Replaces dead workers and kills those past their deadline.

        Raises:
            CompilePoolError: workers repeatedly die before they are ready.
        """
        done: list[tuple[int, CompileOutcome]] = []
        for index, slot in enumerate(self._slots):
            if not slot.ready or slot.ticket is not None:
                done.extend(self._poll_slot(index, slot))
        self._dispatch()
        return done

    def close(self) -> None:
        """Kill every worker. Safe to call twice."""
        slots, self._slots = self._slots, []
        self._queue.clear()
        for slot in slots:
            slot.process.kill()

    def _dispatch(self) -> None:
        for index, slot in enumerate(self._slots):
            if not self._queue:
                return
            if slot.ready and slot.ticket is None:
                self._give(index, slot)

    def _give(self, index: int, slot: _Slot) -> None:
        ticket, configuration, limit_s = self._queue[0]
        try:
            slot.process.connection.send(configuration)
        except OSError:  # the worker died while idle; the job is not the cause and stays queued
            slot.process.kill()
            self._slots[index] = self._start(index)
            return
        self._queue.popleft()
        slot.ticket, slot.limit_s, slot.since = ticket, limit_s, time.monotonic()
        slot.deadline = slot.since + min(self.timeout_s, limit_s)

    def _poll_slot(self, index: int, slot: _Slot) -> list[tuple[int, CompileOutcome]]:
        try:
            if slot.process.connection.poll():
                return self._receive(slot, slot.process.connection.recv())
        except (EOFError, OSError):
            return self._lost(index, slot, Status.WORKER_CRASH)
        if time.monotonic() < slot.deadline:
            return []
        return self._lost(index, slot, Status.COMPILE_TIMEOUT)

    def _receive(self, slot: _Slot, outcome: CompileOutcome | None) -> list[tuple[int, CompileOutcome]]:
        if outcome is None:
            slot.ready, self._failed_starts = True, 0
            return []
        ticket, slot.ticket = slot.ticket, None
        assert ticket is not None
        self.busy_s += time.monotonic() - slot.since
        if outcome.compile_s > slot.limit_s:  # charged the cost of this binary's first compile, or of several threads
            outcome = _ended(slot.limit_s, outcome.spent_s)
        return [(ticket, outcome)]

    def _lost(self, index: int, slot: _Slot, status: Status) -> list[tuple[int, CompileOutcome]]:
        """Replace a worker that died or is past its deadline; its job, if any, is a failure."""
        if status is Status.COMPILE_TIMEOUT:
            slot.process.kill()
            charged, message = self.timeout_s, f"compiling took longer than {self.timeout_s:g} s"
        else:
            message = slot.process.post_mortem()
            slot.process.kill()
            charged = time.monotonic() - slot.since
        pid = slot.process.pid
        if not slot.ready:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise CompilePoolError(f"compile workers do not start: {message}")
        self._slots[index] = self._start(index)
        if slot.ticket is None:
            return []
        self.busy_s += time.monotonic() - slot.since
        if status is Status.COMPILE_TIMEOUT and slot.limit_s < self.timeout_s:
            # The compiler is not informed: the same code may be tried again when the rules allow more.
            return [(slot.ticket, _ended(slot.limit_s, slot.limit_s))]
        outcome = CompileOutcome(status, charged, charged, message=one_line(f"compile worker {message}")
                                 if status is Status.WORKER_CRASH else message)  # fmt: skip
        self._compiler.abandoned(pid, outcome)
        return [(slot.ticket, outcome)]


def _ended(limit_s: float, spent_s: float) -> CompileOutcome:
    """The outcome of a compile that the run's rules ended."""
    return CompileOutcome(Status.COMPILE_TIMEOUT, limit_s, spent_s, message=COMPILED_TOO_LONG)
