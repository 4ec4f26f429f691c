from __future__ import annotations

import numpy as np
from scipy.stats import chisquare

from harness.strategies.base import Budget, Strategy
from harness.strategies.random import RandomSearch
from harness.testing import StrategyContract, spaces
from harness.testing.resources import lines_run
from search_spaces.parameter import Integer
from search_spaces.space import SearchSpace


class TestRandomSearch(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return RandomSearch(space, seed, budget)


def test_every_configuration_is_equally_likely_at_every_place() -> None:
    space = spaces.conditional()
    rows = np.array(
        [
            [space.row_of(c) for c in RandomSearch(space, np.random.SeedSequence(seed), Budget()).ask(3)]
            for seed in range(4000)
        ]
    )
    for place in range(3):
        counts = np.bincount(rows[:, place], minlength=space.size)
        assert chisquare(counts).pvalue > 1e-4


def test_an_ask_is_a_handful_of_lines_whatever_the_size_of_the_space() -> None:
    """A replay must reach 20,000 evaluations per second; tests/benchmarks/replay_rate.py measures it."""
    space = SearchSpace([Integer(f"p{i}", 0, 3) for i in range(7)])
    strategy = RandomSearch(space, np.random.SeedSequence(0), Budget())
    strategy.ask(1)  # which shuffles the list
    lines = [lines_run(lambda: strategy.ask(1)) for _ in range(space.size - 1)]
    assert len(lines) == 4**7 - 1 and max(lines) <= 25
    assert strategy.ask(1) == []
