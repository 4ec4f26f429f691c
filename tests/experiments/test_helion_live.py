"""The live study: its committed order, sittings that add up to it, and the numbers that it is judged by."""

from __future__ import annotations

import json
import sys
import tarfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.reference import COSTS, difficulty, with_coverage
from analysis.runs.frozen import read
from analysis.statistics.drawn_rate import DrawnRate
from analysis.verdict.hypothesis_file import read_hypothesis
from experiments.helion_2 import starts
from experiments.helion_2.live import (
    BUDGET,
    DRAIN_S,
    FOLLOW_UP,
    FOLLOW_UP_ARMS,
    FOLLOW_UP_SEEDS,
    NEAR_BUDGET,
    PACK_S,
    PLAN,
    REFERENCE_BUDGET,
    SEEDS,
    TASKS,
    WAVES,
    Run,
    Sitting,
    main,
    make_follow_up,
    make_plan,
    read_plan,
    sit,
    unpack,
    write_plan,
)
from experiments.helion_2.rates import alone, filled, found, freeze, merge, near_rows, shown, slim
from experiments.helion_2.starts import beginning

STUB = """
import json, os, sys, time
from pathlib import Path
words = dict(word.split("=", 1) for word in sys.argv[2:])
run = Path(words["results"]) / (words["task"] + "__h100") / words["strategy.label"] / ("seed-" + words["seed"])
run.mkdir(parents=True, exist_ok=True)
with (run / "log").open("a") as file:
    file.write(os.environ["CUDA_VISIBLE_DEVICES"] + " " + " ".join(sys.argv[1:]) + "\\n")
(run / ".lock").touch()
try:
    time.sleep(float(os.environ["STUB_S"]))
except KeyboardInterrupt:
    sys.exit(1)
(run / "DONE").touch()
"""
"""Stands for ``nearopt run``."""


def test_the_committed_plan_is_the_one_that_is_drawn_and_its_blocks_are_whole() -> None:
    plan = read_plan(PLAN)
    assert plan == make_plan() and [run.order for run in plan] == list(range(len(plan)))
    assert [run.wave for run in plan] == sorted(run.wave for run in plan)
    for wave in (1, 2, 3):
        own = [run for run in plan if run.wave == wave]
        labels = {label for label, *_ in WAVES[wave]}
        blocks = {run.block: [other for other in own if other.block == run.block] for run in own}
        assert all({run.label for run in block} == labels and len(block) == len(labels) for block in blocks.values())
        assert Counter((run.task, run.seed) for run in own) == Counter(
            {(task, seed): len(labels) for task in TASKS for seed in SEEDS}
        )
        assert {run.evaluations for run in own} == {BUDGET}
    firsts = Counter(run.label for run in plan if run.wave == 1 and run.order % 3 == 1)
    assert max(firsts.values()) < 40  # of 60 blocks: no arm is always first


def test_the_committed_follow_up_is_the_one_that_is_drawn_and_begins_as_helion_s_search() -> None:
    plan = read_plan(FOLLOW_UP)
    assert plan == make_follow_up() and [run.order for run in plan] == list(range(len(plan)))
    assert Counter((run.task, run.seed, run.label) for run in plan) == Counter(
        (task, seed, label) for label, *_, tasks in FOLLOW_UP_ARMS for task in tasks for seed in FOLLOW_UP_SEEDS
    )
    assert [run.block for run in plan] == sorted(run.block for run in plan)
    assert all(
        len({(run.task, run.seed) for run in plan if run.block == block}) == 1 for block in range(plan[-1].block)
    )
    assert {run.label for run in plan}.isdisjoint(label for wave in WAVES for label, *_ in wave)
    for run in plan:
        starts = [word.removeprefix("start=") for word in run.words(Path(), []) if word.startswith("start=")]
        assert len(starts) == run.label.endswith("_from_helion")
        for start in starts:
            assert Path(start).stem == run.task and json.loads((PLAN.parents[3] / start).read_text())


def test_a_beginning_is_what_runs_of_different_seeds_have_in_common() -> None:
    default, suggested, *random = ({"tile": tile} for tile in (1, 2, 3, 4, 5))
    runs = [[default, suggested, each, default] for each in random]
    assert beginning(runs) == [default, suggested]
    assert beginning([[default], [default, suggested], [default, suggested]]) == [default]
    with pytest.raises(ValueError, match="2 runs: expected at least 3"):
        beginning(runs[:2])


def test_starts_are_read_from_the_logs_of_helion_s_runs(tmp_path: Path) -> None:
    for task in TASKS.values():
        for seed in (1, 2, 3):
            run = tmp_path / "in" / f"{task}__h100" / "helion_lfbo_tree_1.5.1" / f"seed-{seed}"
            run.mkdir(parents=True)
            columns = {
                "index": [0, 1],
                "config.tile": [8, seed],
                "config.order": [[1, 0], None],
                "config.off": [None] * 2,
            }
            pd.DataFrame(columns).astype({"config.off": "Int64"}).to_parquet(run / "evaluations.parquet")
    assert starts.main([str(tmp_path / "in"), str(tmp_path / "out")]) == 0
    assert [json.loads((tmp_path / "out" / f"{name}.json").read_text()) for name in TASKS] == [
        [{"tile": 8, "order": [1, 0]}]
    ] * len(TASKS)


def test_starts_without_runs_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert starts.main([str(tmp_path), str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "helion_lfbo_tree_1.5.1" in said and "0 runs: expected at least 3" in said


def test_the_hypothesis_is_about_runs_of_the_plan() -> None:
    claimed = read_hypothesis(PLAN.with_name("hypothesis.yaml")).hypothesis
    assert set(claimed.strategies) == {label for label, *_ in WAVES[1]}
    assert claimed.seeds is not None and (claimed.seeds.first, claimed.seeds.count) == (SEEDS.start, len(SEEDS))


def _sitting(tmp_path: Path, slots: str, end: float = float("inf")) -> Sitting:
    script = tmp_path / "stub.py"
    script.write_text(STUB)
    command = (sys.executable, "-S", str(script))
    return Sitting(tmp_path / "results", tmp_path / "out", end, slots, 0.0, ("backend=live",), command)


def test_sittings_add_up_in_the_plan_s_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_S", "0.0")
    plan = make_plan()[:5]
    first = sit(plan[:3], _sitting(tmp_path, "012"))
    assert first == {"done": 0, "ended": 3, "failed": 0, "interrupted": 0, "left": 0}
    there = tmp_path / "elsewhere"
    assert unpack(tmp_path / "out", there) and not unpack(tmp_path / "out", there)
    assert not list(there.rglob(".lock")) and len(list(there.rglob("DONE"))) == 3
    assert sit(plan, _sitting(tmp_path, "0"))["done"] == 3
    logs = sorted((log.read_text().split() for log in (tmp_path / "results").rglob("log")), key=len)
    assert len(logs) == 5 and all(
        words[1] == "run" and f"budget.evaluations={run_budget(words)}" in words for words in logs
    )
    with tarfile.open(tmp_path / "out" / "live.tar.gz") as tar:
        assert sum(name.endswith("DONE") for name in tar.getnames()) == 5


def run_budget(words: list[str]) -> int:
    return NEAR_BUDGET if "strategy.label=drawn" in words else REFERENCE_BUDGET


@pytest.mark.slow
def test_what_would_not_end_is_not_begun_and_what_runs_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_S", "600")
    plan = make_plan()[:2]
    none = sit(plan, replace(_sitting(tmp_path, "0"), usual_s=float("inf")))
    assert none == {"done": 0, "ended": 0, "failed": 0, "interrupted": 0, "left": 2}
    some = sit(plan, replace(_sitting(tmp_path, "0", time.monotonic() + PACK_S + DRAIN_S + 3.0), usual_s=-60.0))
    assert some == {"done": 0, "ended": 0, "failed": 0, "interrupted": 1, "left": 2}


def test_a_plan_comes_back_as_it_was_written(tmp_path: Path) -> None:
    runs = [Run(0, 1, 2, "softmax", "a_1.5.1", "a", 3, 300, "workers=6 schedule=async")]
    write_plan(runs, tmp_path / "plan.csv")
    assert read_plan(tmp_path / "plan.csv") == runs
    words = runs[0].words(Path("out"), ("backend=replay",))
    assert "task=helion_softmax-16384x2560-bf16" in words and "strategy.label=a_1.5.1" in words
    assert words[-4:] == ["keep_diff=false", "jobs=1", "workers=6", "schedule=async"]
    assert main(["plan", "--plan", str(tmp_path / "again.csv")]) == 0
    assert (tmp_path / "again.csv").read_bytes() == PLAN.read_bytes()


def drawn(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    latency = np.where(rng.random(n) < 0.1, np.nan, 1.0 + rng.exponential(1.0, n))
    latency[0] = 1.0
    return pd.DataFrame(
        {
            "key": [f"c{i}" for i in range(n)],
            "status": np.where(np.isnan(latency), "compile_error", "ok"),
            "latency_ms": latency,
            "oracle_ms": latency,
            **{name: rng.random(n) for name in COSTS},
            "origin": np.where(np.arange(n) == 5, "search", "by_parameter"),
            "draws": 1.0 + (np.arange(n) % 7 == 0),
        }
    )


def test_a_slim_table_has_the_rate_and_the_costs_of_the_whole() -> None:
    whole = drawn()
    small = slim(whole, {})
    assert len(small) < len(whole) / 2 and (small["status"] == "compile_error").sum() == 1
    ok = [table[(table["status"] == "ok") & (table["origin"] != "search")] for table in (whole, small)]
    full, merged = (np.sort(np.repeat(table["oracle_ms"], table["draws"].astype(int))) for table in ok)
    assert np.allclose(full, merged, rtol=0.02)  # the curves of random search stay as they were
    both = [with_coverage(table[table["origin"] != "search"], "sample") for table in (whole, small)]
    for target in (0.01, 0.05, 0.10):
        one, other = (difficulty(table, 1.0, target) for table in both)
        assert (one.n, one.k) == (other.n, other.k) and one.k > 0
        assert (one.miss_cost_s, one.hit_cost_s) == pytest.approx((other.miss_cost_s, other.hit_cost_s))
    near = near_rows(whole)
    again = slim(whole, dict.fromkeys(near["key"], 1.2))
    assert again["oracle_ms"].min() > 1.1  # judged as timed beside the runs


def test_t_star_is_frozen_from_all_reference_searches_and_the_draws(tmp_path: Path) -> None:
    labels = [label for label, *_ in WAVES[0]] + ["drawn", "conditional_gp"]
    for task in TASKS.values():
        rows = pd.DataFrame({"strategy": labels, "seed": 900, "index": 0, "oracle_ms": [3.0, 2.0, 4.0, 2.5, 1.0]})
        (tmp_path / f"{task}__h100").mkdir()
        rows.to_parquet(tmp_path / f"{task}__h100" / "retimed.parquet")
    document = freeze(tmp_path)
    expected = {"helion_lfbo_tree": 3.0, "conditional_gp": 2.0, "optuna_tpe": 4.0, "draws": 2.5}  # and not 1.0
    assert list(document["found_ms"].values()) == [expected] * len(TASKS)
    (tmp_path / "optima.yaml").write_text(json.dumps(document))
    assert read(tmp_path / "optima.yaml") == document["found_ms"]
    assert "draws" not in found(rows[:3])
    rows[:3].to_parquet(tmp_path / f"{task}__h100" / "retimed.parquet")
    with pytest.raises(ValueError, match="nothing of draws: expected wave 0 done"):
        freeze(tmp_path)


def batch(path: Path, rows: list[tuple[str, float, bool]]) -> None:
    path.parent.mkdir(parents=True)
    columns = {
        "key": [key for key, *_ in rows],
        "oracle_ms": [ms for _, ms, _ in rows],
        "samples_ms": [[ms] if timed else None for _, ms, timed in rows],
    }
    pd.DataFrame(columns).to_parquet(path)


def test_a_batch_that_lost_configurations_is_filled_from_an_earlier_one_on_its_own_scale(tmp_path: Path) -> None:
    name = "helion_a-1__h100/retimed.parquet"
    batch(tmp_path / "early" / name, [("a", 1.0, True), ("b", 2.0, True), ("c", 3.0, True), ("lost", 4.0, True)])
    late = [("a", 1.1, True), ("b", 2.2, True), ("c", 9.9, True), ("lost", 7.0, False), ("new", 8.0, False)]
    batch(tmp_path / "late" / name, late)
    (said,) = merge(tmp_path / "early", tmp_path / "late")
    assert said == "helion_a-1__h100: 1 configurations from the earlier batch, times 1.1000"
    table = pd.read_parquet(tmp_path / "late" / name)
    assert table["oracle_ms"].tolist() == pytest.approx([1.1, 2.2, 9.9, 4.4, 8.0])
    assert table["samples_ms"].notna().tolist() == [True, True, True, False, False]


def test_batches_without_a_common_configuration_are_refused() -> None:
    one, other = (pd.DataFrame({"key": [key], "oracle_ms": [1.0], "samples_ms": [[1.0]]}) for key in "ab")
    with pytest.raises(ValueError, match="no configuration in common"):
        filled(one, other)


def test_draws_that_no_search_is_compared_with_are_judged_by_the_best_of_them() -> None:
    document = alone({"helion_a-1__h100": 0.5})
    assert document["found_ms"] == {"helion_a-1__h100": {"draws": 0.5}} and "draws themselves" in document["source"]


def test_rates_are_shown_at_the_frozen_optimum(tmp_path: Path) -> None:
    (tmp_path / "helion_a-1__h100").mkdir()
    table = pd.DataFrame({"oracle_ms": [1.0, 1.04, 1.09, 1.2, np.nan], "draws": [1.0, 2.0, 1.0, 6.0, 90.0]})
    table.to_parquet(tmp_path / "helion_a-1__h100" / "reference.parquet")
    document = {"found_ms": {"helion_a-1__h100": {"draws": 1.0, "optuna_tpe": 0.98}}}
    (tmp_path / "optima.yaml").write_text(json.dumps(document))
    *_, row = shown(tmp_path)
    low, high = DrawnRate(1, 100).interval()
    assert row == (
        f"| a | 980.00 µs, optuna_tpe | 1.020 t* | ≥ {DrawnRate(0, 100).interval()[0]:,.0f}, 0 of 100 "
        f"| 100 ({low:,.0f}–{high:,.0f}), 1 of 100 | {100 / 3:,.0f} ({DrawnRate(3, 100).interval()[0]:,.0f}–"
        f"{DrawnRate(3, 100).interval()[1]:,.0f}), 3 of 100 |"
    )
    (tmp_path / "helion_a-1__h100" / "reference.parquet").unlink()
    with pytest.raises(OSError, match=r"reference\.parquet"):
        list(shown(tmp_path))
