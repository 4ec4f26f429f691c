"""Turn what a search space declares into rules that can be applied, and name every mistake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from search_spaces.enumeration import Rules
from search_spaces.errors import SpaceError
from search_spaces.expression import Expression
from search_spaces.expression_grammar import FUNCTIONS
from search_spaces.expression_types import Type
from search_spaces.expression_values import Array
from search_spaces.limits import MAX_RULES, MAX_RULES_TEXT, MAX_TOTAL_VALUES
from search_spaces.parameter import MAX_MAGNITUDE, Parameter, check_name


def declared(
    parameters: Sequence[Parameter],
    constraints: Sequence[str],
    constants: Mapping[str, Any],
    features: Mapping[str, str],
) -> tuple[Rules, dict[str, Expression]]:
    """Build the rules of a space, and its features by name.

    Raises:
        SpaceError: a parameter, constant, feature or expression is at fault; the message names it.
    """
    names = tuple(parameter.name for parameter in parameters)
    _check_counts(parameters, constraints, features)
    _check_names(names, constants, features)

    def parsed(source: str, known: Iterable[str]) -> Expression:
        return _expression(source, names, frozenset(known), frozenset(constants))

    rules = Rules(
        parameters=tuple(parameters),
        conditions=tuple(
            None if parameter.condition is None else parsed(parameter.condition, names[:i])
            for i, parameter in enumerate(parameters)
        ),
        constraints=tuple(parsed(source, names) for source in constraints),
        constants={name: _constant(name, value) for name, value in constants.items()},
    )
    derived = {name: parsed(source, names) for name, source in features.items()}
    _check_types(rules, derived)
    return rules, derived


def _check_counts(parameters: Sequence[Parameter], constraints: Sequence[str], features: Mapping[str, str]) -> None:
    """Check the numbers of rules and values before anything is parsed or listed."""
    for what, given in (("parameters", parameters), ("constraints", constraints), ("features", features)):
        if len(given) > MAX_RULES:
            raise SpaceError(f"{len(given)} {what}: expected at most {MAX_RULES}")
    texts = [*(parameter.condition or "" for parameter in parameters), *constraints, *features.values()]
    if sum(len(text) for text in texts if isinstance(text, str)) > MAX_RULES_TEXT:
        raise SpaceError(f"expressions: expected at most {MAX_RULES_TEXT} characters in all")
    total = sum(parameter.size for parameter in parameters)
    if total > MAX_TOTAL_VALUES:
        raise SpaceError(f"{total} values of {len(parameters)} parameters: expected at most {MAX_TOTAL_VALUES} in all")


def _check_names(names: Sequence[str], constants: Iterable[str], features: Iterable[str]) -> None:
    if not names:
        raise SpaceError("a search space needs at least one parameter")
    seen: set[str] = set()
    for name in [*names, *constants]:
        if name in seen:
            raise SpaceError(f"name {name!r} is used twice")
        if name in FUNCTIONS:
            raise SpaceError(f"name {name!r} is a function of the expression language")
        seen.add(name)
    for name in constants:
        check_name("constant", name)
    for name in sorted(set(features) & set(names)):
        raise SpaceError(f"feature {name!r} has the name of a parameter")


def _expression(source: str, names: Sequence[str], known: frozenset[str], constants: frozenset[str]) -> Expression:
    expression = Expression(source)
    for name in sorted(expression.names - known - constants):
        problem = "is not declared before it" if name in names else "is unknown"
        raise SpaceError(f"expression {source!r}: name {name!r} {problem}")
    for name in sorted(expression.activities & constants):
        raise SpaceError(f"expression {source!r}: active({name}) of a constant")
    return expression


def _check_types(rules: Rules, features: Mapping[str, Expression]) -> None:
    """Check that every operation fits some value, and that every index fits its permutation."""
    first = np.zeros((1, len(rules.parameters)), dtype=np.int32)
    for rule in (*filter(None, rules.conditions), *rules.constraints):
        rules.types(rule)
        rules.satisfied(rule, first)
    for name, feature in features.items():
        if Type.NUMBER not in rules.types(feature):
            raise SpaceError(f"feature {name!r}: {feature.source!r}: expected a number")
        rules.values(feature, first)


def _constant(name: str, value: Any) -> Array:
    if isinstance(value, str):
        return np.array([value], dtype=object)
    if isinstance(value, bool | float) and np.isfinite(value):
        return np.array([value])
    if isinstance(value, int) and abs(value) < MAX_MAGNITUDE:
        return np.array([value])
    raise SpaceError(f"constant {name}={value!r}: expected a finite number below 2**62, a string or a boolean")
