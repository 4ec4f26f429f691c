"""The tuning clock of evaluations that really overlapped, computed from their costs as in a replay."""

from __future__ import annotations

import heapq
from bisect import bisect_right

from harness.backends.pipeline import Completed
from harness.evaluation import Measurement


class CostClock:
    """A clock that keeps the real order of events and takes their durations from their costs.

    A compile is charged its CPU seconds and the device's work its own seconds; warm-ups and a crowded host are charged
    nothing. So a live run is on the same clock as a replay of its recording and as a live run in batches. A worker is
    free again when its charged compile has ended.

    A configuration compiled slightly earlier on a real host may be compiled slightly later on this clock. Device and
    strategy therefore take each job as soon as they are free for it (:class:`Booked`), in any order: if the real order
    were kept, each such swap would delay all that follows, and a run of 6 s of wall time would last 10.

    Args:
        workers: compile workers.
        charge: whether asks and tells are charged to the clock.
        clock_s: start of the clock in s.
    """

    def __init__(self, workers: int, charge: bool, clock_s: float = 0.0) -> None:
        self._charge = charge
        self._free = [clock_s] * workers  # a heap of the times of workers that are really free
        self._asked_s = self._begun_s = self._completed_s = self.now_s = clock_s
        self._device, self._strategy = Booked(), Booked()
        self._spans: dict[int, tuple[float, float]] = {}

    def asked(self, seconds: float, ahead: bool) -> None:
        """Charge an ask, which began when a worker was free or, with ``ahead``, when the last compile began."""
        if self._charge:
            release_s = self._free[0] if self._free and not ahead else self._begun_s
            self._asked_s = self._strategy.take(release_s, seconds)

    def told(self, seconds: float) -> None:
        """Charge a tell of the evaluation that :meth:`completed` returned last."""
        if self._charge:
            self._strategy.take(self._completed_s, seconds)

    def began(self, ticket: int) -> None:
        """Record that a free worker starts to compile."""
        self._begun_s = start_s = max(heapq.heappop(self._free), self._asked_s)
        self._spans[ticket] = (start_s, start_s)

    def compiled(self, ticket: int, compile_s: float) -> None:
        """Record that a compile has ended, successfully or not, and its worker is free."""
        start_s, _ = self._spans[ticket]
        self._spans[ticket] = (start_s, start_s + compile_s)
        heapq.heappush(self._free, start_s + compile_s)

    def completed(self, ticket: int, measurement: Measurement) -> Completed:
        """Record that an evaluation is complete; returns it with its times."""
        start_s, end_s = self._spans.pop(ticket)
        on_device_s = measurement.verify_s + measurement.benchmark_s
        if on_device_s > 0:
            end_s = self._device.take(end_s, on_device_s)
        self._completed_s = end_s
        self.now_s = max(self.now_s, end_s)
        return Completed(ticket, measurement, start_s, end_s)


class Booked:
    """The booked times of a resource that does one job at a time: disjoint spans in s, in order."""

    def __init__(self) -> None:
        self._starts: list[float] = []
        self._ends: list[float] = []

    def take(self, release_s: float, seconds: float) -> float:
        """Book a job of ``seconds`` in the first long enough gap from ``release_s`` on; returns its end."""
        starts, ends = self._starts, self._ends
        at = bisect_right(ends, release_s)
        start_s = release_s
        while at < len(starts) and starts[at] < start_s + seconds:
            start_s = max(start_s, ends[at])
            at += 1
        end_s = start_s + seconds
        if seconds > 0:
            first = at - 1 if at and ends[at - 1] == start_s else at  # adjacent spans are merged
            last = at + 1 if at < len(starts) and starts[at] == end_s else at
            merged_s = (min([start_s, *starts[first:last]]), max([end_s, *ends[first:last]]))
            starts[first:last], ends[first:last] = [merged_s[0]], [merged_s[1]]
        return end_s
