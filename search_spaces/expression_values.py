"""The operations of the expression language over whole columns.

Whole numbers are exact: int64 if they fit, else Python's own integers; above 10^75 they become floats. An operation on
a value of the wrong type has no value in that row, like a division by zero.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.expression_grammar import HUGE
from search_spaces.expression_types import Type, type_of

Array = NDArray[Any]
Mask = NDArray[np.bool_]
Function = Callable[[Array, Array], Any]

EXACT = 2**62
COMPARE: dict[type[ast.cmpop], Function] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
ARITHMETIC: dict[type[ast.operator], Function] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


@dataclass(frozen=True)
class Result:
    """Values over rows (length 1 broadcasts), and a mask of the undefined ones."""

    values: Array
    undefined: Mask


def literal(value: Any) -> Array:
    """A constant as a column of length 1."""
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < EXACT):
        return np.array([value])
    cell = np.empty(1, dtype=object)
    cell[0] = value
    return cell


def truth(values: Array) -> Mask:
    """Python's truth of every value."""
    if values.dtype == object:
        return np.array([bool(value) for value in values], dtype=bool)
    return values.astype(bool)


def numbers(result: Result) -> Result:
    """Convert values to int64, float64 or Python integers; undefined where a value is not a number."""
    values = result.values
    if values.dtype == bool:
        return Result(values.astype(np.int64), result.undefined)
    if values.dtype != object:
        return result
    fits = np.array([type_of(value) is Type.NUMBER for value in values], dtype=bool)
    kept = [value if fit else 0 for value, fit in zip(values, fits, strict=True)]
    if any(isinstance(value, float) for value in kept):
        column = np.array(kept, dtype=np.float64)
    else:
        exact = all(abs(value) < EXACT for value in kept)
        column = np.array(kept, dtype=np.int64 if exact else object)
    return Result(column, result.undefined | ~fits)


def negated(result: Result) -> Result:
    """Negate each number."""
    of = numbers(result)
    return Result(-of.values, of.undefined)


def absolute(result: Result) -> Result:
    """Take the absolute value of each number."""
    of = numbers(result)
    return Result(np.abs(of.values), of.undefined)


def item(result: Result, index: int) -> Result:
    """Take element ``index`` of each permutation; undefined for other values.

    Raises:
        IndexError: a permutation is too short.
    """
    fits = np.array([type_of(value) is Type.ORDER for value in result.values], dtype=bool)
    picked = [value[index] if fit else 0 for value, fit in zip(result.values, fits, strict=True)]
    return Result(np.array(picked, dtype=np.int64), result.undefined | ~fits)


def _exactly(function: Function, left: Array, right: Array) -> Array:
    """Apply ``function`` to numbers without integer overflow."""
    as_floats = left.astype(np.float64), right.astype(np.float64)
    if np.float64 in (left.dtype, right.dtype):
        return np.asarray(function(*as_floats))
    size = np.abs(function(*as_floats))
    if not np.all(size < float(HUGE)):
        return np.asarray(function(*as_floats))
    if object in (left.dtype, right.dtype) or not np.all(size < EXACT):
        return np.asarray(function(left.astype(object), right.astype(object)))
    return np.asarray(function(left, right))


def arithmetic(kind: type[ast.operator], left: Result, right: Result) -> Result:
    """``left <kind> right``; undefined where it divides by zero or leaves the real numbers."""
    left, right = numbers(left), numbers(right)
    a, b = left.values, right.values
    undefined = left.undefined | right.undefined
    with np.errstate(all="ignore"):
        if kind in (ast.Div, ast.FloorDiv, ast.Mod):
            bad = np.asarray(b == 0, dtype=bool)
            b = np.where(bad, 1, b)
        elif kind is ast.Pow:
            bad = np.asarray((a == 0) & (b < 0), dtype=bool) | np.asarray((a < 0) & (b != b // 1), dtype=bool)
            if np.any(b < 0):
                a = a.astype(np.float64)
            a, b = np.where(bad, 1, a), np.where(bad, 1, b)
        else:
            bad = np.zeros(1, dtype=bool)
        return Result(_exactly(ARITHMETIC[kind], a, b), undefined | bad)


def ceil_div(numerator: Result, denominator: Result) -> Result:
    """The quotient rounded up; undefined where the denominator is zero."""
    return negated(arithmetic(ast.FloorDiv, negated(numerator), denominator))


def extreme(function: Function, parts: list[Result]) -> Result:
    """``np.minimum`` or ``np.maximum`` over several operands."""
    of = [numbers(part) for part in parts]
    values = reduce(lambda a, b: np.asarray(function(a, b)), (part.values for part in of))
    return Result(values, reduce(operator.or_, (part.undefined for part in of)))


def equal(a: Array, b: Array) -> Mask:
    """Python's equality, defined between all types."""
    if (a.dtype == object) != (b.dtype == object):
        a, b = a.astype(object), b.astype(object)
    return np.asarray(a == b, dtype=bool)


def compared(op: ast.cmpop, left: Result, right: Result) -> Result:
    """One comparison; an ordering of values of two types is undefined."""
    function, undefined = COMPARE[type(op)], left.undefined | right.undefined
    if isinstance(op, ast.Eq | ast.NotEq):
        same = equal(left.values, right.values)
        return Result(same if isinstance(op, ast.Eq) else ~same, undefined)
    if left.values.dtype != object and right.values.dtype != object:
        return Result(np.asarray(function(left.values, right.values), dtype=bool), undefined)
    pairs = list(np.broadcast(left.values.astype(object), right.values.astype(object)))
    fits = np.array([type_of(a) is type_of(b) for a, b in pairs], dtype=bool)
    values = [bool(function(a, b)) if fit else False for (a, b), fit in zip(pairs, fits, strict=True)]
    return Result(np.array(values, dtype=bool), undefined | ~fits)


def member(left: Result, members: tuple[Any, ...]) -> Mask:
    """Where a value equals one of ``members``."""
    among = np.zeros(1, dtype=bool)
    for one in members:
        among = among | equal(left.values, literal(tuple(one) if isinstance(one, list) else one))
    return among
