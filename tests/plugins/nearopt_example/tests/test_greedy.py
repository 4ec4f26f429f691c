import numpy as np
from nearopt_example.greedy import Greedy

from harness.strategies.base import Budget
from harness.testing import StrategyContract
from search_spaces.space import SearchSpace


class TestGreedy(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Greedy:
        return Greedy(space, seed, budget)
