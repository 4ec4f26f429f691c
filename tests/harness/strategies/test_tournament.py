"""Tournaments of random configurations, and the strategies that are made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.errors import UserError
from harness.strategies.base import Budget, Strategy
from harness.strategies.common.tournament import by_heuristic, by_work, entrants, rounds, winner
from harness.strategies.heuristic_first import HeuristicFirst
from harness.strategies.random_heuristic import RandomHeuristic
from harness.strategies.random_hierarchical import RandomHierarchical
from harness.testing import StrategyContract, drive, spaces
from search_spaces.encoding import Codes, Floats
from search_spaces.heuristic import Heuristic
from search_spaces.parameter import Categorical, Ordinal
from search_spaces.space import SearchSpace

RANDOM = {"_target_": "harness.strategies.random.RandomSearch", "label": "random"}


def first(rows: Codes) -> Floats:
    return rows[:, 0].astype(float)


def second(rows: Codes) -> Floats:
    return np.where(rows[:, 1] > 8, np.nan, rows[:, 1])


def test_each_round_keeps_the_best_of_every_group() -> None:
    rows = np.array([[3, 1], [1, 9], [2, 5], [2, 4], [0, 0]], dtype=np.int32)
    assert winner(rows, []).tolist() == [3, 1]
    assert winner(rows, [(2, first)]).tolist() == [1, 9], "two draws take part"
    assert winner(rows, [(2, first), (2, second)]).tolist() == [2, 5], "the first of equals goes on; NaN loses"
    assert winner(rows, [(10, first)]).tolist() == [0, 0], "fewer draws than wanted"
    assert winner(rows[1:2], [(3, second)]).tolist() == [1, 9]


def test_rounds_that_decide_nothing_are_left_out() -> None:
    assert rounds([(1, first), (4, None), (3, second)]) == [(3, second)]
    assert [entrants(rounds(wanted)) for wanted in ([], [(4, None)], [(4, first)], [(4, first), (3, second)])] == [
        1, 1, 4, 12,
    ]  # fmt: skip


def kernel_space() -> SearchSpace:
    """A space of which the rules say that "plain" with four stages is best: 3 of its 48 configurations."""
    return SearchSpace(
        [
            Categorical("schedule", ("plain", "split")),
            Ordinal("parts", (2, 4, 8), active_when="schedule == 'split'"),
            Ordinal("num_stages", (1, 2, 4)),
            Ordinal("rows", (1, 2, 4)),
        ]
    )


def test_knowledge_that_a_space_does_not_declare_decides_nothing() -> None:
    assert by_heuristic(spaces.plain(), Heuristic()) is None and by_work(spaces.plain()) is None
    assert by_heuristic(kernel_space(), Heuristic()) is not None and by_work(kernel_space()) is None


class TestRandomHeuristic(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return RandomHeuristic(space, seed, budget, tournament=4)


class TestHeuristicFirst(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return HeuristicFirst(space, seed, budget, first=3, tournament=4, then=RANDOM)


def favoured(configuration: Any) -> bool:
    return configuration["schedule"] == "plain" and configuration["num_stages"] == 4


def test_draws_that_the_rules_favour_come_first() -> None:
    """A draw by parameter is favoured with probability 1/6, the best of sixteen with 1 - (5/6) ** 16 = 0.946."""
    space = kernel_space()
    seeds = map(np.random.SeedSequence, range(400))
    share = np.mean([favoured(RandomHeuristic(space, seed, Budget()).ask(1)[0]) for seed in seeds])
    assert abs(share - 0.946) < 4 * (0.946 * 0.054 / 400) ** 0.5


def test_all_configurations_are_asked_in_the_end() -> None:
    space = kernel_space()
    done = drive(RandomHeuristic(space, np.random.SeedSequence(0), Budget()), space)
    assert len(done) == space.size and not any(each.repaired for each in done)
    assert sum(favoured(each.configuration) for each in done[:4]) == 3


def test_without_rules_it_is_random_by_parameter() -> None:
    space = spaces.plain()
    one, other = (kind(space, np.random.SeedSequence(1), Budget()) for kind in (RandomHeuristic, RandomHierarchical))
    assert [one.ask(1)[0] for _ in range(8)] == [other.ask(1)[0] for _ in range(8)]


def test_the_other_strategy_is_told_the_first_ones() -> None:
    space = kernel_space()
    strategy = HeuristicFirst(space, np.random.SeedSequence(0), Budget(), first=3, then=RANDOM)
    done = drive(strategy, space)
    assert len({space.key(each.configuration) for each in done}) == space.size, "random repeats none of them"
    assert sum(favoured(each.configuration) for each in done[:3]) >= 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"first": 0, "then": RANDOM}, "first=0: expected 1 or more"),
        ({"tournament": 0, "then": RANDOM}, "tournament=0: expected 1 or more"),
        ({}, "then=None: expected a strategy"),
    ],
)
def test_wrong_arguments_are_refused_in_a_line(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        HeuristicFirst(kernel_space(), np.random.SeedSequence(0), Budget(), **arguments)
