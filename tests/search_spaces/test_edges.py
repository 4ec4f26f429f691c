"""Edge cases of search spaces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from search_spaces import enumeration, sampling
from search_spaces.declaration import declared
from search_spaces.device import H100, DeviceLimits
from search_spaces.errors import InvalidConfiguration, SpaceError, SpaceTooLarge
from search_spaces.flat import flat_domains, flat_rows
from search_spaces.neighbours import MAX_NEIGHBOURS
from search_spaces.parameter import Boolean, Categorical, Integer, Ordinal, Parameter, Permutation
from search_spaces.sampling import draw, parts
from search_spaces.space import SearchSpace

RNG = np.random.default_rng
SIXTY = [Integer(f"p{i}", 0, 3) for i in range(60)]


@pytest.mark.parametrize(
    "parameter", [Ordinal("a", (8,), "log2"), Integer("a", 3, 3), Categorical("a", ("x",)), Permutation("a", 1)]
)
def test_one_value(parameter: Parameter) -> None:
    space = SearchSpace([parameter])
    (only,) = space.enumerate()
    assert only == {"a": parameter.values[0]}
    assert space.size == 1
    assert space.neighbours(only) == []
    assert space.sample(RNG(0), 2) == [only, only]
    assert SearchSpace.from_json(space.to_json()).key(only) == space.key(only)


def test_a_permutation_of_one_can_be_indexed_and_compared() -> None:
    assert SearchSpace([Permutation("o", 1)], ["o[0] == 0", "o == (0,)"]).size == 1
    with pytest.raises(SpaceError, match="cannot be evaluated"):
        SearchSpace([Permutation("o", 1)], ["o[1] == 0"])


def test_an_empty_space_has_no_rows_anywhere() -> None:
    space = SearchSpace([Boolean("a"), Integer("b", 0, 3)], ["b > 3"])
    assert space.size == 0 and space.enumerable
    assert list(space.enumerate()) == []
    assert space.codes().shape == (0, 2)
    assert space.feature_values(space.codes()).shape == (0, 0)
    rows = np.array([[0, 0], [1, 3]], dtype=np.int32)
    assert space.feasible(rows).tolist() == space.satisfied(rows).tolist() == [False, False]
    with pytest.raises(SpaceError, match=r"row .* is not feasible"):
        space.restricted(rows)
    with pytest.raises(InvalidConfiguration, match="'b > 3' is broken by b=1"):
        space.validate({"a": True, "b": 1})


@pytest.mark.parametrize(("rule", "size"), [("K > 3", 2), ("K > 9", 0), ("1 < 2", 2), ("False", 0)])
def test_a_rule_over_constants_alone(rule: str, size: int) -> None:
    assert SearchSpace([Boolean("a")], [rule], {"K": 4}).size == size
    large = SearchSpace(SIXTY, [rule], {"K": 4})
    if size:
        assert len(large.sample(RNG(0), 3)) == 3
    else:
        assert large.size == 0
        with pytest.raises(InvalidConfiguration, match="is broken by"):
            large.validate(dict.fromkeys(large.names, 0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"constants": {"a": 1}}, "'a' is used twice"),
        ({"constants": {"max": 1}}, "'max' is a function"),
        ({"constants": {"in": 1}}, "constant name 'in': expected an identifier"),
        ({"constants": {"K": 2**62}}, "constant K=.*below 2"),
        ({"constants": {"K": float("nan")}}, "constant K=nan: expected a finite number"),
        ({"constants": {"K": None}}, "constant K=None"),
        ({"features": {"a": "1"}}, "feature 'a' has the name of a parameter"),
        ({"features": {"f": "MODE"}, "constants": {"MODE": "fast"}}, "feature 'f': 'MODE': expected a number"),
        ({"constants": {"K": 1}, "constraints": ["active(K) or a"]}, r"active\(K\) of a constant"),
        ({"constraints": [3]}, "expression '3': expected text of at most 20000"),
        ({"constraints": ["a".ljust(20_001)]}, "expected text of at most 20000"),
        ({"features": {f"f{i}": "1" for i in range(1001)}}, "1001 features: expected at most 1000"),
        ({"constraints": ["a".ljust(20_000)] * 10 + ["a"]}, "expressions: expected at most 200000 characters"),
    ],
)
def test_constants_and_features_cannot_shadow_or_mislead(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        SearchSpace([Boolean("a")], **arguments)


def test_limits_are_inclusive() -> None:
    assert SearchSpace([Boolean("a")], ["a".ljust(20_000)] * 10).size == 1
    assert Integer("a", 1, 10**6).size == 10**6
    declared = [Integer(f"p{i}", 1, 10**6) for i in range(2)]
    with pytest.raises(SpaceError, match="2000001 values of 3 parameters: expected at most 2000000 in all"):
        SearchSpace([*declared, Permutation("one", 1)])


@pytest.mark.parametrize(("constant", "size"), [(2.5, 2), (True, 3), (2**62 - 1, 0), (1 - 2**62, 4)])
def test_constants_are_numbers_of_any_kind(constant: float, size: int) -> None:
    assert SearchSpace([Integer("a", 1, 4)], ["a > K"], {"K": constant}).size == size


def test_a_search_that_prunes_too_late_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = [" + ".join(f"p{i}" for i in range(8)) + " == 24"]
    visited = 8 * sum(4**level for level in range(1, 9))  # codes of the partial configurations of every level
    monkeypatch.setattr(enumeration, "MAX_VISITED_CODES", visited)
    assert SearchSpace(SIXTY[:8], rule).size == 1
    monkeypatch.setattr(enumeration, "MAX_VISITED_CODES", visited - 1)
    with pytest.raises(SpaceTooLarge, match="prune too late"):
        _ = SearchSpace(SIXTY[:8], rule).size


@pytest.mark.parametrize("rule", ["p0 > 3", "K > 4"])
def test_draws_from_nothing_are_refused(rule: str) -> None:
    rules, _ = declared(SIXTY, [rule], {"K": 4}, {})
    with pytest.raises(SpaceError, match="no feasible configuration"):
        draw(parts(rules), 60, RNG(0), 1)


def test_draws_by_rejection_are_given_up_after_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    rules, _ = declared(SIXTY[:8], [" + ".join(f"p{i}" for i in range(8)) + " == 24"], {}, {})
    monkeypatch.setattr(sampling, "MAX_DRAWN_CODES", 8 * 4096 - 1)
    with pytest.raises(SpaceError, match="too tight"):
        draw(parts(rules, max_listed=0), 8, RNG(0), 1)


def test_flat_configurations_have_a_value_for_every_parameter() -> None:
    space = SearchSpace([Boolean("a"), Permutation("o", 2), Categorical("c", ("x", 3), "a")])
    domains = flat_domains(space)
    assert domains == {"a": [0, 1], "o": ["(0, 1)", "(1, 0)"], "c": ["x", 3]}
    assert all(type(value) is int for value in domains["a"])
    off, on = {"a": False, "o": (1, 0)}, {"a": True, "o": (0, 1), "c": 3}
    assert flat_rows(domains, space.encode_many([off, on])) == [(0, "(1, 0)", "x"), (1, "(0, 1)", 3)]


@pytest.mark.parametrize("name", ["if", "True", "a b", "", "1a", "ﬁ", "µs"])
def test_a_name_that_no_expression_could_mention_is_refused(name: str) -> None:
    with pytest.raises(SpaceError, match="expected"):
        Boolean(name)


def test_unicode_names_are_names() -> None:
    space = SearchSpace([Integer("größe", 1, 4), Boolean("块", active_when="größe > λ")], constants={"λ": 2})
    assert space.size == 2 + 2 * 2
    again = SearchSpace.from_json(space.to_json())
    assert [again.key(c) for c in again.enumerate()] == [space.key(c) for c in space.enumerate()]


@pytest.mark.parametrize(
    "parameter", [Integer("i", -3, 11, 4), Integer("i", 5, 5), *(Permutation("p", n) for n in range(1, 9))]
)
def test_a_size_is_known_without_the_values(parameter: Parameter) -> None:
    assert "values" not in parameter.__dict__
    assert parameter.size == len(parameter.values) == len(set(parameter.values)) == len(parameter.code_of)


def test_the_h100_is_the_one_of_its_data_sheet() -> None:
    assert DeviceLimits(132, 227 * 1024, 1024, 64 * 1024, 32) == H100


def test_very_large_integers() -> None:
    top = 2**62 - 1
    space = SearchSpace([Integer("a", top - 1, top), Ordinal("b", (-top, top))], ["a * b * 4 > 0", "a + b > 2**62"])
    assert [configuration["a"] for configuration in space.enumerate()] == [top - 1, top]
    for low, high in ((2**62, 2**62), (-(2**70), 0)):
        with pytest.raises(SpaceError, match="expected"):
            Integer("a", low, high)


def test_conditions_three_levels_deep() -> None:
    space = SearchSpace(
        [
            Boolean("a"),
            Categorical("b", ("x", "y"), "a"),
            Integer("c", 1, 3, active_when="b == 'y'"),
            Boolean("d", active_when="c == 3"),
        ],
        ["d"],
    )
    keys = [space.key(configuration) for configuration in space.enumerate()]
    assert len(keys) == len(set(keys)) == 1 + 1 + 2 + 1, "not a; x; y with c below 3; y with 3 and d"
    deepest = {"a": True, "b": "y", "c": 3, "d": True}
    assert space.canonicalize({**deepest, "a": False}) == {"a": False}
    assert {"a": False} in space.neighbours(deepest)
    assert {space.key(c) for c in space.neighbours({"a": False})} == set(keys) - {space.key({"a": False})}


@pytest.mark.parametrize(
    "space",
    [
        SearchSpace(SIXTY),
        SearchSpace(SIXTY, ["p0 * p1 <= 4", "p2 + p3 == 0", "p4 < p5 < p6"]),
        SearchSpace(
            [
                Boolean("a"),
                *(Integer(f"q{i}", 0, 3, active_when="a") for i in range(30)),
                *(Integer(f"r{i}", 0, 3, active_when="not a") for i in range(29)),
            ]
        ),
    ],
    ids=["free", "constrained", "two branches"],
)
def test_sixty_parameters_refuse_to_be_listed_and_still_sample(space: SearchSpace) -> None:
    with pytest.raises(SpaceTooLarge):
        _ = space.size
    drawn = space.sample(RNG(0), 200)
    assert len({space.key(configuration) for configuration in drawn}) == 200
    for configuration in drawn:
        space.validate(configuration)


def test_a_large_branch_is_drawn_as_often_as_it_is_large() -> None:
    """Thirty pairs: with b off there is one configuration, with b on there are four."""
    pairs = [(Boolean(f"b{i}"), Integer(f"k{i}", 0, 3, active_when=f"b{i}")) for i in range(30)]
    space = SearchSpace([parameter for pair in pairs for parameter in pair])
    on = np.array([[configuration[f"b{i}"] for i in range(30)] for configuration in space.sample(RNG(0), 2000)])
    assert on.mean() == pytest.approx(0.8, abs=4 * (0.8 * 0.2 / on.size) ** 0.5)


def test_sixty_parameters_of_which_few_are_active_are_listed() -> None:
    chain: list[Parameter] = [Boolean("c0"), *(Boolean(f"c{i}", active_when=f"c{i - 1}") for i in range(1, 60))]
    assert SearchSpace(chain).size == 61


def test_a_change_that_opens_too_many_combinations_is_refused() -> None:
    children = [Integer(f"q{i}", 0, 9, active_when="a") for i in range(12)]
    space = SearchSpace([Boolean("a"), *children])
    with pytest.raises(SpaceTooLarge, match=str(MAX_NEIGHBOURS)):
        space.neighbours({"a": False})


def test_mixed_values_in_rules() -> None:
    space = SearchSpace(
        [Categorical("mode", ("none", 16, 32)), Boolean("wide", active_when="mode != 'none' and mode > 16")],
        ["mode == 'none' or mode * 2 <= 64"],
        features={"double": "2 * mode"},
    )
    assert space.size == 1 + 1 + 2
    values = space.feature_values(space.codes())[:, 0]
    assert np.isnan(values[0])
    assert values[1:].tolist() == [32, 64, 64]
    with pytest.raises(SpaceError, match="cannot be evaluated"):
        SearchSpace([Categorical("mode", ("none", "all"))], ["mode == 'none' or mode > 16"])
