"""Guard between a run and its tracker: the tracker is always finished and never breaks the run."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from harness.evaluation import Evaluation
from harness.system.terminal import warn
from harness.system.text import whole_line
from harness.trackers.base import NoTracker, TrackedRun, Tracker


class Guard:
    """A context in which ``tracker`` mirrors ``run``; the tracker is finished however the context ends.

    An exception of the tracker becomes one line on stderr and ends only the mirror. SIGTERM, which a sweep sends to
    its workers when it is interrupted, finishes the tracker before ending the process.
    """

    def __init__(self, tracker: Tracker, run: TrackedRun) -> None:
        self._tracker = tracker
        self._run = run
        self._open = False
        self._inside = False
        self._terminated = False
        self._handling = False

    def __enter__(self) -> Self:
        # Only the main thread may set the process's handler; a handler set by others stays.
        self._handling = (
            not isinstance(self._tracker, NoTracker)
            and threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        )
        if self._handling:
            signal.signal(signal.SIGTERM, self._on_term)
        self._open = True
        self._call(lambda: self._tracker.start(self._run, again=False))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._finish("failed" if kind is not None and issubclass(kind, Exception) else "interrupted", None)
        if self._handling:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def log(self, evaluation: Evaluation) -> None:
        """Mirror one evaluation."""
        self._call(lambda: self._tracker.log(evaluation))

    def restart(self) -> None:
        """The run restarts from its first evaluation."""
        if self._open:
            self._call(lambda: self._tracker.finish("interrupted", None))
            self._call(lambda: self._tracker.start(self._run, again=True))

    def done(self, ended: str, evaluations: Path) -> None:
        """The run is complete: all its results are on disk."""
        self._finish(ended, evaluations)

    def _finish(self, ended: str, evaluations: Path | None) -> None:
        if self._open:
            self._call(lambda: self._tracker.finish(ended, evaluations))
        self._open = False

    def _call(self, call: Callable[[], None]) -> None:
        if not self._open:
            return
        self._inside = True
        try:
            call()
        except Exception as error:
            self._open = False
            warn(f"nearopt: tracker: {type(error).__name__}: {whole_line(error)} (the run continues)")
            with suppress(Exception):  # a failed tracker may still hold a process or a file
                self._tracker.finish("failed", None)
        finally:
            self._inside = False
        if self._terminated:
            self._end_process()

    def _on_term(self, _signal: int, _frame: FrameType | None) -> None:
        self._terminated = True
        if not self._inside:  # otherwise the call in progress may hold a lock that finishing needs
            self._end_process()

    def _end_process(self) -> None:
        self._terminated = False
        self._finish("interrupted", None)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
