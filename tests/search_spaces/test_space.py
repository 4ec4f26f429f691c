"""Properties that random spaces do not show: scale, messages, pools, files."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest

from search_spaces.enumeration import BLOCK_CODES, FREE, Codes, Rules, distinct
from search_spaces.errors import InvalidConfiguration, SpaceError, SpaceTooLarge
from search_spaces.parameter import Boolean, Categorical, Integer, Ordinal, Parameter, Permutation
from search_spaces.space import SearchSpace


@pytest.fixture
def conditional() -> SearchSpace:
    return SearchSpace(
        [
            Categorical("schedule", ("data_parallel", "persistent", "split_k")),
            Ordinal("block", (16, 32, 64, 128), "log2"),
            Integer("ctas", 1, 4, active_when="schedule == 'persistent'"),
            Ordinal("factor", (2, 4, 8), "log2", active_when="schedule == 'split_k'"),
            Boolean("overlap", active_when="ctas > 2"),
            Permutation("order", 3),
        ],
        constraints=["block * ctas <= 256", "K % (factor * block) == 0"],
        constants={"K": 512},
        features={"area": "block * block", "split": "factor * 1"},
    )


def test_nested_conditions_follow_their_parents(conditional: SearchSpace) -> None:
    for configuration in conditional.enumerate():
        assert ("ctas" in configuration) == (configuration["schedule"] == "persistent")
        assert ("overlap" in configuration) == (configuration.get("ctas", 0) > 2)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block": 48}, r"block=48 is not among its values \[16, 32, 64, 128\]"),
        ({"colour": 1}, "unknown parameter 'colour'"),
        ({"factor": 2}, "parameter 'factor' is inactive: \"schedule == 'split_k'\" is false"),
        ({"ctas": None}, "ctas=None is not among its values"),
        (
            {"block": 128, "ctas": 4, "overlap": True},
            r"'block \* ctas <= 256' is broken by block=128, ctas=4",
        ),
        ({"ctas": 3}, "parameter 'overlap' is active and has no value"),
    ],
)
def test_validation_names_the_broken_rule(conditional: SearchSpace, change: dict[str, Any], message: str) -> None:
    good = {"schedule": "persistent", "block": 64, "ctas": 2, "order": (0, 1, 2)}
    conditional.validate(good)
    with pytest.raises(InvalidConfiguration, match=message):
        conditional.validate({**good, **change})


def test_ten_million_combinations_with_few_feasible_are_enumerated_a_level_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Count the partial configurations that are examined, and how many of them are held at once."""
    placed: list[int] = []

    def counted(rules: Rules, i: int, rows: Codes) -> Codes:
        expanded = place(rules, i, rows)
        placed.append(len(expanded))
        return expanded

    place = Rules._place
    monkeypatch.setattr(Rules, "_place", counted)
    levels = tuple(range(1, 11))
    names = "abcdefg"
    wide = [Ordinal(name, levels) for name in names]
    assert prod(parameter.size for parameter in wide) == 10**7
    leaf = SearchSpace(wide, ["a * b * c * d * e * f * g == 2520"])
    assert leaf.size == 22260
    assert sum(placed) == sum(10**level for level in range(1, 8)), "each prefix once"
    assert max(placed) <= BLOCK_CODES // len(names)
    placed.clear()
    pruned = SearchSpace(wide, ["a + b <= 4", "c * d <= 6", "e == f", "g > a * b"])
    assert pruned.size == 6300
    assert sum(placed) < 100_000, "a rule prunes as soon as it can tell"


def test_pruning_reaches_spaces_that_no_product_could() -> None:
    levels = tuple(range(32))
    chain = [Integer(f"x{i}", 0, 31) for i in range(12)]
    space = SearchSpace(chain, [f"x{i} == x{i + 1}" for i in range(11)])
    assert space.size == len(levels)


def test_a_space_beyond_the_limit_says_so_and_still_samples() -> None:
    space = SearchSpace([Integer(f"x{i}", 0, 31) for i in range(12)], ["x0 + x1 <= 31"])
    with pytest.raises(SpaceTooLarge):
        _ = space.size
    for configuration in space.sample(np.random.default_rng(0), 100):
        space.validate(configuration)


def test_an_infeasible_space_is_empty_and_refuses_to_sample() -> None:
    space = SearchSpace([Boolean("a")], ["a and not a"])
    assert space.size == 0
    with pytest.raises(SpaceError, match="no feasible configuration"):
        space.sample(np.random.default_rng(0), 1)


def test_features_are_nan_where_a_mentioned_parameter_is_inactive(conditional: SearchSpace) -> None:
    values = conditional.feature_values(conditional.codes())
    inactive = conditional.codes()[:, conditional.names.index("factor")] < 0
    assert np.isfinite(values[:, 0]).all()
    assert np.array_equal(np.isnan(values[:, 1]), inactive)


def test_a_pool_is_the_space(conditional: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    rows = rng.permutation(conditional.size)[:40]
    restricted = conditional.restricted(conditional.codes()[rows])
    assert restricted.size == 40
    outside = conditional.decode(conditional.codes()[next(i for i in range(conditional.size) if i not in rows)])
    with pytest.raises(InvalidConfiguration, match="not in the restricted space"):
        restricted.validate(outside)
    inside = {restricted.key(configuration) for configuration in restricted.enumerate()}
    assert {restricted.key(c) for c in restricted.sample(rng, 500)} <= inside
    for configuration in restricted.enumerate():
        assert {restricted.key(neighbour) for neighbour in restricted.neighbours(configuration)} <= inside
    with pytest.raises(SpaceError, match="twice"):
        conditional.restricted(conditional.codes()[[0, 0]])


@pytest.mark.parametrize(
    ("parameters", "constraints", "message"),
    [
        ([], [], "at least one parameter"),
        ([Boolean("a"), Boolean("a")], [], "'a' is used twice"),
        ([Boolean("a", active_when="b"), Boolean("b")], [], "'b' is not declared before it"),
        ([Boolean("a")], ["c > 1"], "name 'c' is unknown"),
        ([Boolean("min")], [], "is a function"),
        ([Categorical("a", ("x", "y"))], ["a > 1"], "cannot be evaluated"),
    ],
)
def test_an_ill_defined_space_is_refused(parameters: list[Parameter], constraints: list[str], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        SearchSpace(parameters, constraints)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "parameters: expected a list"),
        ({"parameters": [{"kind": "boolean"}]}, "expected an object with a name"),
        ({"parameters": [{"name": "a", "kind": "real"}]}, "kind='real': expected categorical"),
        ({"parameters": [{"name": "a", "kind": "ordinal"}]}, "field 'values' is missing"),
        ({"parameters": [{"name": "a", "kind": "ordinal", "values": [2, 1]}]}, "expected increasing numbers"),
        ({"parameters": [{"name": "a", "kind": "ordinal", "values": [0, 1], "scale": "log2"}]}, "positive"),
        ({"parameters": [{"name": "a", "kind": "permutation", "length": 99}]}, "expected 1 to 8"),
        ({"parameters": [{"name": "a b", "kind": "boolean"}]}, "expected an identifier"),
        ({"parameters": [{"name": "a", "kind": "categorical", "values": []}]}, "at least one value"),
        ({"parameters": [{"name": "a", "kind": "categorical", "values": [1, 1]}]}, "not distinct"),
        (
            {"parameters": [{"name": "a", "kind": "categorical", "values": [[1]]}]},
            "expected a string, number or boolean",
        ),
        ({"parameters": [{"name": "a", "kind": "categorical", "values": [float("inf")]}]}, "expected a finite number"),
        ({"parameters": [{"name": "a", "kind": "categorical", "values": [2**62]}]}, "expected less than 2"),
        ({"parameters": [{"name": "a", "kind": "ordinal", "values": ["1"]}]}, "value '1': expected a number"),
        ({"parameters": [{"name": "a", "kind": "ordinal", "values": [1], "scale": "ln"}]}, "expected linear or log2"),
        ({"parameters": [{"name": "a", "kind": "integer", "low": "1", "high": 2}]}, "low='1': expected int"),
        ({"parameters": [{"name": "a", "kind": "integer", "low": True, "high": 2}]}, "must be integers"),
        ({"parameters": [{"name": "a", "kind": "integer", "low": 2, "high": 1}]}, "expected low <= high"),
        ({"parameters": [{"name": "a", "kind": "integer", "low": 1, "high": 2, "step": 0}]}, "step >= 1"),
        ({"parameters": [{"name": "a", "kind": "integer", "low": 1, "high": 10**6 + 1}]}, "at most 1000000 values"),
        ({"parameters": [{"name": "a", "kind": "boolean", "active_when": 3}]}, "active_when=3: expected an expression"),
        ({"parameters": [], "constraints": "a > 1"}, "constraints='a > 1': expected a list"),
        ({"parameters": [], "constraints": [1]}, r"constraints=\[1\]: expected a list"),
        ({"parameters": [], "constants": [1]}, r"constants=\[1\]: expected an object"),
        ({"parameters": [{"name": "a", "kind": "boolean"}] * 1001}, "1001 parameters: expected at most 1000"),
    ],
)
def test_a_damaged_document_names_the_field(document: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        SearchSpace.from_json(document)


def test_a_step_is_one_unless_it_is_stated() -> None:
    assert SearchSpace.from_json({"parameters": [{"name": "a", "kind": "integer", "low": 0, "high": 3}]}).size == 4


@pytest.mark.parametrize("enumerable", [True, False])
def test_feasible_rows_are_those_that_validate(conditional: SearchSpace, enumerable: bool) -> None:
    rng = np.random.default_rng(0)
    sizes = [parameter.size for parameter in conditional.parameters]
    rows = rng.integers(-1, sizes, size=(2000, len(sizes))).astype(np.int32)
    rows = np.concatenate([rows, conditional.canonical_codes(np.maximum(rows, 0)), conditional.codes()])
    expected = [conditional.contains(conditional.decode(row)) for row in rows]
    space = SearchSpace.from_json(conditional.to_json())
    if not enumerable:
        space.__dict__["enumerable"] = False
    assert space.feasible(rows).tolist() == expected
    assert len(set(expected)) == 2


def test_canonical_rows_have_a_value_exactly_where_a_parameter_is_active(conditional: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    sizes = [parameter.size for parameter in conditional.parameters]
    rows = rng.integers(FREE, sizes, size=(4000, len(sizes))).astype(np.int32)
    rows = np.concatenate([rows, conditional.codes(), conditional.canonical_codes(rows)])
    same = np.all(rows == conditional.canonical_codes(rows), axis=1)
    expected = same & ~conditional.incomplete(rows)
    assert 0 < expected.sum() < same.sum() < len(rows)
    assert np.array_equal(conditional._rules.canonical(rows), expected)


def test_distinct_rows_are_those_of_numpy(conditional: SearchSpace) -> None:
    codes = conditional.codes()
    rows = codes[np.random.default_rng(1).integers(len(codes), size=3 * len(codes))]
    for some in (rows, rows[:1], rows[:0]):
        expected, at = np.unique(some, axis=0, return_index=True)
        found, first = distinct(some)
        assert np.array_equal(found, expected) and np.array_equal(first, at)


def test_feasible_rows_of_a_pool_are_its_rows(conditional: SearchSpace) -> None:
    table = conditional.codes()
    restricted = conditional.restricted(table[::3])
    assert np.flatnonzero(restricted.feasible(table)).tolist() == list(range(0, len(table), 3))
