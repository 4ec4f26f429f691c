"""Overlapping evaluations on a real device: the engine runs in a thread while the strategy computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from multiprocessing import Pipe
from threading import Condition, Thread

from harness.backends.cost_clock import CostClock
from harness.backends.pipeline import Completed
from harness.evaluation import Configuration, Measurement
from harness.measure.engine import Engine
from harness.rules import Limits

Judge = Callable[[Configuration, Measurement], Measurement]


class LivePipeline:
    """A pipeline that tells evaluations in their real order, on the clock of :class:`~.cost_clock.CostClock`.

    Args:
        engine: the engine, used only by this pipeline, with the compile workers to keep busy.
        judge: adds known facts of a configuration that are hidden from strategies.
        charge: whether asks and tells are charged to the clock.
        clock_s: start of the clock in s.
    """

    def __init__(self, engine: Engine, judge: Judge, charge: bool, clock_s: float = 0.0) -> None:
        self._engine, self._judge = engine, judge
        self._clock = CostClock(engine.activity.compile_workers, charge, clock_s)
        self._ahead = False
        self._changed = Condition()
        self._submitted: deque[tuple[int, Configuration, Limits | None]] = deque()
        self._completed: deque[tuple[int, Measurement]] = deque()
        self._workers, self._idle, self._at_device = engine.activity.compile_workers, engine.idle_workers, 0
        self._error: BaseException | None = None
        self._closing = False
        self._woken, self._wake = Pipe(duplex=False)
        engine.begin(self._clock_compiled)
        self._thread = Thread(target=self._run, name="nearopt-engine", daemon=True)
        self._thread.start()

    @property
    def now_s(self) -> float:
        with self._changed:
            return self._clock.now_s

    @property
    def free(self) -> bool:
        with self._changed:
            return self._free()

    def _free(self) -> bool:
        return self._idle > len(self._submitted) and self._at_device <= self._workers

    def time_to_ask(self, ahead: bool) -> bool:
        self._ahead = ahead
        return ahead or self.free

    def submit(self, ticket: int, configuration: Configuration, limits: Limits | None = None) -> None:
        with self._changed:
            self._clock.began(ticket)
            self._submitted.append((ticket, configuration, limits))
        self._wake.send(None)

    def completed(self) -> Completed | None:
        with self._changed:
            if self._completed:
                return self._clock.completed(*self._completed.popleft())
            self._raise()
            return None

    def wait(self, for_worker: bool) -> None:
        """Wait for the engine.

        Raises:
            DeviceLost, CompilePoolError, UserError: raised by the engine.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._completed or self._error or (for_worker and self._free()))
            if not self._completed:
                self._raise()

    def asked(self, seconds: float) -> None:
        with self._changed:
            self._clock.asked(seconds, self._ahead)

    def told(self, seconds: float) -> None:
        with self._changed:
            self._clock.told(seconds)

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
                        self._completed.append((result.ticket, measured))
                while self._woken.poll():
                    self._woken.recv()
                self._tell()
        except BaseException as error:  # any error: the run loop raises it
            with self._changed:
                self._error = error
                self._changed.notify()

    def _clock_compiled(self, ticket: int, compile_s: float) -> None:
        with self._changed:
            self._clock.compiled(ticket, compile_s)

    def _take(self) -> None:
        """Pass submitted configurations to the engine. A worker counts as busy from here on at the latest."""
        with self._changed:
            while self._submitted:
                self._engine.submit(*self._submitted.popleft())
            self._idle = self._engine.idle_workers

    def _tell(self) -> None:
        with self._changed:
            self._idle, self._at_device = self._engine.idle_workers, self._engine.at_devices
            self._changed.notify()
