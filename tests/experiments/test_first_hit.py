"""Runs to the first hit are those of ``nearopt run`` cut short, and are made, kept and resumed one by one."""

from __future__ import annotations

import lzma
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from analysis.errors import AnalysisError
from analysis.reference import HEADLINE_TARGET
from analysis.runs.load import load_study
from experiments.contenders import first_hit, times
from experiments.contenders.first_hit import Arm, Key, Run
from harness.config.compose import Composer
from harness.errors import UserError
from harness.run.execute import execute

ROOT = Path(first_hit.__file__).parents[2]
TASK = "layernorm-8192x4096-bf16__h100"
BUDGET = "budget.evaluations=8"
BOTH = (("random", ("strategy=random", BUDGET)), ("in_fours", ("strategy=pattern_search", "batch=4", BUDGET)))


def test_an_arm_is_a_strategy_or_a_label_with_overrides() -> None:
    assert Arm.read("lfbo") == Arm("lfbo", ("strategy=lfbo",))
    assert Arm.read("lfbo_16: strategy=lfbo batch=16") == Arm("lfbo_16", ("strategy=lfbo", "batch=16"))


@pytest.mark.parametrize(("label", "overrides"), BOTH)
def test_a_run_ends_where_the_whole_run_first_hits(label: str, overrides: tuple[str, ...], tmp_path: Path) -> None:
    found = [first_hit.run(Key(label, TASK, seed), overrides) for seed in range(5)]
    for seed in range(5):
        words = [f"task={TASK.partition('__')[0]}", *overrides, f"seed={seed}", f"results={tmp_path}"]
        whole = Composer().single([*words, f"strategy.label={label}"])
        execute(whole.runs[0], whole.options)
    kept = times.long(times.times_of(load_study([tmp_path])).table)
    wanted = kept[(kept["axis"] == "evaluations") & (kept["target"] == HEADLINE_TARGET)].sort_values("seed")
    assert [(bool(run.hit), run.evaluations) for run in found] == list(zip(wanted["hit"], wanted["cost"], strict=True))
    assert {run.hit for run in found} == {0, 1}  # both were compared
    assert {(run.budget, run.batch) for run in found} == {(8, 4 if label == "in_fours" else 1)}


def test_what_a_run_to_the_first_hit_cannot_do_is_refused() -> None:
    for override in ("start=default", "schedule=async"):
        with pytest.raises(UserError, match="expected nearopt run"):
            first_hit.run(Key("a", TASK, 0), ("strategy=random", override, "workers=2"))


@pytest.mark.slow
def test_the_same_command_makes_what_is_missing(tmp_path: Path) -> None:
    given = ["--arm", f"few: strategy=random {BUDGET}", "--tasks", TASK, "-o", str(tmp_path / "r.csv")]
    assert first_hit.main([*given, "--seeds", "0:2", "--seconds", "0"]) == 0
    assert first_hit.read_runs(tmp_path / "r.csv") == []  # the time was over before a run was
    assert first_hit.main([*given, "--seeds", "0:2"]) == 0
    before = (tmp_path / "r.csv").read_text()
    assert first_hit.main([*given, "--seeds", "0:3"]) == 0
    after = (tmp_path / "r.csv").read_text()
    assert after.startswith(before) and [run.seed for run in first_hit.read_runs(tmp_path / "r.csv")] == [0, 1, 2]
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(AnalysisError, match="expected a file of experiments"):
        first_hit.read_runs(tmp_path / "other.csv")


def test_runs_in_a_compressed_file_beside_it_count_as_well(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    line = f"random,{TASK},{{seed}},1,3,120,1,0.01\n"
    head = ",".join(field.name for field in fields(Run)) + "\n"
    packed = tmp_path / "runs.csv.xz"
    packed.write_bytes(lzma.compress((head + line.format(seed=0) + line.format(seed=1)).encode()))
    assert [run.seed for run in first_hit.read_runs(file)] == [0, 1]
    file.write_text(head + line.format(seed=2))
    assert [run.seed for run in first_hit.read_runs(file)] == [0, 1, 2]
    packed.write_bytes(b"no archive")
    with pytest.raises(AnalysisError, match=r"runs\.csv\.xz: expected a file of"):
        first_hit.read_runs(file)


def test_misses_and_missing_runs_are_marked() -> None:
    one = Run("a", "t", 0, hit=1, evaluations=7, budget=120, batch=1, ask_s=0.1)
    miss = replace(one, task="u", hit=0, evaluations=120)
    table = first_hit.as_times([one, miss, replace(one, seed=1), replace(one, arm="b", batch=16)])
    cells = table.set_index(["strategy", "task"])
    assert cells["0"].to_dict() == {("a", "t"): "7", ("a", "u"): ">120", ("b", "t"): "7"}
    assert cells["1"].to_dict() == {("a", "t"): "7", ("a", "u"): "", ("b", "t"): ""}
    assert len(times.long(table)) == 4 and cells["batch"]["b", "t"] == 16
    assert [(each.arm, each.seed) for each in first_hit.missing("ab", "tu", [0, 1], [one, miss])] == [
        ("b", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 1), ("b", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.slow
def test_the_sitting_runs_and_goes_on(tmp_path: Path, carried: bool) -> None:
    """Two evaluations of a strategy that asks at once, in place of the slow ones."""
    (tmp_path / "carried").mkdir()
    if carried:
        row = "random,layernorm-8192x4096-bf16__h100,200,1,1,2,1,0.5"
        (tmp_path / "carried/slow_asks.csv").write_text(
            f"arm,task,seed,hit,evaluations,budget,batch,ask_s\n{row}\n", encoding="utf-8"
        )
    more = {"SLOW_OVERRIDES": "budget.evaluations=2", "SLOW_TASKS": TASK, "SLOW_SEEDS": "200:202"}
    subprocess.run(
        [ROOT / "experiments/contenders/slow_asks.sh", tmp_path / "carried", tmp_path / "out", "300", "1", "random"],
        check=True, cwd=ROOT, env={**os.environ, **more, "PYTHON": sys.executable}, capture_output=True,
    )  # fmt: skip
    runs = first_hit.read_runs(tmp_path / "out/slow_asks.csv")
    assert [(run.seed, run.budget) for run in runs] == [(200, 2), (201, 2)]
    assert (runs[0].ask_s == 0.5) == carried
