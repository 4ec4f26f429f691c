"""Helion's autotuners under the shared contract, and on spaces of its own."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("helion", reason="Helion is not installed: pip install 'nearopt[helion]'")

from harness.strategies.base import Budget, Strategy
from harness.strategies.helion import HelionSearch
from harness.testing import StrategyContract
from search_spaces.space import SearchSpace


class HelionContract(StrategyContract):
    asks = 25
    ends_early = True
    algorithm: str

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return HelionSearch(space, seed, budget, algorithm=self.algorithm)


class TestRandomSearch(HelionContract):
    algorithm = "RandomSearch"


class TestPatternSearch(HelionContract):
    algorithm = "PatternSearch"


class TestDifferentialEvolution(HelionContract):
    algorithm = "DifferentialEvolutionSearch"


class TestDESurrogate(HelionContract):
    algorithm = "DESurrogateHybrid"


class TestLFBOPattern(HelionContract):
    algorithm = "LFBOPatternSearch"


class TestLFBOTree(HelionContract):
    algorithm = "LFBOTreeSearch"
