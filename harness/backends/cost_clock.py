"""The tuning clock of evaluations that really overlapped: from what they cost, as in a replay."""

from __future__ import annotations

import heapq

from harness.backends.pipeline import Completed
from harness.evaluation import Measurement


class CostClock:
    """What came after what is as it was; how long each took is its cost.

    A compile is charged its CPU seconds, the device's work its own, warming up and a crowded host nothing: so a live
    run is on the same clock as a replay of its recording, and as a live run in batches. A worker is free again when
    what it compiled would be, and the device takes what is compiled in the order in which it really did.

    Args:
        workers: compile workers.
        charge: asking and telling move the clock.
        clock_s: where it begins.
    """

    def __init__(self, workers: int, charge: bool, clock_s: float = 0.0) -> None:
        self._charge = charge
        self._free = [clock_s] * workers  # a heap: of the workers that are really free
        self._device_s = self._strategy_s = self.now_s = clock_s
        self._spans: dict[int, tuple[float, float]] = {}

    def asked(self, seconds: float, ahead: bool) -> None:
        """The strategy asked for so long, beginning when a worker was free or, ``ahead``, as soon as it could."""
        if self._charge:
            begun = max(self._strategy_s, self._free[0]) if self._free and not ahead else self._strategy_s
            self._strategy_s = begun + seconds

    def told(self, seconds: float) -> None:
        """The strategy learned for so long from what :meth:`completed` said last."""
        if self._charge:
            self._strategy_s = max(self._strategy_s, self.now_s) + seconds

    def began(self, ticket: int) -> None:
        """A free worker starts to compile."""
        start_s = max(heapq.heappop(self._free), self._strategy_s)
        self._spans[ticket] = (start_s, start_s)

    def compiled(self, ticket: int, compile_s: float) -> None:
        """Its compile has ended, one way or the other, and the worker is free."""
        start_s, _ = self._spans[ticket]
        self._spans[ticket] = (start_s, start_s + compile_s)
        heapq.heappush(self._free, start_s + compile_s)

    def completed(self, ticket: int, measurement: Measurement) -> Completed:
        """It is complete; of those on the device in the order in which they were."""
        start_s, end_s = self._spans.pop(ticket)
        on_device_s = measurement.verify_s + measurement.benchmark_s
        if on_device_s > 0:
            end_s = self._device_s = max(self._device_s, end_s) + on_device_s
        self.now_s = max(self.now_s, end_s)
        return Completed(ticket, measurement, start_s, end_s)
