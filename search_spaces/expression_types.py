"""Find the operations of an expression that fit no value at all, before anything is evaluated.

Names may stand for values of several types (``('none', 16, 32)``). An operation that fits some of them passes, and has
no value on the others. An operation that fits none of them is a mistake in the text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from search_spaces.expression_grammar import is_activity


class Type(StrEnum):
    """Types between which nothing but equality is defined. Booleans are numbers, as in Python."""

    NUMBER = "number"
    TEXT = "string"
    ORDER = "permutation"


Types = frozenset[Type]
NUMBER: Types = frozenset({Type.NUMBER})
ORDERINGS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


class IllTyped(Exception):
    """An operation fits no value; the message quotes it."""


def type_of(value: Any) -> Type:
    """The type of one value."""
    if isinstance(value, str):
        return Type.TEXT
    return Type.ORDER if isinstance(value, tuple) else Type.NUMBER


def types_of(values: Iterable[Any]) -> Types:
    """The types among several values."""
    return frozenset(map(type_of, values))


def infer(node: ast.expr, names: Mapping[str, Types]) -> Types:
    """Infer the types that an expression's value may have.

    Raises:
        IllTyped: an operation fits no combination of its operands' types.
    """
    match node:
        case ast.Constant(value=value):
            return types_of([value])
        case ast.Name(id=name):
            return names[name]
        case ast.Tuple() | ast.List():
            return frozenset({Type.ORDER})
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            infer(operand, names)
        case ast.UnaryOp(operand=operand):
            _need(node, Type.NUMBER, [operand], names)
        case ast.BinOp(left=left, right=right):
            _need(node, Type.NUMBER, [left, right], names)
        case ast.BoolOp(values=parts):
            for part in parts:
                infer(part, names)
        case ast.Compare():
            _compare(node, names)
        case ast.Subscript(value=order):
            _need(node, Type.ORDER, [order], names)
        case ast.Call(args=arguments) if not is_activity(node):
            _need(node, Type.NUMBER, arguments, names)
    return NUMBER


def _need(node: ast.expr, needed: Type, operands: Iterable[ast.expr], names: Mapping[str, Types]) -> None:
    for operand in operands:
        if needed not in infer(operand, names):
            raise IllTyped(f"{ast.unparse(node)!r} needs {ast.unparse(operand)!r} to be a {needed}")


def _compare(node: ast.Compare, names: Mapping[str, Types]) -> None:
    left = infer(node.left, names)
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = infer(comparator, names)
        if isinstance(op, ORDERINGS) and not left & right:
            raise IllTyped(f"{ast.unparse(node)!r} orders a {'/'.join(sorted(left))} and a {'/'.join(sorted(right))}")
        left = right
