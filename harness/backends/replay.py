"""Replay evaluations from a recorded landscape, with the recorded noise and costs."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.base import Subject
from harness.backends.declaration import Declaration, declares
from harness.config.task import TaskSpec
from harness.errors import UserError
from harness.evaluation import Configuration, Measurement, Status
from harness.landscapes.landscape import Landscape, read_landscape
from harness.landscapes.library import find_landscape
from harness.rules import COMPILED_TOO_LONG, Limits
from harness.system.seeds import named, of_subject
from search_spaces.space import SearchSpace

NOISES = ("recorded", "none")


class ReplayBackend:
    """A backend that replays a landscape.

    Args:
        landscape: the recording.
        seed: seed of the noise; a configuration's reading depends only on it, on the recording's own task and device,
            and on the configuration, so that a resumed run reads what the interrupted one would have read.
        noise: ``recorded`` reports the median of a bootstrap resample of a configuration's samples;
            ``none`` reports its oracle latency, which makes closed-form random search exact.
        compile_workers: number of concurrent compiles on the tuning clock.
        charge_ask: charge measured ask and tell seconds to the clock (then it is not deterministic).
    """

    def __init__(
        self,
        landscape: Landscape,
        seed: np.random.SeedSequence,
        noise: str = "recorded",
        compile_workers: int = 1,
        charge_ask: bool = False,
    ) -> None:
        self.landscape = landscape
        self.compile_workers = compile_workers
        self.charge_ask = charge_ask
        self._noise = noise
        of_noise = named(of_subject(seed, self.subject.task, self.subject.device), "noise")
        self._noise_key = of_noise.generate_state(8).astype("<u4").tobytes()
        self._rows = _rows_of_space(landscape)

    @property
    def task(self) -> str:
        return self.landscape.name

    @property
    def subject(self) -> Subject:
        """The task and device of the recording, independent of its file name."""
        return Subject(str(self.landscape.metadata["task"]), str(self.landscape.metadata["device"]["name"]))

    @property
    def space(self) -> SearchSpace:
        return self.landscape.space

    def identity(self) -> Mapping[str, Any]:
        return {
            "kind": "replay",
            "landscape": self.landscape.name,
            "landscape_sha256": self.landscape.sha256,
            "noise": self._noise,
            "compile_workers": self.compile_workers,
            "charge_ask": self.charge_ask,
        }

    def environment(self) -> Mapping[str, Any]:
        kept = ("device", "driver", "versions", "kernel_source_hash", "recorded_at", "command")
        recording = {name: self.landscape.metadata[name] for name in kept if name in self.landscape.metadata}
        return {"recording": recording, "landscape_path": str(self.landscape.path)}

    def reference(self) -> Landscape:
        """The recording itself."""
        return self.landscape

    def start(self) -> None:
        """Nothing to start."""

    def measure(self, configurations: Sequence[Configuration]) -> list[Measurement]:
        return self.measure_under(configurations, Limits())

    def measure_under(self, configurations: Sequence[Configuration], limits: Limits) -> list[Measurement]:
        """The measurements as if they had ended within ``limits``: with the recorded samples up to that point."""
        return [self._measure(configuration, limits) for configuration in configurations]

    def close(self) -> None:
        """Nothing to release."""

    def _measure(self, configuration: Configuration, limits: Limits) -> Measurement:
        at = self.space.row_of(configuration)
        if at is None:
            raise ValueError(f"{dict(configuration)} is not a row of {self.landscape.name}")
        row = self._rows[at]
        landscape = self.landscape
        compile_s, verify_s, benchmark_s = landscape.costs_s[row].tolist()
        status = landscape.status[row]
        if compile_s > limits.compile_s:
            return Measurement(Status.COMPILE_TIMEOUT, compile_s=limits.compile_s, message=COMPILED_TOO_LONG)
        if status is not Status.OK:
            return Measurement(
                status=status,
                compile_s=compile_s,
                verify_s=verify_s,
                benchmark_s=benchmark_s,
                message=landscape.message[row],
            )
        oracle = float(landscape.oracle_ms[row])
        samples = (oracle,) if self._noise == "none" else self._resample(row)
        if limits.incumbent_ms is not None:
            every = len(landscape.samples_ms[row])
            taken = limits.samples_taken(samples if len(samples) == every else (oracle,) * every)
            samples = samples[:taken]
            benchmark_s *= (1 + taken) / (1 + every)  # the first look, which is not a sample, is charged as well
        return Measurement(
            status=status,
            samples_ms=samples,
            latency_ms=statistics.median(samples),
            oracle_ms=oracle,
            compile_s=compile_s,
            verify_s=verify_s,
            benchmark_s=benchmark_s,
        )

    def _resample(self, row: int) -> tuple[float, ...]:
        samples = self.landscape.samples_ms[row]
        n = len(samples)
        if n == 1:
            return samples
        # Keyed by the configuration itself, so that other rows and values do not matter. An extendable hash
        # turns the key into as many uniform words as needed, five times faster than a generator per configuration.
        key = f"0 {self.space.key_of_codes(self.landscape.codes[row])}"  # its first and only reading in a run
        words = hashlib.shake_128(self._noise_key + key.encode()).digest(4 * n)
        return tuple([samples[(word * n) >> 32] for word in np.frombuffer(words, "<u4").tolist()])


def _rows_of_space(landscape: Landscape) -> list[int]:
    """The landscape row of each row of the space's feasible set (they differ in a sampled landscape)."""
    rows: list[int] = np.flatnonzero(landscape.searchable).tolist()
    return rows


def recorded(task: TaskSpec | None, arguments: Mapping[str, Any]) -> Path:
    """The landscape file that a replay reads: ``backend.landscape``, or the library's recording of the task.

    Raises:
        UserError: neither is given, or the task is not recorded.
    """
    landscape, device = arguments.get("landscape"), arguments.get("device")
    if landscape is not None:
        return Path(str(landscape))
    if task is None:
        raise UserError("task: nothing to replay: expected task=NAME or backend.landscape=PATH")
    return find_landscape(task.name, None if device is None else str(device))


@declares(Declaration(landscape=recorded))
def open_replay(
    task: TaskSpec | None,
    seed: np.random.SeedSequence,
    landscape: str | None = None,
    device: str | None = None,
    noise: str = "recorded",
    compile_workers: int = 1,
    charge_ask: bool = False,
    pool: str = "uniform",
) -> ReplayBackend:
    """Open a replay backend from its configuration.

    Raises:
        UserError: neither a task nor a landscape is given, or a value is invalid.
    """
    if noise not in NOISES:
        raise UserError(f"backend.noise={noise}: expected one of {', '.join(NOISES)}")
    if compile_workers < 1:
        raise UserError(f"backend.compile_workers={compile_workers}: expected a whole number, 1 or more")
    if pool != "uniform":
        raise UserError(f"backend.pool={pool}: expected uniform")
    path = recorded(task, {"landscape": landscape, "device": device})
    of_run = np.random.SeedSequence(seed.entropy)  # the recording states its task more reliably than the command line
    return ReplayBackend(read_landscape(path), of_run, noise, compile_workers, charge_ask)
