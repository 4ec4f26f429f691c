"""The records that flow through a run: its budget, measurements and evaluations with their costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from search_spaces.parameter import Value

Configuration = Mapping[str, Value]
"""A value for every *active* parameter of a search space; inactive ones are absent."""


class RepairedConfiguration(dict[str, Value]):
    """A feasible configuration that stands in for a proposal outside the feasible, unvisited set.

    A strategy returns it from ``ask`` so that the run loop counts the repair in the log.
    """


class Status(StrEnum):
    """How one evaluation ended."""

    OK = "ok"
    COMPILE_ERROR = "compile_error"
    OUT_OF_RESOURCES = "out_of_resources"
    COMPILE_TIMEOUT = "compile_timeout"
    RUN_TIMEOUT = "run_timeout"
    WRONG_RESULT = "wrong_result"
    RUNTIME_ERROR = "runtime_error"
    WORKER_CRASH = "worker_crash"


@dataclass(frozen=True, slots=True)
class DeviceState:
    """The device around one measurement, read just before and just after it (NVML).

    Attributes:
        sm_clock_mhz: the lower of the two readings of the SM clock, in MHz.
        temperature_c: the higher of the two temperatures, in °C.
        throttle_reasons: bit mask of all reasons for lower clocks seen at either (``nvmlClocksEventReasons``).
    """

    sm_clock_mhz: int
    temperature_c: int
    throttle_reasons: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """The outcome of measuring one configuration, as a backend returns it.

    Attributes:
        status: how the measurement ended; only ``ok`` carries latencies.
        samples_ms: every latency sample, in ms, in the order measured.
        latency_ms: the median of the samples, which a strategy sees; ``None`` unless ``ok``.
        oracle_ms: the configuration's best known latency in ms (hidden from strategies);
            ``None`` where unknown or failed.
        compile_s, verify_s, benchmark_s: the costs in s. Compile is CPU seconds.
        setup_s: seconds that the device process spent before the measurement on work that belongs to no evaluation and
            is charged to no clock: warming up after idle time, building launchers. ``None`` where it was not measured,
            as in a replay.
        message: one line about a failure, empty otherwise.
        device_state: state of the device during the measurement; ``None`` where nothing was timed or the state was not
            read.
        alias: whether another configuration with the same machine code was measured instead, at this one's full cost.
    """

    status: Status
    samples_ms: tuple[float, ...] = ()
    latency_ms: float | None = None
    oracle_ms: float | None = None
    compile_s: float = 0.0
    verify_s: float = 0.0
    benchmark_s: float = 0.0
    message: str = ""
    device_state: DeviceState | None = None
    alias: bool = False
    setup_s: float | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One configuration tried once, as a strategy is told it and as the log records it.

    A strategy gets it with ``oracle_ms=None`` and ``tell_s=0``: the oracle is for analysis alone.

    Attributes (beyond those of :class:`Measurement`):
        index: position in the run, from 0.
        configuration: what was evaluated (after any repair).
        repaired: whether it replaces a proposal that was infeasible or already visited.
        ask_s, tell_s: measured time of the strategy's ask and tell in s, shared equally by a batch.
        clock_start_s, clock_end_s: the tuning clock in s when its compile started and when its
            benchmark ended (see :mod:`harness.run.clock`).
        wall_s: real seconds of its round (ask, measure, tell, log), shared equally by a batch, without the device's
            start-up. What exceeds the charged costs is the harness's overhead.
        asked: its number in the order of asks, from 0, in an asynchronous run, where ``index`` is the order of tells;
            ``None`` in other runs.
        asks_s: duration in s of each ask between the previous tell and this one, which records how asks and tells
            interleave. Empty if there was no ask between; ``None`` where ``asked`` is ``None``.
    """

    index: int
    configuration: Configuration
    status: Status
    samples_ms: tuple[float, ...]
    latency_ms: float | None
    oracle_ms: float | None
    compile_s: float
    verify_s: float
    benchmark_s: float
    ask_s: float
    tell_s: float
    clock_start_s: float
    clock_end_s: float
    message: str
    repaired: bool
    device_state: DeviceState | None = None
    alias: bool = False
    wall_s: float | None = None
    setup_s: float | None = None
    asked: int | None = None
    asks_s: tuple[float, ...] | None = None

    @property
    def ok(self) -> bool:
        """Whether a latency was measured."""
        return self.status is Status.OK


@dataclass(frozen=True, slots=True)
class Budget:
    """When a run ends: after so many evaluations or tuning seconds, whichever comes first.

    Attributes:
        evaluations: at most this many evaluations; ``None`` for no limit.
        seconds: no ask once the tuning clock has reached this many s; ``None`` for no limit.
    """

    evaluations: int | None = None
    seconds: float | None = None
