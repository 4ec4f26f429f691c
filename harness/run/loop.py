"""The run loop: ask, measure, put on the clock, tell, log. Nothing else happens in a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from harness.backends.base import Backend
from harness.evaluation import Configuration, Evaluation, Measurement, RepairedConfiguration
from harness.run.clock import Span, schedule
from harness.strategies.base import Budget, Strategy
from search_spaces.nearest import Visited, nearest_unvisited
from search_spaces.space import SearchSpace


class TraceDiverged(Exception):
    """A resumed strategy asked for something else than its log says."""


class Admission:
    """Lets each configuration through once; replaces what is infeasible or visited, and says so.

    Native strategies and adapters never need the replacement; it is what makes any third-party strategy comparable.
    """

    def __init__(self, space: SearchSpace, rng: np.random.Generator) -> None:
        self._space = space
        self._rng = rng
        self._seen: set[int | str] = set()
        self._visited: Visited | None = None
        self._unmarked: list[Configuration] = []

    def admit(self, configuration: Configuration) -> tuple[Configuration, bool] | None:
        """The configuration to evaluate and whether it is a repair; ``None`` when all have been visited."""
        feasible = self._declared(configuration)
        repaired = isinstance(configuration, RepairedConfiguration)
        if feasible is None or feasible[0] in self._seen:
            nearest = nearest_unvisited(self._space, configuration, self._up_to_date(), self._rng)
            if nearest is None:
                return None
            feasible, repaired = self._declared(nearest), True
            assert feasible is not None, "a repair is feasible"
        identity, declared = feasible
        self._seen.add(identity)
        self._unmarked.append(declared)
        return declared, repaired

    def _declared(self, configuration: Configuration) -> tuple[int | str, Configuration] | None:
        """Identity and the same configuration in the space's own values; ``None`` if it is not feasible.

        A proposal may hold equal values of other types (numpy integers, 1 for true), which no log could store.
        """
        space = self._space
        if not space.enumerable:
            feasible = space.contains(configuration)
            return (space.key(configuration), space.canonicalize(configuration)) if feasible else None
        row = space.row_of(configuration)
        return None if row is None else (row, space.decode(space.codes()[row]))

    def _up_to_date(self) -> Visited:
        # Marking costs more than a whole replayed evaluation, and most runs never repair.
        if self._visited is None:
            self._visited = Visited(self._space)
        for configuration in self._unmarked:
            self._visited.add(self._space.encode(configuration))
        self._unmarked.clear()
        return self._visited


def run_loop(
    strategy: Strategy,
    backend: Backend,
    budget: Budget,
    batch: int,
    repair_rng: np.random.Generator,
    logged: Sequence[Evaluation],
    append: Callable[[Sequence[Evaluation]], None],
    progress: Callable[[Evaluation], None],
) -> str:
    """Run to the end of the budget or of the strategy; returns ``budget`` or ``exhausted``.

    Args:
        logged: evaluations of an interrupted run. The strategy is asked and told as then; their
            measurements are used again and not appended again.
        append: logs a batch.
        progress: called once per evaluation.

    Raises:
        TraceDiverged: when the strategy asks for something else than ``logged`` holds.
    """
    admission = Admission(backend.space, repair_rng)
    clock_s = 0.0
    done = 0
    starting = True
    since = perf_counter()
    while not _spent(budget, done, clock_s):
        wanted = batch if budget.evaluations is None else min(batch, budget.evaluations - done)
        started = perf_counter()
        proposals = strategy.ask(wanted)
        ask_s = perf_counter() - started
        if len(proposals) > wanted:
            raise ValueError(f"{type(strategy).__name__}.ask({wanted}) returned {len(proposals)} configurations")
        admitted = [pair for pair in map(admission.admit, proposals) if pair is not None]
        if not admitted and not done:
            raise ValueError(f"{type(strategy).__name__}.ask({wanted}) returned nothing at the first ask")
        if not admitted:
            return "exhausted"
        configurations = [configuration for configuration, _ in admitted]
        known = logged[done : done + len(admitted)]
        _check_trace(known, configurations)
        if starting and len(known) < len(admitted):
            starting = False
            started = perf_counter()
            backend.start()
            since += perf_counter() - started
        measurements = [*map(_measurement, known), *backend.measure(configurations[len(known) :])]
        if len(known) == len(admitted):
            ask_s = sum(e.ask_s for e in known)
        asked_s = clock_s + ask_s if backend.charge_ask else clock_s
        spans = schedule(measurements, backend.compile_workers, asked_s)
        outcomes = list(zip(range(done, done + len(admitted)), admitted, measurements, spans, strict=True))
        told = [_evaluation(*outcome, ask_s / len(admitted)) for outcome in outcomes]
        started = perf_counter()
        strategy.tell(told)
        tell_s = perf_counter() - started
        if len(known) == len(admitted):
            tell_s = sum(e.tell_s for e in known)
        clock_s = max(span.end_s for span in spans) + (tell_s if backend.charge_ask else 0.0)
        before, since = since, perf_counter()
        costs = (ask_s / len(told), tell_s / len(told), (since - before) / len(told))
        complete = [_evaluation(*outcome, *costs, oracle_ms=outcome[2].oracle_ms) for outcome in outcomes]
        append(complete[len(known) :])
        done += len(complete)
        for evaluation in complete:
            progress(evaluation)
    return "budget"


def _spent(budget: Budget, evaluations: int, clock_s: float) -> bool:
    return (budget.evaluations is not None and evaluations >= budget.evaluations) or (
        budget.seconds is not None and clock_s >= budget.seconds
    )


def _evaluation(
    index: int,
    admitted: tuple[Configuration, bool],
    measurement: Measurement,
    span: Span,
    ask_s: float,
    tell_s: float = 0.0,
    wall_s: float | None = None,
    oracle_ms: float | None = None,
) -> Evaluation:
    """As told to the strategy, before its tell has a cost; with that and the oracle, as logged."""
    configuration, repaired = admitted
    return Evaluation(
        index=index,
        configuration=configuration,
        status=measurement.status,
        samples_ms=measurement.samples_ms,
        latency_ms=measurement.latency_ms,
        oracle_ms=oracle_ms,
        compile_s=measurement.compile_s,
        verify_s=measurement.verify_s,
        benchmark_s=measurement.benchmark_s,
        ask_s=ask_s,
        tell_s=tell_s,
        clock_start_s=span.start_s,
        clock_end_s=span.end_s,
        message=measurement.message,
        repaired=repaired,
        device_state=measurement.device_state,
        alias=measurement.alias,
        wall_s=wall_s,
        setup_s=measurement.setup_s,
    )


def _check_trace(known: Sequence[Evaluation], configurations: Sequence[Configuration]) -> None:
    for evaluation, configuration in zip(known, configurations, strict=False):
        if dict(evaluation.configuration) != dict(configuration):
            raise TraceDiverged(f"evaluation {evaluation.index}: the log has {dict(evaluation.configuration)}")


def _measurement(evaluation: Evaluation) -> Measurement:
    return Measurement(
        status=evaluation.status,
        samples_ms=evaluation.samples_ms,
        latency_ms=evaluation.latency_ms,
        oracle_ms=evaluation.oracle_ms,
        compile_s=evaluation.compile_s,
        verify_s=evaluation.verify_s,
        benchmark_s=evaluation.benchmark_s,
        message=evaluation.message,
        device_state=evaluation.device_state,
        alias=evaluation.alias,
        setup_s=evaluation.setup_s,
    )
