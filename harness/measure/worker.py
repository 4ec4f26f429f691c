"""The process that owns the GPU: runs one job at a time and answers each with a reply."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from harness.measure.folders import turn
from harness.measure.jobs import Job, OnDevice, Reply, Started, StartFailed
from harness.measure.messages import describe
from harness.measure.process import clear_output


class Runner(Protocol):
    """The work of the process with its device; pickled before the process starts."""

    def connect(self) -> None:
        """Connect to the device without using it. Any exception means that the device is unusable."""
        ...

    def start(self) -> Started:
        """Make inputs and reference. Any exception means that the task cannot run."""
        ...

    def run(self, job: Job) -> Reply:
        """Do one job; failures of the configuration are statuses."""
        ...


@dataclass(frozen=True)
class DeviceSetup:
    """The setup of the GPU process.

    Attributes:
        runner: the runner.
        turns: the file whose lock gives one of several processes the device; ``None`` for a single process.
    """

    runner: Runner
    turns: Path | None = None


def serve_device(connection: Connection, setup: DeviceSetup) -> None:
    """Start the runner, report it, then answer jobs until the pipe closes or the device context is lost.

    Before each job it reports that it holds the device, so that waiting for others is not charged.
    """
    runner = setup.runner
    try:
        runner.connect()
        with turn(setup.turns):
            started = runner.start()
    except Exception as error:
        connection.send(StartFailed(describe(error)))
        return
    connection.send(started)
    idle_since = time.monotonic()
    while True:
        job = connection.recv()
        idle_s = time.monotonic() - idle_since
        clear_output()
        with turn(setup.turns):
            connection.send(OnDevice())
            reply = replace(runner.run(job), idle_s=idle_s)
        idle_since = time.monotonic()
        connection.send(reply)
        if not reply.healthy:
            # A poisoned context makes an ordinary exit hang or crash in destructors.
            connection.close()
            os._exit(0)
