"""A directory holds one run: a sweep that would put two into one is refused before anything is written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.cli import main
from harness.study.plan import PlannedRun, read_plans
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import write_toy

pytestmark = pytest.mark.usefixtures("undrawn")

__all__ = ["nearopt"]
TASK = "toy-8x8-bf16__toy"


def sweep(tmp_path: Path, *overrides: str) -> list[str]:
    path = tmp_path / f"{TASK}.parquet"
    if not path.exists():
        write_toy(tmp_path)
    return ["run", "-m", f"backend.landscape={path}", "jobs=1", "results=study", *overrides]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("budget.evaluations=5,6", "budget.evaluations=5,6: "),
        ("backend.noise=recorded,none", "backend.noise=recorded,none: "),
        ("batch=1,2", "batch=1,2: "),
    ],
)
@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_runs_that_would_share_a_directory_are_refused(
    nearopt: Nearopt, tmp_path: Path, override: str, words: str, dry_run: str
) -> None:
    code, out, err = nearopt(*sweep(tmp_path, override, "seed=0,1", f"dry_run={dry_run}"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err and f"would share study/{TASK}/random/seed-0" in err
    assert not (tmp_path / "study").exists()


def test_variants_under_one_label_of_the_users_are_refused(nearopt: Nearopt, tmp_path: Path) -> None:
    code, _, err = nearopt(*sweep(tmp_path, "strategy=lfbo", "strategy.gamma=0.1,0.3", "strategy.label=x"))
    assert code == 2 and "strategy.gamma=0.1,0.3: " in err
    assert not (tmp_path / "study").exists()


def test_two_landscapes_of_one_name_are_refused(nearopt: Nearopt, tmp_path: Path) -> None:
    arguments = sweep(tmp_path)
    (tmp_path / "other").mkdir()
    other = shutil.copy(tmp_path / f"{TASK}.parquet", tmp_path / "other")
    arguments[2] += f",{other}"
    code, _, err = nearopt(*arguments)
    assert code == 2 and "backend.landscape=" in err


@pytest.mark.slow
def test_dry_run_status_and_the_sweep_agree(nearopt: Nearopt, tmp_path: Path) -> None:
    arguments = sweep(
        tmp_path, "strategy=lfbo", "strategy.gamma=0.1,0.3", "seed=0,1,1", "budget.evaluations=4"
    )  # fmt: skip
    expected = {PlannedRun(TASK, f"lfbo(gamma={gamma})", seed) for gamma in (0.1, 0.3) for seed in (0, 1)}
    _, out, _ = nearopt(*arguments, "dry_run=true")
    for gamma in (0.1, 0.3):
        assert f"lfbo(gamma={gamma})" in out
    assert "total" in out and out[out.index("total") :].split()[1:5] == ["4", "0", "0", "4"]
    code, out, _ = nearopt(*arguments)
    assert code == 0 and out.startswith("4 runs done, 0 were done before, 0 failed")
    assert read_plans(tmp_path / "study") == expected
    _, out, _ = nearopt("status", "study", "--json")
    document = json.loads(out)
    assert document["totals"]["done"] == 4 and not document["open"]
    configs = (tmp_path / "study").rglob("config.yaml")
    assert all(f"label: {file.parts[-3]}" in file.read_text() for file in configs)
    assert nearopt(*arguments)[1].startswith("0 runs done, 4 were done before")
    assert main(["report", "study", "-o", "report"]) == 0
    assert "lfbo(gamma=0.3)" in (tmp_path / "report/speedups.csv").read_text()


def test_a_sweep_that_was_refused_whole_leaves_no_plan(nearopt: Nearopt, tmp_path: Path) -> None:
    assert nearopt(*sweep(tmp_path, "seed=0,1", "budget.evaluations=4"))[0] == 0
    before = nearopt("status", "study", "--json")[1]
    (plan,) = (tmp_path / "study/planned").iterdir()
    write_toy(tmp_path, seed=1)  # another recording under the same name
    code, _, err = nearopt(*sweep(tmp_path, "seed=0,1,2", "budget.evaluations=4"))
    assert code == 2 and "another recording" in err
    assert list((tmp_path / "study/planned").iterdir()) == [plan]
    assert nearopt("status", "study", "--json")[1] == before


def test_a_sweep_of_which_one_run_got_somewhere_leaves_its_plan(nearopt: Nearopt, tmp_path: Path) -> None:
    assert nearopt(*sweep(tmp_path, "seed=0", "budget.evaluations=4"))[0] == 0
    code, out, _ = nearopt(*sweep(tmp_path, "seed=0,1", "budget.evaluations=3"))  # seed 0 is another configuration's
    assert code == 2 and out.startswith("1 runs done, 0 were done before, 1 failed")
    assert read_plans(tmp_path / "study") == {PlannedRun(TASK, "random", seed) for seed in (0, 1)}


def test_a_plan_that_could_not_be_written_leaves_nothing(
    nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.study.plan.write_text", full)
    code, _, err = nearopt(*sweep(tmp_path, "seed=0,1"))
    assert code == 2 and "No space left on device" in err
    assert not (tmp_path / "study").exists()
