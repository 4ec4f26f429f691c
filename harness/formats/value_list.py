"""Read the values of a T1 parameter, which may be Python text, without running it.

BAT and its descendants write ``[1, 2, 4] + list(range(32, 1024+1, 32))`` or ``[2**i for i in range(0, 6)]`` where the
T1 schema asks for a string, and Kernel Tuner passes it to ``eval``. This module reads the syntax tree instead, and
computes numbers with our own expression language.
"""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from search_spaces.errors import SpaceError
from search_spaces.expression import Expression
from search_spaces.expression_types import types_of
from search_spaces.expression_values import Array

MAX_VALUES = 100_000
MAX_TEXT = 1 << 20


def value_list(given: Any) -> list[Any]:
    """Return the list that ``given`` is, or that it describes as text.

    Raises:
        ValueError: it is neither; the message says what was expected and does not repeat the text.
    """
    values = _parsed(given) if isinstance(given, str) else given
    if not isinstance(values, list) or not 0 < len(values) <= MAX_VALUES:
        raise ValueError(f"expected a list of 1 to {MAX_VALUES} values")
    return values


def _parsed(text: str) -> list[Any]:
    if len(text) > MAX_TEXT:
        raise ValueError(f"expected at most {MAX_TEXT} characters")
    try:
        return _list(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, MemoryError, RecursionError):
        raise ValueError("expected a list, as Python writes it") from None
    except SpaceError as error:
        raise ValueError(str(error)) from None


def _list(node: ast.expr) -> list[Any]:
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [_element(element) for element in elements]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            values = _list(left) + _list(right)
        case ast.Call(func=ast.Name(id="list"), args=[of], keywords=[]):
            return _list(of)
        case ast.Call(func=ast.Name(id="range"), args=bounds, keywords=[]) if 1 <= len(bounds) <= 3:
            values = _range([_number(bound, {}, 1)[0] for bound in bounds])
        case ast.ListComp(elt=element, generators=[ast.comprehension(target=ast.Name(id=name), iter=of, ifs=[])]):
            over = _list(of)
            column = np.array(over) if types_of(over) == types_of([1]) else np.array(over, dtype=object)
            values = _number(element, {name: column}, len(over))
        case _:
            raise ValueError("expected lists, range() and one 'for' in a list, joined by +")
    if len(values) > MAX_VALUES:
        raise ValueError(f"expected at most {MAX_VALUES} values")
    return values


def _element(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _number(node, {}, 1)[0]


def _number(node: ast.expr, columns: dict[str, Array], rows: int) -> list[Any]:
    """Evaluate an expression over columns of values."""
    expression = Expression(ast.unparse(node))
    if not expression.names <= columns.keys():
        raise ValueError(f"name {min(expression.names - columns.keys())!r} is unknown")
    expression.types({name: types_of(column.tolist()) for name, column in columns.items()})
    result = expression.evaluate(columns, {}, rows)
    if result.undefined.any():
        raise ValueError(f"{expression.source!r} has no value")
    numbers: list[Any] = result.values.tolist()
    return numbers


def _range(bounds: list[Any]) -> list[Any]:
    if not all(type(bound) is int for bound in bounds) or (len(bounds) == 3 and bounds[2] == 0):
        raise ValueError("expected whole numbers in range(), and a step that is not 0")
    whole = range(*bounds)
    try:
        size = len(whole)
    except OverflowError:
        size = MAX_VALUES + 1
    if size > MAX_VALUES:
        raise ValueError(f"expected at most {MAX_VALUES} values")
    return list(whole)
