"""Tests that run on every machine must not depend on its speed.

A busy machine may take arbitrarily long. A test may compare a measured duration with another measured one, or require
that it is at least what a sleep or a timeout guarantees. It must not compare a duration with a number from above, or
approximately. Count work in tests (calls, evaluations, bytes, lines) or use a simulated clock; timings belong into
tests/benchmarks.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness.testing

ROOT = Path(__file__).parents[1]
CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time"}
CALLS = {f"{module}{clock}{unit}" for module in ("time.", "") for clock in CLOCKS for unit in ("", "_ns")}
CALLS |= {"time.time", "time.time_ns"}
OTHER_TIERS = {"pytest.mark.slow", "pytest.mark.gpu"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def files() -> list[Path]:
    """List the tests, their helpers, and the code that authors of strategies inherit."""
    tests = (file for file in (ROOT / "tests").rglob("*.py") if "benchmarks" not in file.parts)
    return sorted([*tests, *Path(harness.testing.__file__).parent.glob("*.py")])


def names(node: ast.AST) -> set[str]:
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}


def called(node: ast.AST) -> set[str]:
    return {ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}


def is_number(node: ast.AST) -> bool:
    """Whether an expression is a literal, a constant of the module, or arithmetic on them, approximate or not."""
    return all(name.isupper() or name == "pytest" for name in names(node)) and called(node) <= {"pytest.approx"}


class Durations:
    """Find the names of a function that hold a reading of a clock.

    Args:
        function: looked at as a whole, whatever the order of its lines.
        helpers: functions of the same file that return what a clock said.
    """

    def __init__(self, function: Function, helpers: set[str]) -> None:
        self._calls = CALLS | helpers
        self._names: set[str] = set()
        known = -1
        while len(self._names) > known:  # an assignment may use what another one made a duration
            known = len(self._names)
            for node in ast.walk(function):
                self._follow(node)

    def _follow(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and node.value and self.holds(node.value):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                self._names |= names(target)
        if isinstance(node, ast.Call) and any(map(self.holds, node.args)):
            match node.func:
                case ast.Attribute(value=ast.Name(id=collected), attr="append"):
                    self._names.add(collected)

    def holds(self, node: ast.AST) -> bool:
        """Whether an expression contains a duration."""
        return bool(called(node) & self._calls or names(node) & self._names)


def compared(node: ast.Compare) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield pairs of which the first must not exceed the second; both orders for an equality."""
    sides = [node.left, *node.comparators]
    for left, how, right in zip(sides, node.ops, sides[1:], strict=False):
        if isinstance(how, ast.Lt | ast.LtE | ast.Eq):
            yield left, right
        if isinstance(how, ast.Gt | ast.GtE | ast.Eq):
            yield right, left


def limited(source: str) -> list[int]:
    """List the lines of fast tests and their helpers that limit a duration by a number from above."""
    tree = ast.parse(source)
    marks = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign) and "pytestmark" in names(node)]
    if any(tier in mark for mark in marks for tier in OTHER_TIERS):
        return []
    functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
    helpers: set[str] = set()
    for function in functions:
        durations = Durations(function, set())
        returned = (node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value)
        if any(map(durations.holds, returned)):
            helpers.add(function.name)
    found: set[int] = set()
    for function in functions:
        if OTHER_TIERS & {ast.unparse(mark) for mark in function.decorator_list}:
            continue
        durations = Durations(function, helpers)
        for node in ast.walk(function):
            if isinstance(node, ast.Compare):
                pairs = compared(node)
                found |= {node.lineno for less, more in pairs if durations.holds(less) and is_number(more)}
    return sorted(found)


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.name))
def test_no_duration_is_limited(file: Path) -> None:
    assert limited(file.read_text(encoding="utf-8")) == [], f"{file}: count work, or move it to tests/benchmarks"


@pytest.mark.parametrize(
    "line",
    [
        "assert time.monotonic() - start < 5",
        "assert 0.4 <= outcome.at_s <= time.monotonic() - start < LIMIT_S - 0.5",
        "assert LIMIT_S > elapsed",
        "assert elapsed == pytest.approx(0.7, abs=0.3)",
        "assert np.median(seconds) < 0.05",
        "assert elapsed / asked < 20e-6",
        "assert timed() < 1",
    ],
)
def test_a_limit_is_found(line: str) -> None:
    body = f"start = perf_counter()\n    elapsed = time.process_time() - start\n    seconds.append(elapsed)\n    {line}"
    helper = "def timed():\n    start = time.time()\n    return time.time() - start\n"
    assert limited(f"{helper}def test_x():\n    {body}\n") == [8]
    assert limited(f"{helper}@pytest.mark.slow\ndef test_x():\n    {body}\n") == []
    assert limited(f"pytestmark = pytest.mark.gpu\n{helper}def test_x():\n    {body}\n") == []


@pytest.mark.parametrize(
    "line",
    [
        "while time.monotonic() < deadline: pass",
        "assert process.poll() is None and time.monotonic() < deadline",
        "assert time.monotonic() - start >= 0.1",
        "assert TIMEOUT_S <= reply.verify_s <= time.monotonic() - start",
        "assert clock_s < 20.0",
    ],
)
def test_what_holds_on_every_machine_is_left_alone(line: str) -> None:
    body = "start = time.monotonic()\n    deadline = start + 60\n    clock_s = log[-1].clock_s"
    assert limited(f"def test_x():\n    {body}\n    {line}\n") == []
