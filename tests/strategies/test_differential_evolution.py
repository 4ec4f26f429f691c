from __future__ import annotations

import numpy as np

from harness.strategies.base import Budget, Strategy
from harness.strategies.differential_evolution import DifferentialEvolution
from harness.testing import StrategyContract
from search_spaces.space import SearchSpace


class TestDifferentialEvolution(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return DifferentialEvolution(space, seed, budget)
