"""A small, safe language for conditions, constraints and derived features.

Numbers, strings, names, ``+ - * / // % **``, comparisons (chained too), ``in`` a literal tuple or list,
``and or not`` (whose value is True or False), ``min``, ``max``, ``abs``, ``ceil_div(a, b)``, ``active(x)`` and
``order[i]`` on permutations. Nothing is ever passed to ``eval``: the text is parsed, checked against this list, and
interpreted over whole columns at once, so that a rule costs about the same for one configuration and for many.

A division by zero has no value. Arithmetic and orderings have no value on values of the wrong type (``mode > 16`` where
``mode`` is ``'none'``); ``==``, ``!=`` and ``in`` fit all values. A rule without a value does not hold. ``and``, ``or``
and chained comparisons skip such a part by short-circuiting, as in Python: ``mode != 'none' and mode > 16``. A space
with an operation that fits no value at all is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from search_spaces.errors import SpaceError
from search_spaces.expression_grammar import Refused, names
from search_spaces.expression_types import IllTyped, Types, infer
from search_spaces.expression_values import (
    Array,
    Mask,
    Result,
    absolute,
    arithmetic,
    ceil_div,
    compared,
    extreme,
    item,
    literal,
    member,
    negated,
    numbers,
    truth,
)

MAX_LENGTH = 20_000


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Attributes:
        source: the text.
        mentions: names whose *value* it uses.
        activities: names whose *activity* it tests with ``active(x)``.

    Raises:
        SpaceError: the text is not in the language; the message quotes it.
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
            mentions, activities = names(tree)
        except Refused as error:
            part = ast.unparse(error.node)
            raise SpaceError(f"expression {self.source!r}: {error} ({part!r}) is not part of the language") from None
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            raise SpaceError(f"expression {self.source!r}: not understood ({error.__class__.__name__})") from None
        object.__setattr__(self, "tree", tree)
        object.__setattr__(self, "mentions", mentions)
        object.__setattr__(self, "activities", activities)

    @property
    def names(self) -> frozenset[str]:
        """Every name that the expression depends on."""
        return self.mentions | self.activities

    def types(self, types: Mapping[str, Types]) -> Types:
        """The types that its value may have, given the types of every mentioned name.

        Raises:
            SpaceError: an operation fits no value of its operands.
        """
        try:
            return infer(self.tree, types)
        except (IllTyped, RecursionError) as error:
            raise SpaceError(f"expression {self.source!r}: cannot be evaluated ({error})") from None

    def evaluate(self, columns: Mapping[str, Array], active: Mapping[str, Mask], rows: int) -> Result:
        """Evaluate the expression over ``rows`` rows.

        Args:
            columns: value arrays by name, of length ``rows`` or 1.
            active: activity masks by parameter name, of length ``rows`` or 1.

        Raises:
            SpaceError: an index is beyond the end of its permutation.
        """
        try:
            result = _evaluate(self.tree, columns, active)
        except (IndexError, RecursionError) as error:
            raise SpaceError(f"expression {self.source!r}: cannot be evaluated ({error})") from None
        return Result(np.broadcast_to(result.values, rows), np.broadcast_to(result.undefined, rows))

    def holds(self, columns: Mapping[str, Array], active: Mapping[str, Mask], rows: int) -> Mask:
        """The rows in which the expression has a value and the value is true."""
        result = self.evaluate(columns, active, rows)
        return truth(result.values) & ~result.undefined


def _evaluate(node: ast.AST, columns: Mapping[str, Array], active: Mapping[str, Mask]) -> Result:
    defined = np.zeros(1, dtype=bool)
    match node:
        case ast.Constant(value=value):
            return Result(literal(value), defined)
        case ast.Name(id=name):
            return Result(columns[name], defined)
        case ast.Tuple() | ast.List():
            return Result(literal(tuple(ast.literal_eval(node))), defined)
        case ast.BoolOp(op=op, values=parts):
            return _boolean(isinstance(op, ast.And), [_evaluate(part, columns, active) for part in parts])
        case ast.UnaryOp(op=op, operand=operand):
            return _unary(op, _evaluate(operand, columns, active))
        case ast.BinOp(left=left, op=operation, right=right):
            return arithmetic(type(operation), _evaluate(left, columns, active), _evaluate(right, columns, active))
        case ast.Compare(left=left, comparators=comparators):
            return _comparison(node, [_evaluate(part, columns, active) for part in (left, *comparators)])
        case ast.Subscript(value=order, slice=ast.Constant(value=int() as index)):
            return item(_evaluate(order, columns, active), index)
        case ast.Call(func=ast.Name(id="active"), args=[ast.Name(id=name)]):
            return Result(active[name], defined)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _call(name, [_evaluate(argument, columns, active) for argument in arguments])
    raise AssertionError(f"{ast.dump(node)}: the grammar allows what is not interpreted")


def _unary(op: ast.unaryop, of: Result) -> Result:
    match op:
        case ast.Not():
            return Result(~truth(of.values), of.undefined)
        case ast.USub():
            return negated(of)
    return numbers(of)


def _boolean(conjunction: bool, parts: list[Result]) -> Result:
    values, undefined = np.array([conjunction]), np.zeros(1, dtype=bool)
    for part in parts:
        undefined = undefined | ((values if conjunction else ~values) & part.undefined)
        values = values & truth(part.values) if conjunction else values | truth(part.values)
    return Result(values, undefined)


def _comparison(node: ast.Compare, parts: list[Result]) -> Result:
    values, undefined = np.ones(1, dtype=bool), parts[0].undefined
    for op, comparator, left, right in zip(node.ops, node.comparators, parts, parts[1:], strict=False):
        if isinstance(op, ast.In | ast.NotIn):
            among = member(left, tuple(ast.literal_eval(comparator)))
            values = values & (among if isinstance(op, ast.In) else ~among)
            continue
        pair = compared(op, left, right)
        undefined = undefined | (values & pair.undefined)
        values = values & pair.values
    return Result(values, undefined)


def _call(name: str, parts: list[Result]) -> Result:
    match name:
        case "min":
            return extreme(np.minimum, parts)
        case "max":
            return extreme(np.maximum, parts)
        case "abs":
            return absolute(parts[0])
    return ceil_div(*parts)
