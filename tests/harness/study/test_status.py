"""The status of a study's folder: untouched, moved, read-only, and while it runs."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.cli.status_text import format_status
from harness.config.compose import Composer
from harness.errors import UserError
from harness.run.failures import failure_kept
from harness.run.state import State
from harness.run.store import RunDirectory
from harness.study.plan import PlannedRun, planned, planned_run, read_plans
from harness.study.status import study_status
from harness.system import lease
from harness.system.lease import held
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import write_toy

__all__ = ["nearopt"]
TASK = "toy-8x8-bf16__toy"


def sweep(tmp_path: Path, *overrides: str) -> tuple[str, ...]:
    path = tmp_path / f"{TASK}.parquet"
    if not path.exists():
        write_toy(tmp_path)
    return ("run", "-m", f"backend.landscape={path}", "budget.evaluations=10", "jobs=1", "results=study", *overrides)


@pytest.fixture
def study(nearopt: Nearopt, tmp_path: Path) -> Iterator[Path]:
    """Make seeds 0 to 4 of two strategies: done, interrupted, failed, running and missing, in that order."""
    code, _, _ = nearopt(*sweep(tmp_path, "strategy=random,grid", "seed=range(0,5)"))
    assert code == 0
    folder = tmp_path / "study" / TASK / "random"
    for seed in (1, 2, 3):
        (folder / f"seed-{seed}/DONE").unlink()
    with pytest.raises(RuntimeError), failure_kept(folder / "seed-2"):
        raise RuntimeError("enough")
    shutil.rmtree(folder / "seed-4")
    config = {"config_hash": json.loads((folder / "seed-0/DONE").read_text())["config_hash"]}
    (folder / "seed-3/config.yaml").unlink()
    with RunDirectory(folder / "seed-3", config):
        yield tmp_path / "study"


EXPECTED = [State.DONE, State.INTERRUPTED, State.FAILED, State.RUNNING, State.MISSING]


def test_every_state_is_told(study: Path) -> None:
    status = study_status(study)
    states = {(run.run.label, run.run.seed): run.state for run in status.runs}
    assert [states["random", seed] for seed in range(5)] == EXPECTED
    assert {states["grid", seed] for seed in range(5)} == {State.DONE}
    assert status.counts()[TASK, "grid"] == {State.DONE: 5}
    assert status.totals() == {State.DONE: 6, **dict.fromkeys(EXPECTED[1:], 1)}
    assert [run.message for run in status.runs if run.state is State.FAILED] == ["RuntimeError: enough"]


def test_the_table_and_the_json_say_the_same(nearopt: Nearopt, study: Path) -> None:
    code, out, err = nearopt("status", study)
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    states = ["done", "running", "interrupted", "failed", "missing", "damaged", "superseded"]
    assert lines[0] == ["task", "strategy", *states, "runs"]
    assert lines[1] == [TASK, "grid", "5", "5"]
    assert lines[2] == [TASK, "random", "1", "1", "1", "1", "1", "5"]
    assert lines[3] == ["total", "6", "1", "1", "1", "1", "10"]
    assert f"failed: {TASK}/random/seed-2: RuntimeError: enough" in out
    assert "resume=retry_failed" in out
    assert f"running: {TASK}/random/seed-3: process {os.getpid()} on {platform.node()}" in out
    code, out, _ = nearopt("status", study, "--json")
    document = json.loads(out)
    assert code == 0
    one = dict.fromkeys(("running", "interrupted", "failed", "missing"), 1)
    assert document["totals"] == {"done": 6, **one, "damaged": 0, "superseded": 0}
    assert sum(group["done"] for group in document["groups"]) == 6
    assert {(run["seed"], run["state"]) for run in document["open"]} == {
        (1, "interrupted"), (2, "failed"), (3, "running"), (4, "missing"),
    }  # fmt: skip


def test_a_moved_and_read_only_copy_tells_the_same_but_for_what_runs(study: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere/copy"
    shutil.copytree(study, moved)
    files = sorted(moved.rglob("*"))
    for path in [moved, *files]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        states = {(run.run.label, run.run.seed): run.state for run in study_status(moved).runs}
    finally:
        for path in [moved, *files]:
            path.chmod(0o755)
    assert [states["random", seed] for seed in range(5)] == [*EXPECTED[:3], State.INTERRUPTED, State.MISSING]
    assert sorted(moved.rglob("*")) == files


def test_looking_does_not_get_in_the_way_of_a_run(tmp_path: Path) -> None:
    with RunDirectory(tmp_path / "run", {"config_hash": "x"}):
        assert held(tmp_path / "run")
    assert not held(tmp_path / "run")
    with RunDirectory(tmp_path / "run", {"config_hash": "x"}):
        assert held(tmp_path / "run")


@pytest.mark.parametrize(("looks", "refused"), [(lease.LOOKS, False), (lease.LOOKS + 1, True)])
def test_a_run_waits_for_a_look_at_its_lock_but_for_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int, refused: bool
) -> None:
    """The look at the lock ends while the run waits for the ``looks``-th time."""
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == looks:
            fcntl.flock(look, fcntl.LOCK_UN)

    with RunDirectory(tmp_path / "run", {"config_hash": "x"}):
        pass
    with (tmp_path / "run/.lock").open("rb") as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        monkeypatch.setattr(lease, "time", SimpleNamespace(sleep=wait))
        with pytest.raises(UserError, match="another process") if refused else nullcontext():
            RunDirectory(tmp_path / "run", {"config_hash": "x"}).__exit__()
    assert waits == [lease.LOOK_S] * lease.LOOKS


def test_sweeps_add_up_and_the_same_one_adds_nothing(nearopt: Nearopt, tmp_path: Path) -> None:
    nearopt(*sweep(tmp_path, "seed=0,1"))
    nearopt(*sweep(tmp_path, "seed=1,0"))
    assert len(list((tmp_path / "study/planned").iterdir())) == 1
    nearopt(*sweep(tmp_path, "seed=1,2"))
    assert len(list((tmp_path / "study/planned").iterdir())) == 2
    assert read_plans(tmp_path / "study") == {PlannedRun(TASK, "random", seed) for seed in range(3)}


def test_a_plan_is_there_before_the_first_run(tmp_path: Path) -> None:
    overrides = [f"backend.landscape={write_toy(tmp_path)}", f"results={tmp_path / 'study'}"]
    config = Composer().compose(overrides)
    with pytest.raises(KeyboardInterrupt), planned([config], tmp_path / "study"):
        status = study_status(tmp_path / "study")
        assert [(run.run.label, run.state) for run in status.runs] == [("random", State.MISSING)]
        (tmp_path / "study" / TASK / "random/seed-0").mkdir(parents=True)
        raise KeyboardInterrupt
    assert read_plans(tmp_path / "study") == {PlannedRun(TASK, "random", 0)}


def test_a_mistaken_sweep_plans_nothing_and_keeps_others_plans(nearopt: Nearopt, tmp_path: Path) -> None:
    code, _, _ = nearopt(*sweep(tmp_path, "backend.noise=loud", "seed=0,1"))
    assert code == 2
    assert not (tmp_path / "study").exists()
    nearopt(*sweep(tmp_path, "seed=0,1"))
    code, _, _ = nearopt(*sweep(tmp_path, "strategy=grid", "backend.noise=loud"))
    assert code == 2
    assert {run.label for run in read_plans(tmp_path / "study")} == {"random"}


def test_a_live_plan_is_met_on_any_device(tmp_path: Path) -> None:
    live = ["backend=live", "task=softmax-4096x2560-bf16", f"results={tmp_path}"]
    configs = [Composer().compose([*live, f"seed={seed}"]) for seed in range(2)]
    assert planned_run(configs[0]) == PlannedRun("softmax-4096x2560-bf16__*", "random", 0)
    with planned(configs, tmp_path):
        assert {run.run.task for run in study_status(tmp_path).runs} == {"softmax-4096x2560-bf16__*"}
        (tmp_path / "softmax-4096x2560-bf16__h200/random/seed-1").mkdir(parents=True)
    found = [(run.run.task, run.run.seed, run.state) for run in study_status(tmp_path).runs]
    assert found == [
        ("softmax-4096x2560-bf16__h200", 0, State.MISSING),
        ("softmax-4096x2560-bf16__h200", 1, State.INTERRUPTED),
    ]


def test_a_consolidated_study_is_done(study: Path, tmp_path: Path) -> None:
    from analysis.runs.bundle import write_bundle

    (tmp_path / "alone").mkdir()
    assert write_bundle([study], tmp_path / "alone").runs == 6
    status = study_status(tmp_path / "alone")
    assert status.totals() == {State.DONE: 6}
    assert "no sweep plan found here" in format_status(status)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("planned/x.json", "{", "planned/x.json"),
        ("consolidated.parquet", "PAR", "consolidated.parquet"),
        ("x", "", "no run"),
    ],
)
def test_what_is_no_study_is_one_line(nearopt: Nearopt, tmp_path: Path, name: str, text: str, words: str) -> None:
    file = tmp_path / "study" / name
    file.parent.mkdir(parents=True)
    file.write_text(text)
    code, out, err = nearopt("status", "study")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert nearopt("status", "absent")[0] == 2


def test_a_sweep_that_cannot_write_is_one_line(nearopt: Nearopt, tmp_path: Path) -> None:
    (tmp_path / "study").write_text("in the way")
    code, _, err = nearopt(*sweep(tmp_path, "seed=range(0,50)"))
    assert code == 2
    assert err.count("\n") == 1
    assert "study/planned: cannot be written (Not a directory)" in err


@pytest.mark.parametrize("link", ["study", "study/planned"])
def test_a_link_to_a_disk_that_is_not_there_stays(nearopt: Nearopt, tmp_path: Path, link: str) -> None:
    """Otherwise the same command would begin the study again elsewhere."""
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to("/nowhere/at/all")
    for _ in range(2):
        code, _, err = nearopt(*sweep(tmp_path, "seed=0,1"))
        assert (code, err.count("\n")) == (2, 1) and f"{link}: cannot be written" in err, err
        assert (tmp_path / link).is_symlink()


def test_a_plan_that_cannot_be_written_stops_only_a_sweep_that_lacks_runs(
    nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nearopt(*sweep(tmp_path, "seed=0,1"))[0] == 0
    shutil.rmtree(tmp_path / "study/planned")

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("harness.study.plan.write_text", refuse)
    code, out, err = nearopt(*sweep(tmp_path, "seed=0,1"))
    assert (code, err) == (0, "") and "2 were done before" in out
    code, _, err = nearopt(*sweep(tmp_path, "seed=0,1,2"))
    assert code == 2 and "study: cannot be written (Read-only file system)" in err
