"""Measure evaluations on this machine's GPU, or on its CPU for kernels that run there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.backends.base import Subject
from harness.backends.declaration import Declaration, declares
from harness.backends.kernel_source import kernel_source_hash
from harness.backends.live_pipeline import LivePipeline
from harness.backends.oracle import Oracle, recorded_oracle
from harness.backends.pipeline import Pipeline
from harness.backends.resumed_pipeline import ResumedPipeline
from harness.backends.task import build_task, device_of, kernel_fields, session_options
from harness.config.task import TaskSpec
from harness.errors import UserError
from harness.evaluation import Configuration, Evaluation, Measurement
from harness.landscapes.library import SEPARATOR
from harness.measure.device import AccelDevice, nvidia_smi
from harness.measure.session import Session
from harness.measure.work import MakeWork, SessionOptions, usual_work
from harness.rules import Limits
from harness.system.digest import digest
from harness.system.seeds import named, of_subject
from kernels.base import Kernel
from search_spaces.space import SearchSpace


class LiveBackend:
    """A backend that measures on a device. Processes start with the first measurement, with an empty compile cache.

    Args:
        task: the task's name; the device's slug is appended.
        kernel: the tuned kernel.
        space: the space that strategies search.
        device: the device to measure on.
        options: workers, timeouts, samples.
        charge_ask: whether ask and tell are charged to the tuning clock.
        work: factory of what the processes run; tests pass fakes.
        oracle: known latencies from a recording of the task, which strategies never see.
    """

    def __init__(
        self,
        task: str,
        kernel: Kernel,
        space: SearchSpace,
        device: AccelDevice,
        options: SessionOptions | None = None,
        charge_ask: bool = False,
        work: MakeWork = usual_work,
        oracle: Oracle | None = None,
    ) -> None:
        self._oracle = oracle or Oracle()
        self._subject = Subject(task, device.name)
        self._task = f"{task}{SEPARATOR}{device.slug}"
        self._kernel = kernel
        self._space = space
        self._device = device
        self._options = options or SessionOptions()
        self._charge_ask = charge_ask
        self._work = work
        self._session: Session | None = None

    @property
    def task(self) -> str:
        """The task's name in results."""
        return self._task

    @property
    def subject(self) -> Subject:
        """The task and device, as a recording made here would state them."""
        return self._subject

    @property
    def space(self) -> SearchSpace:
        """The space that strategies search."""
        return self._space

    @property
    def compile_workers(self) -> int:
        """The number of compile processes."""
        return self._options.compile_workers

    @property
    def charge_ask(self) -> bool:
        """Whether ask and tell are charged to the tuning clock."""
        return self._charge_ask

    def identity(self) -> Mapping[str, Any]:
        """Kernel, space, device and options of measuring."""
        return {
            "kind": "live",
            "kernel": kernel_fields(self._kernel),
            "kernel_source_hash": kernel_source_hash(self._kernel),
            "space_hash": digest(self._space.to_json()),
            "device": self._device.name,
            "compile_workers": self._options.compile_workers,
            "compile_timeout_s": self._options.compile_timeout_s,
            "run_timeout_s": self._options.run_timeout_s,
            "timing": self._options.timing.to_json(),
            "charge_ask": self._charge_ask,
            **({"share_device": True} if self._options.share_device else {}),
        }

    def environment(self) -> Mapping[str, Any]:
        """The device in full, its state now, and the recording that the run is judged by."""
        return {
            "device": self._device.to_json(),
            "nvidia_smi": nvidia_smi(self._device.uuid) if self._device.kind == "GPU" else {},
            "judged_by": dict(self._oracle.recording),
        }

    def reference(self) -> None:
        """``None``: a recording only serves :class:`Oracle`, since a live run may find better configurations."""

    def start(self) -> None:
        """Start compile workers and the GPU process, unless they are running.

        Raises:
            UserError: the device is in use, or does not start.
        """
        _ = self._open().started

    def _open(self) -> Session:
        if self._session is None:
            self._session = Session(self._kernel, self._device, self._options, self._work)
        return self._session

    def measure(self, configurations: Sequence[Configuration]) -> list[Measurement]:
        """Compile and measure a batch, both at the same time.

        ``oracle_ms`` comes from the recording, so that a lucky reading is not a hit; without one it is the latency
        itself.

        Raises:
            UserError: the device is in use, or does not start.
            DeviceLost, CompilePoolError: device or workers worked before and cannot be restarted.
        """
        return self.measure_under(configurations, Limits())

    def measure_under(self, configurations: Sequence[Configuration], limits: Limits) -> list[Measurement]:
        """Like :meth:`measure`, each within ``limits``; limits of compiles are wall seconds, like their timeout."""
        if not configurations:
            return []
        results = sorted(self._open().engine.evaluate(configurations, limits), key=lambda result: result.ticket)
        return [self._judged(result.configuration, result.measurement) for result in results]

    def overlapped(self, workers: int, logged: Sequence[Evaluation]) -> Pipeline:
        """A pipeline on the backend's own processes, of which ``workers`` compile.

        Raises:
            UserError: the device is in use, or does not start.
        """
        if workers != self._options.compile_workers:
            raise ValueError(f"workers={workers}: expected {self._options.compile_workers}, those of the backend")

        def begin(clock_s: float) -> Pipeline:
            session = self._open()
            session.compile_pool.wait_until_ready()
            return LivePipeline(session.engine, self._judged, self._charge_ask, clock_s)

        return ResumedPipeline(logged, begin) if logged else begin(0.0)

    def _judged(self, configuration: Configuration, measurement: Measurement) -> Measurement:
        if measurement.latency_ms is None:
            return measurement
        known = self._oracle.latency_ms
        true_ms = known.get(self._space.key(configuration)) if known else None
        return replace(measurement, oracle_ms=measurement.latency_ms if true_ms is None else true_ms)

    def close(self) -> None:
        """End the processes and release the device."""
        session, self._session = self._session, None
        if session is not None:
            session.close()


@declares(Declaration(needs_device=True))
def open_live(
    task: TaskSpec | None,
    seed: np.random.SeedSequence,
    compile_workers: int | None = None,
    compile_timeout_s: float = 10.0,
    run_timeout_s: float = 10.0,
    timing: Mapping[str, Any] | None = None,
    charge_ask: bool = False,
    share_device: bool = False,
) -> LiveBackend:
    """The live backend of ``conf/backend/live.yaml``; ``compile_workers=None`` means one per core.

    Raises:
        UserError: there is no GPU or no task, or an argument is out of range.
    """
    if task is None:
        raise UserError("task=null: backend=live measures a task of conf/task: expected task=NAME")
    device = device_of(task)
    kernel, space = build_task(task, device)
    of_run = of_subject(np.random.SeedSequence(seed.entropy), task.name, device.name)
    inputs_seed = int(named(of_run, "inputs").generate_state(1)[0])
    options = session_options(
        inputs_seed, compile_workers, compile_timeout_s, run_timeout_s, timing, share_device=share_device
    )
    oracle = recorded_oracle(task.name, device.slug, space)
    return LiveBackend(task.name, kernel, space, device, options, charge_ask, oracle=oracle)
