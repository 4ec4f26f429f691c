"""``from analysis import load_study``: the docstrings' examples, DataFrames, and figures on given axes."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

import analysis
import analysis.api.study
from analysis import load_study
from analysis.api.study import AnalysedStudy
from analysis.errors import AnalysisError
from analysis.figures.style import looks
from tests.analysis.fabricate import guided_order, landscape, random_order, write_study

TASKS = ("matmul-64x64-bf16__h100", "softmax-64x64-bf16__h100")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tables = {task: landscape(200, i) for i, task in enumerate(TASKS)}
    strategies = {"random": random_order, "guided": guided_order(2.0)}
    return write_study(tmp_path_factory.mktemp("results"), tables, strategies, 3, 40)


@pytest.fixture(scope="module")
def study(results: Path) -> AnalysedStudy:
    return load_study(results)


@pytest.mark.parametrize("module", [analysis, analysis.api.study], ids=lambda module: module.__name__)
def test_the_examples_of_the_docstrings(module: Any, results: Path) -> None:
    told = doctest.testmod(module, extraglobs={"results": results})
    assert told.attempted >= 4
    assert told.failed == 0


def test_frames_of_runs_and_evaluations(study: AnalysedStudy) -> None:
    assert len(study.runs) == 2 * 2 * 3
    assert len(study.evaluations) == 2 * 2 * 3 * 40
    one = study.evaluations.groupby(["task", "strategy", "seed"]).size()
    assert set(one) == {40}
    assert study.strategies == ["guided", "random"]
    assert study.notes == []


def test_figures_go_on_axes_that_are_there_in_one_look(study: AnalysedStudy) -> None:
    figure = Figure()
    forest, curves, profile = figure.subplots(1, 3)
    assert study.forest(forest) is forest
    assert (
        study.best_so_far(TASKS[0].partition("__")[0], curves, strategies=["guided"], rename={"guided": "ours"})
        is curves
    )
    assert study.data_profile(profile) is profile
    assert [label.get_text() for label in forest.get_yticklabels()] == study.strategies
    (line,) = [line for line in curves.lines if line.get_label() == "ours"]
    look = looks(study.strategies)["guided"]
    assert (line.get_color(), line.get_label()) == (look.colour, "ours")
    figure.draw_without_rendering()


def test_drawing_leaves_the_settings_of_the_user_alone(study: AnalysedStudy) -> None:
    before = dict(mpl.rcParams)
    study.data_profile()
    assert dict(mpl.rcParams) == before


def test_chosen_tasks_are_a_study_of_their_own(results: Path, study: AnalysedStudy) -> None:
    part = load_study(results, tasks=["softmax"])
    assert set(part.runs["task"]) == {TASKS[1]}
    whole, own = (s.speedups.query("task == 'ALL' and stratum == 'all'")["hits"].sum() for s in (study, part))
    assert 0 < own < whole


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda study: study.forest(strategies=["guide"]), "--strategies guide: no such strategy.*expected guided"),
        (lambda study: study.forest(kernel="conv"), "expected a kernel of matmul, softmax"),
        (lambda study: study.forest(axis="time"), "expected evaluations or seconds"),
        (lambda study: study.forest(target=0.2), "expected one of 0.01, 0.05, 0.1"),
        (lambda study: study.best_so_far("*"), "2 tasks: expected one of"),
        (lambda study: study.best_so_far("softmx"), "expected softmax"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused_with_the_near_name(study: AnalysedStudy, call: Any, said: str) -> None:
    with pytest.raises(AnalysisError, match=said):
        call(study)
