from __future__ import annotations

import numpy as np

from harness.strategies.base import Budget, Strategy
from harness.strategies.grid import Grid
from harness.testing import StrategyContract
from search_spaces.space import SearchSpace


class TestGrid(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return Grid(space, seed, budget)
