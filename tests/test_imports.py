"""Imports between rooms and floors go one way, and the top-level names are ours."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN = {
    "analysis": {"harness", "kernels", "search_spaces"},
    "harness": {"analysis"},
    "kernels": {"harness", "analysis"},
    "search_spaces": {"harness", "analysis", "kernels"},
}
SEES_BOTH = "harness.cli"

FLOORS: tuple[frozenset[str], ...] = tuple(
    frozenset(floor.split())
    for floor in (
        "search_spaces harness.errors analysis.errors analysis.media analysis.statistics",
        "kernels harness.evaluation harness.rules harness.system analysis.progress analysis.reference",
        "harness.landscapes harness.measure harness.trackers analysis.runs analysis.landscapes",
        "harness.config harness.formats analysis.study",
        "harness.backends harness.strategies analysis.tables analysis.verdict analysis.gate",
        "harness.testing analysis.figures analysis.plan",
        "harness.run analysis.report",
        "harness.study harness.authoring harness.record analysis.api",
        "harness.gate harness.launchers harness.tuning",
        "harness.api harness.cli",
    )
)
"""Every room, from the lowest floor up. A module imports from its own room and from lower floors, never sideways or up.

ARCHITECTURE.md says in a sentence what each is for.
"""
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


@cache
def modules() -> dict[str, Path]:
    """Map the dotted name of every module of the four packages to its file."""
    files = (file for package in sorted(FORBIDDEN) for file in (ROOT / package).rglob("*.py"))
    return {_dotted(file): file for file in files}


def _dotted(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imported(file: Path) -> tuple[tuple[str, int], ...]:
    """See :func:`_imported`; six tests ask for those of all files."""
    return tuple(_imported(file))


def _imported(file: Path) -> Iterator[tuple[str, int]]:
    """List a file's imports, at its top or inside functions, with the line; our modules by their full name."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{file}:{node.lineno}: expected an absolute import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole if whole in modules() else node.module), node.lineno


def room_of(module: str) -> str:
    """Return the folder below a package, or the module beside the folders; ``kernels`` is one room, as a whole."""
    package, *below = module.split(".")
    return package if package in ("kernels", "search_spaces") or not below else f"{package}.{below[0]}"


def upward(floor_of: dict[str, int]) -> list[str]:
    """Find every import from another room that is not on a lower floor."""
    found = []
    for module, file in modules().items():
        own = room_of(module)
        for target, line in imported(file):
            other = room_of(target)
            if target in modules() and other != own and floor_of[other] >= floor_of[own]:
                found.append(f"{file.relative_to(ROOT)}:{line}: {own} imports {other}")
    return sorted(set(found))


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_imports_go_one_way(package: str) -> None:
    own = {module: file for module, file in modules().items() if module.split(".")[0] == package}
    assert own
    for module, file in own.items():
        if room_of(module) != SEES_BOTH:
            assert not {target.split(".")[0] for target, _ in imported(file)} & FORBIDDEN[package], file


def test_every_room_has_one_floor() -> None:
    rooms = {room_of(module) for module in modules()} - {"harness", "analysis"}
    assert rooms == set(FLOOR_OF)
    assert sum(len(floor) for floor in FLOORS) == len(rooms)


def test_no_import_runs_upward() -> None:
    assert upward({**FLOOR_OF, "harness": len(FLOORS), "analysis": len(FLOORS)}) == []


def test_an_upward_import_is_seen() -> None:
    lowered = {**FLOOR_OF, "harness": len(FLOORS), "analysis": len(FLOORS), "harness.run": 0}
    assert any("harness.run imports harness.backends" in line for line in upward(lowered))


def test_modules_import_each_other_in_no_circle() -> None:
    ours = modules()
    graph = {
        module: {target for target, _ in imported(file) if target in ours and target != module}
        for module, file in ours.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


@pytest.mark.parametrize("package", ["harness", "analysis"])
def test_each_room_says_what_it_is_for_in_one_sentence(package: str) -> None:
    for init in sorted((ROOT / package).glob("*/__init__.py")):
        said = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8")))
        assert said and said.splitlines()[0].endswith("."), init


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_the_package_that_is_imported_is_ours(package: str) -> None:
    # The registry has packages of the same names; whichever is first on the path would win.
    home = Path(importlib.import_module("harness").__file__ or "").resolve().parents[1]
    assert Path(importlib.import_module(package).__file__ or "").resolve().parents[1] == home
