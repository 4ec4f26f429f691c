"""Steps that both run loops share: from a measurement to the evaluation that is told and logged."""

from __future__ import annotations

from collections.abc import Sequence

from harness.backends.pipeline import TraceDiverged
from harness.evaluation import Configuration, Evaluation, Measurement
from harness.run.clock import Span
from harness.strategies.base import Budget, Startable, Strategy


def spent(budget: Budget, evaluations: int, clock_s: float) -> bool:
    """Whether the budget is spent after this many evaluations and seconds on the tuning clock."""
    return (budget.evaluations is not None and evaluations >= budget.evaluations) or (
        budget.seconds is not None and clock_s >= budget.seconds
    )


def evaluation_of(
    index: int,
    admitted: tuple[Configuration, bool],
    measurement: Measurement,
    span: Span,
    ask_s: float,
    tell_s: float = 0.0,
    wall_s: float | None = None,
    oracle_ms: float | None = None,
    asked: int | None = None,
    asks_s: tuple[float, ...] | None = None,
) -> Evaluation:
    """The evaluation as told to the strategy; with the tell's cost and the oracle latency, as logged."""
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
        asked=asked,
        asks_s=asks_s,
    )


def tell(strategy: Strategy, evaluations: Sequence[Evaluation], given: bool) -> None:
    """Tell outcomes to a strategy, through its ``start`` for configurations that it did not ask for."""
    if not given:
        strategy.tell(evaluations)
        return
    assert isinstance(strategy, Startable), "checked before the run"
    strategy.start(evaluations)


def check_trace(known: Sequence[Evaluation], configurations: Sequence[Configuration]) -> None:
    """Check that a resumed strategy asks for the logged configurations, as far as both go.

    Raises:
        TraceDiverged: the strategy asks for another configuration.
    """
    for evaluation, configuration in zip(known, configurations, strict=False):
        if dict(evaluation.configuration) != dict(configuration):
            raise TraceDiverged(f"evaluation {evaluation.index}: the log has {dict(evaluation.configuration)}")
