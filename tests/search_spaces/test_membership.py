"""A set of configurations in constraints selects exactly those rows, for any set."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.errors import SpaceError
from search_spaces.membership import membership
from search_spaces.parameter import Boolean, Categorical, Integer, Ordinal, Parameter
from search_spaces.space import SearchSpace

PARAMETERS: tuple[Parameter, ...] = (
    Ordinal("block", (16, 32, 64), "log2"),
    Boolean("pad"),
    Categorical("order", ("row", "it's", "group")),
    Ordinal("share", (0.25, 1.0)),
)


def product(parameters: tuple[Parameter, ...]) -> np.ndarray:
    return np.array(list(itertools.product(*(range(p.size) for p in parameters))), dtype=np.int32)


@given(st.sets(st.integers(0, 35), min_size=1))
@settings(max_examples=60)
def test_exactly_the_rows_that_are_kept_are_feasible(kept: set[int]) -> None:
    rows = product(PARAMETERS)[sorted(kept)]
    space = SearchSpace(PARAMETERS, membership(PARAMETERS, rows))
    assert space.codes().tolist() == rows.tolist()
    again = SearchSpace.from_json(space.to_json())
    assert again.codes().tolist() == rows.tolist()


def test_the_whole_product_needs_no_constraint() -> None:
    assert membership(PARAMETERS, product(PARAMETERS)) == ()


def test_one_parameter() -> None:
    (block, *_) = PARAMETERS
    assert membership((block,), np.array([[0], [2]], dtype=np.int32)) == ("block in (16, 64)",)


def test_a_rule_of_two_parameters_is_short() -> None:
    parameters = (Integer("m", 1, 32), Integer("n", 1, 32), Integer("k", 1, 8))
    rows = product(parameters)
    kept = rows[(rows[:, 0] + 1) * (rows[:, 1] + 1) <= 64]
    constraints = membership(parameters, kept)
    assert SearchSpace(parameters, constraints).size == len(kept)
    assert sum(map(len, constraints)) < 4_000


def test_a_set_without_a_rule_is_refused() -> None:
    parameters = (Boolean("a"), Integer("b", 0, 63), Integer("c", 0, 255))
    rows = product(parameters)
    kept = rows[np.random.default_rng(0).random(len(rows)) < 0.5]
    with pytest.raises(SpaceError, match="are kept by no short rule"):
        membership(parameters, kept)
