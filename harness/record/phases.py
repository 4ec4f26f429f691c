"""The phases of a recording session: measure, search, re-time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.evaluation import Configuration, Status
from harness.measure.engine import Result
from harness.measure.jobs import CompiledPlan
from harness.measure.session import Session
from harness.record.draws import DrawStream, drawn_so_far, measure_draws
from harness.record.facts import Recording
from harness.record.log import RecordLog
from harness.record.retime import VENDOR, retime
from harness.record.search import DeadlinePassed, SearchBackend, run_search
from harness.system.progress import ProgressDisplay
from harness.system.terminal import warn


@dataclass
class Phases:
    """The phases of one session and their common state.

    Attributes:
        recording, log, session: the recording, the log of its measurements, and the measuring session.
        start: monotonic time from which the deadline counts.
        compiled: plans of successful configurations by key, which re-timing does not compile again.
        interrupted: the user stopped it.
    """

    recording: Recording
    log: RecordLog
    session: Session
    start: float
    compiled: dict[str, CompiledPlan] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def deadline(self) -> float:
        """Monotonic time after which no work is started."""
        deadline_s = self.recording.options.deadline_s
        return float("inf") if deadline_s is None else self.start + deadline_s

    def measure(self, configurations: Sequence[Configuration]) -> bool:
        """Measure and log each configuration; returns whether all were measured before the deadline or an
        interruption."""
        began, finished = time.monotonic(), 0
        with ProgressDisplay(f"record {self.recording.out.name}", len(configurations)) as progress:
            try:
                for result in self.session.engine.evaluate(self._until_deadline(configurations)):
                    key = self.recording.space.key(result.configuration)
                    self.log.result(key, result, self.session.uuid_of(result))
                    self._keep(key, result)
                    finished += 1
                    rate = finished / max(time.monotonic() - began, 1e-9)
                    progress.advance(_note(self.session.engine.incumbent_ms, rate, result))
            except KeyboardInterrupt:
                self.interrupted = True
                return False
        return finished == len(configurations)

    def draw(self, stream: DrawStream) -> bool:
        """Like :meth:`measure` for independent draws; with ``finish`` it also succeeds at the deadline."""
        options, began, finished = self.recording.options, time.monotonic(), 0
        assert options.draws is not None

        def measured(key: str, result: Result) -> str:
            nonlocal finished
            self._keep(key, result)
            finished += 1
            rate = finished / max(time.monotonic() - began, 1e-9)
            return _note(self.session.engine.incumbent_ms, rate, result)

        ended = measure_draws(
            self.session, self.recording.space, self.log, stream, options.draws, self.deadline, measured
        )
        draws = drawn_so_far(self.log.content).draws
        return ended and (draws >= options.draws or (options.finish and draws > 0))

    def search(self) -> bool:
        """Run the searches, if any; returns whether all ended before the deadline or an interruption."""
        backend = SearchBackend(self.session, self.log, self.recording.space, self.deadline, self._keep)
        try:
            for config in self.recording.options.searches:
                run_search(config, backend)
        except DeadlinePassed:
            return False
        except KeyboardInterrupt:
            self.interrupted = True
            return False
        return True

    def retime(self, rng: np.random.Generator) -> None:
        """Time the best and the anchors again, in one interleaved batch on each device, and log it."""
        retiming = self.recording.options.retiming
        latency_ms = self.log.content.latencies()
        results = self.log.content.results
        chosen = {key: (results[key].configuration, latency_ms[key]) for key in retiming.choose(latency_ms)}
        warn(f"re-timing {len(chosen)} configurations, {retiming.rounds} rounds")
        samples, *others = retime(self.session, chosen, self.compiled, retiming, rng)
        vendor = samples.pop(VENDOR, None)
        beside = {
            device.uuid: {key: values for key, values in other.items() if key != VENDOR}
            for device, other in zip(self.session.devices[1:], others, strict=True)
        }
        self.log.retimed(samples, (self.session.started.vendor, vendor) if vendor else None, beside)

    def _until_deadline(self, configurations: Sequence[Configuration]) -> Iterator[Configuration]:
        for configuration in configurations:
            if time.monotonic() > self.deadline:
                return
            yield configuration

    def _keep(self, key: str, result: Result) -> None:
        if result.compiled is not None and result.measurement.status is Status.OK:
            self.compiled[key] = result.compiled


def _note(best_ms: float | None, rate: float, result: Result) -> str:
    best = "" if best_ms is None else f"best {best_ms:.4g} ms, "
    return f"{best}{rate:.1f}/s, last {result.measurement.status}"
