"""The asynchronous run loop: ask for one configuration when a compile worker is free; tell each when complete.

Compiles, benchmarks and, with ``ahead``, the strategy's asks overlap. The pipeline decides what overlaps
(:mod:`harness.backends.pipeline`): the loop is the same for a simulated and a real pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from time import perf_counter

import numpy as np

from harness.backends.base import Backend
from harness.backends.pipeline import Completed, Pipeline, TraceDiverged, pipeline_of
from harness.evaluation import Configuration, Evaluation
from harness.rules import Rules
from harness.run.admission import Admission
from harness.run.clock import Span
from harness.run.outcome import check_trace, evaluation_of, spent, tell
from harness.run.successes import Successes
from harness.strategies.base import Budget, Strategy

Admitted = tuple[Configuration, bool]
"""A configuration to evaluate, and whether it replaces a proposal that was not admissible."""


class Asks:
    """Asks for one configuration at a time and records the time of each ask.

    The configurations that the run begins with come first; the strategy is asked once it has been told all of them.

    Attributes:
        asked: number of configurations given out.
        told: number of those that have been told.
        unlogged_s: duration in s of each ask since the last tell.
        dry: whether the last ask returned nothing, and nothing was told since.
    """

    def __init__(
        self,
        strategy: Strategy,
        admission: Admission,
        budget: Budget,
        logged: Sequence[Evaluation],
        start: Sequence[Configuration],
    ) -> None:
        self._strategy, self._admission, self._budget = strategy, admission, budget
        self._logged = {evaluation.asked: evaluation for evaluation in logged}
        self._logged_s = list(chain.from_iterable(evaluation.asks_s or () for evaluation in logged))
        self._start = start
        self.asked = self.told = 0
        self.unlogged_s: list[float] = []
        self.dry = False

    def wanted(self, clock_s: float) -> bool:
        """Whether the budget allows another ask and the strategy may have another configuration."""
        waits = self.told < len(self._start) <= self.asked
        return not self.dry and not waits and not spent(self._budget, self.asked, clock_s)

    def given(self, ticket: int) -> bool:
        """Whether the run began with this configuration, so that the strategy did not ask for it."""
        return ticket < len(self._start)

    def next(self, pipeline: Pipeline) -> tuple[Admitted, float] | None:
        """The next configuration and the duration of its ask in s; ``None`` if the strategy has none now.

        Raises:
            TraceDiverged: the log holds another configuration.
        """
        started = perf_counter()
        given = self._start[self.asked : self.asked + 1]
        proposals = given or self._strategy.ask(1)
        took_s = 0.0 if given else perf_counter() - started
        name = type(self._strategy).__name__
        if len(proposals) > 1:
            raise ValueError(f"{name}.ask(1) returned {len(proposals)} configurations")
        admitted = self._admission.admit(proposals[0]) if proposals else None
        if admitted is None:
            if not self.asked:
                raise ValueError(f"{name}.ask(1) returned nothing at the first ask")
            pipeline.asked(took_s)
            self.dry = True
            return None
        if self.asked < len(self._logged_s):
            took_s = self._logged_s[self.asked]
        if (known := self._logged.get(self.asked)) is not None:
            check_trace([known], [admitted[0]])
        pipeline.asked(took_s)
        self.asked += 1
        self.unlogged_s.append(took_s)
        return admitted, took_s


def run_overlapped(
    strategy: Strategy,
    backend: Backend,
    budget: Budget,
    workers: int,
    repair_rng: np.random.Generator,
    logged: Sequence[Evaluation],
    append: Callable[[Sequence[Evaluation]], None],
    progress: Callable[[Evaluation], None],
    ahead: bool = False,
    start: Sequence[Configuration] = (),
    rules: Rules | None = None,
) -> str:
    """Run until the budget is spent or the strategy is exhausted; returns ``budget`` or ``exhausted``.

    Evaluations under way when the budget is spent are completed, told and logged.

    Args:
        workers: number of compile workers.
        logged: evaluations of an interrupted run, in the order told. Those under way at the interruption are evaluated
            again.
        append: logs an evaluation.
        progress: called once per evaluation.
        ahead: ask for the next configuration before a worker is free for it, so that no worker waits for the
            strategy, which then knows less.
        start: configurations evaluated before the first ask, and told to a Startable strategy.
        rules: rules that end hopeless evaluations, judged by what was told before the compile begins.

    Raises:
        TraceDiverged: the run differs from what ``logged`` holds.
    """
    asks = Asks(strategy, Admission(backend.space, repair_rng), budget, logged, start)
    if not logged or budget.evaluations is None or len(logged) < budget.evaluations:
        backend.start()
    pipeline = pipeline_of(backend, workers, logged)
    pending: dict[int, tuple[Admitted, float]] = {}
    in_hand: tuple[Admitted, float] | None = None
    successes = Successes(rules)
    told = Told(strategy, pipeline, logged, append, progress, successes)
    try:
        while True:
            if in_hand is not None and pipeline.free:
                pending[asks.asked - 1] = in_hand
                pipeline.submit(asks.asked - 1, in_hand[0][0], successes.limits())
                in_hand = None
            elif (completed := pipeline.completed()) is not None:
                told.tell(completed, *pending.pop(completed.ticket), asks)
            elif in_hand is None and asks.wanted(pipeline.now_s) and pipeline.time_to_ask(ahead):
                in_hand = asks.next(pipeline)
            elif in_hand is not None or pending or asks.wanted(pipeline.now_s):
                # With nothing pending, every worker is being replaced: all their compiles hung or crashed.
                pipeline.wait(for_worker=in_hand is not None or asks.wanted(pipeline.now_s))
            else:
                return "exhausted" if asks.dry else "budget"
    finally:
        pipeline.close()


class Told:
    """Tells and logs completed evaluations."""

    def __init__(
        self,
        strategy: Strategy,
        pipeline: Pipeline,
        logged: Sequence[Evaluation],
        append: Callable[[Sequence[Evaluation]], None],
        progress: Callable[[Evaluation], None],
        successes: Successes,
    ) -> None:
        self._strategy, self._pipeline, self._logged = strategy, pipeline, logged
        self._append, self._progress, self._successes = append, progress, successes
        self._told = 0
        self._since = perf_counter()

    def tell(self, completed: Completed, admitted: Admitted, ask_s: float, asks: Asks) -> None:
        """Tell one evaluation and log it, unless the log has it.

        Raises:
            TraceDiverged: the log holds another evaluation in its place.
        """
        measurement, span = completed.measurement, Span(completed.start_s, completed.end_s)
        known = self._logged[self._told] if self._told < len(self._logged) else None
        if known is not None and (known.asked, len(known.asks_s or ())) != (completed.ticket, len(asks.unlogged_s)):
            raise TraceDiverged(f"evaluation {self._told}: the log has number {known.asked} of those asked")
        started = perf_counter()
        outcome = evaluation_of(self._told, admitted, measurement, span, ask_s, asked=completed.ticket)
        tell(self._strategy, [outcome], given=asks.given(completed.ticket))
        tell_s = perf_counter() - started if known is None else known.tell_s
        self._pipeline.told(tell_s)
        before, self._since = self._since, perf_counter()
        evaluation = known or evaluation_of(
            self._told, admitted, measurement, span, ask_s, tell_s, self._since - before,
            measurement.oracle_ms, completed.ticket, tuple(asks.unlogged_s),
        )  # fmt: skip
        asks.unlogged_s.clear()
        asks.dry = False
        asks.told += 1
        if known is None:
            self._append([evaluation])
        self._told += 1
        self._successes.tell([evaluation])
        self._progress(evaluation)
