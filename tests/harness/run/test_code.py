"""The digest of the code behind a run: no import is overlooked, and the runs of a sweep share one scan."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from harness.run import code
from tests.test_imports import modules

EVERYWHERE = """
import a
from b import c
def f():
    import d
    async def g():
        from e import h
class K:
    import i
if x:
    import j
elif y:
    import k
else:
    import l
for _ in z:
    import m
else:
    import n
while x:
    import o
with x:
    import p
try:
    import q
except E:
    import r
else:
    import s
finally:
    import t
try:
    pass
except* E:
    import u
match x:
    case 1:
        import v
    case _:
        from w.x import y as z
"""


def test_an_import_is_found_wherever_one_may_stand(tmp_path: Path) -> None:
    (tmp_path / "everywhere.py").write_text(EVERYWHERE)
    expected = {*"abdeijklmnopqrstuv", "b.c", "e.h", "w.x", "w.x.y"}
    assert set(code._imports("everywhere", tmp_path / "everywhere.py")) == expected


class RunTime(ast.NodeTransformer):
    """Remove the imports that only a type checker reads."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        checked = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return node.orelse if checked else node


def test_statements_are_those_of_the_whole_tree() -> None:
    for file in (file for name, file in modules().items() if name.startswith(code.ROOTS[0].rpartition(".")[0])):
        tree = RunTime().visit(ast.parse(file.read_bytes()))
        whole = {id(node) for node in ast.walk(tree) if isinstance(node, ast.stmt)}
        assert {id(node) for node in code._statements(tree) if isinstance(node, ast.stmt)} == whole, file


def test_the_runs_of_a_sweep_share_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    found = code._files

    def files(module: str) -> list[tuple[str, Path]]:
        nonlocal looked
        looked += 1
        return found(module)

    monkeypatch.setattr(code, "_files", files)
    code._digest.cache_clear()
    strategy, backend = {"_target_": "harness.strategies.random.Random"}, {"_target_": "harness.backends.replay.x"}
    first = code.code_digest({**strategy, "seed": 0}, backend)
    after_one = looked
    assert {code.code_digest({**strategy, "seed": seed}, backend) for seed in range(50)} == {first}
    assert looked == after_one > 0
    assert code.code_digest({"_target_": "harness.strategies.grid.Grid"}, backend) != first
