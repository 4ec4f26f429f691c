"""What the expression language allows: the forms of Python's syntax that an expression may consist of."""

from __future__ import annotations

import ast
from collections.abc import Sequence

COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
MEMBERSHIPS = (ast.In, ast.NotIn)
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
FUNCTIONS = {"min": (1, None), "max": (1, None), "abs": (1, 1), "ceil_div": (2, 2), "active": (1, 1)}
"""The fewest and the most arguments of each function, by name."""
HUGE = 10**75
"""Whole numbers stay below this, so that every one of them is also a float."""


class Refused(Exception):
    """A part of the text is not in the language."""

    def __init__(self, node: ast.AST, what: str) -> None:
        super().__init__(what)
        self.node = node


def names(tree: ast.expr) -> tuple[frozenset[str], frozenset[str]]:
    """Find the names whose value an expression uses, and those whose activity it tests.

    Raises:
        Refused: a part is not in the language; the first one is reported.
    """
    mentions: set[str] = set()
    activities: set[str] = set()
    pending: list[ast.expr] = [tree]
    while pending:
        node = pending.pop()
        parts = _parts(node)
        if isinstance(node, ast.Name):
            mentions.add(node.id)
        elif is_activity(node):
            activities.update(part.id for part in parts if isinstance(part, ast.Name))
            continue
        pending.extend(parts)
    return frozenset(mentions), frozenset(activities)


def is_activity(node: ast.AST) -> bool:
    """Whether a node is ``active(…)``."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "active"


def _parts(node: ast.expr) -> Sequence[ast.expr]:
    """The subexpressions of an allowed form."""
    match node:
        case ast.Constant(value=int() as value):  # booleans too
            if abs(value) >= HUGE:
                raise Refused(node, "a number of more than 75 digits")
            return ()
        case ast.Constant(value=float() | str()) | ast.Name():
            return ()
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            _check_literal(node)
            return elements
        case ast.BoolOp(values=values):
            return values
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=operand):
            return (operand,)
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, ARITHMETIC):
            return (left, right)
        case ast.Compare(left=left, comparators=comparators):
            _check_comparison(node)
            return (left, *comparators)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            _check_call(node, name)
            return arguments
        case ast.Subscript(value=ast.Name() as order, slice=ast.Constant(value=int())):
            return (order,)
    raise Refused(node, "this form")


def _check_literal(node: ast.expr) -> None:
    try:
        ast.literal_eval(node)
    except ValueError:
        raise Refused(node, "a sequence of anything but literals") from None


def _check_comparison(node: ast.Compare) -> None:
    for comparison, operand in zip(node.ops, node.comparators, strict=True):
        if not isinstance(comparison, COMPARISONS + MEMBERSHIPS):
            raise Refused(node, "this comparison")
        if isinstance(comparison, MEMBERSHIPS) and not isinstance(operand, ast.Tuple | ast.List):
            raise Refused(operand, "membership in anything but a literal tuple or list")


def _check_call(node: ast.Call, name: str) -> None:
    low, high = FUNCTIONS[name]
    if len(node.args) < low or (high is not None and len(node.args) > high):
        raise Refused(node, f"{name} with {len(node.args)} arguments")
    if name == "active" and not isinstance(node.args[0], ast.Name):
        raise Refused(node, "active() of anything but a name")
