"""`nearopt gate` as scripts use it: every exit code, its files, and which runs it repeats."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from analysis.runs.consolidated import load, write
from analysis.runs.contract import CONSOLIDATED
from analysis.runs.reading import find_run_directories
from harness.cli import main
from harness.cli.parser import parse
from harness.config.compose import Composer
from harness.config.schema import SweepOptions
from harness.errors import UserError
from harness.gate import runner as gate_runner
from harness.gate.request import request
from harness.gate.runner import runner
from harness.gate.suite import TARGETS, load_suite
from harness.run import code
from tests.harness.gate.gate_fixtures import LUCKY, TASKS, Gate, write_hills, write_suite
from tests.test_rules_agree import BOMBS


def test_a_slow_strategy_is_a_regression(gate: Gate, tmp_path: Path) -> None:
    code, out, _ = gate("slow", "--against", "quick", "--json", "g.json", "--junit", "g.xml", "--markdown", "g.md")
    assert code == 4
    assert out.splitlines()[-1].startswith("regression: slow needs ")
    for task in TASKS:
        assert f"{task}__toy" in out
    document = json.loads((tmp_path / "g.json").read_text())
    assert document["verdict"] == "regression"
    assert 1.8 < document["ratio"]["value"] < 4.5  # 0.2 / 0.07 = 2.86
    assert len(document["tasks"]) == len(TASKS)
    assert document["made"]["candidate"]["strategy"]["chance"] == 0.07
    suite = ElementTree.parse(tmp_path / "g.xml").getroot()
    assert (suite.get("tests"), suite.find("testcase[@name='verdict']/failure") is not None) == ("5", True)
    assert int(suite.get("failures", "0")) == len(suite.findall("testcase/failure"))
    markdown = (tmp_path / "g.md").read_text()
    assert markdown.startswith("### ❌ `nearopt gate`: regression")
    assert markdown.count("| hills-") == len(TASKS)


@pytest.mark.slow
def test_a_quick_one_is_an_improvement(gate: Gate) -> None:
    code, out, _ = gate("quick", "--against", "slow", "--to-the-end")
    assert code == 0
    assert out.splitlines()[-1].startswith("improvement: ")


@pytest.mark.slow
def test_an_equal_one_passes(gate: Gate) -> None:
    code, out, _ = gate("same", "--against", "quick", "--seeds", "60")
    assert code == 0
    assert "pass: " in out
    assert "a slowdown of 1.3 is excluded" in out


@pytest.mark.slow
def test_too_few_seeds_leave_it_undecided(gate: Gate, tmp_path: Path) -> None:
    code, out, _ = gate("same", "--against", "quick", "--seeds", "3", "--json", "g.json", "--junit", "g.xml")
    assert code == 3
    more = json.loads((tmp_path / "g.json").read_text())["more_seeds"]
    assert 10 < more < 200  # two geometric sides over four tasks: 2 / (4 seeds) = 1 / 143
    assert f"about {more} more seeds per task (--seeds {more + 3})" in out
    suite = ElementTree.parse(tmp_path / "g.xml").getroot()  # where the exit code is not 0 it is not green
    assert (suite.get("errors"), suite.get("failures"), suite.get("skipped")) == ("1", "0", "0")
    assert suite.find("testcase[@name='verdict']/error") is not None
    assert json.loads((tmp_path / "g.json").read_text())["power"]["chance"] < 0.3 and "of gates (" in out


@pytest.mark.slow
def test_a_baseline_file_is_written_and_used(gate: Gate, tmp_path: Path) -> None:
    code, out, _ = gate("quick", "--update-baseline", "--seeds", "5")
    assert (code, out) == (0, "20 runs of quick on 4 tasks: quick.json\n")
    made = json.loads((tmp_path / "quick.json").read_text())["made"]
    assert made["strategy"] == {"label": "quick", "_target_": LUCKY, "chance": 0.2}
    assert made["packages"]["nearopt"]
    for name in ("quick", "quick.json"):  # the committed one by name, and any by its path
        code, out, _ = gate("slow", "--against", name)
        assert code == 4
        assert "baseline: quick.json, 20 runs" in out
    code, out, _ = gate("slow", "--against", "quick", "--rerun", "--seeds", "5")
    assert code == 4
    assert "baseline: runs in gated" in out


def test_an_unchanged_strategy_repeats_its_baseline(gate: Gate, tmp_path: Path) -> None:
    write_suite(tmp_path, looks=[2, 4])
    gate("quick", "--update-baseline")
    code, out, _ = gate("quick", "--against", "quick", "--results", "afresh", "--junit", "g.xml")
    suite = ElementTree.parse("g.xml").getroot()
    assert (code, suite.get("errors"), suite.get("failures"), suite.get("skipped")) == (0, "0", "0", "0")
    assert "pass: every run of quick took as long as the baseline's" in out
    assert "seed by seed" in out
    assert "look 1 of 2" in out


@pytest.mark.slow
def test_finished_runs_are_used_again(gate: Gate, tmp_path: Path) -> None:
    first, _, _ = gate("slow", "--against", "quick", "--seeds", "3")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("DONE")}
    code, _, _ = gate("slow", "--against", "quick", "--seeds", "3")
    assert code == first in (3, 4)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("DONE")} == before
    gate("slow", "strategy.chance=0.06", "--against", "quick", "--seeds", "3")
    assert set(tmp_path.rglob("DONE")) > before.keys()  # another strategy under the same label


@pytest.mark.slow
def test_runs_of_edited_code_are_made_again(gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edits are found by the digest in every run; other versions of libraries are found separately."""
    del gate  # for its folder
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "theirs_of_the_gate"
    package.mkdir()
    for name, text in (("__init__.py", ""), ("search.py", "from . import helper"), ("helper.py", ""), ("w.json", "")):
        (package / name).write_text(text)
    (tmp_path / "conf/strategy/theirs.yaml").write_text("_target_: theirs_of_the_gate.search.S\nlabel: theirs\n")

    def folder() -> Path:
        for kept in (code._digest, code._closure, code._imports, code._sha256, code._folder):
            kept.cache_clear()
        suite = load_suite(str(tmp_path / "suite.yaml"))
        return runner("theirs", [], suite, tmp_path, 1, Composer(tmp_path / "conf")).folder

    seen = {folder(), folder()}
    assert len(seen) == 1
    for name in ("helper.py", "w.json"):
        (package / name).write_text("1")
        seen.add(folder())
    monkeypatch.setattr("harness.gate.runner.versions", lambda: {"optuna": "0"})
    assert len({*seen, folder()}) == 4


def test_sides_of_several_versions_of_the_code_are_not_judged(gate: Gate, tmp_path: Path) -> None:
    landscapes = ",".join(f"{task}__toy.parquet" for task in TASKS)
    where = (f"backend.landscape={landscapes}", "backend.noise=none", "results=study", "jobs=1")
    what = ("strategy=quick", "budget.evaluations=80", "seed=range(0,3)")
    assert main(["run", "-m", "--config-dir", "conf", *what, *where]) == 0
    file = tmp_path / f"study/{TASKS[1]}__toy/quick/seed-1/config.yaml"
    config = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**config, "code_digest": "0" * 64}, sort_keys=False))
    exit_code, _, err = gate("study:quick", "--against", "study:quick")
    made = f"11 by {config['code_digest'][:8]}, 1 by 00000000"
    assert exit_code == 2 and f"study:quick: quick: its 12 runs were not made by the same code: {made}" in err
    file.write_text(yaml.safe_dump({k: v for k, v in config.items() if k != "code_digest"}, sort_keys=False))
    (file.parent / "aborted-0").mkdir()
    exit_code, out, _ = gate("study:quick", "--against", "study:quick", "--json", "g.json")
    assert exit_code in (0, 3) and "11 by" in out and "1 by unknown code" in out  # reported, not refused
    side = json.loads((tmp_path / "g.json").read_text())["candidate"]
    assert side["account"] == {"done": 12, "superseded": 1} and side["runs"] == 12
    assert any("1 superseded and not counted (seed 1: aborted-0" in note for note in side["notes"])


@pytest.mark.slow
def test_results_folders_are_compared_as_they_are(gate: Gate) -> None:
    landscapes = ",".join(f"{task}__toy.parquet" for task in TASKS)
    for strategy in ("quick", "slow"):
        where = (f"backend.landscape={landscapes}", "backend.noise=none", "results=study", "jobs=1")
        what = (f"strategy={strategy}", "budget.evaluations=80", "seed=range(0,12)")
        code = main(["run", "-m", "--config-dir", "conf", *what, *where])
        assert code == 0
    code, out, _ = gate("study:slow", "--against", "study:quick")
    assert code == 4
    assert "look 1 of 1" in out
    assert "12" in out
    consolidated(Path("study"), Path("committed"))
    code, as_committed, _ = gate("committed:slow", "--against", "committed:quick", "--json", "g.json")
    assert code == 4 and out.replace("study:", "committed:").endswith(as_committed)
    made = json.loads(Path("g.json").read_text())["made"]["candidate"]
    assert made["strategy"]["chance"] == 0.07 and made["packages"]
    code, _, err = gate("study", "--against", "study:quick")
    assert (code, err) == (2, "nearopt: study: runs of quick, slow on all tasks of the suite: expected study:LABEL\n")


def consolidated(study: Path, committed: Path) -> None:
    """Replace the run directories by one file, as in committed studies."""
    finished, _ = find_run_directories(study)
    loaded = load(study, finished)
    committed.mkdir()
    runs = {log.path.relative_to(study.resolve()).as_posix(): log for log in loaded.logs}
    write(committed / CONSOLIDATED, runs, {}, loaded.environment)
    for task in {name.split("/")[0] for name in runs}:
        (committed / task).mkdir()
        for file in (study / task).glob("reference.*"):
            shutil.copy(file, committed / task)


def test_a_hostile_candidate_is_one_clear_line(gate: Gate, tmp_path: Path) -> None:
    write_suite(tmp_path, looks=[2, 4])
    code, _, err = gate("hostile", "--against", "quick")
    assert code == 1
    line = err.splitlines()[-1]
    assert "8 of 8 runs of hostile failed" in line
    assert "ArithmeticError: the model fell over" in line
    code, _, err = gate("hostile", "--against", "quick")  # tried again: its author may have mended it
    assert code == 1
    assert "ArithmeticError: the model fell over" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["quick"], "expected --against BASELINE, or --update-baseline, and not both"),
        (["quick", "--against", "slow", "--update-baseline"], "and not both"),
        (["nosuch", "--against", "quick"], "nosuch"),
        (["quick", "--against", "nosuch.json"], "nosuch.json: cannot be read"),
        (["quick", "budget.evaluations=9", "--against", "slow"], "budget.evaluations=9: expected strategy.…=VALUE"),
        (["quick", "--against", "slow", "--seeds", "1"], "--seeds 1: expected 2 or more"),
        (["quick", "--against", "slow", "--jobs", "0"], "--jobs 0: expected 1 or more"),
        (
            ["quick", "--against", "slow", "--json", "none/g.json"],
            "none/g.json: expected a file in a folder",
        ),
        (
            ["quick", "--against", "slow", "--suite", "nosuch"],
            "expected a YAML file or one of ci, default",
        ),
        (["quick", "strategy.chance=1", "strategy.nosuch=1", "--against", "slow"], "nosuch"),
        (["study:quick", "--against", "slow"], "study:quick: no such folder: expected a strategy, runs as FOLDER"),
        (["some/study", "--against", "slow"], "some/study: no such folder"),
        ([".:quick", "--against", "slow"], "no runs of quick on hills-a-bf16__toy"),
    ],
)
def test_bad_input_is_one_line(gate: Gate, arguments: list[str], said: str) -> None:
    code, _, err = gate(*arguments)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"looks": [8, 8]}, "looks=[8, 8]: expected increasing numbers of seeds"),
        ({"looks": [1]}, "expected 2 seeds or more"),
        ({"alpha": 0.7}, "alpha=0.7: expected a number, more than 0 and less than 0.5"),
        ({"evaluations": 1.5}, "evaluations=1.5: expected a number, more than 0"),
        ({"noise": "loud"}, "noise=loud: expected one of recorded, none"),
        ({"target": 0.2}, "target=0.2: expected one of 0.01, 0.05, 0.1"),
        ({"tasks": ["nosuch"]}, "nosuch: no recording"),
        ({"tasks": ["nosuch.parquet"]}, "nosuch.parquet: no such landscape file"),
        ({"tasks": [f"{TASKS[0]}__toy.parquet"] * 2}, "twice"),
        ({"more": 1}, "expected the keys tasks, evaluations"),
    ],
)
def test_a_suite_at_fault_is_one_line(gate: Gate, tmp_path: Path, changes: dict[str, object], said: str) -> None:
    write_suite(tmp_path, **changes)
    code, _, err = gate("quick", "--against", "slow")
    assert code == 2
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_suite_that_stands_for_too_much_is_one_line(tmp_path: Path, bomb: str) -> None:
    (tmp_path / "s.yaml").write_text(BOMBS[bomb])
    with pytest.raises(UserError, match=r"--suite .*s\.yaml: cannot be read: ") as caught:
        load_suite(str(tmp_path / "s.yaml"))
    assert str(caught.value).isprintable()


def test_a_suite_that_is_a_pipe_or_longer_than_any(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    write_suite(tmp_path, tasks=["x.parquet"] * 1001)
    for name, said in (("pipe", "not a regular file"), ("suite", "tasks: 1001: expected at most 1000")):
        with pytest.raises(UserError, match=said):
            load_suite(str(tmp_path / f"{name}.yaml"))


def test_a_baseline_that_is_nested_too_deeply_is_one_line(gate: Gate, tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    code, _, err = gate("quick", "--against", "deep.json")
    assert code == 2 and err.count("\n") == 1 and "deep.json: damaged" in err


def test_a_baseline_for_another_suite_or_recording_is_refused(gate: Gate, tmp_path: Path) -> None:
    gate("quick", "--update-baseline", "--seeds", "3")
    write_suite(tmp_path, evaluations=50)
    code, _, err = gate("slow", "--against", "quick")
    assert code == 2
    assert err == "nearopt: quick.json: made for another suite: evaluations=60, this one has 50\n"
    write_suite(tmp_path)
    write_hills(tmp_path / f"{TASKS[1]}__toy.parquet", TASKS[1], 7.0)
    code, _, err = gate("slow", "--against", "quick")
    assert code == 2
    assert err.startswith(f"nearopt: quick.json: made for another recording of {TASKS[1]}__toy (landscape_sha256=")
    assert err.count("\n") == 1
    (tmp_path / "quick.json").write_text('{"format": 1, "tasks": {}')
    code, _, err = gate("slow", "--against", "quick")
    assert code == 2
    assert err.startswith("nearopt: quick.json: damaged")


def test_the_suites_that_ship() -> None:
    default, ci = load_suite("default"), load_suite("ci")
    assert (ci.landscapes, ci.looks) == (default.landscapes, (3, 9))  # one baseline serves both
    assert default.upto(30).looks == (10, 20, 30)
    assert default.upto(120).looks == (20, 40, 80, 120)
    assert default.upto(5).looks == (5,)
    assert (ci.evaluations, ci.noise, ci.first_seed) == (default.evaluations, default.noise, default.first_seed)
    from analysis.reference import TARGETS as kept

    assert kept == TARGETS


@pytest.mark.parametrize(("words", "kept"), [((), True), (("--no-diff",), False)])
def test_runs_of_a_gate_keep_the_checkouts_diff_unless_told_not_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], kept: bool
) -> None:
    given: list[SweepOptions] = []
    monkeypatch.setattr(gate_runner, "sweep", lambda _, options: given.append(options) or [])
    suite = write_suite(tmp_path)
    _, arguments = parse(["gate", "random", "--against", "sobol", "--rerun", "--suite", str(suite), *words])
    asked = request(arguments, lambda _: [])
    for side in (asked.candidate, asked.baseline):
        assert isinstance(side, gate_runner.Runner)
        side.run(2)
    assert [options.keep_diff for options in given] == [kept, kept]
