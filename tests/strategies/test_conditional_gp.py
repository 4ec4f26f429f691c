from __future__ import annotations

import numpy as np

from harness.strategies.base import Budget, Strategy
from harness.strategies.conditional_gp import ConditionalGP
from harness.testing import StrategyContract
from search_spaces.space import SearchSpace


class TestConditionalGP(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return ConditionalGP(space, seed, budget)
