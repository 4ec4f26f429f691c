"""The process that owns the GPU: runs one job at a time and answers each with a reply."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Protocol

from harness.gpu.jobs import Job, Reply, Started, StartFailed
from harness.gpu.messages import describe
from harness.gpu.process import clear_output


class Runner(Protocol):
    """What the process does with its device; pickled to it before it has started."""

    def start(self) -> Started:
        """Take the device and make inputs and reference. Any exception means that it cannot work."""
        ...

    def run(self, job: Job) -> Reply:
        """Do one job; failures of the configuration are statuses."""
        ...


def serve_device(connection: Connection, runner: Runner) -> None:
    """Start the runner, say so, then answer jobs until the pipe closes or the device context is lost."""
    try:
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
        reply = replace(runner.run(job), idle_s=idle_s)
        idle_since = time.monotonic()
        connection.send(reply)
        if not reply.healthy:
            # A poisoned context makes an ordinary exit hang or crash in destructors.
            connection.close()
            os._exit(0)
