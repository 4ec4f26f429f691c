"""The run loop: ask, measure, charge to the clock, tell, log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from harness.backends.base import Backend, measured
from harness.backends.pipeline import measurement_of
from harness.evaluation import Configuration, Evaluation
from harness.rules import Rules
from harness.run.admission import Admission
from harness.run.clock import schedule
from harness.run.outcome import check_trace, evaluation_of, spent, tell
from harness.run.successes import Successes
from harness.strategies.base import Budget, Strategy


def run_loop(
    strategy: Strategy,
    backend: Backend,
    budget: Budget,
    batch: int,
    repair_rng: np.random.Generator,
    logged: Sequence[Evaluation],
    append: Callable[[Sequence[Evaluation]], None],
    progress: Callable[[Evaluation], None],
    start: Sequence[Configuration] = (),
    rules: Rules | None = None,
) -> str:
    """Run until the budget is spent or the strategy is exhausted; returns ``budget`` or ``exhausted``.

    Args:
        logged: evaluations of an interrupted run. The strategy is asked and told as before; their
            measurements are reused and not appended again.
        append: logs a batch.
        progress: called once per evaluation.
        start: configurations evaluated before the first ask, ``batch`` at once, and told to a Startable strategy.
        rules: rules that end hopeless evaluations; a batch is judged by what was told before it.

    Raises:
        TraceDiverged: the strategy asks for other configurations than ``logged`` holds.
    """
    admission = Admission(backend.space, repair_rng)
    successes = Successes(rules)
    clock_s = 0.0
    done = 0
    starting = True
    since = perf_counter()
    while not spent(budget, done, clock_s):
        wanted = batch if budget.evaluations is None else min(batch, budget.evaluations - done)
        started = perf_counter()
        given = start[done : done + wanted]
        proposals = given or strategy.ask(wanted)
        ask_s = 0.0 if given else perf_counter() - started
        if len(proposals) > wanted:
            raise ValueError(f"{type(strategy).__name__}.ask({wanted}) returned {len(proposals)} configurations")
        admitted = [pair for pair in map(admission.admit, proposals) if pair is not None]
        if not admitted and not done:
            raise ValueError(f"{type(strategy).__name__}.ask({wanted}) returned nothing at the first ask")
        if not admitted:
            return "exhausted"
        configurations = [configuration for configuration, _ in admitted]
        known = logged[done : done + len(admitted)]
        check_trace(known, configurations)
        if starting and len(known) < len(admitted):
            starting = False
            started = perf_counter()
            backend.start()
            since += perf_counter() - started
        fresh = configurations[len(known) :]
        measurements = [*map(measurement_of, known), *measured(backend, fresh, successes.limits())]
        if len(known) == len(admitted):
            ask_s = sum(e.ask_s for e in known)
        asked_s = clock_s + ask_s if backend.charge_ask else clock_s
        spans = schedule(measurements, backend.compile_workers, asked_s)
        outcomes = list(zip(range(done, done + len(admitted)), admitted, measurements, spans, strict=True))
        told = [evaluation_of(*outcome, ask_s / len(admitted)) for outcome in outcomes]
        started = perf_counter()
        tell(strategy, told, given=bool(given))
        tell_s = perf_counter() - started
        successes.tell(told)
        if len(known) == len(admitted):
            tell_s = sum(e.tell_s for e in known)
        clock_s = max(span.end_s for span in spans) + (tell_s if backend.charge_ask else 0.0)
        before, since = since, perf_counter()
        costs = (ask_s / len(told), tell_s / len(told), (since - before) / len(told))
        complete = [evaluation_of(*outcome, *costs, oracle_ms=outcome[2].oracle_ms) for outcome in outcomes]
        append(complete[len(known) :])
        done += len(complete)
        for evaluation in complete:
            progress(evaluation)
    return "budget"
