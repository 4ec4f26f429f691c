"""Expressions that are looked up in tables give what their evaluation gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from search_spaces import tabulated
from search_spaces.enumeration import FREE, Codes, Rules
from search_spaces.expression import Expression
from search_spaces.parameter import Boolean, Integer, Ordinal, Permutation
from search_spaces.space import SearchSpace
from tests.search_spaces.random_spaces import CONSTANTS, spaces


def fresh(space: SearchSpace) -> Rules:
    rules = space._rules
    return Rules(rules.parameters, rules.conditions, rules.constraints, rules.constants)


def rows_of(space: SearchSpace, rng: np.random.Generator, n: int) -> Codes:
    """Rows of any codes, among them inactive and open ones."""
    sizes = [parameter.size for parameter in space.parameters]
    return rng.integers(FREE, sizes, size=(n, len(sizes)), dtype=np.int32)


def judged(rules: Rules, codes: Codes) -> list[list[bool]]:
    activities = [rules.active(i, codes).tolist() for i in range(len(rules.parameters))]
    return activities + [rules.satisfied(constraint, codes).tolist() for constraint in rules.constraints]


@settings(max_examples=100, deadline=None)
@given(spaces(), st.integers(0, 2**32))
def test_conditions_and_constraints_from_tables_hold_where_they_are_evaluated_to(space: SearchSpace, seed: int) -> None:
    codes = rows_of(space, np.random.default_rng(seed), 50)
    tables, row_by_row = fresh(space), [fresh(space) for _ in codes]
    judged(tables, np.repeat(codes, 400, axis=0))
    found = judged(tables, codes)
    assert all(table._table is not None for table in tables._tabulated.values() if table.indices)
    alone = [judged(rules, codes[i : i + 1]) for i, rules in enumerate(row_by_row)]
    assert found == [[one[rule][0] for one in alone] for rule in range(len(found))]


def derived() -> SearchSpace:
    return SearchSpace(
        [
            Boolean("switch"),
            Ordinal("size", (1, 2, 4), "log2", "switch"),
            Integer("shift", -1, 2),
            Permutation("order", 3),
        ],
        constants=CONSTANTS,
        features={"quotient": "size / shift", "first": "order[0] + active(size)", "limit": "LIMIT"},
    )


def test_features_from_tables_have_the_same_values() -> None:
    space = derived()
    codes = rows_of(space, np.random.default_rng(0), 300)
    once = np.array([derived().feature_values(row[None])[0] for row in codes])
    for _ in range(2):
        np.testing.assert_array_equal(space.feature_values(codes), once)
    made = {
        source: table._table is not None for (use, source), table in space._rules._tabulated.items() if use == "value"
    }
    assert list(made.values()) == [True, True, False]
    assert np.isnan(once[:, 0]).any() and np.isfinite(once[:, 0]).any()


def test_a_table_is_made_when_it_costs_no_more_than_was_evaluated() -> None:
    table = tabulated.Tabulated([1], [3])
    evaluated: list[int] = []

    def even(codes: Codes) -> NDArray[np.bool_]:
        evaluated.append(len(codes))
        return np.asarray(codes[:, 1] % 2 == 0)

    codes = np.array([[7, 0], [7, 1], [7, -1], [7, -2]], dtype=np.int32)
    for _ in range(3):
        assert table(even, codes).tolist() == [True, False, False, True]
    assert evaluated == [4, 5]  # the rows, then a table of three values and two codes for none


def test_no_table_is_made_of_many_combinations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabulated, "MAX_CELLS", 4)
    table = tabulated.Tabulated([0], [3])
    codes = np.zeros((100, 1), dtype=np.int32)
    assert table(lambda codes: codes[:, 0] == 0, codes).all()
    assert table._table is None


def test_an_expression_over_constants_needs_no_table() -> None:
    rules = SearchSpace([Boolean("switch")], constants=CONSTANTS)._rules
    codes = np.zeros((100, 1), dtype=np.int32)
    assert not rules.satisfied(Expression("LIMIT < 3"), codes).any()
    assert len(rules.values(Expression("LIMIT + 1"), codes[:0])) == 0
