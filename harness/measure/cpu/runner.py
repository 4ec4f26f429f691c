"""Check and time Python callables on the CPU of this process."""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from harness.evaluation import Configuration, Status
from harness.measure.cpu.compiler import FOLDER
from harness.measure.jobs import CompiledPlan, Job, Reply, Resample, Started
from harness.measure.messages import describe
from harness.measure.reference import Reference
from harness.measure.timing import IDLE_S, Timing
from harness.system.text import one_line
from kernels.cpu import CpuKernel

Call = Callable[[], object]
MIN_FLUSH_BYTES = 2**22


class WrongResult(Exception):
    """An output deviates from the reference by more than the kernel's tolerance."""


@dataclass
class CpuRunner:
    """Runs the jobs of a session on the CPU.

    Before each sample a buffer of twice the L2 cache is written, so that the core's own caches are cold; the clock is
    ``time.perf_counter``. The number of threads follows the environment (``OMP_NUM_THREADS``).

    Attributes:
        kernel: the tuned kernel.
        seed: seed of the random inputs; a replacement process makes the same ones.
        timing: how many samples to take.
        l2_bytes: L2 cache of one core in bytes.
    """

    kernel: CpuKernel
    seed: int
    timing: Timing = field(default_factory=Timing)
    l2_bytes: int = 0

    def connect(self) -> None:
        """Nothing to connect to."""

    def start(self) -> Started:
        """Create the inputs, the reference, and the library's call."""
        device = torch.device("cpu")
        self._inputs = self.kernel.inputs(torch.Generator(device).manual_seed(self.seed))
        self._outputs = self.kernel.outputs(device)
        self._reference = Reference(self.kernel.reference(self._inputs))
        self._flushed = np.empty(max(MIN_FLUSH_BYTES, 2 * self.l2_bytes), dtype=np.uint8)
        self._flush_ms = min(1e3 * _seconds(self._flush) for _ in range(5))
        self._last_work = 0.0
        self._kept: dict[str, Call] = {}
        vendor = self._start_vendor()
        gc.collect()
        gc.freeze()
        versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
        return Started(vendor, {**versions, "threads": str(torch.get_num_threads())})

    def _start_vendor(self) -> str:
        self._vendor: Call | None = None
        try:
            name, call = self.kernel.vendor(self._inputs)
            call()
        except Exception as error:  # the library is only for comparison
            print(f"library call failed: {describe(error)}")
            return ""
        self._vendor = call
        return name

    def run(self, job: Job) -> Reply:
        """Evaluate or re-sample; failures of the configuration become a status."""
        setup_s = self._warm_up()
        start = time.perf_counter()
        verified: float | None = None
        try:
            if isinstance(job, Resample):
                call = self._kept_call(job)
                call()
                samples = self._samples(call, job.samples)
                return Reply(Status.OK, tuple(samples), 0.0, time.perf_counter() - start, setup_s=setup_s)
            call = self._bound(job.configuration, job.compiled)
            self._verify(call)
            verified = time.perf_counter()
            samples = self.timing.collect(
                lambda n: self._samples(call, n), job.incumbent_ms, self._flush_ms, job.limits
            )
        except Exception as error:
            end = time.perf_counter()
            verify_s, benchmark_s = (verified or end) - start, end - (verified or end)
            return Reply(_status(error), (), verify_s, benchmark_s, one_line(_message(error)), setup_s=setup_s)
        finally:
            self._last_work = time.perf_counter()
        benchmark_s = time.perf_counter() - verified
        return Reply(Status.OK, tuple(samples), verified - start, benchmark_s, setup_s=setup_s)

    def _bound(self, configuration: Configuration, compiled: CompiledPlan) -> Call:
        (built,) = compiled.launches
        return self.kernel.bind(configuration, self._inputs, self._outputs, Path(built.files[FOLDER]))

    def _kept_call(self, job: Resample) -> Call:
        if job.configuration is None or job.compiled is None:
            if self._vendor is None:
                raise RuntimeError("the kernel has no library to compare with")
            return self._vendor
        key = job.compiled.fingerprint
        if key not in self._kept:
            self._kept[key] = self._bound(job.configuration, job.compiled)
        return self._kept[key]

    def _verify(self, call: Call) -> None:
        for tensor in self._outputs.values():
            tensor.fill_(float("nan") if tensor.is_floating_point() else 0)
        call()
        error = self._reference.error(self._outputs)
        if not error <= self.kernel.tolerance:
            raise WrongResult(f"relative error {error:.3g} exceeds the tolerance {self.kernel.tolerance:.3g}")

    def _samples(self, call: Call, n: int) -> list[float]:
        """``n`` latencies in ms, with the garbage collector disabled."""
        gc.disable()
        try:
            return [1e3 * self._cold(call) for _ in range(n)]
        finally:
            gc.enable()

    def _cold(self, call: Call) -> float:
        self._flush()
        return _seconds(call)

    def _flush(self) -> None:
        self._flushed.fill(0)

    def _warm_up(self) -> float:
        """Bring the clock up if this core was idle; returns the seconds it took."""
        start = time.perf_counter()
        if start - self._last_work < IDLE_S:
            return 0.0
        while time.perf_counter() - start < self.timing.warmup_s:
            self._flush()
        return time.perf_counter() - start


def _seconds(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _status(error: Exception) -> Status:
    if isinstance(error, WrongResult):
        return Status.WRONG_RESULT
    return Status.OUT_OF_RESOURCES if isinstance(error, MemoryError) else Status.RUNTIME_ERROR


def _message(error: Exception) -> str:
    return str(error) if isinstance(error, WrongResult) else describe(error)
