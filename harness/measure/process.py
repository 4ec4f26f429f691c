"""Child processes that may hang, crash or print anything, and that the parent can always end."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from harness.measure.messages import last_words
from harness.system.text import describe_exit
from harness.system.threads import safely

PRELOAD = ("harness.measure.triton.preload",)
"""Imported once by the fork server, so that a killed worker is replaced in milliseconds."""

KILL_TIMEOUT_S = 30.0
OUTPUT_LIMIT = 256 * 1024
START_METHOD_VARIABLE = "NEAROPT_START_METHOD"

Serve = Callable[[Connection, Any], None]


class Unkillable(RuntimeError):
    """A child process survived SIGKILL: the driver is stuck, and a person has to look at the machine."""


@contextmanager
def _without(name: str) -> Iterator[None]:
    value = os.environ.pop(name, None)
    try:
        yield
    finally:
        if value is not None:
            os.environ[name] = value


def process_context() -> BaseContext:
    """Fork server by default (no CUDA context is ever created in it, so forking is safe); or spawn."""
    method = os.environ.get(START_METHOD_VARIABLE, "forkserver")
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        kernels = [name for name in sys.modules if name.startswith("kernels.")]  # some modules import whole compilers
        context.set_forkserver_preload([*PRELOAD, *sorted(kernels)])
    return context


@dataclass
class WorkerProcess:
    """One child that serves requests over a pipe. Its output goes to ``log``, never to the terminal.

    Attributes:
        serve: runs in the child as ``serve(connection, setup)`` and returns to end it.
        setup: pickled to the child.
        log: file that receives everything the child writes to file descriptors 1 and 2.
        environment: set in the child before anything else; ``None`` removes a variable.
        nice: added to the child's niceness; negative values apply only where allowed.
    """

    serve: Serve
    setup: Any
    log: Path
    environment: Mapping[str, str | None] = field(default_factory=dict)
    nice: int = 0

    def __post_init__(self) -> None:
        context = process_context()
        self.connection, child = context.Pipe()
        arguments = (child, os.getpid(), self.serve, self.setup, self.log, dict(self.environment), self.nice)
        self._process: Any = context.Process(target=_child, args=arguments, daemon=True)  # type: ignore[attr-defined]
        # Workers compile for the device even when this process interprets kernels (tests on a CPU).
        with _without("TRITON_INTERPRET"), safely():
            self._process.start()
        child.close()  # otherwise the pipe would never report the child's end

    @property
    def pid(self) -> int:
        """The child's process id."""
        pid: int = self._process.pid
        return pid

    def alive(self) -> bool:
        """Whether the child still runs."""
        alive: bool = self._process.is_alive()
        return alive

    def kill(self) -> None:
        """Kill the child and everything it started (ptxas), and wait until it is gone.

        Raises:
            Unkillable: it is still there after 30 s.
        """
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.join(KILL_TIMEOUT_S)
        self.connection.close()
        if self.alive():
            raise Unkillable(f"process {self.pid} is still there {KILL_TIMEOUT_S:.0f} s after SIGKILL")

    def post_mortem(self) -> str:
        """How a child that closed its pipe ended, and its last words, in one line."""
        self._process.join(KILL_TIMEOUT_S)
        ending, words = describe_exit(self._process.exitcode), last_words(self.output())
        return f"{ending}: {words}" if words else ending

    def output(self) -> str:
        """The child's output since it last cleared its log; only the end if it is long."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - OUTPUT_LIMIT))
                return file.read().decode(errors="replace")
        except OSError:
            return ""


def clear_output() -> None:
    """In a child: discard the output so far."""
    sys.stdout.flush()
    sys.stderr.flush()
    with suppress(OSError):
        os.ftruncate(1, 0)


def _child(
    connection: Connection,
    parent: int,
    serve: Serve,
    setup: Any,
    log: Path,
    environment: dict[str, str | None],
    nice: int,
) -> None:
    os.setpgid(0, 0)  # its own group: it dies with its children, and only the parent handles Ctrl-C
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    tempfile.tempdir = None  # the fork server may have cached it; TMPDIR may have changed
    try:
        _redirect_output(log)
    except FileNotFoundError:  # the session was closed before this process started: there is nothing to serve
        return
    with suppress(OSError):
        os.nice(nice)
    threading.Thread(target=_die_with_parent, args=(parent,), daemon=True).start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(connection, setup)


def _redirect_output(log: Path) -> None:
    file = os.open(log, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    sys.stdout = os.fdopen(1, "w", buffering=1, errors="replace", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="replace", closefd=False)


def _die_with_parent(parent: int) -> None:
    """End with the parent: a child blocked on the device would not notice that its pipe closed."""
    while True:
        time.sleep(1.0)
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            os.killpg(0, signal.SIGKILL)
        except PermissionError:
            return


def cpu_seconds() -> float:
    """User and system CPU seconds of this process and its ended children (ptxas is one)."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
