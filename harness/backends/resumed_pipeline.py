"""A real pipeline that resumes an interrupted run: first its log, in order, then new evaluations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

from harness.backends.pipeline import Completed, Pipeline, TraceDiverged, measurement_of
from harness.evaluation import Configuration, Evaluation
from harness.rules import Limits


class ResumedPipeline:
    """Logged evaluations are not measured again; those under way at the interruption start again.

    Args:
        logged: evaluations in the order told.
        begin: starts the real pipeline with its clock at the given s.
    """

    def __init__(self, logged: Sequence[Evaluation], begin: Callable[[float], Pipeline]) -> None:
        self._logged, self._begin = logged, begin
        self._asked_before = list(accumulate(len(evaluation.asks_s or ()) for evaluation in logged))
        self._held: dict[int, tuple[Configuration, Limits | None]] = {}
        self._submitted = self._told = 0
        self._real: Pipeline | None = None

    @property
    def now_s(self) -> float:
        if self._real is not None:
            return self._real.now_s
        return max((evaluation.clock_end_s for evaluation in self._logged[: self._told]), default=0.0)

    @property
    def free(self) -> bool:
        return self._real is None or (not self._held and self._real.free)

    def time_to_ask(self, ahead: bool) -> bool:
        if self._real is not None:
            return (ahead or not self._held) and self._real.time_to_ask(ahead)
        return self._submitted < self._asked_before[self._told]

    def submit(self, ticket: int, configuration: Configuration, limits: Limits | None = None) -> None:
        self._submitted += 1
        if self._real is not None:
            self._real.submit(ticket, configuration, limits)
        else:
            self._held[ticket] = configuration, limits

    def completed(self) -> Completed | None:
        if self._real is not None:
            self._feed(self._real)
            return self._real.completed()
        if self._told == len(self._logged):
            self._real = self._begin(self.now_s)
            self._feed(self._real)
            return self._real.completed()
        if self._submitted < self._asked_before[self._told]:
            return None
        known = self._logged[self._told]
        if known.asked is None or self._held.pop(known.asked, None) is None:
            raise TraceDiverged(f"evaluation {self._told}: the log has number {known.asked} of those asked")
        self._told += 1
        return Completed(known.asked, measurement_of(known), known.clock_start_s, known.clock_end_s)

    def wait(self, for_worker: bool) -> None:
        if self._real is None:
            raise TraceDiverged(f"evaluation {self._told}: the log has more asks before it")
        self._feed(self._real)
        self._real.wait(for_worker or bool(self._held))

    def _feed(self, real: Pipeline) -> None:
        """Submit evaluations; more may have been under way than there are workers, as some waited for the device."""
        while self._held and real.free:
            ticket = min(self._held)
            real.submit(ticket, *self._held.pop(ticket))

    def asked(self, seconds: float) -> None:
        if self._real is not None:
            self._real.asked(seconds)

    def told(self, seconds: float) -> None:
        if self._real is not None:
            self._real.told(seconds)

    def close(self) -> None:
        if self._real is not None:
            self._real.close()
