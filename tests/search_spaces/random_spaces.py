"""Random search spaces, and a slow, obvious computation of the same spaces."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Mapping
from functools import cache
from types import CodeType
from typing import Any

from hypothesis import strategies as st

from search_spaces.parameter import Boolean, Categorical, Integer, Ordinal, Parameter, Permutation
from search_spaces.space import SearchSpace

CONSTANTS = {"LIMIT": 12, "MODE": "fast"}


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


@st.composite
def parameters(draw: st.DrawFn, index: int, earlier: list[Parameter]) -> Parameter:
    name = f"p{index}"
    condition = draw(st.none() | conditions(earlier)) if earlier else None
    match draw(st.sampled_from(["categorical", "ordinal", "boolean", "integer", "permutation"])):
        case "categorical":
            return Categorical(
                name,
                tuple(draw(st.sampled_from([("a", "b"), ("x", "y", "z"), (True, "no"), ("none", 2, 4)]))),
                condition,
            )
        case "ordinal":
            scale = draw(st.sampled_from(["linear", "log2"]))
            return Ordinal(name, draw(st.sampled_from([(1, 2, 4), (8,), (1, 3, 5, 7), (0.5, 1.0)])), scale, condition)
        case "boolean":
            return Boolean(name, condition)
        case "integer":
            return Integer(name, draw(st.integers(-2, 1)), draw(st.integers(1, 4)), draw(st.integers(1, 2)), condition)
    return Permutation(name, draw(st.integers(1, 3)), condition)


def _numeric(parameter: Parameter) -> bool:
    return parameter.kind in ("ordinal", "integer", "boolean")


@st.composite
def terms(draw: st.DrawFn, parameter: Parameter) -> str:
    value = draw(st.sampled_from(parameter.values))
    if parameter.values[0] == "none":
        return draw(st.sampled_from([f"{parameter.name} != 'none' and {parameter.name} > 2", f"{parameter.name} > 2",
                                     f"{parameter.name} == 'none' or {parameter.name} < 4"]))  # fmt: skip
    if not _numeric(parameter):
        return draw(st.sampled_from([f"{parameter.name} == {value!r}", f"{parameter.name} != {value!r}"]))
    form = draw(st.sampled_from(["{p} == {v}", "{p} <= {v}", "0 < {p} < 4", "{p} in (1, 2, {v})", "not {p} > {v}",
                                 "{p} % 2 == 0",
                                 "{p} != 0 and LIMIT // {p} > 3", "MODE == 'fast' or {p} > {v}"]))  # fmt: skip
    return form.format(p=parameter.name, v=value)


@st.composite
def conditions(draw: st.DrawFn, earlier: list[Parameter]) -> str:
    term = draw(terms(draw(st.sampled_from(earlier))))
    other = draw(st.sampled_from(earlier)).name
    return draw(st.sampled_from([term, term, f"active({other}) and {term}", f"not active({other}) or {term}"]))


@st.composite
def constraints(draw: st.DrawFn, declared: list[Parameter]) -> str:
    numeric = [parameter.name for parameter in declared if _numeric(parameter)]
    if len(numeric) >= 2 and draw(st.booleans()):
        a, b = draw(st.permutations(numeric))[:2]
        return draw(st.sampled_from([
            f"{a} * {b} <= 6", f"{a} + 2 * {b} < LIMIT", f"min({a}, {b}) >= 0", f"ceil_div({a}, {b}) <= 2",
            f"{a} / {b} > 0.4", f"abs({a} - {b}) <= 3", f"max({a}, {b}, 1) ** 2 < 17", f"{b} == 0 or {a} % {b} == 0",
        ]))  # fmt: skip
    return draw(conditions(declared))


@st.composite
def spaces(draw: st.DrawFn, at_most: int = 5) -> SearchSpace:
    declared: list[Parameter] = []
    for index in range(draw(st.integers(1, at_most))):
        declared.append(draw(parameters(index, declared)))
    rules = draw(st.lists(constraints(declared), max_size=3))
    return SearchSpace(declared, rules, CONSTANTS)


@cache
def _compiled(source: str) -> CodeType:
    tree = ast.parse(source, mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "active":
            node.args = [ast.Constant(node.args[0].id)]  # type: ignore[attr-defined]
    return compile(ast.fix_missing_locations(tree), "rule", "eval")


def _value(source: str, values: Mapping[str, Any]) -> bool:
    names = {"active": lambda name: name in values, "ceil_div": ceil_div, "min": min, "max": max, "abs": abs}
    try:
        return bool(eval(_compiled(source), {**CONSTANTS, **names, **values}))
    except (ZeroDivisionError, TypeError):
        return False


@cache
def _mentioned_names(source: str) -> frozenset[str]:
    tree = ast.parse(source, mode="eval")
    inside = {
        id(argument)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "active"
        for argument in node.args
    }
    return frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in inside)


def _mentioned(source: str, space: SearchSpace) -> frozenset[str]:
    return _mentioned_names(source) & set(space.names)


def brute_force(space: SearchSpace) -> list[dict[str, Any]]:
    """Compute the feasible set from the definition: every assignment, Python's own arithmetic, no duplicates."""
    found: dict[tuple[tuple[str, Any], ...], dict[str, Any]] = {}
    for assignment in itertools.product(*(parameter.values for parameter in space.parameters)):
        values: dict[str, Any] = {}
        for parameter, value in zip(space.parameters, assignment, strict=True):
            condition = parameter.condition
            if condition is None or (_mentioned(condition, space) <= values.keys() and _value(condition, values)):
                values[parameter.name] = value
        if all(not _mentioned(rule, space) <= values.keys() or _value(rule, values) for rule in space.constraints):
            found[tuple((name, repr(value)) for name, value in values.items())] = values
    return list(found.values())
