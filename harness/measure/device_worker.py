"""The parent's side of the GPU process: it submits jobs, and replaces the process when a job crashes it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from pathlib import Path

from harness.errors import MachineError, UserError
from harness.evaluation import Status
from harness.measure.jobs import Job, OnDevice, Reply, Started, StartFailed
from harness.measure.process import WorkerProcess
from harness.measure.worker import DeviceSetup, Runner, serve_device
from harness.system.text import one_line

START_TIMEOUT_S = 240.0
MAX_FAILED_STARTS = 3


class DeviceLost(MachineError):
    """The device worked before and cannot be started again."""


class DeviceWorker:
    """One process on one device; never blocks except in :meth:`wait_until_started` and :meth:`run`.

    Args:
        runner: runs in the process; pickled again after every loss.
        run_timeout_s: wall seconds on the device after which a job's process is killed and replaced.
        log: file for the process's output.
        environment: variables set in the process.
        turns: see :class:`~harness.measure.worker.DeviceSetup`.
        what: GPU or CPU, for messages.

    Attributes:
        restarts, restart_s: number of replacements, and the seconds until each was ready.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        run_timeout_s: float,
        log: Path,
        environment: Mapping[str, str | None] | None = None,
        turns: Path | None = None,
        what: str = "GPU",
    ) -> None:
        self.what = what
        self._setup = DeviceSetup(runner, turns)
        self.run_timeout_s = run_timeout_s
        self._log = log
        self._environment = dict(environment or {})
        self._process: WorkerProcess | None = None
        self._started: Started | None = None
        self._ready = self._busy = False
        self._since = self._deadline = 0.0
        self._failed_starts = 0
        self.restarts = 0
        self.restart_s = 0.0

    def wait_until_started(self) -> Started:
        """Wait until the launched process is ready.

        Raises:
            UserError: there is no device, or it cannot run the task; the message says why.
        """
        while self._started is None:
            self._wait()
            self.poll()
        return self._started

    @property
    def reported(self) -> Started | None:
        """The report of the first process when it was ready; ``None`` before."""
        return self._started

    @property
    def idle(self) -> bool:
        """Whether a job can be submitted now."""
        return self._ready and not self._busy

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return self._busy

    @property
    def pid(self) -> int:
        """Process id of the GPU process."""
        assert self._process is not None
        return self._process.pid

    @property
    def connections(self) -> list[Connection]:
        """Connections that become readable when there may be something to poll."""
        return [self._process.connection] if self._process and (self._busy or not self._ready) else []

    @property
    def deadline(self) -> float:
        """Monotonic time at which :meth:`poll` has to be called again in any case."""
        return self._deadline if self._busy or not self._ready else float("inf")

    def submit(self, job: Job) -> None:
        """Give an idle process a job; the reply comes from :meth:`poll`."""
        assert self.idle and self._process is not None
        self._busy = True
        self._since = time.monotonic()
        self._deadline = float(
            "inf"
        )  # until it has the device: a process that holds it longer is killed by its own parent
        with suppress(OSError):  # if it died idle, poll sees the closed pipe
            self._process.connection.send(job)

    def poll(self) -> Reply | None:
        """The running job's reply once there is one; a lost process also gives a reply and is replaced.

        Raises:
            UserError: the first process does not start: there is no device, or it cannot run the task.
            DeviceLost: the replacement fails to start, three times in a row.
        """
        if self._process is None or self.idle:
            return None
        try:
            if self._process.connection.poll():
                return self._receive(self._process.connection.recv())
        except (EOFError, OSError):
            return self._lost(None)
        if time.monotonic() < self._deadline:
            return None
        return self._lost(f"running took longer than {self.run_timeout_s:g} s")

    def run(self, job: Job) -> Reply:
        """Submit a job as soon as the process is ready, and wait for the reply."""
        while not self.idle:
            self._wait()
            self.poll()
        self.submit(job)
        while True:
            self._wait()
            reply = self.poll()
            if reply is not None:
                return reply

    def close(self) -> None:
        """Kill the process. Safe to call twice."""
        process, self._process = self._process, None
        self._ready = self._busy = False
        if process is not None:
            process.kill()

    def _wait(self) -> None:
        left_s = self.deadline - time.monotonic()
        wait_for(self.connections, timeout=None if left_s == float("inf") else max(0.0, left_s))

    def launch(self) -> None:
        """Start the process; it is ready some seconds later."""
        self._ready = self._busy = False
        self._since = time.monotonic()
        self._deadline = self._since + START_TIMEOUT_S
        # Above the compile workers' priority, where allowed: the host must never delay timed launches.
        self._process = WorkerProcess(serve_device, self._setup, self._log, self._environment, nice=-10)

    def _receive(self, message: Reply | OnDevice | Started | StartFailed) -> Reply | None:
        if isinstance(message, Started):
            self._started = self._started or message
            self._ready, self._failed_starts = True, 0
            self.restart_s += time.monotonic() - self._since
            return None
        if isinstance(message, StartFailed):
            self._start_failed(f"no usable {self.what}: {message.message}")
            return None
        if isinstance(message, OnDevice):
            self._since = time.monotonic()
            self._deadline = self._since + self.run_timeout_s
            return None
        self._busy = False
        if not message.healthy:
            self._replace()
        return message

    def _lost(self, timeout: str | None) -> Reply | None:
        """The process died or is past its deadline: kill and replace it, and report its job, if any, as failed."""
        assert self._process is not None
        if not self._busy:
            late = f"the {self.what} process did not start within {START_TIMEOUT_S:.0f} s"
            self._start_failed(late if timeout else f"the {self.what} process died: {self._process.post_mortem()}")
            return None
        status = Status.RUN_TIMEOUT if timeout else Status.WORKER_CRASH
        message = timeout or f"{self.what} process {self._process.post_mortem()}"
        elapsed = time.monotonic() - self._since
        self._replace()
        return Reply(status, verify_s=elapsed, message=one_line(message), healthy=False)

    def _start_failed(self, message: str) -> None:
        if self._started is None:
            raise UserError(message)
        self._failed_starts += 1
        if self._failed_starts >= MAX_FAILED_STARTS:
            raise DeviceLost(f"the {self.what} process cannot be restarted: {message}")
        self._replace()

    def _replace(self) -> None:
        assert self._process is not None
        self._process.kill()
        self.restarts += 1
        self.launch()
