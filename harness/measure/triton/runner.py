"""Load, check and time compiled configurations on the CUDA device of this process."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import triton
from triton.compiler import CompiledKernel

from harness.evaluation import Configuration, Status
from harness.measure.device import AccelDevice
from harness.measure.jobs import CompiledPlan, Evaluate, Job, Reply, Resample, Started
from harness.measure.messages import describe
from harness.measure.reference import Reference
from harness.measure.timing import Timing
from harness.measure.triton.faults import WrongResult, status_of
from harness.measure.triton.launching import bound, chained, passed
from harness.measure.triton.nvml import DeviceMonitor, around
from harness.measure.triton.sampler import Sampler
from harness.measure.triton.scratch import SharedScratch, allocate
from harness.measure.triton.specialize import ALIGNMENT, TRITON_NAMES, argument_values, launch_source, plan_dtypes
from harness.system.text import one_line
from kernels.base import Kernel, Plan

KEPT_CONFIGURATIONS = 640
"""Number of loaded configurations kept for re-sampling."""


@dataclass
class Loaded:
    """A configuration on the device. ``scratch`` keeps the tensors alive that ``launch`` points to."""

    launch: Callable[[], object]
    scratch: Mapping[str, torch.Tensor]


@dataclass
class CudaRunner:
    """Runs the jobs of a session on the device.

    Attributes:
        kernel: the tuned kernel.
        info: the device.
        dtypes: Triton's element type by buffer name.
        seed: seed of the random inputs; a replacement process makes the same ones.
        timing: how many samples to take.
        place: torch's name of the device.
    """

    kernel: Kernel
    info: AccelDevice
    dtypes: Mapping[str, str]
    seed: int
    timing: Timing = field(default_factory=Timing)
    place: str = "cuda:0"

    def connect(self) -> None:
        """Create the context.

        Raises:
            RuntimeError: there is no usable GPU.
        """
        if not torch.cuda.is_available():
            raise RuntimeError("torch.cuda.is_available() is false in the GPU process")
        self._device = torch.device(self.place)
        torch.cuda.synchronize()

    def start(self) -> Started:
        """Create the inputs and the reference, on the connected device.

        Raises:
            RuntimeError: buffers do not fit what was compiled.
        """
        triton.set_allocator(allocate)
        # Not the legacy default stream, which a graph cannot capture; everything here runs on this one.
        torch.cuda.set_stream(torch.cuda.Stream(self._device))
        self._stream = torch.cuda.current_stream().cuda_stream
        generator = torch.Generator(self._device).manual_seed(self.seed)
        self._inputs = self.kernel.inputs(generator)
        self._outputs = self.kernel.outputs(self._device)
        self._check_buffers()
        self._reference = Reference(self.kernel.reference(self._inputs))
        self._kept: dict[str, Loaded] = {}
        self._scratch = SharedScratch(self._device)
        self._known_launchers: set[tuple[str, ...]] = set()
        triton.runtime.driver.active.get_current_target()  # builds Triton's driver module now, not in a job
        self._sampler = Sampler(
            self._device, self.info.l2_bytes, self.timing.warmup_s, graph=self.timing.launch == "graph"
        )
        vendor = self._start_vendor()
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        self._monitor = DeviceMonitor(self.info.uuid)
        self._launcher_s = 0.0
        gc.collect()
        gc.freeze()
        versions = {"torch": torch.__version__, "triton": triton.__version__, "cuda": str(torch.version.cuda)}
        return Started(vendor, versions)

    def _start_vendor(self) -> str:
        """The vendor's name, empty if its call does not work here, since it is only for comparison."""
        self._vendor: Callable[[], Any] | None = None
        try:
            name, call = self.kernel.vendor(self._inputs)
            call()
            torch.cuda.synchronize()
            timed = self._sampler.prepare(call)
        except Exception as error:
            print(f"vendor call failed: {describe(error)}")
            return ""
        self._vendor = timed
        return name

    def _check_buffers(self) -> None:
        """Check the aligned pointers and the element types that the binaries assume."""
        for name, tensor in {**self._inputs, **self._outputs}.items():
            if tensor.data_ptr() % ALIGNMENT:
                raise RuntimeError(f"buffer {name} is not aligned to {ALIGNMENT} bytes")
            if TRITON_NAMES[tensor.dtype] != self.dtypes[name]:
                raise RuntimeError(f"buffer {name} is {tensor.dtype}, compiled for {self.dtypes[name]}")

    def run(self, job: Job) -> Reply:
        """Evaluate or re-sample; failures of the configuration become a status."""
        try:
            warm_up_s = self._sampler.warm_up()
            reply = self._evaluate(job) if isinstance(job, Evaluate) else self._resample(job)
            return replace(reply, setup_s=reply.setup_s + warm_up_s)
        except Exception as error:
            return self._failed(error, 0.0, 0.0)
        finally:
            self._sampler.worked()

    def _context_works(self) -> bool:
        """Whether the device still answers: an illegal access leaves the whole context unusable."""
        try:
            torch.cuda.synchronize()
            return bool(torch.ones(1, device=self._device).item() == 1.0)
        except Exception:
            return False

    def _evaluate(self, job: Evaluate) -> Reply:
        self._launcher_s = 0.0
        start = time.perf_counter()
        verified: float | None = None
        try:
            loaded = self._load(job.configuration, job.compiled)
            self._verify(loaded)
            verified = time.perf_counter()
            timed = self._sampler.prepare(loaded.launch)
            before = self._monitor.read()
            samples = self.timing.collect(
                lambda n: self._sampler.samples(timed, n), job.incumbent_ms, self._sampler.flush_ms, job.limits
            )
            state = around(before, self._monitor.read())
        except Exception as error:
            end = time.perf_counter()
            failed = self._failed(error, (verified or end) - start - self._launcher_s, end - (verified or end))
            return replace(failed, setup_s=self._launcher_s)
        # Building a launcher happens once per process and signature and is not this configuration's cost.
        return Reply(
            Status.OK,
            tuple(samples),
            verify_s=verified - start - self._launcher_s,
            benchmark_s=time.perf_counter() - verified,
            device_state=state,
            setup_s=self._launcher_s,
        )

    def _failed(self, error: Exception, verify_s: float, benchmark_s: float) -> Reply:
        healthy = self._context_works()
        if isinstance(error, WrongResult):
            status, message = Status.WRONG_RESULT, str(error)
        else:
            status, message = status_of(error), describe(error)
        if status is Status.OUT_OF_RESOURCES and healthy:
            self._scratch.clear()
            torch.cuda.empty_cache()
        return Reply(status, (), verify_s, benchmark_s, one_line(message), healthy)

    def _resample(self, job: Resample) -> Reply:
        start = time.perf_counter()
        try:
            launch = self._kept_launch(job)
            launch()  # warm-up, since earlier work left its own state behind
            samples = self._sampler.samples(launch, job.samples)
        except Exception as error:
            return self._failed(error, 0.0, time.perf_counter() - start)
        return Reply(Status.OK, tuple(samples), 0.0, time.perf_counter() - start)

    def _kept_launch(self, job: Resample) -> Callable[[], object]:
        if job.configuration is None or job.compiled is None:
            if self._vendor is None:
                raise RuntimeError("the kernel has no vendor call")
            return self._vendor
        key = job.compiled.fingerprint
        if key not in self._kept:
            if len(self._kept) >= KEPT_CONFIGURATIONS:
                self._kept.clear()
            loaded = self._load(job.configuration, job.compiled)
            self._kept[key] = Loaded(self._sampler.prepare(loaded.launch), loaded.scratch)
        return self._kept[key].launch

    def _load(self, configuration: Configuration, compiled: CompiledPlan) -> Loaded:
        plan = self.kernel.plan(configuration, self.info.sm_count)
        scratch = {name: self._scratch.tensor(index, need) for index, (name, need) in enumerate(plan.scratch.items())}
        steps = self._bind(plan, compiled, {**self._inputs, **self._outputs, **scratch})
        return Loaded(chained(steps), scratch)

    def _bind(
        self, plan: Plan, compiled: CompiledPlan, buffers: Mapping[str, torch.Tensor]
    ) -> list[Callable[[], None]]:
        dtypes = plan_dtypes(plan, self.dtypes)
        steps: list[Callable[[], None]] = []
        for launch, binary in zip(plan.launches, compiled.launches, strict=True):
            source = launch_source(launch, dtypes)
            kernel = CompiledKernel(source, dict(binary.files), binary.hash)
            self._build_launcher(source, kernel)
            values = tuple(passed(value, buffers) for value in argument_values(launch).values())
            steps.append(bound(kernel[launch.grid], values, self._stream))
        return steps

    def _build_launcher(self, source: Any, kernel: Any) -> None:
        signature = tuple(map(str, source.signature.values()))
        if signature not in self._known_launchers:
            before = time.perf_counter()
            triton.runtime.driver.active.launcher_cls(source, kernel.metadata)
            self._known_launchers.add(signature)
            self._launcher_s += time.perf_counter() - before

    def _verify(self, loaded: Loaded) -> None:
        for tensor in self._outputs.values():
            tensor.fill_(float("nan") if tensor.is_floating_point() else -1)
        loaded.launch()
        error = self._reference.error(self._outputs)
        if not error <= self.kernel.tolerance:
            raise WrongResult(f"relative error {error:.3g} exceeds the tolerance {self.kernel.tolerance:.3g}")
