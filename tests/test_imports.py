"""The rooms' one-way doors, and that the top-level names are ours."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN = {
    "analysis": {"harness", "kernels", "search_spaces"},
    "harness": {"analysis"},
    "kernels": {"harness", "analysis"},
    "search_spaces": {"harness", "analysis", "kernels"},
}
EXCEPT = {*(ROOT / "harness" / "cli").glob("*.py")}


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_imports_go_one_way(package: str) -> None:
    files = [file for file in (ROOT / package).rglob("*.py") if file not in EXCEPT]
    assert files
    for file in files:
        assert not imported(file) & FORBIDDEN[package], file


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_the_package_that_is_imported_is_ours(package: str) -> None:
    # The registry has packages of the same names; whichever is first on the path would win.
    home = Path(importlib.import_module("harness").__file__ or "").resolve().parents[1]
    assert Path(importlib.import_module(package).__file__ or "").resolve().parents[1] == home
