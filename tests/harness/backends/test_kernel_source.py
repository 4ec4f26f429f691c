"""The hash of a kernel's code depends only on that code, not on other imports of the process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.backends.kernel_source import kernel_source_hash

PACKAGE = "def shared_by_all():\n    pass\n"
BASE = "class Shared:\n    pass\n"
ONE = "from {package} import shared_by_all\nfrom {package}.base import Shared\nclass One(Shared):\n    pass\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "kernels_of_a_test"
    folder.mkdir()
    (folder / "__init__.py").write_text(PACKAGE)
    (folder / "base.py").write_text(BASE)
    for name in ("one", "other"):
        (folder / f"{name}.py").write_text(ONE.format(package=folder.name))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[name]


def hashed(package: Path) -> str:
    one = importlib.import_module(f"{package.name}.one")
    return kernel_source_hash(one.One())


def test_a_neighbour_that_was_imported_changes_nothing(package: Path) -> None:
    before = hashed(package)
    importlib.import_module(f"{package.name}.other")
    assert hashed(package) == before


@pytest.mark.parametrize(("name", "counts"), [("one", True), ("base", True), ("__init__", True), ("other", False)])
def test_the_code_that_it_uses_counts(package: Path, name: str, counts: bool) -> None:
    before = hashed(package)
    file = package / f"{name}.py"
    file.write_text(file.read_text() + "# another line\n")
    assert (hashed(package) != before) is counts
