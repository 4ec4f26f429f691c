"""The difficulty of a recorded task, given the error of its recorded latencies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.landscapes.reference_error import disturbed, interval_of, numbers_of, uncertain
from analysis.landscapes.summary import summarise
from analysis.landscapes.table import as_json, terminal_table, uncertain_cell
from analysis.reference import TARGETS, Difficulty, difficulty
from analysis.runs.load import Study
from analysis.study.incumbents import Optima
from analysis.study.reference_error import disturb
from analysis.study.results import StudyResults
from tests.analysis.fabricate import landscape

NAME, ERROR, REPLICATES = "a-1__h100", 0.03, 40
TABLE = landscape(300, 3).assign(draw_probability=np.where(np.arange(300) % 3, 1.0, 2.0))


def test_intervals_are_those_of_tables_that_are_judged_one_by_one() -> None:
    found = uncertain(TABLE, NAME, ERROR, REPLICATES)
    expected: dict[str, list[list[float]]] = {"uniform": [], "by_parameter": []}
    for latency in disturbed(TABLE, ERROR, REPLICATES, numbers_of(NAME)):
        again = TABLE.assign(oracle_ms=latency)
        hard = [difficulty(again, float(latency.min()), target) for target in TARGETS]
        expected["uniform"].append([d.expected_evaluations for d in hard])
        expected["by_parameter"].append([d.by_parameter or np.nan for d in hard])
    best = float(TABLE["oracle_ms"].min())
    own: list[Difficulty] = [difficulty(TABLE, best, target) for target in TARGETS]
    for kind, recorded in (
        ("uniform", [d.expected_evaluations for d in own]),
        ("by_parameter", [d.by_parameter or np.nan for d in own]),
    ):
        se = np.log(expected[kind]).std(axis=0, ddof=1)
        for at, interval in enumerate(getattr(found, kind)):
            assert interval == pytest.approx(interval_of(recorded[at], float(se[at]), REPLICATES))
            assert 1 <= interval[0] < recorded[at] < interval[1]


def test_a_report_of_the_same_table_has_the_same_spread() -> None:
    empty = pd.DataFrame()
    runs = pd.DataFrame({"task": [], "strategy": []})
    study = Study(runs, empty, references={NAME: TABLE})
    best = Optima({NAME: float(TABLE["oracle_ms"].min())}, {})
    results = StudyResults(study, best, empty, empty, empty, {}, {}, {})
    spread = disturb(results, ERROR, REPLICATES).difficulty.set_index(["kind", "target"])["se"]
    found = uncertain(TABLE, NAME, ERROR, REPLICATES)
    for kind in ("uniform", "by_parameter"):
        for target, interval in zip(TARGETS, getattr(found, kind), strict=True):
            expected = interval_of(1e9, spread[kind, target], REPLICATES)
            assert interval[1] / interval[0] == pytest.approx(expected[1] / expected[0]) or interval[0] == 1


def test_nothing_takes_less_than_one_evaluation_and_what_may_never_hit_has_no_interval() -> None:
    assert interval_of(1.5, 1.0, 200)[0] == 1.0
    sample = TABLE.assign(origin=["search" if ms < 1.2 else "uniform" for ms in TABLE["oracle_ms"].fillna(9)])
    found = uncertain(sample.drop(columns="draw_probability"), NAME, ERROR, REPLICATES)
    assert found.uniform[0] is None and found.by_parameter == (None, None, None)


def test_scripts_and_people_get_it_where_an_error_is_stated() -> None:
    without, told = (summarise(TABLE, {}, NAME, error) for error in (None, 0.02))
    assert as_json(without)["reference_error"] is None and uncertain_cell(without.uncertain) == "–"
    assert as_json(without)["targets"] == as_json(told)["targets"]
    document = as_json(told)["reference_error"]
    assert document["relative_error"] == 0.02 and document["replicates"] == 200
    assert set(document["targets"]) == {"0.01", "0.05", "0.1"}
    pair = document["targets"]["0.05"]["by_parameter"]
    assert pair["low"] < as_json(told)["targets"]["0.05"]["by_parameter"] < pair["high"]
    *_, said = terminal_table([without, told], {}).splitlines()
    assert said == (
        "E5 by reference error (uniform/by parameter): 95%, each recorded latency uncertain by 2%, 200 disturbed tables"
    )
    assert "reference error (uniform" not in terminal_table([without], {})
