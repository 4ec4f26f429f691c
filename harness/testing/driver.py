"""A minimal run loop that asks, checks the proposals, and answers with a synthetic kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from harness.evaluation import Configuration, Evaluation, RepairedConfiguration, Status
from harness.strategies.base import Strategy
from search_spaces.space import SearchSpace

Outcome = Callable[[SearchSpace, Configuration], "float | Status"]
"""The outcome of a configuration: its latency in ms, or how it fails."""


def smooth_latency(space: SearchSpace, configuration: Configuration) -> float:
    """A latency between 0.1 and a few ms with one optimum: smooth in each parameter, no two alike."""
    total = 0.1
    for i, code in enumerate(space.encode(configuration).tolist()):
        size = space.parameters[i].size
        target = (0.7 * size + 0.31 * i) % max(size, 1)
        total += 0.5 if code < 0 else ((code - target) / size) ** 2 * (1.0 + 0.1 * i) + 1e-4 * code / (i + 2)
    return total


def evaluation(index: int, configuration: Configuration, outcome: float | Status) -> Evaluation:
    """The evaluation that a strategy would be told."""
    latency_ms = None if isinstance(outcome, Status) else float(outcome)
    return Evaluation(
        index=index,
        configuration=configuration,
        status=outcome if isinstance(outcome, Status) else Status.OK,
        samples_ms=() if latency_ms is None else (latency_ms,),
        latency_ms=latency_ms,
        oracle_ms=None,
        compile_s=0.1,
        verify_s=0.0,
        benchmark_s=0.01,
        ask_s=0.0,
        tell_s=0.0,
        clock_start_s=0.11 * index,
        clock_end_s=0.11 * (index + 1),
        message="",
        repaired=isinstance(configuration, RepairedConfiguration),
    )


def drive(
    strategy: Strategy,
    space: SearchSpace,
    outcome: Outcome = smooth_latency,
    evaluations: int | None = None,
    batch: int = 1,
) -> list[Evaluation]:
    """Run until the strategy ends or ``evaluations`` are done.

    Raises:
        AssertionError: an ask was infeasible, repeated, or longer than asked for.
    """
    done: list[Evaluation] = []
    seen: set[str] = set()
    while evaluations is None or len(done) < evaluations:
        room = batch if evaluations is None else min(batch, evaluations - len(done))
        asked = list(strategy.ask(room))
        assert len(asked) <= room, f"asked for {room}, got {len(asked)} configurations"
        if not asked:
            break
        told: list[Evaluation] = []
        for configuration in asked:
            space.validate(configuration)
            key = space.key(configuration)
            assert key not in seen, f"asked twice: {key}"
            seen.add(key)
            told.append(evaluation(len(done) + len(told), configuration, outcome(space, configuration)))
        strategy.tell(told)
        done += told
    return done


def overlap(
    strategy: Strategy,
    space: SearchSpace,
    outcome: Outcome = smooth_latency,
    evaluations: int | None = None,
    workers: int = 4,
    order: int = 0,
) -> list[Evaluation]:
    """Like :func:`drive` with up to ``workers`` pending evaluations, told one by one in an order drawn from ``order``.

    A strategy that proposes nothing while others are pending is asked again after the next tell.

    Raises:
        AssertionError: an ask was infeasible, repeated, or longer than asked for.
    """
    rng = np.random.default_rng(order)
    pending: list[Configuration] = []
    told: list[Evaluation] = []
    seen: set[str] = set()
    dry = False
    while True:
        asked = len(told) + len(pending)
        if not dry and len(pending) < workers and (evaluations is None or asked < evaluations):
            proposals = list(strategy.ask(1))
            assert len(proposals) <= 1, f"asked for 1, got {len(proposals)} configurations"
            dry = not proposals
            for configuration in proposals:
                space.validate(configuration)
                key = space.key(configuration)
                assert key not in seen, f"asked twice: {key}"
                seen.add(key)
                pending.append(configuration)
        elif pending:
            configuration = pending.pop(int(rng.integers(len(pending))))
            done = evaluation(len(told), configuration, outcome(space, configuration))
            strategy.tell([done])
            told.append(done)
            dry = False
        else:
            return told


def trace(evaluations: Sequence[Evaluation], space: SearchSpace) -> list[str]:
    """The keys of the evaluated configurations, in order."""
    return [space.key(evaluation.configuration) for evaluation in evaluations]
