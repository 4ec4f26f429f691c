"""One kernel on one GPU or more: the processes, the compile cache and the engine, opened and closed together."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.measure.compile_pool import CompilePool
from harness.measure.device import VISIBLE_DEVICES, AccelDevice
from harness.measure.device_worker import DeviceWorker
from harness.measure.engine import Engine, Result
from harness.measure.folders import PrivateFolder, lock_device, turn_file
from harness.measure.jobs import Started
from harness.measure.work import MakeWork, SessionOptions, usual_work
from kernels.base import Kernel


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
        kernel, device, options: the measured kernel, the device and the options.
        beside: further devices of the same model, which share the work.
        work: factory of what the processes run; tests pass fakes.
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
        self._compile_pool: CompilePool | None = None
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
        # A killed worker leaves ptxas's files behind: in this folder they are removed with it.
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
        self._compile_pool = CompilePool(
            works[0][0],
            options.compile_workers,
            timeout_s=options.compile_timeout_s,
            logs=folder,
            environment=environment,
        )
        self.engine = Engine(self._compile_pool, self._workers)

    @property
    def started(self) -> Started:
        """What the first GPU process reported when it was ready; waits for all of them.

        Raises:
            UserError: a GPU process does not start.
        """
        first, *_ = [worker.wait_until_started() for worker in self.workers]
        return first

    @property
    def compile_pool(self) -> CompilePool:
        """The compile workers."""
        assert self._compile_pool is not None, "the session is closed"
        return self._compile_pool

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
        workers, compile_pool, self._workers, self._compile_pool = self._workers, self._compile_pool, (), None
        try:
            if compile_pool is not None:
                compile_pool.close()
            for worker in workers:
                worker.close()
        finally:
            self._folder.close()
            self._locks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()
