"""A small, safe language for conditions, constraints and derived features.

Numbers, strings, names, ``+ - * / // % **``, comparisons (chained too), ``in`` a literal tuple or list,
``and or not``, ``min``, ``max``, ``abs``, ``ceil_div(a, b)``, ``active(x)`` and ``order[i]`` on permutations.
Nothing is ever handed to ``eval``: the text is parsed, checked against this list, and interpreted over
whole columns at once, so that a rule costs the same on one configuration and on a million.

A division by zero has no value; a rule without a value does not hold (``and``/``or`` short-circuit it away
as in Python).
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import SpaceError

Array = NDArray[Any]
Mask = NDArray[np.bool_]

MAX_LENGTH = 20_000
EXACT = float(2**62)
HUGE = 1e75

COMPARE: dict[type[ast.cmpop], Callable[[Array, Array], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
ARITHMETIC: dict[type[ast.operator], Callable[[Array, Array], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
FUNCTIONS = {"min": (1, None), "max": (1, None), "abs": (1, 1), "ceil_div": (2, 2), "active": (1, 1)}


@dataclass(frozen=True)
class Result:
    """Values over rows (length 1 broadcasts) and where they are undefined."""

    values: Array
    undefined: Mask


def _literal(value: Any) -> Array:
    if isinstance(value, bool | int | float):
        huge = isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**62
        return np.array([value], dtype=object if huge else None)
    cell = np.empty(1, dtype=object)
    cell[0] = value
    return cell


def _truth(values: Array) -> Mask:
    if values.dtype == object:
        return np.array([bool(value) for value in values], dtype=bool)
    return values.astype(bool)


def _number(values: Array) -> Array:
    return values.astype(np.int64) if values.dtype == bool else values


def _exact(function: Callable[[Array, Array], Any], left: Array, right: Array) -> Array:
    """``function`` on integers without wrap-around: Python integers where int64 would overflow."""
    if left.dtype == np.int64 and right.dtype == np.int64:
        with np.errstate(all="ignore"):
            size = np.abs(function(left.astype(np.float64), right.astype(np.float64)))
        if not np.all(size < HUGE):
            return np.asarray(function(left.astype(np.float64), right.astype(np.float64)))
        if not np.all(size < EXACT):
            return np.asarray(function(left.astype(object), right.astype(object)))
    return np.asarray(function(left, right))


def _arithmetic(kind: type[ast.operator], left: Result, right: Result) -> Result:
    a, b = _number(left.values), _number(right.values)
    undefined = left.undefined | right.undefined
    function = ARITHMETIC[kind]
    with np.errstate(all="ignore"):
        if kind in (ast.Div, ast.FloorDiv, ast.Mod):
            zero = np.asarray(b == 0, dtype=bool)
            return Result(np.asarray(function(a, np.where(zero, 1, b))), undefined | zero)
        if kind is ast.Pow:
            bad = np.asarray((a == 0) & (b < 0), dtype=bool) | np.asarray((a < 0) & (b != b // 1), dtype=bool)
            if np.any(b < 0):
                a = a.astype(np.float64)
            return Result(_exact(function, np.where(bad, 1, a), np.where(bad, 1, b)), undefined | bad)
        return Result(_exact(function, a, b), undefined)


def _compare(function: Callable[[Array, Array], Any], a: Array, b: Array) -> Mask:
    if (a.dtype == object) != (b.dtype == object):
        a, b = a.astype(object), b.astype(object)
    return np.asarray(function(a, b), dtype=bool)


def _extreme(function: Callable[[Array, Array], Any], parts: list[Result]) -> Result:
    values = reduce(lambda a, b: np.asarray(function(a, b)), (_number(part.values) for part in parts))
    return Result(values, reduce(operator.or_, (part.undefined for part in parts)))


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Attributes:
        source: the text.
        mentions: names whose *value* it uses.
        activities: names whose *activity* it asks for with ``active(x)``.

    Raises:
        SpaceError: on text outside the language; the message quotes it.
    """

    source: str
    tree: ast.expr = field(init=False, repr=False, compare=False)
    mentions: frozenset[str] = field(init=False, compare=False)
    activities: frozenset[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.source, str) or len(self.source) > MAX_LENGTH:
            raise SpaceError(f"expression {str(self.source)[:60]!r}: expected text of at most {MAX_LENGTH} characters")
        try:
            tree = ast.parse(self.source.strip(), mode="eval").body
            mentions: set[str] = set()
            activities: set[str] = set()
            self._check(tree, mentions, activities)
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            if isinstance(error, SpaceError):
                raise
            raise SpaceError(f"expression {self.source!r}: not understood ({error.__class__.__name__})") from None
        object.__setattr__(self, "tree", tree)
        object.__setattr__(self, "mentions", frozenset(mentions))
        object.__setattr__(self, "activities", frozenset(activities))

    def _refuse(self, node: ast.AST, what: str) -> SpaceError:
        return SpaceError(f"expression {self.source!r}: {what} ({ast.unparse(node)!r}) is not part of the language")

    def _check(self, node: ast.AST, mentions: set[str], activities: set[str]) -> None:
        match node:
            case ast.Constant(value=bool() | int() | float() | str()):
                return
            case ast.Name(id=name):
                mentions.add(name)
                return
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                if not all(isinstance(e, ast.Constant | ast.UnaryOp) for e in elements):
                    raise self._refuse(node, "a sequence of anything but literals")
                children: list[ast.AST] = list(elements)
            case ast.BoolOp(values=values):
                children = list(values)
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=operand):
                children = [operand]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                children = [left, right]
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                for comparison, operand in zip(ops, comparators, strict=True):
                    member = isinstance(comparison, ast.In | ast.NotIn)
                    if not member and type(comparison) not in COMPARE:
                        raise self._refuse(node, "this comparison")
                    if member and not isinstance(operand, ast.Tuple | ast.List):
                        raise self._refuse(operand, "membership in anything but a literal tuple or list")
                children = [left, *comparators]
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
                low, high = FUNCTIONS[name]
                if len(arguments) < low or (high is not None and len(arguments) > high):
                    raise self._refuse(node, f"{name} with {len(arguments)} arguments")
                if name == "active":
                    if not isinstance(arguments[0], ast.Name):
                        raise self._refuse(node, "active() of anything but a name")
                    activities.add(arguments[0].id)
                    return
                children = list(arguments)
            case ast.Subscript(value=ast.Name(), slice=ast.Constant(value=int())):
                children = [node.value]
            case _:
                raise self._refuse(node, "this form")
        for child in children:
            self._check(child, mentions, activities)

    @property
    def names(self) -> frozenset[str]:
        """Every name that the expression depends on."""
        return self.mentions | self.activities

    def evaluate(self, columns: Mapping[str, Array], active: Mapping[str, Mask], rows: int) -> Result:
        """Values over ``rows`` rows.

        Args:
            columns: value arrays by name, of length ``rows`` or 1.
            active: activity masks by parameter name, of length ``rows`` or 1.

        Raises:
            SpaceError: where an operation does not fit the values' types.
        """
        try:
            result = self._evaluate(self.tree, columns, active)
        except (TypeError, ValueError, IndexError, OverflowError, RecursionError) as error:
            raise SpaceError(f"expression {self.source!r}: cannot be evaluated ({error})") from None
        return Result(np.broadcast_to(result.values, rows), np.broadcast_to(result.undefined, rows))

    def holds(self, columns: Mapping[str, Array], active: Mapping[str, Mask], rows: int) -> Mask:
        """Where the expression has a value and the value is true."""
        result = self.evaluate(columns, active, rows)
        return _truth(result.values) & ~result.undefined

    def _evaluate(self, node: ast.AST, columns: Mapping[str, Array], active: Mapping[str, Mask]) -> Result:
        defined = np.zeros(1, dtype=bool)
        match node:
            case ast.Constant(value=value):
                return Result(_literal(value), defined)
            case ast.Name(id=name):
                return Result(columns[name], defined)
            case ast.Tuple() | ast.List():
                return Result(_literal(tuple(ast.literal_eval(node))), defined)
            case ast.BoolOp(op=op, values=parts):
                return self._boolean(isinstance(op, ast.And), parts, columns, active)
            case ast.UnaryOp(op=op, operand=operand):
                inner = self._evaluate(operand, columns, active)
                if isinstance(op, ast.Not):
                    return Result(~_truth(inner.values), inner.undefined)
                values = _number(inner.values)
                return Result(-values if isinstance(op, ast.USub) else values, inner.undefined)
            case ast.BinOp(left=left, op=operation, right=right):
                return _arithmetic(
                    type(operation),
                    self._evaluate(left, columns, active),
                    self._evaluate(right, columns, active),
                )
            case ast.Compare():
                return self._comparison(node, columns, active)
            case ast.Subscript(value=value, slice=ast.Constant(value=index)):
                inner = self._evaluate(value, columns, active)
                picked = [cell[index] for cell in inner.values]
                return Result(np.array(picked, dtype=np.int64), inner.undefined)
            case ast.Call(func=ast.Name(id="active"), args=[ast.Name(id=name)]):
                return Result(active[name], defined)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                parts_ = [self._evaluate(argument, columns, active) for argument in arguments]
                return self._call(name, parts_)
        raise SpaceError(f"expression {self.source!r}: not understood")

    def _boolean(
        self,
        conjunction: bool,
        parts: list[ast.expr],
        columns: Mapping[str, Array],
        active: Mapping[str, Mask],
    ) -> Result:
        values = np.array([conjunction])
        undefined = np.zeros(1, dtype=bool)
        for part in parts:
            right = self._evaluate(part, columns, active)
            reached = values if conjunction else ~values
            undefined = undefined | (reached & right.undefined)
            truth = _truth(right.values)
            values = values & truth if conjunction else values | truth
        return Result(values, undefined)

    def _comparison(self, node: ast.Compare, columns: Mapping[str, Array], active: Mapping[str, Mask]) -> Result:
        left = self._evaluate(node.left, columns, active)
        values = np.ones(1, dtype=bool)
        undefined = left.undefined
        for op, comparator in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                members = [_literal(member) for member in ast.literal_eval(comparator)]
                found = np.zeros(1, dtype=bool)
                for member in members:
                    found = found | _compare(operator.eq, left.values, member)
                values = values & (found if isinstance(op, ast.In) else ~found)
                continue
            right = self._evaluate(comparator, columns, active)
            undefined = undefined | (values & right.undefined)
            values = values & _compare(COMPARE[type(op)], left.values, right.values)
            left = right
        return Result(values, undefined)

    def _call(self, name: str, parts: list[Result]) -> Result:
        match name:
            case "min":
                return _extreme(np.minimum, parts)
            case "max":
                return _extreme(np.maximum, parts)
            case "abs":
                return Result(np.abs(_number(parts[0].values)), parts[0].undefined)
        numerator, denominator = parts
        negated = Result(-_number(numerator.values), numerator.undefined)
        quotient = _arithmetic(ast.FloorDiv, negated, denominator)
        return Result(-quotient.values, quotient.undefined)
