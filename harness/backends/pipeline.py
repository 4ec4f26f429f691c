"""Overlapping evaluations: the interface that the asynchronous run loop uses, and its simulation.

Each of W compile workers takes one configuration at a time. Compiled ones are checked and timed on the single device,
first in, first out, as compiles finish (in ask order on ties). A configuration that fails to compile is complete at
once.

A worker takes nothing while more than W configurations wait for the device or are on it. If all waited for the device,
compiling far ahead of it would spend workers on configurations that the strategy asked for before it knew anything.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from harness.backends.base import Backend, measured
from harness.evaluation import Configuration, Evaluation, Measurement
from harness.rules import Limits


class TraceDiverged(Exception):
    """A resumed run deviates from its log."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A complete evaluation.

    Attributes:
        ticket: its number in ask order, from 0.
        start_s, end_s: the tuning clock when its compile started and when its benchmark ended.
    """

    ticket: int
    measurement: Measurement
    start_s: float
    end_s: float


class Pipeline(Protocol):
    """W compile workers and a device on one clock."""

    @property
    def now_s(self) -> float:
        """The tuning clock in s."""
        ...

    @property
    def free(self) -> bool:
        """Whether a compile worker should start now."""
        ...

    def time_to_ask(self, ahead: bool) -> bool:
        """Whether to ask for the next configuration now; with ``ahead`` before a worker is free for it."""
        ...

    def submit(self, ticket: int, configuration: Configuration, limits: Limits | None = None) -> None:
        """Give the free worker the configuration of ask number ``ticket``, with the ``limits`` of the run's rules."""
        ...

    def completed(self) -> Completed | None:
        """The next evaluation that is complete by now; ``None`` if there is none."""
        ...

    def wait(self, for_worker: bool) -> None:
        """Wait until an evaluation is complete or, with ``for_worker``, a worker is free."""
        ...

    def asked(self, seconds: float) -> None:
        """Charge the duration of an ask, during which workers and device continued."""
        ...

    def told(self, seconds: float) -> None:
        """Charge the duration of the tell of what :meth:`completed` returned last."""
        ...

    def close(self) -> None:
        """Accept nothing more; work that has begun may end or be lost."""
        ...


@runtime_checkable
class Overlapping(Protocol):
    """A backend whose evaluations really overlap; for others the run loop simulates overlap from their costs."""

    def overlapped(self, workers: int, logged: Sequence[Evaluation]) -> Pipeline:
        """A pipeline that first returns ``logged``, the evaluations of an interrupted run, in their order."""
        ...


def pipeline_of(backend: Backend, workers: int, logged: Sequence[Evaluation]) -> Pipeline:
    """The backend's own pipeline, or a simulated one, which does not measure ``logged`` again."""
    if isinstance(backend, Overlapping):
        return backend.overlapped(workers, logged)
    known = {evaluation.asked: measurement_of(evaluation) for evaluation in logged if evaluation.asked is not None}

    def measure(configuration: Configuration, limits: Limits | None) -> Measurement:
        (measurement,) = measured(backend, [configuration], limits)
        return measurement

    return SimulatedPipeline(workers, measure, known, backend.charge_ask)


def measurement_of(evaluation: Evaluation) -> Measurement:
    """The backend's measurement in an evaluation."""
    return Measurement(
        status=evaluation.status,
        samples_ms=evaluation.samples_ms,
        latency_ms=evaluation.latency_ms,
        oracle_ms=evaluation.oracle_ms,
        compile_s=evaluation.compile_s,
        verify_s=evaluation.verify_s,
        benchmark_s=evaluation.benchmark_s,
        message=evaluation.message,
        device_state=evaluation.device_state,
        alias=evaluation.alias,
        setup_s=evaluation.setup_s,
    )


class SimulatedPipeline:
    """A discrete-event simulation: only the cost of a configuration determines when it is complete.

    Args:
        workers: number of compile workers.
        measure: the outcome of a configuration under limits, with its costs.
        known: outcomes by ticket that are not measured again.
        charge: whether ask and tell are charged to the clock.
    """

    def __init__(
        self,
        workers: int,
        measure: Callable[[Configuration, Limits | None], Measurement],
        known: Mapping[int, Measurement],
        charge: bool,
    ) -> None:
        self._measure, self._known, self._charge = measure, known, charge
        self._workers = [0.0] * workers  # a heap of the times when each is free
        self._device_s = 0.0
        self._compiling: list[tuple[float, int, float, Measurement]] = []  # by end of the compile: ticket, start
        self._on_device: list[tuple[float, int, float, Measurement]] = []  # by end: ticket, start
        self._now_s = 0.0

    @property
    def now_s(self) -> float:
        return self._now_s

    @property
    def free(self) -> bool:
        return self._workers[0] <= self._now_s and len(self._on_device) <= len(self._workers)

    def time_to_ask(self, ahead: bool) -> bool:
        return ahead or self.free

    def submit(self, ticket: int, configuration: Configuration, limits: Limits | None = None) -> None:
        assert self._workers[0] <= self._now_s, "no worker is free"
        measurement = self._known[ticket] if ticket in self._known else self._measure(configuration, limits)
        compiled_s = self._now_s + measurement.compile_s
        heapq.heapreplace(self._workers, compiled_s)
        heapq.heappush(self._compiling, (compiled_s, ticket, self._now_s, measurement))

    def completed(self) -> Completed | None:
        self._feed_device()
        if not self._on_device or self._on_device[0][0] > self._now_s:
            return None
        end_s, ticket, start_s, measurement = heapq.heappop(self._on_device)
        return Completed(ticket, measurement, start_s, end_s)

    def wait(self, for_worker: bool) -> None:
        while True:
            self._feed_device()
            times = [queue[0][0] for queue in (self._compiling, self._on_device) if queue]
            if for_worker and len(self._on_device) <= len(self._workers):
                times.append(self._workers[0])
            self._now_s = max(self._now_s, min(times))
            self._feed_device()
            if (self._on_device and self._on_device[0][0] <= self._now_s) or (for_worker and self.free):
                return

    def asked(self, seconds: float) -> None:
        if self._charge:
            self._now_s += seconds

    told = asked

    def close(self) -> None:
        """Nothing to end."""

    def _feed_device(self) -> None:
        """Queue compiled configurations on the device; later asks cannot overtake them."""
        while self._compiling and self._compiling[0][0] <= self._now_s:
            compiled_s, ticket, start_s, measurement = heapq.heappop(self._compiling)
            on_device_s = measurement.verify_s + measurement.benchmark_s
            end_s = compiled_s
            if on_device_s > 0:
                end_s = self._device_s = max(self._device_s, compiled_s) + on_device_s
            heapq.heappush(self._on_device, (end_s, ticket, start_s, measurement))
