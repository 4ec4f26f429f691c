"""A failing run does not affect the others; only a full disk ends a sweep."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from harness.errors import Unwritable, UserError
from harness.system.atomic import writing
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.study.sweeping import traces
from tests.harness.toy import write_toy

__all__ = ["nearopt"]
TASK = "toy-8x8-bf16__toy"
REMOVER = """
import shutil
from pathlib import Path
from harness.strategies.random import RandomSearch

class Remover(RandomSearch):
    def __init__(self, space, seed, budget):
        super().__init__(space, seed, budget)
        self._seed = seed.entropy

    def ask(self, n):
        if self._seed == 1:
            shutil.rmtree(Path("study") / "toy-8x8-bf16__toy/Remover/seed-1", ignore_errors=True)
        return super().ask(n)
"""


def sweep(tmp_path: Path, *overrides: str) -> list[str]:
    return ["run", "-m", f"backend.landscape={write_toy(tmp_path)}", "budget.evaluations=5", "results=study",
            "seed=0,1,2,3", *overrides]  # fmt: skip


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_file_in_place_of_a_run_fails_that_run_alone(nearopt: Nearopt, tmp_path: Path, jobs: int) -> None:
    place = tmp_path / f"study/{TASK}/random/seed-0"
    place.parent.mkdir(parents=True)
    place.touch()
    code, out, err = nearopt(*sweep(tmp_path, f"jobs={jobs}"))
    assert code == 2 and out.startswith("3 runs done, 0 were done before, 1 failed")
    told = [line for line in err.splitlines() if line.startswith("nearopt: ")]
    assert (
        len(told) == 1
        and f"seed 0: study/{TASK}/random/seed-0: damaged: is a file where a run's folder belongs: move it away"
        in told[0]
    )
    assert len(traces(tmp_path / "study")) == 3
    place.unlink()
    assert nearopt(*sweep(tmp_path, f"jobs={jobs}"))[1].startswith("1 runs done, 3 were done before, 0 failed")


def test_a_directory_that_is_deleted_fails_its_run_alone(
    nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "remover_strategy.py").write_text(REMOVER)
    monkeypatch.syspath_prepend(str(tmp_path))
    code, out, err = nearopt(*sweep(tmp_path, "strategy._target_=remover_strategy.Remover", "jobs=1"))
    assert code == 2 and out.startswith("3 runs done, 0 were done before, 1 failed")
    assert (
        f"seed 1: study/{TASK}/Remover/seed-1/evaluations.jsonl: cannot be written (No such file or directory)" in err
    )
    assert len(traces(tmp_path / "study")) == 3


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("told_by_the_system", [True, False])
def test_a_disk_that_takes_nothing_more_ends_the_sweep(
    nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, told_by_the_system: bool
) -> None:
    """pyarrow's errors may contain the reason only in their text."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number)) if told_by_the_system else OSError(f"writing: {os.strerror(number)}")

    monkeypatch.setattr("harness.run.execute.write_reference", refuse)
    code, out, err = nearopt(*sweep(tmp_path, "jobs=1"))
    assert (code, out) == (2, "")
    assert os.strerror(number) in err and "the same command resumes" in err


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.EISDIR, errno.EIO, errno.ESTALE])
def test_any_other_error_is_not_the_disks(tmp_path: Path, number: int) -> None:
    with pytest.raises(UserError) as told, writing(tmp_path):
        raise OSError(number, os.strerror(number))
    assert not isinstance(told.value, Unwritable)
