"""Best-so-far curves: the runs' steps, and the law of random search against simulated runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.reference import true_latency
from analysis.runs.load import Study, load_study
from analysis.study.curves import COLUMNS, random_curves, run_curves
from analysis.study.incumbents import optima
from analysis.study.simulated_random import random_searches
from tests.analysis.fabricate import landscape, random_order, write_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    path: Path = tmp_path_factory.mktemp("results")
    tables = {"a-1": landscape(200, 1), "b-1": landscape(150, 2, failures=0.4)}
    return load_study([write_study(path, tables, {"random": random_order}, 60, 50)])


def at(curves: pd.DataFrame, axis: str, x: float, column: str) -> float:
    """Value of a step curve at x."""
    part = curves[(curves["task"] == "b-1") & (curves["axis"] == axis)]
    return float(part.loc[part["x"] <= x, column].iloc[-1])


def test_runs_are_steps_that_hardly_fall(study: Study) -> None:
    curves = run_curves(study, optima(study))
    assert list(curves.columns) == ["task", *COLUMNS]
    for _, part in curves.groupby(["task", "axis"]):
        assert part["x"].is_monotonic_increasing
        for column in ("q25", "median", "q75", "mean"):
            # a lucky reading of 0.2% noise may lead to a slightly worse incumbent
            assert len(part) > 5 and part[column].diff().min() > -0.01
            assert part[column].between(0, 1).all()
        assert (part["q25"] <= part["median"]).all()
    assert curves.loc[curves["axis"] == "evaluations", "x"].isin(range(1, 51)).all()


def test_random_runs_follow_the_law_on_both_axes(study: Study) -> None:
    best = optima(study)
    runs, exact = run_curves(study, best), random_curves(study, best, random_searches(study, best))
    clock = float(study.runs.loc[study.runs["task"] == "b-1", "clock_s"].median())
    for axis, points in (("evaluations", (1, 5, 20, 50)), ("seconds", (0.1 * clock, 0.5 * clock, 0.95 * clock))):
        for x in points:
            # 60 runs, quality spreads by less than 0.35: 4 standard errors
            assert at(runs, axis, x, "mean") == pytest.approx(at(exact, axis, x, "mean"), abs=0.15)
    clocked = exact[exact["axis"] == "seconds"]
    for _, part in clocked.groupby("task"):
        assert part["x"].iloc[0] == part["mean"].iloc[0] == 0.0 and (part["x"].diff().iloc[1:] > 0).all()


def test_quality_is_that_of_the_incumbent(study: Study) -> None:
    best = optima(study)
    one = Study(study.runs.iloc[[60]], study.evaluations[study.evaluations["run"] == 60])
    curves = run_curves(one, best)
    rows = one.evaluations
    incumbent = rows["latency_ms"].fillna(np.inf).cummin()
    for t in (1, 7, 50):
        chosen = rows[rows["latency_ms"] == incumbent.iloc[t - 1]]["oracle_ms"]
        expected = best.t_star_ms["b-1"] / chosen.iloc[0] if len(chosen) else 0.0
        assert at(curves, "evaluations", t, "median") == pytest.approx(expected)


def test_a_kernel_mixes_its_tasks_alike(tmp_path: Path) -> None:
    tables = {"a-1": landscape(80, 1), "a-2": landscape(60, 2, failures=0.4)}
    study = load_study([write_study(tmp_path, tables, {"random": random_order}, 2, 20)])
    best = optima(study)
    law = random_curves(study, best, {}, by="kernel")
    assert set(law["kernel"]) == {"a"}
    rng, drawn = np.random.default_rng(0), []
    for task, table in study.references.items():
        quality = best.t_star_ms[task] / true_latency(table)
        drawn += [np.maximum.accumulate(rng.permutation(quality)[:20]) for _ in range(8000)]
    for t in (1, 6, 20):
        row = law[law["x"] == t].iloc[0]
        simulated = np.array(drawn)[:, t - 1]
        assert row["mean"] == pytest.approx(simulated.mean(), abs=0.01)
        for name, q in (("q25", 0.25), ("median", 0.5), ("q75", 0.75)):
            assert row[name] == pytest.approx(np.quantile(simulated, q), abs=0.03)
