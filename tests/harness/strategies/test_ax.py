"""Ax's asks take seconds once it models, so most tests here stop within its five initial trials."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest

from harness.evaluation import RepairedConfiguration
from harness.strategies.ax import Ax
from harness.strategies.ax.space import AxTree
from harness.strategies.base import Budget, Strategy
from harness.testing import StrategyContract, drive, spaces
from search_spaces.space import SearchSpace


class TestAx(StrategyContract):
    asks = 5
    ask_ceiling = 1_000_000  # most of the lines are the library's

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return Ax(space, seed, budget)

    @pytest.mark.slow
    @pytest.mark.parametrize("batch", [1, 8])
    def test_exhausting_a_space_visits_everything_once_and_finds_the_optimum(self, batch: int) -> None:
        super().test_exhausting_a_space_visits_everything_once_and_finds_the_optimum(batch)

    @pytest.mark.slow
    @pytest.mark.parametrize("batch", [1, 3, 8])
    def test_batches_are_full_until_the_end(self, batch: int) -> None:
        super().test_batches_are_full_until_the_end(batch)

    @pytest.mark.slow
    @pytest.mark.parametrize("space", [spaces.conditional, spaces.huge])
    def test_what_was_given_is_not_asked_again(self, space: Callable[[], SearchSpace]) -> None:
        super().test_what_was_given_is_not_asked_again(space)

    @pytest.mark.slow
    def test_the_same_given_evaluations_give_the_same_trace(self) -> None:
        super().test_the_same_given_evaluations_give_the_same_trace()


@pytest.mark.slow
class TestAxModelling(TestAx):
    asks = 9
    exempt: ClassVar = {
        "test_exhausting_a_space_visits_everything_once_and_finds_the_optimum": "44 asks of seconds each",
        "test_the_unit_of_latency_does_not_matter": "its optimiser amplifies the last digit of a shifted objective",
    }


@pytest.mark.slow
def test_the_model_is_reached_and_told_about_repairs() -> None:
    space = spaces.conditional()
    strategy = Ax(space, np.random.SeedSequence(0), Budget())
    assert len(drive(strategy, space, evaluations=7)) == 7


def test_the_tree_holds_what_ax_can_say() -> None:
    configs = {config.name: config for config in AxTree(spaces.conditional()).configs}
    assert configs["scheme"].dependent_parameters == {"'split'": ["factor", "atomic"], "'persistent'": ["waves"]}
    assert configs["atomic"].dependent_parameters == {False: ["groups"]}
    below = [config.dependent_parameters or {} for config in configs.values()]
    assert not any("prefetch" in children for tree in below for children in tree.values()), "it has two parent values"


@pytest.mark.parametrize("made", [spaces.conditional, spaces.permuted, spaces.plain, spaces.huge])
def test_configurations_go_to_ax_and_back(made: object) -> None:
    space = made()  # type: ignore[operator]
    tree = AxTree(space)
    for configuration in space.sample(np.random.default_rng(0), 20):
        back = tree.read(tree.write(configuration, {}))
        assert {name: back[name] for name in configuration} == configuration


def test_a_library_without_a_proposal_is_filled_in_at_random() -> None:
    space = spaces.conditional()
    strategy = Ax(space, np.random.SeedSequence(0), Budget())
    strategy._next_trials = lambda _: []  # type: ignore[method-assign, assignment]
    asked = strategy.ask(3)
    assert len(asked) == 3
    assert all(isinstance(configuration, RepairedConfiguration) for configuration in asked)
