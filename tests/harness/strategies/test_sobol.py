from __future__ import annotations

import numpy as np
import pytest

from harness.strategies.base import Budget, Strategy
from harness.strategies.sobol import SobolSearch
from harness.testing import StrategyContract, drive, spaces
from search_spaces.parameter import Integer
from search_spaces.space import SearchSpace


class TestSobolSearch(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return SobolSearch(space, seed, budget)


@pytest.mark.parametrize("seed", range(5))
def test_sixteen_points_are_a_net(seed: int) -> None:
    """(0, 4, 2)-net in base 2: one point in each cell of a 4 by 4 grid. Random points leave 36% empty."""
    space = SearchSpace([Integer("a", 0, 3), Integer("b", 0, 3)])
    done = drive(SobolSearch(space, np.random.SeedSequence(seed), Budget()), space)
    assert len(done) == 16
    assert not any(e.repaired for e in done)


def test_infeasible_points_are_repaired_and_say_so() -> None:
    space = spaces.constrained()
    done = drive(SobolSearch(space, np.random.SeedSequence(0), Budget()), space, evaluations=30)
    assert 5 < sum(e.repaired for e in done) < 30, "two thirds of the product break a rule"
