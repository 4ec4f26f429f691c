"""One kernel on one GPU: the processes, the private compile cache and the engine, opened and closed together."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from harness.errors import UserError
from harness.gpu.compile_pool import CompilePool, Compiler
from harness.gpu.device import AccelDevice
from harness.gpu.device_worker import DeviceWorker
from harness.gpu.engine import Engine
from harness.gpu.jobs import Started
from harness.gpu.timing import Timing
from harness.gpu.worker import Runner
from kernels.base import Kernel

FOLDER_PREFIX = "nearopt-session-"
FOLDER_LOCK = "in-use"


@dataclass(frozen=True)
class SessionOptions:
    """How a session measures.

    Attributes:
        compile_workers: compile processes.
        compile_timeout_s: wall seconds that one configuration may compile.
        run_timeout_s: wall seconds that checking and timing one configuration may take.
        seed: of the kernel's random inputs.
        timing: how many samples to take.
    """

    compile_workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    compile_timeout_s: float = 10.0
    run_timeout_s: float = 10.0
    seed: int = 0
    timing: Timing = field(default_factory=Timing)

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
    """Processes for measuring one kernel on one device, with an empty compile cache of their own.

    Raises (when opened):
        UserError: the device is in use by another session, or does not start.
    """

    def __init__(
        self, kernel: Kernel, device: AccelDevice, options: SessionOptions, work: MakeWork = cuda_work
    ) -> None:
        self._lock = _lock(device.uuid)
        remove_abandoned_folders()
        self._folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        self._folder_lock = _try_lock(self._folder / FOLDER_LOCK)
        self._pool: CompilePool | None = None
        self._worker: DeviceWorker | None = None
        try:
            self._open(kernel, device, options, work)
        except BaseException:
            self.close()
            raise

    def _open(self, kernel: Kernel, device: AccelDevice, options: SessionOptions, work: MakeWork) -> None:
        cache = self._folder / "cache"
        cache.mkdir()
        compiler, runner = work(kernel, device, options, cache)
        # A killed worker leaves ptxas's files behind: in our folder they go away with us.
        environment = {**triton_environment(cache), "TMPDIR": str(self._folder)}
        self._worker = DeviceWorker(
            runner, run_timeout_s=options.run_timeout_s, logs=self._folder, environment=environment
        )
        self._worker.launch()
        self._pool = CompilePool(
            compiler,
            options.compile_workers,
            timeout_s=options.compile_timeout_s,
            logs=self._folder,
            environment=environment,
        )
        self.started: Started = self._worker.wait_until_started()
        self.engine = Engine(self._pool, self._worker)

    @property
    def pool(self) -> CompilePool:
        """The compile workers."""
        assert self._pool is not None, "the session is closed"
        return self._pool

    @property
    def worker(self) -> DeviceWorker:
        """The GPU process."""
        assert self._worker is not None, "the session is closed"
        return self._worker

    def close(self) -> None:
        """Kill the processes and delete the cache. Safe to call twice."""
        worker, pool, self._worker, self._pool = self._worker, self._pool, None, None
        try:
            if pool is not None:
                pool.close()
            if worker is not None:
                worker.close()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
            if self._folder_lock is not None:
                self._folder_lock.close()
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()


def lock_folder() -> Path:
    """Where every NearOpt process of this machine looks for locks."""
    return Path(tempfile.gettempdir())


def remove_abandoned_folders() -> None:
    """Delete what sessions left behind that were killed before they could clean up."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        if not (folder / FOLDER_LOCK).exists():
            continue  # just being made
        with suppress(OSError):  # another user's
            lock = _try_lock(folder / FOLDER_LOCK)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                lock.close()


def _try_lock(path: Path) -> IO[str] | None:
    """An advisory lock that ends with this process or with the file; ``None`` while another process holds it."""
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def _lock(uuid: str) -> IO[str]:
    """The lock on the device.

    Raises:
        UserError: another process holds it.
    """
    path = lock_folder() / f"nearopt-{uuid or 'gpu'}.lock"
    file = _try_lock(path)
    if file is None:
        holder = path.read_text(encoding="utf-8").strip() or "unknown"
        raise UserError(f"{uuid}: in use by another NearOpt process (pid {holder}): wait for it or stop it")
    with suppress(OSError):
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
    return file
