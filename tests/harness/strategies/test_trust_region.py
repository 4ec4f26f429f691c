from __future__ import annotations

import numpy as np

from harness.strategies.base import Budget, Strategy
from harness.strategies.trust_region import TrustRegion
from harness.testing import StrategyContract
from search_spaces.space import SearchSpace


class TestTrustRegion(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return TrustRegion(space, seed, budget)
