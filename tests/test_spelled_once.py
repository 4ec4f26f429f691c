"""Names of the run directory's files and columns are written in one module per side; all others import them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.run_directory import DEFS

ROOT = Path(__file__).resolve().parents[1]
SPELL = {"harness/run/contract.py", "harness/system/lease.py", "analysis/runs/contract.py"}
"""The lease is a floor below the contract, which takes its two names from there."""
FILES = {*DEFS["run"]["properties"], *DEFS["task"]["properties"], "consolidated.parquet", "seed-", "aborted-"}
FILES.remove(".lock")  # other locks are called so too
COLUMNS = {
    name for name in DEFS["evaluations.parquet"]["properties"]["columns"]["properties"] if name.endswith(("_s", "_ms"))
}
"""Those that are no everyday words."""
READ_OR_WRITE = ("harness/run/*.py", "harness/study/*.py", "harness/record/retime_study.py", "analysis/runs/*.py")
MAKES_COLUMNS_OF_ITS_OWN = {"analysis/runs/split_time.py"}


def spelled(file: Path) -> Iterator[tuple[str, int]]:
    """Return every string of a module, and every fixed part of an f-string without surrounding slashes."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.strip("/"), node.lineno


def again(names: set[str], *globs: str) -> list[str]:
    """Find places where a name is written again."""
    return [
        f"{place}:{line}: {word!r}"
        for glob in globs
        for file in sorted(ROOT.glob(glob))
        if (place := file.relative_to(ROOT).as_posix()) not in SPELL
        for word, line in spelled(file)
        if word in names
    ]


def test_files() -> None:
    assert again(FILES, "harness/**/*.py", "analysis/**/*.py") == []


def test_columns() -> None:
    lines = again(COLUMNS, *READ_OR_WRITE)
    assert [line for line in lines if line.split(":")[0] not in MAKES_COLUMNS_OF_ITS_OWN] == []


def test_columns_of_parameters() -> None:
    written = ("harness/run/*.py", "harness/study/*.py", "harness/record/*.py", "harness/landscapes/*.py")
    assert again({"config."}, *written) == ["harness/landscapes/columns.py:9: 'config.'"]


@pytest.mark.parametrize("text", ['x = path / "DONE"', 'x = f"{task}/seed-{seed}"', 'x = {"wall_s": 1}'])
def test_a_second_spelling_is_seen(tmp_path: Path, text: str) -> None:
    file = tmp_path / "module.py"
    file.write_text(text)
    assert {word for word, _ in spelled(file)} & (FILES | COLUMNS)
