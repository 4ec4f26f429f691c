"""A space too large to list, recorded as independent draws: reports use their rate and a frozen optimum."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.errors import AnalysisError
from analysis.figures.difficulty import by_difficulty
from analysis.landscapes.by_hand import by_hand
from analysis.landscapes.summary import summarise
from analysis.reference import COSTS, Difficulty, difficulty, is_drawn, with_coverage
from analysis.report.build import build_report
from analysis.report.rows import task_rows, warnings
from analysis.runs import contract
from analysis.runs.frozen import NAME, find_frozen
from analysis.runs.load import load_study
from analysis.statistics.drawn_rate import DrawnRate
from analysis.study.baseline import DRAWN_RANDOM, EXACT_BY_PARAMETER, NOISY_RANDOM, Baseline
from analysis.study.gap_split import gap_split
from analysis.study.own_finds import own_finds_left_out
from analysis.study.results import StudyResults, analyse
from analysis.tables.gap_split import gaps
from analysis.tables.restarting import random_totals, restarting
from analysis.verdict.hypothesis import Hypothesis
from analysis.verdict.judge import judge, without_own_finds
from tests.analysis.fabricate import evaluations, landscape, write_reference, write_run
from tests.analysis.hypotheses import CLAIM, write_hypothesis

TASKS = ("k-8x8-bf16__h100", "k-9x9-bf16__h100")
DRAWS, HITS, BUDGET, SEEDS = 3000, 6, 50, 9
T_STAR = 1.0


def drawn_table() -> pd.DataFrame:
    """Return 3,000 draws of 7 rows: two within 5% of 1 ms, drawn twice and four times, and one for most of the rest."""
    latency = [1.0, 1.04, 1.2, 1.3, 1.5, 2.0, np.nan]
    return pd.DataFrame(
        {
            contract.STATUS: ["ok"] * 6 + ["compile_error"],
            contract.LATENCY_MS: latency,
            contract.ORACLE_MS: latency,
            contract.COMPILE_S: 1.0,
            contract.VERIFY_S: 0.0,
            contract.BENCHMARK_S: 0.5,
            contract.ORIGIN: "by_parameter",
            contract.DRAWS: [2, 4, 10, 10, 10, 10, DRAWS - 46],
        }
    )


def write_drawn(results: Path, finds: dict[str, tuple[float, ...]], costs: bool = False) -> Path:
    """Write runs that read 2 ms until their middle and then find what ``finds`` gives for the seed, in turn."""
    pool, table = landscape(BUDGET, failures=0.0), drawn_table()
    if not costs:  # seconds on several workers are simulated, which takes some
        table[list(COSTS)] = np.nan
    for task in TASKS:
        write_reference(results, task, table)
        for label, latencies in finds.items():
            for seed in range(SEEDS):
                frame = evaluations(pool, np.arange(BUDGET))
                found = np.where(np.arange(BUDGET) == BUDGET // 2 + seed, latencies[seed % len(latencies)], 2.0)
                frame = frame.assign(latency_ms=found, oracle_ms=found)
                reference = {"source": "landscape", "n": 7, "t_star_ms": 1.0, "coverage": "sample"}
                write_run(results, task, label, seed, frame, budget=BUDGET, reference=reference)
    return results


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn(tmp_path_factory.mktemp("drawn"), {"good": (1.0, 1.01, 1.02), "poor": (1.5, 1.4)}, costs=True)


@pytest.fixture(scope="module")
def results(folder: Path) -> StudyResults:
    others = (Baseline(EXACT_BY_PARAMETER), Baseline(NOISY_RANDOM), Baseline(restarts=False))
    return analyse(load_study([folder]), others)


def test_difficulty_is_one_over_the_share_of_draws() -> None:
    table = with_coverage(drawn_table(), "sample")
    assert is_drawn(table) and len(table) == DRAWS
    hard = difficulty(table, T_STAR, 0.05)
    assert (hard.n, hard.k, hard.expected_evaluations) == (DRAWS, HITS, DRAWS / HITS)  # and not (N + 1) / (K + 1)
    assert difficulty(table, 0.5, 0.05).expected_evaluations == float("inf")
    assert not is_drawn(with_coverage(drawn_table(), "exhaustive"))


def test_landscapes_say_drawn() -> None:
    metadata = {"coverage": {"kind": "sample", "how": "by_parameter", "draws": DRAWS, "outside": 0}}
    summary = summarise(drawn_table(), metadata, TASKS[0], relative_error=0.02)
    assert (summary.n, summary.difficulties[1].expected_evaluations, summary.uncertain) == (DRAWS, 500.0, None)
    text = by_hand(drawn_table(), "sample", TASKS[0], 0.05)
    low, high = DrawnRate(HITS, DRAWS).interval()
    assert "E[T] = 1 / p = draws / hits = 3000 / 6 = 500.0000" in text and f"{low:.4f} to {high:.4f}" in text


def test_speedups_are_over_the_measured_rate_with_its_interval(results: StudyResults) -> None:
    rows = results.speedups
    row = rows[(rows["task"] == TASKS[0]) & (rows["strategy"] == "good") & (rows["target"] == 0.05)]
    row, seconds = (row.set_index("axis").loc[axis] for axis in ("evaluations", "seconds"))
    assert seconds["speedup"] == pytest.approx(500.0 * 1.5 / seconds["ert"])
    assert row["baseline"] == DRAWN_RANDOM and row["unreachable_above"] == 500.0
    assert row["speedup"] == pytest.approx(500.0 / row["ert"])
    low, high = DrawnRate(HITS, DRAWS).interval()
    assert row["speedup_low"] < low / row["ert"] and row["speedup_high"] > high / row["ert"]
    whole = rows[(rows["task"] == "ALL") & (rows["strategy"] == "good") & (rows["target"] == 0.05)]
    assert set(whole["stratum"]) == {"all", "useful"} and (whole["refused"] == "").all()
    assert set(results.others) == {"exact_random_without_restarts"}  # no other law is known


def test_live_runs_beside_draws_are_judged_by_the_rate_of_the_draws(tmp_path: Path) -> None:
    pool = evaluations(landscape(BUDGET, failures=0.0), np.arange(BUDGET)).assign(latency_ms=1.2, oracle_ms=1.2)
    write_reference(tmp_path, TASKS[0], drawn_table())
    coverage = {"kind": "sample", "how": "by_parameter", "draws": DRAWS, "outside": 0}
    (tmp_path / TASKS[0] / contract.REFERENCE_NOTE).write_text(yaml.safe_dump({"coverage": coverage}), encoding="utf-8")
    for seed in range(3):  # the log of a live run names no recording
        write_run(tmp_path, TASKS[0], "good", seed, pool, budget=BUDGET, backend={"kind": "live"})
    study = load_study([tmp_path])
    assert is_drawn(study.references[TASKS[0]]) and set(study.runs["coverage"]) == {"sample"}
    assert set(analyse(study, others=()).speedups["baseline"]) == {DRAWN_RANDOM}


def test_a_frozen_optimum_is_not_moved_by_the_runs_that_it_judges(folder: Path, tmp_path: Path) -> None:
    study = load_study([folder])
    frozen = replace(study, frozen={TASKS[0]: {"good": 1.02, "draws": 1.1}})
    best = analyse(frozen, others=()).best
    assert best.t_star_ms[TASKS[0]] == 1.02 and best.t_star_ms[TASKS[1]] == 1.0
    assert len(best.beaten[TASKS[0]]) == 2 * SEEDS // 3
    for document, told in (
        ({"version": 1, "source": "x", "found_ms": {"a": {"draws": -1}}}, r"found_ms\.a\.draws=-1: expected a latency"),
        ({"version": 2, "source": "x", "found_ms": {"a": {"draws": 1}}}, "version=2: expected 1"),
        ({"version": 1, "found_ms": {"a": {"draws": 1}}}, "source is missing"),
        ({"version": 1, "source": "x", "found_ms": {"a": {}}}, r"found_ms\.a={}: expected a mapping"),
        ({"version": 1, "source": "x", "found": 1}, "'found': unknown field"),
    ):
        (tmp_path / NAME).write_text(yaml.safe_dump(document))
        with pytest.raises(AnalysisError, match=told):
            find_frozen([tmp_path])


def test_nobody_is_judged_by_their_own_finds(tmp_path: Path) -> None:
    write_drawn(tmp_path, {"lucky": (0.9, 0.9, 0.9), "good": (1.0,)})
    found = analyse(load_study([tmp_path]), others=())
    left = own_finds_left_out(found)
    assert left is not None and left.t_star_ms == {"lucky": dict.fromkeys(TASKS, 1.0)}
    for task in TASKS:
        (before, good), (after, same) = (_of(of.speedups, task) for of in (found, left.results))
        assert good["hits"] == same["hits"] == 0
        assert before["bound"] == "lower"  # without a hit among the draws there is a bound
        assert before["speedup_low"] < DRAWS / np.log(40) / before["ert"]
        assert after["bound"] == "none" and after["speedup"] == pytest.approx(500.0 / after["ert"])


def test_restarts_of_random_search_that_only_has_a_rate(results: StudyResults, tmp_path: Path) -> None:
    totals = random_totals(Difficulty(0.05, 3000, 30, np.nan, np.nan, drawn=True), 10, 50_000, np.random.default_rng(0))
    assert totals.mean() == pytest.approx(100.0, rel=0.02)  # the mean of a geometric law
    known = restarting(results)
    assert known is not None and "recorded draw" not in known.caption
    write_drawn(tmp_path, {"lucky": (0.9,)})  # no draw is within 5% of it
    found = analyse(load_study([tmp_path]), others=())
    table = restarting(found)
    assert table is not None and np.isinf(table.data["ratio_50"]).all()
    assert table.rows == (("lucky", "2", "?", "?"),) and "no recorded draw was near the optimum" in table.caption
    assert by_difficulty(results, ["good"])["e5"].tolist() == [500.0, 500.0]
    assert np.isinf(by_difficulty(found, ["lucky"])["e5"]).all()


def _of(table: pd.DataFrame, task: str) -> list[pd.Series[float]]:
    """Return the rows of lucky and good at 5% in evaluations."""
    rows = table[(table["task"] == task) & (table["target"] == 0.05) & (table["axis"] == "evaluations")]
    return [rows.set_index("strategy").loc[name] for name in ("lucky", "good")]


def _noted(tmp_path: Path) -> tuple[Path, Hypothesis]:
    study = write_drawn(tmp_path / "study", {"lucky": (0.98,), "good": (1.0,)})
    for task in TASKS:
        note = {"coverage": {"kind": "sample", "how": "by_parameter", "drawn": SAID}}
        (study / task / contract.REFERENCE_NOTE).write_text(yaml.safe_dump(note))
    return study, replace(CLAIM, strategies=("lucky",), baselines=("exact_random",), seeds=None, live=None)


SAID = f"by parameter, made up: {DRAWS} independent draws"


def test_a_report_says_drawn_by_and_where_the_rest_is_lost(tmp_path: Path) -> None:
    folder, _ = _noted(tmp_path)
    found = analyse(load_study([folder]), others=())
    said = warnings(found.study, found.best)
    assert sum(f"drawn {SAID}" in sentence for sentence in said) == len(TASKS)
    (row, _) = task_rows(found.study, found.best, found.strata)
    low, high = DrawnRate(HITS - 4, DRAWS).interval()  # of 0.98 ms 1.04 is 6% off
    assert (row["n"], row["targets"][1]) == (f"{DRAWS} drawn", f"2 / 1500 ({low:.3g}–{high:.3g})")
    table = gaps(found)
    assert table is not None
    of = table.data.groupby("strategy")[["gap", "exploration", "selection"]].mean()
    assert of.loc["lucky"].to_list() == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)
    assert of.loc["good"].to_list() == pytest.approx([1 / 0.98 - 1, 1 / 0.98 - 1, 0.0])


def test_a_wrong_choice_is_a_loss_of_selection(tmp_path: Path) -> None:
    pool = landscape(9, failures=0.0).assign(latency_ms=2.0, oracle_ms=2.0)
    pool.loc[4, ["latency_ms", "oracle_ms"]] = 1.02, 1.01  # better than it reads
    pool.loc[7, ["latency_ms", "oracle_ms"]] = 1.0, 1.08  # worse
    write_reference(tmp_path, TASKS[0], drawn_table())
    write_run(tmp_path, TASKS[0], "noisy", 0, evaluations(pool, np.arange(9)))
    row = gap_split(analyse(load_study([tmp_path]), others=())).iloc[0]
    assert (row["gap"], row["exploration"], row["selection"]) == pytest.approx((0.08, 0.01, 0.07))
    assert row["tried_hit"] and not row["chosen_hit"]


def test_the_verdict_is_repeated_without_own_finds(tmp_path: Path) -> None:
    folder, claim = _noted(tmp_path)
    found = analyse(load_study([folder]), others=())
    left = own_finds_left_out(found)
    assert left is not None
    verdict = without_own_finds(judge(found, claim), left.results, left.t_star_ms)
    document = verdict.document()["own_finds_left_out"]
    assert document["t_star_ms"] == {"lucky": dict.fromkeys(TASKS, 1.0)}
    assert document["verdicts"]["these tasks"]["useful"].keys() == {"lucky"}  # to it these tasks are no needles
    assert any("own finds left out" in note for note in verdict.notes)


@pytest.mark.slow
def test_the_page_of_a_drawn_study(tmp_path: Path) -> None:
    study, claim = _noted(tmp_path)
    claimed = write_hypothesis(tmp_path / "hypothesis.yaml", claim)
    report = build_report([study], tmp_path / "report", hypothesis=claimed)
    assert f"drawn {SAID}" in report.index.read_text()
    assert json.loads(report.verdict_json.read_text())["own_finds_left_out"]["t_star_ms"]
    assert (tmp_path / "report" / "tables" / "gap-split.csv").exists()
