"""Compile on many cores and measure on one or more GPUs at the same time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from statistics import median

from harness.evaluation import Configuration, Measurement, Status
from harness.measure.activity import Activity
from harness.measure.compile_pool import CompilePool
from harness.measure.device_worker import DeviceWorker
from harness.measure.jobs import CompiledPlan, CompileOutcome, Evaluate, Reply
from harness.rules import Limits

NO_LIMITS = Limits()
_Compiled = tuple[int, CompileOutcome]
"""A ticket and how its compile ended."""


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one configuration.

    Attributes:
        compiled: the measured plan; ``None`` if it did not compile.
        gpu: index of the device that measured it; ``None`` if none did (failed before, or an alias).
    """

    ticket: int
    configuration: Configuration
    measurement: Measurement
    compiled: CompiledPlan | None
    gpu: int | None = None


class Engine:
    """Feeds configurations through the compile pool to the devices, first in, first out.

    Args:
        compile_pool: the pool that compiles.
        devices: the started devices that measure.
        ready_limit: compiled configurations that may wait for a device before compiling pauses.

    Warm-ups and launchers are charged to no configuration, in runs and in recordings, since they would fall on
    whichever came first. They are recorded beside the costs as ``setup_s``.

    A configuration with the same machine code, grids and arguments as an earlier one (an *alias*) is not
    measured again: it gets the earlier measurement, at its full cost.
    """

    def __init__(
        self,
        compile_pool: CompilePool,
        devices: Sequence[DeviceWorker],
        *,
        ready_limit: int = 256,
    ) -> None:
        self._compile_pool = compile_pool
        self._devices = tuple(devices)
        self._ready_limit = ready_limit
        self._known: dict[str, Measurement] = {}
        self.incumbent_ms: float | None = None
        self._waiting: dict[int, tuple[Configuration, Limits]] = {}
        self._ready: deque[_Compiled] = deque()
        self._running: dict[int, _Compiled] = {}
        self.activity = Activity(
            compile_workers=compile_pool.workers, gpus=len(self._devices), what=self._devices[0].what
        )
        self.begin()

    def remember(self, fingerprint: str, measurement: Measurement) -> None:
        """Register a binary that an earlier session measured, whose aliases need no measurement; it may be the
        incumbent."""
        self._known[fingerprint] = measurement
        self._improve(measurement.latency_ms)

    def evaluate(self, configurations: Iterable[Configuration], limits: Limits = NO_LIMITS) -> Iterator[Result]:
        """Yield results as they arrive, with tickets counting the configurations from 0; ``configurations`` is read
        lazily.

        Args:
            limits: limits of each evaluation.

        Raises:
            DeviceLost, CompilePoolError: device or workers cannot be restarted.
        """
        source = enumerate(configurations)
        more = True
        self.begin()
        while more or self._waiting:
            while (
                more
                and self._compile_pool.in_flight < self._compile_pool.workers + 2
                and len(self._ready) < self._ready_limit
            ):
                item = next(source, None)
                more = item is not None
                if item is not None:
                    self.submit(*item, limits)
            yield from self.step()

    def begin(self, compiled: Callable[[int, float], None] | None = None) -> None:
        """Start anew and forget earlier submissions.

        Args:
            compiled: called with ticket and CPU seconds of each ended compile, before its result is returned.
        """
        self._compiled = compiled
        self._waiting, self._running = {}, {}
        self._ready = deque()
        self._earlier_s, self._began = self.activity.wall_s, time.monotonic()
        self._compile_before_s = self._compile_pool.busy_s - self.activity.compile_busy_s

    def submit(self, ticket: int, configuration: Configuration, limits: Limits | None = None) -> None:
        """Submit a configuration; its result comes from :meth:`step`."""
        limits = limits or NO_LIMITS
        self._waiting[ticket] = configuration, limits
        self._compile_pool.submit(ticket, configuration, limits.compile_s)

    def step(self, wake: Connection | None = None) -> list[Result]:
        """Available results; if there are none, wait for an event, which may be only the end of a compile.

        Args:
            wake: a connection that also ends the wait when readable.

        Raises:
            DeviceLost, CompilePoolError: device or workers cannot be restarted.
        """
        finished: list[Result] = []
        self._feed(finished)
        self.activity.wall_s = self._earlier_s + time.monotonic() - self._began
        self.activity.compile_busy_s = self._compile_pool.busy_s - self._compile_before_s
        if finished or not (self._waiting or wake):
            return finished
        self._wait(starved=not self._ready, wake=wake)
        for gpu, device in enumerate(self._devices):
            reply = device.poll()
            if reply is not None and gpu in self._running:
                job = self._running.pop(gpu)
                finished.append(self._finish(job, self._measurement(job[1], reply), gpu))
                self._feed(finished)  # before looking at dozens of compile workers
        for ticket, outcome in self._compile_pool.poll():
            self._count(outcome)
            if self._compiled is not None:
                self._compiled(ticket, outcome.compile_s)
            if outcome.compiled is None:
                finished.append(self._finish((ticket, outcome), outcome.failure()))
            else:
                self._ready.append((ticket, outcome))
        self._feed(finished)  # so that the devices have their next jobs before the caller handles these results
        return finished

    def _feed(self, finished: list[Result]) -> None:
        """Give each idle device its next job. Aliases are finished without a device."""
        for gpu, device in enumerate(self._devices):
            while self._ready and device.idle:
                job = self._ready.popleft()
                assert job[1].compiled is not None
                alias = self._known.get(job[1].compiled.fingerprint)
                if alias is None:
                    configuration, limits = self._waiting[job[0]]
                    device.submit(Evaluate(configuration, job[1].compiled, self.incumbent_ms, limits))
                    self._running[gpu] = job
                else:
                    self.activity.aliases += 1
                    finished.append(self._finish(job, replace(alias, alias=True, setup_s=0.0)))

    def compile(self, configurations: Sequence[Configuration]) -> dict[int, CompiledPlan]:
        """Compile without measuring: returns compiled plans by position."""
        plans: dict[int, CompiledPlan] = {}
        for ticket, configuration in enumerate(configurations):
            self._compile_pool.submit(ticket, configuration)
        while self._compile_pool.in_flight:
            wait_for(self._compile_pool.connections, max(0.0, self._compile_pool.deadline - time.monotonic()))
            for ticket, outcome in self._compile_pool.poll():
                if outcome.compiled is not None:
                    plans[ticket] = outcome.compiled
        return plans

    @property
    def idle_workers(self) -> int:
        """Number of compile workers that would start a new submission at once."""
        return self._compile_pool.idle

    @property
    def at_devices(self) -> int:
        """Number of compiled configurations that wait for a device or are on one."""
        return len(self._ready) + len(self._running)

    def _wait(self, starved: bool, wake: Connection | None) -> None:
        before = time.monotonic()
        idle = sum(device.idle for device in self._devices)
        starting = sum(not device.idle and not device.busy for device in self._devices)
        deadline = min(self._compile_pool.deadline, *(device.deadline for device in self._devices))
        timeout = None if deadline == float("inf") else max(0.0, deadline - before)
        connections = [connection for device in self._devices for connection in device.connections]
        wait_for([*self._compile_pool.connections, *connections, *([wake] if wake else [])], timeout)
        elapsed = time.monotonic() - before
        self.activity.respawn_s += starting * elapsed
        if starved:
            self.activity.compile_wait_s += idle * elapsed

    def _count(self, outcome: CompileOutcome) -> None:
        self.activity.compile_charged_s += outcome.compile_s
        self.activity.compile_spent_s += outcome.spent_s
        if outcome.status is Status.COMPILE_TIMEOUT:
            self.activity.compile_timeouts += 1
            self.activity.compile_cut_s += outcome.spent_s
        else:
            self.activity.compile_longest_s = max(self.activity.compile_longest_s, outcome.compile_s)

    def _measurement(self, outcome: CompileOutcome, reply: Reply) -> Measurement:
        self.activity.verify_s += reply.verify_s
        self.activity.benchmark_s += reply.benchmark_s
        self.activity.idle_s += reply.idle_s
        self.activity.setup_s += reply.setup_s
        latency_ms = median(reply.samples_ms) if reply.status is Status.OK else None
        self._improve(latency_ms)
        measurement = Measurement(
            status=reply.status,
            samples_ms=reply.samples_ms if latency_ms is not None else (),
            latency_ms=latency_ms,
            verify_s=reply.verify_s,
            benchmark_s=reply.benchmark_s,
            message=reply.message,
            device_state=reply.device_state,
            setup_s=reply.setup_s,
        )
        assert outcome.compiled is not None
        self._known[outcome.compiled.fingerprint] = measurement
        return measurement

    def _improve(self, latency_ms: float | None) -> None:
        if latency_ms is not None and (self.incumbent_ms is None or latency_ms < self.incumbent_ms):
            self.incumbent_ms = latency_ms

    def _finish(self, job: _Compiled, measurement: Measurement, gpu: int | None = None) -> Result:
        ticket, outcome = job
        self.activity.finished += 1
        charged = replace(measurement, compile_s=outcome.compile_s)
        return Result(ticket, self._waiting.pop(ticket)[0], charged, outcome.compiled, gpu)
