"""Compile some configurations for a GPU that need not be present, in workers with a timeout, as a session does."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait as wait_for

from harness.errors import UserError
from harness.evaluation import Configuration
from harness.measure.compile_pool import CompilePool
from harness.measure.device import AccelDevice
from harness.measure.folders import PrivateFolder
from harness.measure.jobs import CompileOutcome
from harness.measure.session import triton_environment
from harness.measure.work import SessionOptions, usual_work
from kernels.base import Kernel

H100 = AccelDevice(
    name="NVIDIA H100", slug="h100", capability=90, sm_count=132, shared_memory_bytes=232_448, l2_bytes=0,
    memory_bytes=0,
)  # fmt: skip
"""The target device if there is no GPU."""


def nvcc_found() -> bool:
    """Whether CUDA C++ can be compiled here."""
    from harness.measure.cuda.compiler import find_nvcc

    try:
        return bool(find_nvcc())
    except UserError:
        return False


def compiled(
    kernel: Kernel,
    configurations: Sequence[Configuration],
    device: AccelDevice = H100,
    *,
    workers: int = 2,
    timeout_s: float = 30.0,
) -> Iterator[tuple[Configuration, CompileOutcome]]:
    """The outcome of each configuration's compile, in the order of their ends; worker processes start and end with the
    iterator.

    Args:
        device: the target device.
        timeout_s: most wall seconds of a compile.

    Raises:
        UserError: nvcc is needed but not installed.
        CompilePoolError: the workers do not start.
    """
    options = SessionOptions(compile_workers=workers, compile_timeout_s=timeout_s)
    with PrivateFolder() as folder:
        cache = folder.path / "cache"
        cache.mkdir()
        compiler, _ = usual_work(kernel, device, options, cache)
        environment = {**triton_environment(cache), "TMPDIR": str(folder.path)}
        pool = CompilePool(compiler, workers, timeout_s=timeout_s, logs=folder.path, environment=environment)
        try:
            for ticket, configuration in enumerate(configurations):
                pool.submit(ticket, configuration)
            while pool.in_flight:
                wait_for(pool.connections, max(0.0, pool.deadline - time.monotonic()))
                yield from ((configurations[ticket], outcome) for ticket, outcome in pool.poll())
        finally:
            pool.close()
