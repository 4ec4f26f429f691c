"""Choose what the processes of a session run, by kind of kernel."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UserError
from harness.measure.compile_pool import Compiler
from harness.measure.device import AccelDevice
from harness.measure.timing import Timing
from harness.measure.worker import Runner
from kernels.base import Kernel
from kernels.cpu import CpuKernel
from kernels.cuda import CudaKernel


@dataclass(frozen=True)
class SessionOptions:
    """Options of a session.

    Attributes:
        compile_workers: compile processes.
        compile_timeout_s: most wall seconds of compiling one configuration.
        run_timeout_s: most wall seconds of checking and timing one configuration.
        seed: seed of the kernel's random inputs.
        timing: how many samples to take.
        share_device: share the device with other sessions that allow it, one job at a time; waiting for them is not
            charged.
    """

    compile_workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    compile_timeout_s: float = 10.0
    run_timeout_s: float = 10.0
    seed: int = 0
    timing: Timing = field(default_factory=Timing)
    share_device: bool = False

    def __post_init__(self) -> None:
        if self.compile_workers < 1:
            raise UserError(f"compile_workers={self.compile_workers}: expected 1 or more")
        for name in ("compile_timeout_s", "run_timeout_s"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name}={getattr(self, name)}: expected more than 0")


MakeWork = Callable[[Kernel, AccelDevice, SessionOptions, Path], tuple[Compiler, Runner]]
"""Makes what the processes run: a compiler and a runner for (kernel, device, options, cache directory)."""


def cuda_work(kernel: Kernel, device: AccelDevice, options: SessionOptions, cache: Path) -> tuple[Compiler, Runner]:
    """Compile Triton ahead of time on the CPU, and run on the CUDA device."""
    from harness.measure.triton.compiler import TritonCompiler
    from harness.measure.triton.runner import CudaRunner
    from harness.measure.triton.specialize import buffer_dtypes

    dtypes = buffer_dtypes(kernel)
    compiler = TritonCompiler(kernel, dtypes, device.sm_count, device.capability, device.shared_memory_bytes, cache)
    return compiler, CudaRunner(kernel, device, dtypes, options.seed, options.timing)


def cpu_work(kernel: Kernel, device: AccelDevice, options: SessionOptions, cache: Path) -> tuple[Compiler, Runner]:
    """Build and run Python callables on the CPU.

    Raises:
        UserError: CUDA graphs were requested.
    """
    from harness.measure.cpu.compiler import CpuCompiler
    from harness.measure.cpu.runner import CpuRunner

    assert isinstance(kernel, CpuKernel)
    if options.timing.launch != "direct":
        raise UserError(
            f"backend.timing.launch={options.timing.launch}: {kernel.name} runs on the CPU: expected direct"
        )
    return CpuCompiler(kernel, cache), CpuRunner(kernel, options.seed, options.timing, device.l2_bytes)


def nvcc_work(kernel: Kernel, device: AccelDevice, options: SessionOptions, cache: Path) -> tuple[Compiler, Runner]:
    """Compile CUDA C++ ahead of time on the CPU, and run it on the device.

    Raises:
        UserError: nvcc is not installed.
    """
    from harness.measure.cuda.compiler import NvccCompiler, find_nvcc
    from harness.measure.cuda.runner import CudaSourceRunner
    from harness.measure.triton.specialize import buffer_dtypes

    assert isinstance(kernel, CudaKernel)
    compiler = NvccCompiler(kernel, device, cache, find_nvcc())
    return compiler, CudaSourceRunner(kernel, device, buffer_dtypes(kernel), options.seed, options.timing)


def usual_work(kernel: Kernel, device: AccelDevice, options: SessionOptions, cache: Path) -> tuple[Compiler, Runner]:
    """The compiler and runner for the kernel's kind."""
    if isinstance(kernel, CpuKernel):
        return cpu_work(kernel, device, options, cache)
    return (nvcc_work if isinstance(kernel, CudaKernel) else cuda_work)(kernel, device, options, cache)
