from __future__ import annotations

import numpy as np

from harness.strategies.base import Budget, Strategy
from harness.strategies.local_search import LocalSearch
from harness.testing import StrategyContract
from search_spaces.space import SearchSpace


class TestLocalSearch(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return LocalSearch(space, seed, budget)
