"""Runs without a success fail and print the most common message of every status; many failures are summed up."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.measure.activity import Activity
from harness.record.progress import RecordingProgress
from harness.system.text import by_status, mostly_failed
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import toy_space
from tests.harness.tuning.own_kernels import recording

__all__ = ["nearopt"]
SIZE = toy_space().size
FAILED = "no configuration of this task succeeded (of {} tried; most often, {} times: wrong_result: off by one)"


def test_a_run_without_a_success_fails(nearopt: Nearopt, tmp_path: Path) -> None:
    path = recording(tmp_path / "bad__up.parquet", toy_space(), "bad", failed=range(SIZE))
    code, out, err = nearopt("run", f"backend.landscape={path}", "budget.evaluations=7")
    assert code == 1 and out.startswith("7 evaluations, none succeeded (ended: budget)")
    assert err.splitlines() == [
        f"nearopt: bad__up: in 1 of 1 runs {FAILED.format(7, 7)}",
        "nearopt: bad__up: 7 wrong_result (most often, 7 times: off by one)",
    ]


@pytest.mark.parametrize(("failing", "code"), [(SIZE, 1), (SIZE * 3 // 4, 0), (SIZE // 4, 0)])
def test_a_sweep_of_a_task_where_nothing_works_fails(nearopt: Nearopt, tmp_path: Path, failing: int, code: int) -> None:
    path = recording(tmp_path / "bad__up.parquet", toy_space(), "bad", failed=range(failing))
    every = f"budget.evaluations={SIZE}"
    found, out, err = nearopt("run", "-m", f"backend.landscape={path}", "seed=0,1", "jobs=1", every)
    assert found == code and out.startswith("2 runs done, 0 were done before, 0 failed")
    lines = {
        SIZE: [f"bad__up: in 2 of 2 runs {FAILED.format(2 * SIZE, 2 * SIZE)}",
               f"bad__up: {2 * SIZE} wrong_result (most often, {2 * SIZE} times: off by one)"],
        SIZE * 3 // 4: [f"bad__up: {2 * failing} of {2 * SIZE} evaluations failed: "
                        f"{2 * failing} wrong_result (most often, {2 * failing} times: off by one)"],
        SIZE // 4: [],
    }  # fmt: skip
    assert err.splitlines() == [f"nearopt: {line}" for line in lines[failing]]


@pytest.mark.parametrize(("succeeded", "code"), [(0, 1), (1, 0)])
def test_a_recording_without_a_success_fails(
    nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, succeeded: int, code: int
) -> None:
    progress = RecordingProgress(
        log=tmp_path / "log", landscape=tmp_path / "x.parquet", done=36, total=36, activity=Activity(), wall_s=1.0,
        retime_s=0.0, failures={"wrong_result: off by one": 36 - succeeded}, succeeded=succeeded,
    )  # fmt: skip
    monkeypatch.setattr("harness.record.tasks.record_tasks", lambda *_: iter([progress]))
    found, out, _ = nearopt("record", "task=softmax-4096x2560-bf16")
    assert found == code
    assert f"{36 - succeeded} wrong_result (most often, {36 - succeeded} times: off by one)" in out


def test_every_status_is_told_with_its_commonest_message() -> None:
    reasons = {"compile_error: no": 2, "compile_error: never": 3, "wrong_result": 4, "run_timeout: slow: very": 6}
    assert by_status(reasons) == [
        "6 run_timeout (most often, 6 times: slow: very)",
        "5 compile_error (most often, 3 times: never)",
        "4 wrong_result",
    ]
    assert mostly_failed(reasons, 30) == mostly_failed(reasons, 15) == ""
    assert mostly_failed(reasons, 29).startswith("15 of 29 evaluations failed: 6 run_timeout (most")
