from __future__ import annotations

import numpy as np

from harness.evaluation import Configuration, Status
from harness.strategies.base import Budget, Strategy
from harness.strategies.genetic import Genetic
from harness.testing import StrategyContract, drive, smooth_latency, spaces
from search_spaces.parameter import Integer
from search_spaces.space import SearchSpace


class TestGenetic(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return Genetic(space, seed, budget)


def test_without_mutation_children_are_made_of_their_parents() -> None:
    space = SearchSpace([Integer(f"p{i}", 0, 15) for i in range(6)])
    strategy = Genetic(space, np.random.SeedSequence(0), Budget(), population=6, mutation=0.0)
    done = drive(strategy, space, evaluations=12)
    parents = space.encode_many([e.configuration for e in done[:6]])
    children = [e for e in done[6:] if not e.repaired]
    assert len(children) >= 3
    for child in children:
        codes = space.encode(child.configuration)
        assert all(codes[i] in parents[:, i] for i in range(6))


def test_a_generation_ends_whatever_the_batch() -> None:
    """With a batch of 8, three batches fill the first population of 20; the best 20 are the parents."""
    space = spaces.plain()
    strategy = Genetic(space, np.random.SeedSequence(0), Budget())
    done = drive(strategy, space, evaluations=24, batch=8)
    ranked = sorted(e.latency_ms for e in done if e.latency_ms is not None)
    assert [latency for latency, _ in strategy._parents] == ranked[:20]
    assert not strategy._children


def test_failures_do_not_breed() -> None:
    space = spaces.plain()

    def half_fails(space: SearchSpace, configuration: Configuration) -> float | Status:
        return Status.OUT_OF_RESOURCES if configuration["order"] == "row" else smooth_latency(space, configuration)

    done = drive(Genetic(space, np.random.SeedSequence(3), Budget()), space, half_fails, evaluations=100)
    assert sum(not e.ok for e in done[40:]) < 12, "a third of the space fails"
