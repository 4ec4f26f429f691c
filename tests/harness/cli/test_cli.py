"""The command line as scripts use it: its output, its exit codes, and one line for each mistake."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.cli import main
from harness.cli.commands import BY_NAME
from harness.cli.parser import command_parser
from harness.measure.device import NoDevice
from tests.harness.toy import write_toy

Nearopt = Callable[..., tuple[int, str, str]]
TIMING = {"ask_s", "tell_s", "wall_s", "asks_s"}


@pytest.fixture
def nearopt(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nearopt:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def trace(folder: Path) -> dict[str, list[object]]:
    table = pq.read_table(folder / "evaluations.parquet")
    return {name: table.column(name).to_pylist() for name in table.column_names if name not in TIMING}


def test_the_same_seed_gives_the_same_trace(nearopt: Nearopt, tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    for results in ("a", "b"):
        code, out, err = nearopt("run", f"backend.landscape={path}", "budget.evaluations=50", f"results={results}")
        assert (code, err) == (0, "")
        assert "50 evaluations" in out
    a, b = (trace(tmp_path / results / "toy-8x8-bf16__toy/random/seed-0") for results in "ab")
    assert a == b
    assert {"status", "latency_ms", "oracle_ms", "compile_s", "clock_end_s", "config.block"} <= a.keys()
    nearopt("run", f"backend.landscape={path}", "budget.evaluations=50", "results=c", "seed=1")
    assert trace(tmp_path / "c/toy-8x8-bf16__toy/random/seed-1") != a


def test_a_sweep_expands_skips_and_resumes(nearopt: Nearopt, tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    sweep = ["run", "-m", f"backend.landscape={path}", "budget.evaluations=40", "jobs=1", "seed=range(0,4)"]
    code, out, _ = nearopt(*sweep)
    assert code == 0
    assert out.startswith("4 runs done, 0 were done before")
    runs = sorted((tmp_path / "results/toy-8x8-bf16__toy/random").iterdir())
    assert [run.name for run in runs] == ["seed-0", "seed-1", "seed-2", "seed-3"]
    whole = [trace(run) for run in runs]
    written = (runs[0] / "evaluations.parquet").stat().st_mtime_ns

    rows = pq.read_table(runs[2] / "evaluations.parquet").to_pylist()
    names = ("index", "status", "samples_ms", "latency_ms", "oracle_ms", "compile_s", "verify_s", "benchmark_s",
             "ask_s", "tell_s", "clock_start_s", "clock_end_s", "message", "repaired")  # fmt: skip
    log = [
        {**{name: row[name] for name in names}, "configuration":
            {key[7:]: row[key] for key in row if key.startswith("config.") and row[key] is not None}}
        for row in rows[:17]
    ]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in log)
    (runs[2] / "evaluations.jsonl").write_text(text + '{"index": 17, "config')
    (runs[2] / "DONE").unlink()
    (runs[2] / "evaluations.parquet").unlink()
    code, out, _ = nearopt(*sweep)
    assert out.startswith("1 runs done, 3 were done before")
    assert [trace(run) for run in runs] == whole
    assert (runs[0] / "evaluations.parquet").stat().st_mtime_ns == written
    assert not list(runs[2].glob("aborted-*"))


@pytest.mark.slow  # the fast tier has test_sweep.py: test_parallel_replay_is_serial_replay
def test_parallel_is_serial(nearopt: Nearopt, tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    for jobs in (1, 2):
        code, _, _ = nearopt(
            "run", "-m", f"backend.landscape={path}", "seed=0,1,2", f"jobs={jobs}", f"results=jobs-{jobs}"
        )
        assert code == 0
    for seed in range(3):
        one, two = (trace(tmp_path / f"jobs-{jobs}/toy-8x8-bf16__toy/random/seed-{seed}") for jobs in (1, 2))
        assert one == two


def test_a_log_that_does_not_fit_is_set_aside(nearopt: Nearopt, tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    run = ("run", f"backend.landscape={path}", "budget.evaluations=20")
    nearopt(*run)
    folder = tmp_path / "results/toy-8x8-bf16__toy/random/seed-0"
    expected = trace(folder)
    row = pq.read_table(folder / "evaluations.parquet").to_pylist()[5]
    line = {name: value for name, value in row.items() if not name.startswith("config.")}
    configuration = {key[7:]: row[key] for key in row if key.startswith("config.") and row[key] is not None}
    (folder / "evaluations.jsonl").write_text(json.dumps({**line, "index": 0, "configuration": configuration}) + "\n")
    (folder / "DONE").unlink()
    assert nearopt(*run)[0] == 0
    assert (folder / "aborted-0/evaluations.jsonl").exists()
    assert trace(folder) == expected


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["strategy=nope"], ["strategy=nope", "expected one of", "nearopt strategies"]),
        (["task=nope-1"], ["task", "nope-1"]),
        (["budget.evaluations=0"], ["budget.evaluations=0", "1 or more"]),
        (["budget.evaluations=-3"], ["budget.evaluations=-3"]),
        (["budget.evaluations=many"], ["evaluations", "many"]),
        (["budget.seconds=0"], ["budget.seconds=0"]),
        (["budget.evaluations=null"], ["budget.evaluations=null"]),
        (["batch=0"], ["batch=0"]),
        (["seed=-1"], ["seed=-1"]),
        (["seed=one"], ["seed=one", "whole number"]),
        (["seed=range(0,3)"], ["seed=range(0,3)", "-m"]),
        (["strategy=random,optuna_tpe"], ["-m"]),
        (["colour=red"], ["colour"]),
        (["budget.minutes=3"], ["minutes"]),
        (["backend.noise=loud"], ["backend.noise=loud", "recorded"]),
        (["backend.compile_workers=0"], ["backend.compile_workers=0"]),
        (["strategy.depth=3"], ["depth"]),
        (["+strategy.depth=3"], ["depth"]),
        (["strategy._target_=no.such.Class"], ["no.such.Class"]),
        (["strategy.label=a/b"], ["strategy.label=a/b"]),
        (["not an override"], ["not an override"]),
        (["--colour"], ["--colour"]),
        (["backend.landscape=absent.parquet"], ["absent.parquet"]),
        (["backend.landscape=null"], ["task=NAME"]),
        (["experiment=nope"], ["nope"]),
        (["strategy=null"], ["strategy=null"]),
        (["~seed"], ["~seed"]),
        (["results=${nope}"], ["nope"]),
        (["batch=1000001"], ["batch=1000001"]),
        (["budget.seconds=inf"], ["budget.seconds=inf"]),
        (["budget.seconds=nan"], ["budget.seconds=nan"]),
        (["backend.landscape=3"], ["backend.landscape=3"]),
        (["backend.landscape=/dev/zero"], ["/dev/zero", "not a file"]),
        (["backend.charge_ask=maybe"], ["backend.charge_ask=maybe"]),
        (["backend.compile_workers=true"], ["backend.compile_workers=True"]),
        (["backend._target_=builtins.dict"], ["backend._target_=builtins.dict"]),
        (["strategy=optuna_tpe", "strategy.n_startup_trials=abc"], ["strategy.n_startup_trials=abc"]),
    ],
)
@pytest.mark.parametrize("multirun", [False, True])
def test_each_mistake_is_one_line_and_exit_code_2(
    nearopt: Nearopt, tmp_path: Path, overrides: list[str], words: list[str], multirun: bool
) -> None:
    path = write_toy(tmp_path)
    if multirun and any("-m" in word for word in words):
        pytest.skip("this is no mistake in a sweep")
    flags = ["-m", "jobs=1"] if multirun else []
    code, out, err = nearopt("run", *flags, f"backend.landscape={path}", *overrides)
    assert code == 2
    assert err.startswith("nearopt: ")
    assert err.count("\n") == 1
    assert "Traceback" not in out + err
    for word in words:
        assert word in err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("sweep", ["range(0,1000000000000)", "range(5,5)", "range(0,5,0)", "glob(*)", "interval(0,1)"])
def test_a_sweep_that_cannot_be_listed_is_refused(nearopt: Nearopt, tmp_path: Path, sweep: str) -> None:
    code, _, err = nearopt("run", "-m", f"backend.landscape={write_toy(tmp_path)}", f"seed={sweep}")
    assert code == 2
    assert sweep in err
    assert err.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_another_configuration_in_the_same_place_is_refused(nearopt: Nearopt, tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    nearopt("run", f"backend.landscape={path}", "budget.evaluations=20")
    folder = tmp_path / "results/toy-8x8-bf16__toy/random/seed-0"
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    code, _, err = nearopt("run", f"backend.landscape={path}", "budget.evaluations=10")
    assert code == 2
    assert "budget.evaluations was 20, now 10" in err
    assert err.count("\n") == 1
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    other = write_toy(tmp_path / "other", seed=5)
    code, _, err = nearopt("run", f"backend.landscape={other}", "budget.evaluations=20", "seed=9")
    assert code == 2
    assert "another recording" in err


def test_an_unwritable_results_folder_is_one_line(nearopt: Nearopt, tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    (tmp_path / "file").write_text("in the way")
    code, _, err = nearopt("run", f"backend.landscape={path}", "results=file")
    assert code == 2
    assert "file" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", sorted(BY_NAME))
def test_help_shows_two_real_examples(nearopt: Nearopt, command: str) -> None:
    code, out, _ = nearopt(command, "--help")
    assert code == 0
    assert out.count(f"\n  nearopt {command} ") + out.count(f"\n  nearopt {command}\n") >= 2


@pytest.mark.parametrize("command", BY_NAME)
def test_a_commands_own_parser_is_the_one_among_all(command: str) -> None:
    def help_of(parser: argparse.ArgumentParser) -> str:
        (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
        return str(commands.choices[command].format_help())

    assert help_of(command_parser([BY_NAME[command]])) == help_of(command_parser())


def test_no_command_shows_help(nearopt: Nearopt) -> None:
    code, out, _ = nearopt()
    assert code == 2
    assert "run strategies on tasks" in out


def test_the_composed_configuration_can_be_shown(nearopt: Nearopt) -> None:
    code, out, _ = nearopt("run", "--cfg", "budget.evaluations=7")
    assert code == 0
    assert "evaluations: 7" in out


def test_a_live_sweep_without_a_gpu_starts_no_run(
    nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise NoDevice("none is plugged in")

    monkeypatch.setattr("harness.backends.task.probe_device", none)
    monkeypatch.setattr("harness.cli.sweeping.sweep", lambda *_: pytest.fail("runs were started"))
    code, _, err = nearopt("run", "-m", "backend=live", "task=softmax-4096x2560-bf16", "seed=range(0,3)")
    assert (code, err) == (2, "nearopt: backend=live: no usable GPU: none is plugged in\n")
    assert list(tmp_path.iterdir()) == []


def test_workers_in_a_batch_are_the_run_that_batch_and_backend_say(nearopt: Nearopt, tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    command = ("run", f"backend.landscape={path}", "budget.evaluations=20", "results=r")
    assert nearopt(*command, "batch=4", "backend.compile_workers=4")[0] == 0
    code, out, _ = nearopt(*command, "workers=4")
    assert code == 0 and "done before" in out
    code, out, err = nearopt(*command, "workers=4", "schedule=async")
    assert code == 2 and "schedule was batch, now " in err


def test_an_asynchronous_run_says_how_busy_its_workers_were(nearopt: Nearopt, tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    command = ("run", f"backend.landscape={path}", "budget.evaluations=20", "workers=4", "schedule=async")
    assert nearopt(*command, "results=a")[0] == nearopt(*command, "results=b")[0] == 0
    run = "toy-8x8-bf16__toy/random/seed-0"
    assert trace(tmp_path / "a" / run) == trace(tmp_path / "b" / run)
    code, out, _ = nearopt("status", "a")
    assert code == 0 and "workers busy" in out and "100%" in out
    (group,) = json.loads(nearopt("status", "a", "--json")[1])["groups"]
    assert group["utilisation"] == 1.0
    assert nearopt(*command, "results=a")[1].startswith("done before")
