"""The three files of `nearopt new-strategy` work at once; for an invalid name nothing is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import write_toy
from tests.test_imports import ROOT

__all__ = ["nearopt"]


def python(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run as an installed script does, without the working directory on the path."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=500)


def test_what_is_written_is_run_and_ruffed(nearopt: Nearopt, tmp_path: Path) -> None:
    code, out, err = nearopt("new-strategy", "near_and_far", "-o", "mine")
    assert (code, err) == (0, "")
    assert out.split() == ["mine/near_and_far.py", "mine/strategy/near_and_far.yaml", "mine/test_near_and_far.py"]
    run = ("run", "-m", "--config-dir", "mine", f"backend.landscape={write_toy(tmp_path)}", "strategy=near_and_far",
           "seed=0", "budget.evaluations=30", "jobs=1")  # fmt: skip
    code, out, err = nearopt(*run)
    sys.modules.pop("near_and_far", None)  # another test may write a module of that name
    assert (code, out) == (0, "1 runs done, 0 were done before, 0 failed: results\n"), err
    style = [sys.executable, "-m", "ruff", "check", "--ignore", "I", "--config", str(ROOT / "pyproject.toml"), "mine"]
    checked = subprocess.run(style, cwd=tmp_path, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    assert max(map(len, (tmp_path / "mine/strategy/near_and_far.yaml").read_text().splitlines())) <= 120


@pytest.mark.slow
def test_what_is_written_is_tested_and_run_as_an_installed_script_does(nearopt: Nearopt, tmp_path: Path) -> None:
    assert nearopt("new-strategy", "near_and_far", "-o", "mine")[0] == 0
    tested = python(tmp_path / "mine", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0 and " passed" in tested.stdout, tested.stdout + tested.stderr
    run = ("-m", "harness.cli", "run", "-m", "--config-dir", "mine", f"backend.landscape={write_toy(tmp_path)}",
           "strategy=near_and_far", "seed=range(0,2)", "budget.evaluations=30", "jobs=2")  # fmt: skip
    ran = python(tmp_path, *run)
    assert (ran.returncode, ran.stdout) == (0, "2 runs done, 0 were done before, 0 failed: results\n"), ran.stderr
    assert (tmp_path / "results/toy-8x8-bf16__toy/near_and_far/seed-1/DONE").exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Mine", "expected a module name"),
        ("9lives", "expected a module name"),
        ("my-own", "expected a module name"),
        ("../mine", "expected a module name"),
        ("class", "expected a module name"),
        ("lfbo", "a strategy has this name"),
        ("json", "an existing module of this name"),
        ("harness", "an existing module of this name"),
    ],
)
def test_a_name_at_fault_is_one_line(nearopt: Nearopt, tmp_path: Path, name: str, says: str) -> None:
    code, out, err = nearopt("new-strategy", name)
    assert (code, out) == (2, "") and says in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["near_and_far.py", "strategy/near_and_far.yaml", "test_near_and_far.py"])
def test_nothing_is_overwritten(nearopt: Nearopt, tmp_path: Path, there: str) -> None:
    file = tmp_path / "mine" / there
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    code, out, err = nearopt("new-strategy", "near_and_far", "-o", "mine")
    assert (code, out) == (2, "") and err.startswith(f"nearopt: mine/{there}: exists") and err.count("\n") == 1
    assert file.read_text() == "mine"
    assert [path for path in (tmp_path / "mine").rglob("*") if path.is_file()] == [file]


def test_a_folder_that_is_a_file_is_one_line(nearopt: Nearopt, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    code, _, err = nearopt("new-strategy", "near_and_far", "-o", "mine")
    assert code == 2 and err.startswith("nearopt: mine/near_and_far.py: cannot be written") and err.count("\n") == 1
