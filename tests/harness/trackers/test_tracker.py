"""The tracker in a run: it is told everything in time, always finishes, and never makes the run fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.cli import main
from harness.config.compose import Composer
from harness.errors import UserError
from harness.run.execute import RunResult, execute
from harness.system.resources import CHECKOUT
from tests.harness.cli.test_cli import trace
from tests.harness.toy import write_toy
from tests.harness.trackers.trackers_for_tests import Keeps, Watched

SEAL = re.compile(rb',"check":"[0-9a-f]{8}"\}')
HELPERS = "tests.harness.trackers.trackers_for_tests"
KEEPS = f"tracker._target_={HELPERS}.Keeps"
WATCHED = (f"strategy._target_={HELPERS}.Watched", "strategy.label=watched")


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keeps, "events", [])
    monkeypatch.setattr(Watched, "error", None)


def run(tmp_path: Path, *overrides: str) -> RunResult:
    given = [f"backend.landscape={write_toy(tmp_path)}", f"results={tmp_path / 'results'}", "budget.evaluations=20"]
    one = Composer().single([*given, *overrides])
    return execute(one.runs[0], one.options)


def test_a_tracker_changes_neither_trace_nor_hash(tmp_path: Path) -> None:
    plain = run(tmp_path).path
    tracked = run(tmp_path, KEEPS, f"results={tmp_path / 'tracked'}").path
    assert trace(tracked) == trace(plain)
    assert (tracked / "config.yaml").read_text() == (plain / "config.yaml").read_text()
    (_, told, again), *rest = Keeps.events
    assert (told.path, told.study, told.label, told.seed, again) == (tracked, "tracked", "random", 0, False)
    assert told.config == yaml.safe_load((tracked / "config.yaml").read_text())
    assert [event[1].index for event in rest[:-1]] == list(range(20))
    assert [event[1].latency_ms for event in rest[:-1]] == trace(tracked)["latency_ms"]
    assert rest[-1] == ("finish", "budget", tracked / "evaluations.parquet")


def test_nothing_is_tracked_while_a_strategy_thinks_or_a_batch_is_measured(tmp_path: Path) -> None:
    run(tmp_path, KEEPS, *WATCHED, "batch=4")
    names = [event if isinstance(event, str) else event[0] for event in Keeps.events]
    assert names == ["start", *["ask", "tell", "log", "log", "log", "log"] * 5, "finish"]


@pytest.mark.parametrize(("error", "ended"), [(RuntimeError("enough"), "failed"), (KeyboardInterrupt(), "interrupted")])
def test_a_tracker_is_finished_however_a_run_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, ended: str
) -> None:
    monkeypatch.setattr(Watched, "error", error)
    with pytest.raises(type(error)):
        run(tmp_path, KEEPS, *WATCHED)
    assert [event[0] for event in Keeps.events if event not in ("ask", "tell")] == ["start", *["log"] * 5, "finish"]
    assert Keeps.events[-1] == ("finish", ended, None)


def test_a_resumed_run_is_told_whole_and_a_diverged_one_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = trace(run(tmp_path, *WATCHED, f"results={tmp_path / 'whole'}").path)["latency_ms"]
    Keeps.events.clear()
    monkeypatch.setattr(Watched, "error", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, *WATCHED)
    log = tmp_path / "results/toy-8x8-bf16__toy/watched/seed-0/evaluations.jsonl"
    interrupted = log.read_bytes()
    monkeypatch.setattr(Watched, "error", None)
    Keeps.events.clear()
    run(tmp_path, KEEPS, *WATCHED)
    assert [event[1].latency_ms for event in Keeps.events if event[0] == "log"] == expected

    (log.parent / "DONE").unlink()
    lines = [SEAL.sub(b"}", line) for line in interrupted.splitlines(keepends=True)]  # as before lines had checks
    third = lines[4].replace(b'"index":4', b'"index":3')
    log.write_bytes(b"".join([*lines[:3], third]))
    Keeps.events.clear()
    run(tmp_path, KEEPS, *WATCHED)
    starts = [i for i, event in enumerate(Keeps.events) if event[0] == "start"]
    assert [Keeps.events[i][2] for i in starts] == [False, True]
    assert ("finish", "interrupted", None) in Keeps.events[: starts[1]]
    after = Keeps.events[starts[1] :]
    assert [event[1].latency_ms for event in after if event[0] == "log"] == expected


@pytest.mark.parametrize("where", ["start", "log", "finish"])
def test_a_tracker_that_breaks_costs_a_line_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    expected = trace(run(tmp_path).path)
    broken = run(tmp_path, f"tracker._target_={HELPERS}.Breaks", f"+tracker.where={where}", f"results={tmp_path / 'b'}")
    assert trace(broken.path) == expected
    assert (broken.path / "DONE").exists()
    assert not (broken.path / "FAILED").exists()
    assert capsys.readouterr().err == "nearopt: tracker: ConnectionError: no network (the run continues)\n"
    assert Keeps.events[-1] == ("finish", "failed", None)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["tracker=nope"], ["tracker=nope", "expected none"]),
        (["tracker=wandb", "tracker.mode=loud"], ["tracker.mode=loud", "offline"]),
        (["tracker=wandb", "tracker.mode=offline", "tracker.every_s=-1"], ["tracker.every_s=-1"]),
        (["tracker=wandb", "tracker.mode=offline", "tracker.every_s=often"], ["tracker.every_s=often"]),
        (["tracker._target_=builtins.dict"], ["tracker._target_=builtins.dict"]),
        (["tracker=wandb", "tracker.mode=offline", "+tracker.colour=red"], ["colour"]),
    ],
)
def test_each_mistake_is_one_line_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], overrides: list[str], words: list[str]
) -> None:
    code = main(["run", f"backend.landscape={write_toy(tmp_path)}", f"results={tmp_path / 'results'}", *overrides])
    err = capsys.readouterr().err
    assert code == 2
    assert err.count("\n") == 1
    for word in words:
        assert word in err
    assert not (tmp_path / "results").exists()


def test_online_without_a_key_is_refused_before_anything_starts(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB") and name != "NETRC"}
    overrides = [f"backend.landscape={write_toy(tmp_path)}", f"results={tmp_path / 'results'}", "tracker=wandb"]
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "run", *overrides],
        env={**kept, "HOME": str(tmp_path)},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("nearopt: tracker.mode=online: no W&B API key")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_a_run_can_do_without_the_group(tmp_path: Path) -> None:
    assert run(tmp_path, "~tracker").ended == "budget"
    with pytest.raises(UserError, match="tracker"):
        run(tmp_path, "tracker.mode=offline")
