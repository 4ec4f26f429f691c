from __future__ import annotations

import numpy as np

from harness.evaluation import Configuration
from harness.strategies.base import Budget, Strategy
from harness.strategies.pattern_search import PatternSearch
from harness.testing import StrategyContract, drive, evaluation, spaces
from search_spaces.parameter import Integer
from search_spaces.space import SearchSpace


class TestPatternSearch(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return PatternSearch(space, seed, budget)


def test_steps_shrink_onto_the_optimum() -> None:
    space = SearchSpace([Integer("a", 0, 255), Integer("b", 0, 255)])

    def away(c: Configuration) -> tuple[int, int]:
        return abs(int(c["a"]) - 164), abs(int(c["b"]) - 40)  # type: ignore[arg-type]

    def bowl(_: SearchSpace, c: Configuration) -> float:
        return 1.0 + sum(distance**2 for distance in away(c))

    starts = []
    for seed in range(5):
        strategy = PatternSearch(space, np.random.SeedSequence(seed), Budget(), initial=1, copies=1)
        done = drive(strategy, space, bowl, evaluations=80)
        assert min(e.latency_ms for e in done if e.latency_ms is not None) == 1.0
        starts.append(sum(away(done[0].configuration)))
    assert max(starts) > 80, "single steps would not have got there"


def test_a_category_that_opens_children_is_polled() -> None:
    space = spaces.conditional()
    strategy = PatternSearch(space, np.random.SeedSequence(0), Budget(), initial=1, copies=1)
    (start,) = strategy.ask(1)
    strategy.tell([evaluation(0, start, 1.0)])
    polled = strategy.ask(6)
    assert {"direct", "split", "persistent"} == {c["scheme"] for c in [start, *polled]}
