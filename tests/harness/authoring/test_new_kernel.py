"""The files of `nearopt new-kernel` work at once; for an invalid name nothing is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.authoring.test_new_strategy import python
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.test_imports import ROOT

__all__ = ["nearopt"]
KINDS = ("triton", "cpu", "cuda")


@pytest.mark.parametrize("kind", ["triton", "cpu", pytest.param("cuda", marks=pytest.mark.slow)])
def test_what_is_written_is_checked_and_composed(nearopt: Nearopt, kind: str) -> None:
    name = f"grown_{kind}"  # another test may have imported a module of the same name
    code, out, err = nearopt("new-kernel", name, "--kind", kind, "-o", "mine")
    assert (code, err) == (0, "")
    assert out.split() == [f"mine/{name}.py", f"mine/test_{name}.py"]
    code, out, err = nearopt("check", f"mine/{name}.py", "--no-compile")
    assert (code, err) == (0, ""), out
    assert [line.split()[0] for line in out.splitlines()] == ["ok"] * 7
    code, out, err = nearopt("run", "--cfg", f"task=mine/{name}.py", "task.kernel.dtype=fp32", "backend=live")
    assert code == 0 and f"name: {name}-" in out and "-fp32\n" in out, err


def test_what_is_written_is_in_style(nearopt: Nearopt, tmp_path: Path) -> None:
    for kind in KINDS:
        assert nearopt("new-kernel", f"styled_{kind}", "--kind", kind, "-o", "mine")[0] == 0
    style = [sys.executable, "-m", "ruff", "check", "--ignore", "I", "--config", str(ROOT / "pyproject.toml"), "mine"]
    checked = subprocess.run(style, cwd=tmp_path, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_what_is_written_keeps_its_contract_in_a_process_of_its_own(
    nearopt: Nearopt, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)  # importing the contract turns it on
    assert nearopt("new-kernel", "my_own", "--kind", kind, "-o", "mine")[0] == 0
    tested = python(tmp_path / "mine", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0 and " passed" in tested.stdout and "failed" not in tested.stdout, tested.stdout
    checked = python(tmp_path, "-m", "harness.cli", "check", "mine/my_own.py")
    assert checked.returncode == 0 and "FAIL" not in checked.stdout, checked.stdout + checked.stderr
    assert ("compile for an H100" in checked.stdout) == (kind != "cpu")


@pytest.mark.slow
def test_a_python_callable_is_run_from_its_file(nearopt: Nearopt, tmp_path: Path) -> None:
    assert nearopt("new-kernel", "my_gram", "--kind", "cpu", "-o", "mine")[0] == 0
    run = ("run", "task=mine/my_gram.py", "task.kernel.rows=32", "task.kernel.cols=16", "backend=live",
           "budget.evaluations=4", "backend.compile_workers=1", "backend.timing.samples=5",
           "backend.timing.max_samples=5")  # fmt: skip
    code, out, err = nearopt(*run)
    assert code == 0 and out.startswith("4 evaluations, best observed"), out + err
    (done,) = (tmp_path / "results").glob("my_gram-32x16-fp32__*/random/seed-0/DONE")
    assert done.exists()
    assert nearopt(*run)[1].startswith("done before")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("Mine",), "new-kernel Mine: expected a module name"),
        (("softmax",), "new-kernel softmax: a task has this name"),
        (("json",), "new-kernel json: an existing module of this name"),
        (("mine", "--kind", "cude"), "invalid choice: 'cude'"),
    ],
)
def test_a_name_at_fault_is_one_line(nearopt: Nearopt, tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    code, out, err = nearopt("new-kernel", *words)
    assert (code, out) == (2, "") and says in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(nearopt: Nearopt, tmp_path: Path) -> None:
    (tmp_path / "test_my_row.py").write_text("mine")
    code, _, err = nearopt("new-kernel", "my_row")
    assert code == 2 and err.startswith("nearopt: test_my_row.py: exists") and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["test_my_row.py"]
