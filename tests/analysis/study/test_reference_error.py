"""A reference equal to the recorded latencies reproduces the report's number; other references give other numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.landscapes.reference_error import disturbed
from analysis.reference import HEADLINE_TARGET, true_latency
from analysis.runs.load import load_study
from analysis.statistics.ert import LogEstimate
from analysis.statistics.no_hits import RatioLimit
from analysis.statistics.seed_clusters import SeedShares
from analysis.study.laws import UNIFORM
from analysis.study.reference_error import Disturbed, afresh, judged_by, widened
from analysis.study.results import StudyResults, analyse
from analysis.study.time_to_target import AXES
from experiments.oracle_error.estimate import errors, propagated
from tests.analysis.fabricate import guided_order, landscape, random_order, write_study

TASKS = ["a-64x64-bf16__h100", "b-64x64-bf16__h100"]
STRATEGIES = ["guided", "random"]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    tables = {task: landscape(300, i) for i, task in enumerate(TASKS)}
    orders = {"guided": guided_order(2.0), "random": random_order}
    return analyse(load_study([write_study(tmp_path_factory.mktemp("r"), tables, orders, 8, 60)]), others=())


@pytest.mark.parametrize("axis", AXES)
def test_by_the_recording_it_is_the_reports_number(results: StudyResults, axis: str) -> None:
    rows = results.speedups.query(f"axis == '{axis}' and target == {HEADLINE_TARGET}")
    for task in TASKS:
        own = rows[rows["task"] == task].set_index("strategy")
        latencies = true_latency(results.study.references[task])[None]
        judged = judged_by(results, task, latencies, HEADLINE_TARGET, STRATEGIES)
        for strategy in STRATEGIES:
            found = judged.log_speedup[strategy, UNIFORM, axis]
            assert found == pytest.approx([own.loc[strategy, "log"]], rel=1e-9)


def test_a_scale_changes_nothing_and_another_optimum_much(results: StudyResults) -> None:
    task = TASKS[0]
    table = results.study.references[task]
    true = true_latency(table)
    other = true.copy()
    other[np.argmin(true)] *= 0.5
    judged = judged_by(results, task, np.stack([true, 3 * true, other]), HEADLINE_TARGET, STRATEGIES)
    expected = judged.expected[UNIFORM]
    assert expected[1] == expected[0] and expected[2] == pytest.approx((len(table) + 1) / 2)
    guided = judged.log_speedup["guided", UNIFORM, "evaluations"]
    assert guided[1] == pytest.approx(guided[0])


def test_those_timed_again_are_on_their_own_scale() -> None:
    table = pd.DataFrame({"key": list("abcd"), "latency_ms": [1.0, 2.0, 3.0, np.nan], "status": ["ok"] * 3 + ["x"]})
    assert afresh(table, {"a": 2.2, "b": 4.0, "z": 1.0}) == pytest.approx([2.2, 4.0, 3.0 * 2.1, np.inf])
    assert afresh(table, {})[:3] == pytest.approx([1.0, 2.0, 3.0])


def test_disturbance_is_log_normal() -> None:
    table = pd.DataFrame({"latency_ms": [1.0, 2.0], "status": "ok"})
    logs = np.log(disturbed(table, 0.1, 20_000, np.random.default_rng(1)) / [1.0, 2.0])
    assert logs.std(axis=0) == pytest.approx([0.1, 0.1], rel=0.03) and abs(logs.mean()) < 0.003
    assert (disturbed(table, 0.0, 3, np.random.default_rng(1)) == [1.0, 2.0]).all()


def test_components_of_error_are_found() -> None:
    rng, sd, keys = np.random.default_rng(3), {"session": 0.01, "card": 0.02, "recorded": 0.03}, 400
    true = np.exp(rng.uniform(0, 0.1, keys))
    oracle, rows = true * np.exp(sd["recorded"] * rng.standard_normal(keys)), []
    for card in range(6):
        of_card = sd["card"] * rng.standard_normal(keys)
        for session in range(3):
            ms = 1.07 * true * np.exp(of_card + sd["session"] * rng.standard_normal(keys))
            rows += [
                {"task": "t", "device": f"{card}", "session": session, "key": f"{i}", "oracle_ms": o, "samples_ms": [m]}
                for i, (o, m) in enumerate(zip(oracle, ms, strict=True))
            ]
    (found,) = errors(pd.DataFrame(rows)).to_dict("records")
    assert {name: found[name] / 100 for name in sd} == pytest.approx(sd, rel=0.12)


def test_the_references_error_widens_the_interval(results: StudyResults) -> None:
    stratum = results.strata[TASKS[0]]
    none, some = (propagated(results, error, ["guided"], stratum).iloc[0] for error in (0.0, 0.02))
    assert none["se_reference"] < 1e-12 < some["se_reference"] and some["se_seeds"] == none["se_seeds"]
    assert some["low"] < none["low"] < none["speedup"] < none["high"] < some["high"]


def test_the_error_is_added_to_what_a_row_knows_and_to_no_row_without_one() -> None:
    """Variances add up; the degrees of freedom of two equal errors with 9 each are 18."""
    of = {"task": "t", "strategy": "s", "kind": UNIFORM, "target": 0.05, "axis": "evaluations"}
    by = Disturbed(0.02, 10, pd.DataFrame(), pd.DataFrame([of | {"se": 0.3}, of | {"axis": "seconds", "se": 0.0}]))
    shares = SeedShares({0: 0.1}, 0.01, 0.0, 9.0, LogEstimate(0.0, 0.4, 9.0))
    row = {"task": "t", "strategy": "s", "baseline": "exact_random", "target": 0.05, "axis": "evaluations"}
    row |= {"log": 0.7, "se": 0.3, "df": 9.0, "shared": shares, "limit": RatioLimit(0.7, 5, 1, 0.3, 9.0)}
    never = row | {"se": float("nan"), "df": float("nan"), "shared": None}
    others = [row | {"axis": "seconds"}, row | {"baseline": "exact_random_by_parameter"}, row | {"strategy": "other"}]
    found = widened(pd.DataFrame([row, never, *others]), by).to_dict("records")
    both = float(np.hypot(0.3, 0.3)), pytest.approx(18.0)
    assert (found[0]["log"], found[0]["se"], found[0]["df"]) == (0.7, *both)
    assert (found[0]["shared"].rest.se, found[0]["shared"].moved) == (pytest.approx(0.5), shares.moved)
    assert np.isnan(found[1]["se"]) and found[1]["shared"] is None
    for each in found[:2]:
        assert (each["limit"].se, each["limit"].df, each["limit"].log) == (pytest.approx(both[0]), both[1], 0.7)
    for each, before in zip(found[2:], others, strict=True):
        assert (each["se"], each["shared"], each["limit"]) == (0.3, before["shared"], before["limit"])
