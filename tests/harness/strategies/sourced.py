"""Sources for tests of strategies that learn from them."""

from __future__ import annotations

import numpy as np

from harness.evaluation import Status
from harness.strategies.source import SourceData, TaskFacts
from harness.testing import smooth_latency
from harness.testing.driver import Outcome
from search_spaces.space import SearchSpace

HERE, THERE = (TaskFacts(f"toy-{n}", "toy", {"n": n}, "bf16", {"name": "toy"}) for n in (8, 16))


def source_of(space: SearchSpace, n: int = 40, outcome: Outcome = smooth_latency, seed: int = 5) -> SourceData:
    """Return up to ``n`` distinct configurations of a space with their outcomes."""
    drawn = space.sample(np.random.default_rng(seed), n)
    configurations = tuple({space.key(each): each for each in drawn}.values())
    outcomes = [outcome(space, each) for each in configurations]
    return SourceData(
        facts=THERE,
        target=HERE,
        configurations=configurations,
        statuses=tuple(each if isinstance(each, Status) else Status.OK for each in outcomes),
        latencies_ms=tuple(None if isinstance(each, Status) else each for each in outcomes),
    )


def reversed_latency(space: SearchSpace, configuration: object) -> float:
    """The opposite of :func:`~harness.testing.smooth_latency`."""
    return 1.0 / smooth_latency(space, configuration)  # type: ignore[arg-type]
