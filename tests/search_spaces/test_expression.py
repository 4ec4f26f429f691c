"""The expression language: Python's own meaning for what it allows, and a refusal for everything else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import SpaceError
from search_spaces.expression import Expression
from search_spaces.expression_types import types_of
from search_spaces.parameter import Integer
from search_spaces.space import SearchSpace


def number(source: str, **names: int | float | bool) -> float:
    columns = {name: np.array([value]) for name, value in names.items()}
    result = Expression(source).evaluate(columns, {}, 1)
    assert not result.undefined[0]
    return float(result.values[0])


@pytest.mark.parametrize(
    "source",
    [
        "__import__('os').system('true')", "a.b", "a[b]", "(lambda: 1)()", "[x for x in (1, 2)]", "f'{a}'",
        "a if b else c",
        "open('x')", "min()", "ceil_div(1)", "active(1)", "a := 1", "a is b", "a @ b", "a & b", "~a", "b'x'", "None",
        "...", "x in y", "max(a, key=b)", "min(*a)", "1 +", "", "a\nb", "{1: 2}", "'x' in 'xyz'", "1j",
    ],
)  # fmt: skip
def test_anything_else_is_refused(source: str) -> None:
    with pytest.raises(SpaceError, match="expression"):
        Expression(source)


def test_deep_nesting_is_an_error_and_not_a_crash() -> None:
    with pytest.raises(SpaceError):
        Expression("(" * 5000 + "1" + ")" * 5000)


@given(st.integers(-50, 50), st.integers(-50, 50), st.sampled_from(["+", "-", "*", "/", "//", "%"]))
def test_arithmetic_is_pythons(a: int, b: int, operation: str) -> None:
    if b == 0 and operation in "//%":
        assert Expression(f"a {operation} b").evaluate({"a": np.array([a]), "b": np.array([b])}, {}, 1).undefined[0]
        return
    assert number(f"a {operation} b", a=a, b=b) == pytest.approx(eval(f"a {operation} b"))


def test_integers_do_not_wrap_around() -> None:
    assert number("a * a * a", a=2**40) == float(2**120)
    assert number("a ** 7", a=2**20) == float(2**140)


def test_booleans_count_as_numbers() -> None:
    assert number("a + a + (1 < 2)", a=True) == 3
    assert number("max(a, False)", a=True) == 1


def test_ceil_div() -> None:
    assert [number("ceil_div(a, 4)", a=a) for a in (-1, 0, 1, 4, 5)] == [0, 0, 1, 1, 2]


def test_short_circuit_saves_a_rule_from_a_division_by_zero() -> None:
    a = {"a": np.array([0, 2, 5])}
    assert Expression("a != 0 and 10 % a == 0").holds(a, {}, 3).tolist() == [False, True, True]
    assert Expression("a == 0 or 10 % a == 0").holds(a, {}, 3).tolist() == [True, True, True]
    assert Expression("10 % a == 0").holds(a, {}, 3).tolist() == [False, True, True]
    assert Expression("not 10 % a == 1").holds(a, {}, 3).tolist() == [False, True, True]


def test_permutations_compare_and_index() -> None:
    column = np.empty(2, dtype=object)
    column[:] = [(0, 1, 2), (2, 0, 1)]
    assert Expression("o == (2, 0, 1)").holds({"o": column}, {}, 2).tolist() == [False, True]
    assert Expression("o[0] == 0").holds({"o": column}, {}, 2).tolist() == [True, False]


def column(*values: object) -> dict[str, np.ndarray]:
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    return {"mode": cells}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("mode != 'none' and mode > 16", [False, False, True]),
        ("mode == 'none' or mode > 16", [True, False, True]),
        ("mode > 16", [False, False, True]),
        ("not mode > 16", [False, True, False]),
        ("mode * 2 == 32", [False, True, False]),
        ("min(mode, 20) == 20", [False, False, True]),
        ("-mode < -20", [False, False, True]),
        ("'a' < mode", [True, False, False]),
        ("1 < mode < 20", [False, True, False]),
        ("mode == 16", [False, True, False]),
        ("mode in ('none', 32)", [True, False, True]),
        ("mode not in (16,)", [True, False, True]),
    ],
)
def test_what_does_not_fit_a_value_has_no_value_there(source: str, expected: list[bool]) -> None:
    assert Expression(source).holds(column("none", 16, 32), {}, 3).tolist() == expected


NUMBERS, TEXTS, ORDERS = (types_of(values) for values in ([1, 2.5, True], ["a"], [(0, 1)]))


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("t > 1", "orders a string and a number"),
        ("o < 3", "orders a permutation and a number"),
        ("1 < n < 'a'", "orders a number and a string"),
        ("t + 't'", "needs 't' to be a number"),
        ("n == 1 and -t == 1", "needs 't' to be a number"),
        ("max(n, o)", "needs 'o' to be a number"),
        ("n[0] == 1", "needs 'n' to be a permutation"),
        ("n in (1, 2) < 3", "orders a permutation and a number"),
    ],
)
def test_what_fits_no_value_is_refused_even_where_it_is_never_reached(source: str, problem: str) -> None:
    with pytest.raises(SpaceError, match=problem):
        Expression(source).types({"n": NUMBERS, "t": TEXTS, "o": ORDERS})


def test_what_fits_some_value_is_not_refused() -> None:
    mixed = {"mode": types_of(["none", 16])}
    for source in ("mode > 16", "mode < 'x'", "mode * 2", "mode == (0, 1)"):
        Expression(source).types(mixed)


@pytest.mark.parametrize("source", ["9**9**9", "(2**62) ** (2**62)", "(9**20) ** (9**9) > 1", "2.0 ** 10000"])
def test_no_power_takes_forever(source: str) -> None:
    assert Expression(source).holds({}, {}, 1).tolist() == [True]


def test_integers_beyond_int64_stay_exact() -> None:
    assert Expression("(2**62 + 1) % 2 == 1 and 2**62 + 1 > 2**62").holds({}, {}, 1).tolist() == [True]
    assert Expression("10**70 // 10**69 == 10").holds({}, {}, 1).tolist() == [True]
    with pytest.raises(SpaceError, match="more than 75 digits"):
        Expression("1" * 80)


def test_membership_in_a_list_of_permutations() -> None:
    cells = np.empty(2, dtype=object)
    cells[:] = [(0, 1), (1, 0)]
    assert Expression("o in ((1, 0), (2, 1))").holds({"o": cells}, {}, 2).tolist() == [False, True]
    with pytest.raises(SpaceError, match="anything but literals"):
        Expression("a in (1, -b)")


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        ("a ** -1", [-0.5, -1.0, None, 1.0, 0.5]),
        ("a ** -2", [0.25, 1.0, None, 1.0, 0.25]),
        ("a ** 0.5", [None, None, 0.0, 1.0, 2**0.5]),
        ("a ** 2", [4.0, 1.0, 0.0, 1.0, 4.0]),
        ("2 ** a", [0.25, 0.5, 1.0, 2.0, 4.0]),
        ("0 ** a", [None, None, 1.0, 0.0, 0.0]),
    ],
)
def test_a_power_has_no_value_where_it_is_no_real_number(power: str, expected: list[float | None]) -> None:
    space = SearchSpace([Integer("a", -2, 2)], features={"power": power})
    values = space.feature_values(space.codes())[:, 0]
    np.testing.assert_allclose(values, np.array(expected, dtype=float))


def test_a_number_has_at_most_75_digits() -> None:
    assert SearchSpace([Integer("a", 0, 3)], [f"a < {10**75 - 1}"]).size == 4
    with pytest.raises(SpaceError, match="expression"):
        SearchSpace([Integer("a", 0, 3)], [f"a < {10**75}"])
