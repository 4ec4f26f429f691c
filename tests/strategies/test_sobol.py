from __future__ import annotations

import numpy as np

from harness.strategies.base import Budget, Strategy
from harness.strategies.sobol import SobolSearch
from harness.testing import StrategyContract
from search_spaces.space import SearchSpace


class TestSobolSearch(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return SobolSearch(space, seed, budget)
