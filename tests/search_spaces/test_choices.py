"""A few configurations that show every choice of a space."""

from __future__ import annotations

import pytest

from harness.testing import spaces
from search_spaces.choices import one_of_each
from search_spaces.parameter import Integer
from search_spaces.space import SearchSpace


@pytest.mark.parametrize("space", [spaces.plain(), spaces.conditional(), spaces.constrained(), spaces.permuted()])
def test_every_value_of_every_parameter_is_shown_in_a_feasible_row(space: SearchSpace) -> None:
    rows = one_of_each(space, limit=100)
    for row in rows:
        space.validate(space.decode(row))
    assert len({tuple(row) for row in rows.tolist()}) == len(rows) <= space.size
    feasible = space.codes()
    for i in range(len(space.parameters)):
        assert set(rows[:, i]) == set(feasible[:, i]), space.names[i]


def test_combinations_of_unordered_parameters_come_first() -> None:
    space = spaces.conditional()
    structure = [i for i, parameter in enumerate(space.parameters) if not parameter.ordered]
    combinations = {tuple(row) for row in space.codes()[:, structure].tolist()}
    rows = one_of_each(space, limit=len(combinations))
    assert {tuple(row) for row in rows[:, structure].tolist()} == combinations


def test_no_more_than_asked_for_and_the_same_ones_each_time() -> None:
    space = spaces.plain()
    assert len(one_of_each(space, limit=3)) == 3
    assert one_of_each(space).tolist() == one_of_each(space).tolist()


def test_a_space_that_cannot_be_listed_is_drawn_from() -> None:
    space = spaces.huge()
    rows = one_of_each(space, limit=12)
    assert len(rows) == 12
    for row in rows:
        space.validate(space.decode(row))


def test_a_space_of_one() -> None:
    assert len(one_of_each(spaces.single())) == 1


def test_a_space_of_one_ordered_parameter_with_one_value_is_shown() -> None:
    assert one_of_each(SearchSpace([Integer("a", 3, 3)])).tolist() == [[0]]
