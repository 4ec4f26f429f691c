"""One kernel on one GPU or more: the processes, the compile cache and the engine, opened and closed together."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.errors import UserError
from harness.gpu.compile_pool import CompilePool, Compiler
from harness.gpu.device import VISIBLE_DEVICES, AccelDevice
from harness.gpu.device_worker import DeviceWorker
from harness.gpu.engine import Engine, Result
from harness.gpu.folders import PrivateFolder, lock_device, turn_file
from harness.gpu.jobs import Started
from harness.gpu.timing import Timing
from harness.gpu.worker import Runner
from kernels.base import Kernel
from kernels.cpu import CpuKernel


@dataclass(frozen=True)
class SessionOptions:
    """How a session measures.

    Attributes:
        compile_workers: compile processes.
        compile_timeout_s: wall seconds that one configuration may compile.
        run_timeout_s: wall seconds that checking and timing one configuration may take.
        seed: of the kernel's random inputs.
        timing: how many samples to take.
        charge_setup: see :class:`~harness.gpu.engine.Engine`.
        share_device: let other sessions that say so too on the device, one job at a time; waiting for them is charged
            to nobody.
    """

    compile_workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    compile_timeout_s: float = 10.0
    run_timeout_s: float = 10.0
    seed: int = 0
    timing: Timing = field(default_factory=Timing)
    charge_setup: bool = False
    share_device: bool = False

    def __post_init__(self) -> None:
        if self.compile_workers < 1:
            raise UserError(f"compile_workers={self.compile_workers}: expected 1 or more")
        for name in ("compile_timeout_s", "run_timeout_s"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name}={getattr(self, name)}: expected more than 0")


MakeWork = Callable[[Kernel, AccelDevice, SessionOptions, Path], tuple[Compiler, Runner]]
"""What the processes run: a compiler and a runner for (kernel, device, options, cache directory)."""


def cuda_work(kernel: Kernel, device: AccelDevice, options: SessionOptions, cache: Path) -> tuple[Compiler, Runner]:
    """Triton ahead of time on the CPU, CUDA on the device."""
    from harness.gpu.compile import TritonCompiler
    from harness.gpu.cuda_runner import CudaRunner
    from harness.gpu.specialize import buffer_dtypes

    dtypes = buffer_dtypes(kernel)
    compiler = TritonCompiler(kernel, dtypes, device.sm_count, device.capability, device.shared_memory_bytes, cache)
    return compiler, CudaRunner(kernel, device, dtypes, options.seed, options.timing)


def cpu_work(kernel: Kernel, device: AccelDevice, options: SessionOptions, cache: Path) -> tuple[Compiler, Runner]:
    """Python callables on the CPU.

    Raises:
        UserError: CUDA graphs were asked for.
    """
    from harness.cpu.compiler import CpuCompiler
    from harness.cpu.runner import CpuRunner

    assert isinstance(kernel, CpuKernel)
    if options.timing.launch != "direct":
        raise UserError(
            f"backend.timing.launch={options.timing.launch}: {kernel.name} runs on the CPU: expected direct"
        )
    return CpuCompiler(kernel, cache), CpuRunner(kernel, options.seed, options.timing, device.l2_bytes)


def usual_work(kernel: Kernel, device: AccelDevice, options: SessionOptions, cache: Path) -> tuple[Compiler, Runner]:
    """What the kernel's kind asks for."""
    return (cpu_work if isinstance(kernel, CpuKernel) else cuda_work)(kernel, device, options, cache)


def triton_environment(cache: Path) -> dict[str, str | None]:
    """Variables that make Triton compile for real, into ``cache``, keeping binaries only."""
    return {
        "TRITON_CACHE_DIR": str(cache),
        "TRITON_STORE_BINARY_ONLY": "1",
        "TRITON_INTERPRET": None,
        "TRITON_ALWAYS_COMPILE": None,
        "TRITON_KERNEL_DUMP": None,
        "TRITON_KERNEL_OVERRIDE": None,
    }


class Session:
    """Processes for measuring one kernel, with an empty compile cache of their own.

    Args:
        kernel, device, options: what is measured, where and how.
        beside: further devices of the same model, which share the work.
        work: what the processes run; tests put fakes here.
        cache: a compile cache to share with other sessions of one recording job instead. Binaries in it are
            not compiled again; configurations are charged what the first compile cost.

    Compiling can begin at once; the GPU process is ready some seconds later.

    Raises (when opened):
        UserError: the device is in use by another session.
    """

    def __init__(
        self,
        kernel: Kernel,
        device: AccelDevice,
        options: SessionOptions,
        work: MakeWork = usual_work,
        cache: Path | None = None,
        beside: Sequence[AccelDevice] = (),
    ) -> None:
        self._folder = PrivateFolder()
        self._locks = ExitStack()
        self._pool: CompilePool | None = None
        self._workers: tuple[DeviceWorker, ...] = ()
        self.devices = (device, *beside)
        try:
            for each in self.devices:
                self._locks.enter_context(lock_device(each.uuid, shared=options.share_device))
            self._open(kernel, options, work, cache or self._folder.path / "cache")
        except BaseException:
            self.close()
            raise

    def _open(self, kernel: Kernel, options: SessionOptions, work: MakeWork, cache: Path) -> None:
        folder = self._folder.path
        cache.mkdir(exist_ok=True)
        # A killed worker leaves ptxas's files behind: in our folder they go away with us.
        environment = {**triton_environment(cache), "TMPDIR": str(folder)}
        works = [work(kernel, device, options, cache) for device in self.devices]
        self._workers = tuple(
            DeviceWorker(
                runner,
                run_timeout_s=options.run_timeout_s,
                log=folder / f"gpu-{index}.log",
                what=self.devices[0].kind,
                environment={**environment, **({VISIBLE_DEVICES: device.uuid} if len(works) > 1 else {})},
                turns=turn_file(device.uuid) if options.share_device else None,
            )
            for index, (device, (_, runner)) in enumerate(zip(self.devices, works, strict=True))
        )
        for worker in self._workers:
            worker.launch()
        self._pool = CompilePool(
            works[0][0],
            options.compile_workers,
            timeout_s=options.compile_timeout_s,
            logs=folder,
            environment=environment,
        )
        self.engine = Engine(self._pool, self._workers, charge_setup=options.charge_setup)

    @property
    def started(self) -> Started:
        """What the first GPU process reported when it was ready; waits for all of them.

        Raises:
            UserError: one does not start.
        """
        first, *_ = [worker.wait_until_started() for worker in self.workers]
        return first

    @property
    def pool(self) -> CompilePool:
        """The compile workers."""
        assert self._pool is not None, "the session is closed"
        return self._pool

    @property
    def workers(self) -> tuple[DeviceWorker, ...]:
        """The GPU processes, in the order of the devices."""
        assert self._workers, "the session is closed"
        return self._workers

    @property
    def worker(self) -> DeviceWorker:
        """The first GPU process."""
        return self.workers[0]

    def uuid_of(self, result: Result) -> str:
        """The device that measured it; empty if none did."""
        return "" if result.gpu is None else self.devices[result.gpu].uuid

    def close(self) -> None:
        """Kill the processes and delete the cache. Safe to call twice."""
        workers, pool, self._workers, self._pool = self._workers, self._pool, (), None
        try:
            if pool is not None:
                pool.close()
            for worker in workers:
                worker.close()
        finally:
            self._folder.close()
            self._locks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()
