"""Replayed runs with and without a rule, and the near-optimal configurations that the rule would have ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.backends.replay import ReplayBackend
from harness.evaluation import Evaluation
from harness.landscapes.landscape import Landscape
from harness.rules import Limits, Rules
from harness.run.loop import run_loop
from harness.run.streams import streams
from harness.run.successes import Successes
from harness.strategies.base import Budget, Strategy
from harness.strategies.pattern_search import PatternSearch
from harness.strategies.random import RandomSearch

Floats = NDArray[np.float64]
EVALUATIONS = 100
NEAR = 1.05
"""The largest true latency over the best known that counts as near-optimal."""
STRATEGIES: dict[str, type[RandomSearch] | type[PatternSearch]] = {
    "random": RandomSearch,
    "pattern_search": PatternSearch,
}
MOMENTS = (10, 30, 90)
"""Numbers of evaluations after which near-optimal configurations undergo the test of samples."""


@dataclass(frozen=True)
class Replay:
    """One replayed run.

    Attributes:
        clock_s, benchmark_s: total tuning seconds, and those of verification and benchmark.
        hit: whether the final incumbent is near-optimal.
    """

    log: tuple[Evaluation, ...]
    clock_s: float
    benchmark_s: float
    hit: bool


def near_rows(landscape: Landscape) -> NDArray[np.int64]:
    """The rows of near-optimal configurations that can be drawn."""
    near = landscape.oracle_ms <= NEAR * np.nanmin(landscape.oracle_ms)
    return np.flatnonzero(near & landscape.searchable)


def replayed(landscape: Landscape, strategy: str, seed: int, rules: Rules | None) -> Replay:
    """Make a run as ``nearopt run`` does, with the same random streams, draws and readings with and without rules."""
    backend = ReplayBackend(landscape, np.random.SeedSequence(seed))
    chosen = STRATEGIES[strategy]
    seeds = streams(seed, backend.subject, f"{chosen.__module__}.{chosen.__qualname__}")
    searching: Strategy = chosen(space=backend.space, seed=seeds.strategy, budget=Budget(EVALUATIONS))
    log: list[Evaluation] = []
    rng = np.random.default_rng(seeds.repair)
    run_loop(searching, backend, Budget(EVALUATIONS), 1, rng, [], log.extend, lambda _: None, rules=rules)
    measured = [one for one in log if one.latency_ms is not None]
    best = min(measured, key=lambda one: (one.latency_ms, one.index), default=None)
    return Replay(
        tuple(log),
        log[-1].clock_end_s,
        sum(one.verify_s + one.benchmark_s for one in log),
        best is not None
        and best.oracle_ms is not None
        and best.oracle_ms <= NEAR * float(np.nanmin(landscape.oracle_ms)),
    )


def limits_of(log: Sequence[Evaluation], rules: Rules) -> list[Limits]:
    """The limits of each evaluation of a run with one worker."""
    successes, found = Successes(rules), []
    for evaluation in log:
        limits = successes.limits()
        assert limits is not None
        found.append(limits)
        successes.tell([evaluation])
    return found


def compiles_ended(landscape: Landscape, run: Replay, rules: Rules) -> float:
    """The share of near-optimal configurations whose compile would end, averaged over the moments of a run."""
    near_s = landscape.costs_s[near_rows(landscape), 0]
    return float(np.mean([(near_s > limits.compile_s).mean() for limits in limits_of(run.log, rules)]))


def samples_ended(landscape: Landscape, run: Replay, rules: Rules, seed: int) -> Floats:
    """Counts over near-optimal configurations at :data:`MOMENTS` of a run: tested; samples ended early; samples ended
    early although all of them would have made it the incumbent.

    [3]
    """
    backend = ReplayBackend(landscape, np.random.SeedSequence(seed))
    near = [landscape.space.decode(landscape.codes[row]) for row in near_rows(landscape)]
    limits, found = limits_of(run.log, rules), np.zeros(3)
    for moment in MOMENTS:
        known = [(one.latency_ms, one.index, one) for one in run.log[:moment] if one.latency_ms is not None]
        if moment >= len(limits) or not known:
            continue
        incumbent_ms, _, incumbent = min(known)
        at = replace(limits[moment], compile_s=float("inf"))
        for configuration in near:
            if dict(configuration) != dict(incumbent.configuration):
                (under,), (whole,) = backend.measure_under([configuration], at), backend.measure([configuration])
                ended = len(under.samples_ms) < len(whole.samples_ms)
                assert whole.latency_ms is not None  # the row has a true latency
                found += 1, ended, ended and whole.latency_ms < incumbent_ms
    return found
