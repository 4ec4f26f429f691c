from __future__ import annotations

import numpy as np

from harness.strategies.base import Budget, Strategy
from harness.strategies.pattern_search import PatternSearch
from harness.testing import StrategyContract
from search_spaces.space import SearchSpace


class TestPatternSearch(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return PatternSearch(space, seed, budget)
