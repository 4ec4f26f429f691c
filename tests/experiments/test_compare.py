"""Ratios of evaluations of two arms."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.errors import AnalysisError
from experiments.contenders import compare
from experiments.contenders.first_hit import Run


def run(arm: str, task: str, seed: int, evaluations: int, hit: int = 1) -> Run:
    return Run(arm, task, seed, hit, evaluations, 120, 1, 0.0)


def test_the_ratio_is_that_of_the_erts_of_equal_seeds_and_shared_tasks() -> None:
    runs = [run("a", task, seed, 40) for task in "tu" for seed in range(4)]
    runs += [run("b", task, seed, 10) for task in "tuv" for seed in range(3)]
    assert compare.line(runs, "a", "b") == "a / b: 4.00 [4.00, 4.00], 2 tasks, 6/6 and 6/6 hits"
    with pytest.raises(AnalysisError, match="a/c: expected runs of both"):
        compare.line(runs, "a", "c")


def test_misses_count_in_full_and_the_interval_holds_the_ratio() -> None:
    runs = [run("a", "t", seed, 120 if seed % 2 else 20, 1 - seed % 2) for seed in range(10)]
    runs += [run("b", "t", seed, 35) for seed in range(10)]
    value, low, high = compare.ratio(compare.pairs(runs, "a", "b"))
    assert value == pytest.approx((5 * 120 + 5 * 20) / 5 / 35) and low < value < high


def test_missing_runs_are_left_out_or_count_as_failures() -> None:
    runs = [run("a", "t", seed, 30) for seed in range(3)] + [
        run("b", task, seed, 10) for task in "tu" for seed in range(4)
    ]
    assert compare.line(runs, "a", "b") == "a / b: 3.00 [3.00, 3.00], 1 tasks, 3/3 and 3/3 hits"
    (failed,) = compare.given_up(runs, "a", "b")
    assert (failed.arm, failed.task, failed.seed, failed.hit, failed.evaluations) == ("a", "t", 3, 0, 120)
    assert compare.line([*runs, failed], "a", "b").startswith("a / b: 7.00 [")
    assert compare.line([*runs, failed], "a", "b").endswith("1 tasks, 3/4 and 4/4 hits")


def test_the_command_prints_a_line_for_each_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["arm,task,seed,hit,evaluations,budget,batch,ask_s"]
    rows += [f"{arm},{task},0,1,{n},120,1,0.1" for task in ("t-1", "u-1") for arm, n in (("a", 30), ("b", 20))]
    (tmp_path / "r.csv").write_text("\n".join([*rows, ""]))
    assert compare.main([str(tmp_path / "r.csv"), "--pair", "a/b", "--pair", "b/a", "--tasks", "t-,w-"]) == 0
    assert [line.partition(" [")[0] for line in capsys.readouterr().out.splitlines()] == ["a / b: 1.50", "b / a: 0.67"]
    with pytest.raises(SystemExit):
        compare.main([str(tmp_path / "r.csv"), "--pair", "a/c"])
