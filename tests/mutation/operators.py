"""One small change of a module at a time, on its syntax tree.

Strings, annotations, decorators, docstrings, imports and the text of a raised error are left as they are.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

Change = Callable[[ast.AST], ast.AST]

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}


@dataclass(frozen=True)
class Mutant:
    """A change at a place: ``node`` counts nodes as ``ast.walk`` does, ``index`` the changes of one node."""

    file: str
    line: int
    column: int
    node: int
    index: int
    before: str
    after: str
    lines: tuple[int, int]  # of the statement around it: what a test has to execute to see the change
    at_import: bool

    @property
    def name(self) -> str:
        return f"{self.file}:{self.line}:{self.column}:{self.node}:{self.index}"


def mutants_of(root: Path, file: str) -> list[Mutant]:
    """Every mutant of a module, in the order of its nodes."""
    tree = ast.parse((root / file).read_text(encoding="utf-8"))
    left_alone = set(_left_alone(tree))
    around = _statements(tree)
    found = []
    for number, node in enumerate(ast.walk(tree)):
        if node in left_alone or node not in around:
            continue
        statement, at_import = around[node]
        last = max(getattr(node, "end_lineno", statement.lineno) or 0, statement.lineno)
        for index, change in enumerate(changes(node)):
            place = node if hasattr(node, "lineno") else statement
            before = ast.unparse(node).split("\n")[0]
            after = ast.unparse(change(copy.deepcopy(node))).split("\n")[0]
            found.append(
                Mutant(
                    file,
                    place.lineno,
                    place.col_offset,
                    number,
                    index,
                    before,
                    after,
                    (statement.lineno, last),
                    at_import,
                )
            )
    return found


def mutated(source: str, mutant: Mutant) -> ast.Module:
    """The module's tree with one change, and the line numbers of the original."""
    tree = ast.parse(source)
    target = next(node for number, node in enumerate(ast.walk(tree)) if number == mutant.node)
    changed = list(changes(target))[mutant.index](target)
    if changed is not target:
        _Replace(target, changed).visit(tree)
    return ast.fix_missing_locations(tree)


def changes(node: ast.AST) -> Iterator[Change]:
    """What may be done to one node. A change edits the node that it is given, or returns another in its place."""
    match node:
        case ast.Compare():
            for at, operator in enumerate(node.ops):
                for other in COMPARISONS[type(operator)]:
                    yield lambda n, at=at, other=other: _with(n, "ops", [*n.ops[:at], other(), *n.ops[at + 1 :]])
        case ast.BinOp() | ast.AugAssign() if type(node.op) in ARITHMETIC:
            if isinstance(node, ast.AugAssign):
                yield lambda n: ast.copy_location(ast.Pass(), n)
            elif isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
                return
            yield lambda n: _with(n, "op", ARITHMETIC[type(n.op)]())
        case ast.BoolOp():
            yield lambda n: _with(n, "op", ast.Or() if isinstance(n.op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            yield lambda n: n.operand
        case ast.Constant(value=bool()):
            yield lambda n: _with(n, "value", not n.value)
        case ast.Constant(value=int() | float()):
            yield lambda n: _with(n, "value", n.value + 1)
            yield lambda n: _with(n, "value", n.value - 1)
        case ast.If() | ast.While() | ast.IfExp() if not isinstance(node.test, ast.Compare | ast.UnaryOp):
            yield lambda n: _with(n, "test", ast.copy_location(ast.UnaryOp(ast.Not(), n.test), n.test))
        case ast.comprehension(ifs=[_, *_]):
            yield lambda n: _with(n, "ifs", n.ifs[1:])
        case ast.Return(value=ast.expr() as value) if not (
            isinstance(value, ast.Constant) and value.value in (None, False)
        ):
            yield lambda n: _with(n, "value", ast.copy_location(ast.Constant(None), n))
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.Continue() | ast.Break():
            yield lambda n: ast.copy_location(ast.Pass(), n)
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield lambda n: ast.copy_location(ast.Pass(), n)


def _with(node: ast.AST, field: str, value: object) -> ast.AST:
    setattr(node, field, value)
    return node


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def _left_alone(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                parts = [node.returns, *node.decorator_list, *(a.annotation for a in arguments)]
                parts += [a.annotation for a in (node.args.vararg, node.args.kwarg) if a]
            case ast.ClassDef():
                parts = [*node.decorator_list, *node.bases]
            case ast.AnnAssign():
                parts = [node.annotation]
            case ast.Raise():
                parts = [node.exc, node.cause]
            case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.JoinedStr():
                parts = [node]
            case ast.Call(func=ast.Name(id="cast" | "TypeVar")):
                parts = [node]
        for part in parts:
            if part is not None:
                yield from ast.walk(part)


def _statements(tree: ast.Module) -> dict[ast.AST, tuple[ast.stmt, bool]]:
    """Node to the innermost statement around it, and whether that is executed when the module is imported."""
    around: dict[ast.AST, tuple[ast.stmt, bool]] = {}

    def descend(node: ast.AST, statement: ast.stmt | None, at_import: bool) -> None:
        if isinstance(node, ast.stmt):
            statement = node
        if statement is not None:
            around[node] = (statement, at_import)
        for field, value in ast.iter_fields(node):
            inside = isinstance(node, ast.FunctionDef | ast.Lambda) and field == "body"
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    descend(child, statement, at_import and not inside)

    descend(tree, None, True)
    return around
