"""Evaluations that overlap on a real device: the engine runs in a thread of its own while the strategy thinks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from multiprocessing import Pipe
from threading import Condition, Thread

from harness.backends.pipeline import Completed
from harness.evaluation import Configuration, Measurement
from harness.measure.engine import Engine

Judge = Callable[[Configuration, Measurement], Measurement]


class LivePipeline:
    """A clock that shows real seconds: what thinking costs is on it without being charged.

    Args:
        engine: nothing else uses it meanwhile. Its compile workers are those that are kept busy.
        judge: adds what is known of a configuration and hidden from strategies.
        clock_s: where the clock begins.
    """

    def __init__(self, engine: Engine, judge: Judge, clock_s: float = 0.0) -> None:
        self._engine, self._judge = engine, judge
        self._changed = Condition()
        self._submitted: deque[tuple[int, Configuration]] = deque()
        self._started_s: dict[int, float] = {}
        self._completed: deque[Completed] = deque()
        self._workers, self._idle, self._at_device = engine.activity.compile_workers, engine.idle_workers, 0
        self._error: BaseException | None = None
        self._closing = False
        self._woken, self._wake = Pipe(duplex=False)
        self._zero = time.monotonic() - clock_s
        engine.begin()
        self._thread = Thread(target=self._run, name="nearopt-engine", daemon=True)
        self._thread.start()

    @property
    def now_s(self) -> float:
        return time.monotonic() - self._zero

    @property
    def free(self) -> bool:
        with self._changed:
            return self._free()

    def _free(self) -> bool:
        return self._idle > len(self._submitted) and self._at_device <= self._workers

    def time_to_ask(self, ahead: bool) -> bool:
        return ahead or self.free

    def submit(self, ticket: int, configuration: Configuration) -> None:
        with self._changed:
            self._started_s[ticket] = self.now_s
            self._submitted.append((ticket, configuration))
        self._wake.send(None)

    def completed(self) -> Completed | None:
        with self._changed:
            if self._completed:
                return self._completed.popleft()
            self._raise()
            return None

    def wait(self, for_worker: bool) -> None:
        """
        Raises:
            DeviceLost, CompilePoolError, UserError: of the engine.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._completed or self._error or (for_worker and self._free()))
            if not self._completed:
                self._raise()

    def think(self, seconds: float) -> None:
        """It took real time already."""

    def close(self) -> None:
        self._closing = True
        self._wake.send(None)
        self._thread.join()
        self._woken.close()
        self._wake.close()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._closing:
                self._take()
                for result in self._engine.step(self._woken):
                    measured = self._judge(result.configuration, result.measurement)
                    with self._changed:
                        started_s = self._started_s.pop(result.ticket)
                        self._completed.append(Completed(result.ticket, measured, started_s, self.now_s))
                while self._woken.poll():
                    self._woken.recv()
                self._tell()
        except BaseException as error:  # of whatever kind: the run loop raises it
            with self._changed:
                self._error = error
                self._changed.notify()

    def _take(self) -> None:
        """Give the engine what was submitted. A worker counts as busy from here on at the latest."""
        with self._changed:
            while self._submitted:
                self._engine.submit(*self._submitted.popleft())
            self._idle = self._engine.idle_workers

    def _tell(self) -> None:
        with self._changed:
            self._idle, self._at_device = self._engine.idle_workers, self._engine.at_devices
            self._changed.notify()
