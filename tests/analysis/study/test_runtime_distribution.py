"""Run-length distributions: of runs counted by hand, of random search against the hypergeometric law."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom

from analysis.reference import TARGETS, difficulty
from analysis.runs.load import load_study
from analysis.study.results import StudyResults, analyse
from analysis.study.runtime_distribution import COLUMNS, EXACT_RANDOM, random_distributions, run_distributions
from analysis.study.simulated_random import RandomSearches
from tests.analysis.fabricate import evaluations, landscape, write_reference, write_run

TASKS = ("a-1__h100", "b-1__h100")
BUDGET = 12
FOUND_AT = (3, 3, 7, None)
"""The evaluation in which each seed of ``s`` meets the optimum, on the first task; on the second nobody does."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    """Every evaluation costs a second."""
    folder: Path = tmp_path_factory.mktemp("r")
    for i, task in enumerate(TASKS):
        table = landscape(40, i, failures=0.0).assign(compile_s=1.0, verify_s=0.0, benchmark_s=0.0)
        table["latency_ms"] = table["oracle_ms"]
        write_reference(folder, task, table)
        order = np.argsort(-table["oracle_ms"].to_numpy())  # the slowest first
        for seed, at in enumerate(FOUND_AT):
            rows = order[:BUDGET].copy()
            if i == 0 and at is not None:
                rows[at - 1] = order[-1]
            write_run(folder, task, "s", seed, evaluations(table, rows), budget=BUDGET)
    return analyse(load_study([folder]), others=())


@pytest.mark.parametrize("axis", ["evaluations", "seconds"])
def test_the_share_of_runs_steps_up_where_they_hit_and_ends_where_they_end(results: StudyResults, axis: str) -> None:
    assert results.counted[0.05] == set(TASKS)
    data = run_distributions(results)
    assert list(data.columns) == COLUMNS and len(data.groupby(["axis", "target"])) == 2 * len(TARGETS)
    own = data[(data["axis"] == axis) & (data["target"] == 0.05)]
    assert own["x"].to_list() == [3.0, 7.0, 12.0] and own["solved"].to_list() == [2 / 8, 3 / 8, 3 / 8]
    assert own["ended"].to_list() == [False, False, True] and set(own["runs"]) == {8} and set(own["workers"]) == {1.0}


def test_only_tasks_that_count_are_in_a_distribution(results: StudyResults) -> None:
    counted = replace(results, counted={**results.counted, 0.05: {TASKS[0]}, 0.01: set()})
    data = run_distributions(counted)
    own = data[(data["axis"] == "evaluations") & (data["target"] == 0.05)]
    assert own["solved"].to_list() == [2 / 4, 3 / 4, 3 / 4] and set(data["target"]) == {0.05, 0.10}
    solved = run_distributions(replace(counted, times=results.times[results.times["hit"]]))
    own = solved[(solved["axis"] == "evaluations") & (solved["target"] == 0.05)]
    assert own[["x", "solved", "ended"]].to_numpy().tolist() == [[3.0, 2 / 3, False], [7.0, 1.0, True]]
    nothing = run_distributions(replace(results, counted={target: set() for target in TARGETS}))
    assert nothing.empty and list(nothing.columns) == COLUMNS


def test_random_search_in_evaluations_follows_the_hypergeometric_law(results: StudyResults) -> None:
    counted = {0.01: set(), 0.05: {*TASKS}, 0.10: {*TASKS, "of-no-recording"}}
    data = random_distributions(replace(results, counted=counted), {})
    assert list(data.columns) == COLUMNS and set(data["strategy"]) == {EXACT_RANDOM}
    assert set(data["axis"]) == {"evaluations"} and set(data["target"]) == {0.05, 0.10}
    draws = np.arange(1, BUDGET + 1)
    for target in (0.05, 0.10):
        hard = [difficulty(results.study.references[t], results.best.t_star_ms[t], target) for t in TASKS]
        law = np.mean([1.0 - hypergeom.pmf(0, of.n, of.k, draws) for of in hard], axis=0)
        own = data[data["target"] == target]
        assert own["x"].to_list() == draws.tolist() and own["solved"].to_list() == pytest.approx(law.tolist())
    nothing = random_distributions(replace(results, counted={target: set() for target in TARGETS}), {})
    assert nothing.empty and list(nothing.columns) == COLUMNS


def test_random_search_in_seconds_is_the_share_of_its_simulated_searches(results: StudyResults) -> None:
    """One of two searches comes within 5% at 4 s, and the other never; both end at 8 s. Another task's: all at 1 s."""
    half = RandomSearches(
        np.array([[2.0, 4.0, 8.0], [2.0, 4.0, 8.0]]), np.array([[0.5, 1 / 1.05, 1.0], [0.5, 0.5, 0.9]]), 16
    )
    at_once = RandomSearches(np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 1.0, 1.0]]), 16)
    for simulated, before, after in (({TASKS[0]: half}, 0.0, 0.5), ({TASKS[0]: half, TASKS[1]: at_once}, 0.5, 0.75)):
        data = random_distributions(results, simulated)
        own: pd.DataFrame = data[(data["axis"] == "seconds") & (data["target"] == 0.05)]
        first = min(float(one.end_s[0, 0]) for one in simulated.values())
        assert own["x"].iloc[0] == pytest.approx(first) and own["x"].iloc[-1] == pytest.approx(8.0)
        assert set(own.loc[own["x"] < 4, "solved"]) == {before} and set(own.loc[own["x"] > 4, "solved"]) == {after}
        assert set(own["workers"]) == {16.0} and set(own["runs"]) == {0} and not own["ended"].any()
