"""Random search under the rules of the compared runs: against a closed form, against runs, and never pooled."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.gate.side_times import Protocol, read_side_times
from analysis.report.rows import rules_told, strategy_rows
from analysis.runs.load import Study, load_study
from analysis.runs.rules import NO_RULES, rules_of, rules_words, told_rules
from analysis.statistics.hopeless import RuledSearch, Rules
from analysis.statistics.random_search import ert
from analysis.statistics.readings import Readings
from analysis.study import ruled_baseline
from analysis.study.baseline import EXACT_RANDOM, RANDOM_RUNS, Baseline
from analysis.study.incumbents import optima
from analysis.study.results import analyse
from analysis.study.ruled_baseline import recorded, ruled_costs
from analysis.study.simulated_baseline import Conditions, noise_costs, searched_rows, seconds_per_evaluation
from analysis.study.simulated_random import random_searches
from analysis.study.speedup import speedups
from tests.analysis.fabricate import evaluations, landscape, random_order, write_reference, write_run

TASK = "k-1"
COMPILES = {"compile_factor": 1.5, "compile_quantile": 0.5, "compile_after": 3}


def slow_compiles_slow(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which slower kernels tend to compile for longer."""
    slow = table["oracle_ms"].fillna(table["oracle_ms"].max()) / table["oracle_ms"].min()
    noise = np.random.default_rng(3).lognormal(0.0, 0.2, len(table))
    return table.assign(compile_s=0.2 * slow**0.8 * noise)


TABLE = slow_compiles_slow(landscape(200, 1, failures=0.1))
BUDGET = 60


def costly(hits: int, fast: int, slow: int) -> pd.DataFrame:
    """Hits and fast misses compile in 1 s, slow misses in 10 s; the slower the compile, the slower the kernel."""
    n = hits + fast + slow
    return pd.DataFrame({
        "status": "ok", "latency_ms": np.linspace(2.0, 3.0, n), "origin": "uniform",
        "oracle_ms": np.concatenate([np.full(hits, 1.0), np.linspace(2.0, 2.5, fast), np.linspace(4.0, 5.0, slow)]),
        "compile_s": np.repeat([1.0, 1.0, 10.0], [hits, fast, slow]), "verify_s": 0.0, "benchmark_s": 0.0,
    })  # fmt: skip


@pytest.mark.parametrize("hits", [1, 3])
def test_against_a_closed_form(hits: int) -> None:
    """Once anything fast is told, a slow compile ends at 2 s: a slow miss costs 10 s where it comes before all others.

    It comes before all hits with a chance of 1 / (K + 1), and before the fast misses as well with 1 / (K + M + 1).
    """
    fast, slow = 12, 25
    table, rules = costly(hits, fast, slow), Rules(compile_factor=2.0, compile_quantile=0.0, compile_after=1)
    n = len(table)
    before, first = 1 / (hits + 1), 1 / (hits + fast + 1)
    expected = fast * before + slow * (10 * first + 2 * (before - first)) + 1
    without = fast * before + slow * 10 * before + 1
    rows, how = searched_rows(table, 1.0, (0.05,), "uniform"), Conditions(n, rules=rules)
    found = ruled_costs(recorded(table, None, noisy=False), rows, how, rules, 0.01)
    seconds = found[0.05, "seconds"]
    assert seconds.precise and abs(np.log(seconds.value * without / expected)) < 4 * seconds.error
    assert found[0.05, "evaluations"].value == 1.0 and found[0.05, "evaluations"].error < 1e-12  # no hit is lost
    overlapped = ruled_costs(
        recorded(table, None, noisy=False), rows, Conditions(n, 1, 1, overlapped=True, rules=rules), rules, 0.01
    )[0.05, "seconds"]  # one worker, nothing on the device: the same clock; over evaluations
    evaluated = ert(n, hits, n)
    assert abs(np.log(overlapped.value * evaluated / expected)) < 4 * overlapped.error


@pytest.mark.parametrize("workers", [1, 4])
def test_rules_that_end_nothing_change_nothing(workers: int) -> None:
    rules = Rules(compile_factor=1e9, sample_error=0.01)
    how = Conditions(BUDGET, workers, workers, rules=rules)
    rows = searched_rows(TABLE, float(TABLE["oracle_ms"].min()), (0.05, 0.1), "uniform")
    found = ruled_costs(recorded(TABLE, None, noisy=False), rows, how, rules, 0.02)
    for target in (0.05, 0.1):
        assert found[target, "evaluations"].value == pytest.approx(1.0, abs=1e-12)
        if workers == 1:
            assert found[target, "seconds"].value == pytest.approx(1.0, abs=1e-9)


def under_rules(rng: np.random.Generator) -> pd.DataFrame:
    """Return a run of random search whose compiles end early."""
    search = RuledSearch(recorded(TABLE, None, noisy=False), rules_of(json.dumps(COMPILES)) or Rules())
    ended = list(search.run(random_order(rng, TABLE)[:BUDGET], rng))
    frame = evaluations(TABLE, [one.row for one in ended])
    failed = np.array([not np.isfinite(one.reading_ms) for one in ended])
    frame["clock_end_s"] = [one.end_s for one in ended]
    frame.loc[failed & (frame["status"] == "ok").to_numpy(), "status"] = "compile_timeout"
    frame.loc[failed, ["latency_ms", "oracle_ms"]] = np.nan
    frame.loc[failed, "samples_ms"] = pd.Series([[]] * int(failed.sum()), index=frame.index[failed])
    return frame.assign(latency_ms=frame["oracle_ms"])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ruled")
    write_reference(folder, TASK, TABLE)
    for seed in range(60):
        rng = np.random.default_rng([7, seed])
        write_run(folder, TASK, "ruled", seed, under_rules(rng), rules=COMPILES)
        write_run(folder, TASK, "random", seed, evaluations(TABLE, random_order(rng, TABLE)[:BUDGET]))
    return folder


@pytest.fixture(scope="module")
def study(results: Path) -> Study:
    return load_study([results])


@pytest.mark.slow
def test_random_search_under_rules_is_1_against_random_search_under_rules(study: Study) -> None:
    table = speedups(study, optima(study), (0.1,))
    rows = table[(table["task"] == TASK) & (table["baseline"] == EXACT_RANDOM)].set_index(["strategy", "axis"])
    for strategy in ("ruled", "random"):
        for axis in ("evaluations", "seconds"):
            row = rows.loc[strategy, axis]
            assert row["speedup_low"] < 1 < row["speedup_high"]
    plain = study.runs.assign(rules=NO_RULES)
    unruled = speedups(Study(**{**study.__dict__, "runs": plain}), optima(study), (0.1,)).set_index("strategy")
    of_law = unruled.loc["ruled"].query("axis == 'seconds' and task == @TASK")["speedup"].item()
    assert of_law > 1.3 * rows.loc[("ruled", "seconds"), "speedup"]  # the saving is not due to the strategy
    assert np.isnan(rows["unreachable_above"]).all()  # the exact law of the task's runs is not known


@pytest.mark.slow
def test_the_simulation_that_stands_for_a_closed_form_says_its_error(study: Study) -> None:
    found = analyse(study, [])
    told = {key: one for key, one in found.simulated.items() if key[0] == EXACT_RANDOM}
    assert {(task, axis) for _, task, _, axis in told} == {(TASK, "evaluations"), (TASK, "seconds")}
    assert all(one.wanted == 0.003 and one.error <= 0.003 for one in told.values())


def test_seconds_of_runs_under_other_rules_are_not_compared(study: Study) -> None:
    table = speedups(study, optima(study), (0.1,), Baseline(RANDOM_RUNS))
    own = table[(table["strategy"] == "ruled") & (table["task"] == TASK)]
    assert set(own["axis"]) == {"evaluations"}


def test_runs_with_rules_and_without_are_not_pooled(tmp_path: Path) -> None:
    write_reference(tmp_path, TASK, TABLE)
    frame = evaluations(TABLE, range(BUDGET))
    write_run(tmp_path, TASK, "s", 0, frame)
    write_run(tmp_path, TASK, "s", 1, frame, rules=COMPILES)
    with pytest.raises(AnalysisError, match=r"rules=\{.compile_after.: 3.*expected none as in .*strategy s"):
        load_study([tmp_path])


def test_a_gate_has_no_rules(tmp_path: Path) -> None:
    write_reference(tmp_path, TASK, TABLE)
    write_run(tmp_path, TASK, "s", 0, evaluations(TABLE, range(20)), rules=COMPILES)
    with pytest.raises(AnalysisError, match=r"rules=.*: expected none as in the suite"):
        read_side_times([tmp_path / TASK / "s"], "s", "r", Protocol(20, "none", {TASK: TASK}))


def test_a_reader_is_told(study: Study) -> None:
    (said,) = rules_told(study)
    assert "compile_after=3 compile_factor=1.5 compile_quantile=0.5 (ruled)" in said and "\n" not in said
    conditions = {row["name"]: row["conditions"] for row in strategy_rows(study)}
    assert "ended early by compile_after=3" in conditions["ruled"] and "ended early" not in conditions["random"]
    assert rules_told(Study(**{**study.__dict__, "runs": study.runs.assign(rules=NO_RULES)})) == []


def test_the_random_curve_beside_runs_under_rules_is_under_them(study: Study) -> None:
    runs = study.runs[study.runs["strategy"] == "ruled"]
    under, without = (
        random_searches(Study(**{**study.__dict__, "runs": runs.assign(rules=rules)}), optima(study))[TASK]
        for rules in (runs["rules"].iloc[0], NO_RULES)
    )
    assert under.end_s[:, -1].mean() < 0.9 * without.end_s[:, -1].mean()
    assert (np.diff(under.best, axis=1) >= 0).all() and (np.diff(under.end_s, axis=1) >= 0).all()


@pytest.mark.parametrize("said", [{}, 3, {"compile_factor": "2"}, {"factor": 2}, {"sample_error": True}, [1]])
def test_rules_of_a_config_that_nobody_wrote_are_refused(said: object) -> None:
    with pytest.raises(AnalysisError, match="here: rules"):
        told_rules(Path("here"), {"rules": said})


def test_rules_as_words() -> None:
    assert told_rules(Path("here"), {}) == NO_RULES and rules_of(NO_RULES) is None and rules_words(NO_RULES) == ""
    told = told_rules(Path("here"), {"rules": {"sample_error": 0.01, "compile_factor": 3}})
    assert rules_of(told) == Rules(compile_factor=3, sample_error=0.01)
    assert rules_words(told) == "compile_factor=3 sample_error=0.01"


def test_a_target_that_no_row_reaches_has_no_simulation() -> None:
    rules = Rules(compile_factor=1e9)
    how, table = Conditions(5, rules=rules), recorded(TABLE, None, noisy=False)
    some = searched_rows(TABLE, float(TABLE["oracle_ms"].min()), (0.1,), "uniform")
    rows = replace(some, hits={0.05: np.zeros(len(TABLE), dtype=bool), **some.hits})
    none = replace(some, hits={0.05: rows.hits[0.05]})
    readings = Readings(TABLE["oracle_ms"].to_numpy()[:, None], table.counts)
    for found, nothing in (
        (ruled_costs(table, rows, how, rules, 0.5), ruled_costs(table, none, how, rules, 0.5)),
        (noise_costs(rows, readings, how, 0.5), noise_costs(none, readings, how, 0.5)),
    ):
        assert set(found) == {(0.1, "evaluations"), (0.1, "seconds")} and nothing == {}


def test_a_simulation_has_random_numbers_of_its_table_kind_and_conditions() -> None:
    rows, how = searched_rows(TABLE, float(TABLE["oracle_ms"].min()), (0.1,), "uniform"), Conditions(BUDGET)
    others = [
        (replace(rows, p=np.ones(len(TABLE))), how),
        (replace(rows, compile_s=rows.compile_s[1:]), how),
        (replace(rows, hits={0.1: ~rows.hits[0.1]}), how),
        *((rows, replace(how, **{name: 2})) for name in ("budget", "batch", "compile_workers")),
        (rows, replace(how, overlapped=True)),
        (rows, replace(how, rules=Rules(compile_factor=2.0))),
        (rows, replace(how, rules=Rules(compile_factor=3.0))),
    ]
    first = [of.generator(conditions).random() for of, conditions in ((rows, how), *others)]
    assert len(set(first)) == len(first) and rows.generator(Conditions(BUDGET)).random() == first[0]


def test_readings_that_are_the_truth_cost_nothing_on_several_workers_either() -> None:
    """The ratio in seconds is to evaluations without noise, as where nothing is read: from the same draws the same."""
    rows = searched_rows(TABLE, float(TABLE["oracle_ms"].min()), (0.1,), "uniform")
    counts = TABLE["oracle_ms"].notna().to_numpy().astype(np.int64)
    readings, how = Readings(TABLE["oracle_ms"].to_numpy()[:, None], counts), Conditions(20, 4, 4)
    noisy, plain = noise_costs(rows, readings, how, 0.5), seconds_per_evaluation(rows, how, 0.5)
    assert noisy[0.1, "evaluations"].value == pytest.approx(1.0)
    assert noisy[0.1, "seconds"].value == pytest.approx(plain[0.1].value)


def test_a_simulation_under_rules_ends_after_so_many_evaluations_whatever_its_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ruled_baseline, "MOST", 1_000)
    rules, rows = Rules(compile_factor=1.5), searched_rows(TABLE, float(TABLE["oracle_ms"].min()), (0.1,), "uniform")
    for fewest, searches in ((10, 200), (300, 300)):
        monkeypatch.setattr(ruled_baseline, "FEWEST", fewest)
        found = ruled_costs(recorded(TABLE, None, noisy=False), rows, Conditions(5, rules=rules), rules, 1e-9)
        assert {one.searches for one in found.values()} == {searches}
