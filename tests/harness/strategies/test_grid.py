from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.strategies.base import Budget, Strategy
from harness.strategies.grid import Grid, levels
from harness.testing import StrategyContract, drive, spaces
from search_spaces.parameter import Categorical, Integer
from search_spaces.space import SearchSpace


class TestGrid(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return Grid(space, seed, budget, max_rejected=1000)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(1, [0]), (2, [0, 1]), (3, [1, 0, 1]), (5, [1, 2, 0, 2, 1]), (9, [1, 3, 2, 3, 0, 3, 2, 3, 1])],
)
def test_each_level_halves_the_spacing(size: int, expected: list[int]) -> None:
    assert levels(Integer("p", 1, size)).tolist() == [*expected, 0]


def test_choices_are_all_on_the_coarsest_grid() -> None:
    assert levels(Categorical("c", ("a", "b", "c"))).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("made", [spaces.plain, spaces.conditional])
def test_coarse_grids_come_first_and_seeds_shuffle_within_a_level(made: Callable[[], SearchSpace]) -> None:
    space = made()
    runs = [drive(Grid(space, np.random.SeedSequence(seed), Budget()), space) for seed in range(2)]
    level_runs = [[max(levels(p)[c] for p, c in zip(space.parameters, space.encode(e.configuration), strict=True))
                   for e in run] for run in runs]  # fmt: skip
    assert level_runs[0] == sorted(level_runs[0]) == level_runs[1]
    assert [e.configuration for e in runs[0]] != [e.configuration for e in runs[1]]


def test_beyond_enumeration_the_middle_comes_first() -> None:
    (first,) = Grid(spaces.huge(), np.random.SeedSequence(0), Budget()).ask(1)
    assert {value for name, value in first.items() if name != "extra"} == {8}
