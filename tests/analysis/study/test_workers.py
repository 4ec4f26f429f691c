"""Results in seconds state the number of compile workers of each side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.report.gallery import Gallery
from analysis.report.text import format_speedups, sentences
from analysis.runs.load import load_study
from analysis.statistics.supported import THESE_TASKS
from analysis.study.results import StudyResults, analyse
from analysis.study.speedup import COLUMNS
from analysis.study.workers import axis_words, clock_words, curves_clock, usual_and_others, who_has_what
from analysis.tables.baselines import over_each_random
from analysis.tables.suffices import suffices
from analysis.verdict.cells import SUPPORTED, Cell
from analysis.verdict.text import details
from tests.analysis.fabricate import guided_order, landscape, random_order, write_study
from tests.analysis.hypotheses import CLAIM

NAN = float("nan")


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ([(1, 1)], "tuning seconds (1 worker each)"),
        ([(16, 1), (16, 1)], "tuning seconds (16 workers against 1)"),
        ([(1, 16)], "tuning seconds (1 worker against 16)"),
        ([(16, 16), (1, 1)], "tuning seconds (1 or 16 workers each)"),
        ([(1, 1), (16, 1)], "tuning seconds (1 or 16 workers against 1)"),
        ([(NAN, NAN)], "tuning seconds"),
        ([], "tuning seconds"),
    ],
)
def test_words(sides: list[tuple[float, float]], expected: str) -> None:
    assert clock_words(sides) == expected
    rows = pd.DataFrame(sides, columns=["workers", "baseline_workers"]).assign(axis="seconds")
    assert axis_words("seconds", rows) == expected
    assert axis_words("evaluations", rows) == "evaluations"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    """Two tasks; ``guided`` had 16 compile workers, ``random`` one."""
    folder = tmp_path_factory.mktemp("study")
    write_study(
        folder,
        {"k-1": landscape(200, 1), "l-1": landscape(200, 2)},
        {"guided": guided_order(4.0), "random": random_order},
        seeds=6,
        budget=40,
    )
    study = load_study([folder])
    workers = np.where(study.runs["strategy"] == "guided", 16, 1)
    return analyse(replace(study, runs=study.runs.assign(compile_workers=workers)))


def test_every_row_has_the_workers_of_either_side(mixed: StudyResults) -> None:
    """The law has as many workers as the compared runs, or 16 if its name says so; runs have their own number."""
    for label, table in {"exact_random": mixed.speedups, **mixed.others}.items():
        for strategy, own in (("guided", 16), ("random", 1)):
            rows = table[table["strategy"] == strategy]
            assert (rows["workers"] == own).all()
            of_law = 16 if label.endswith("_16_workers") else own
            assert (rows["baseline_workers"] == (of_law if mixed_law(label) else 1)).all()
            assert {"ALL", "k-1", "kernel:k"} <= set(rows["task"]) or rows.empty
    assert COLUMNS[-3:-1] == ["workers", "baseline_workers"]


def mixed_law(label: str) -> bool:
    return label.startswith(("exact", "noisy"))


def test_sentences_and_tables_say_so(mixed: StudyResults) -> None:
    told = sentences(mixed.speedups, mixed.counted[0.05])
    assert "tuning seconds (16 workers each) as fast" in next(text for text in told if text.startswith("guided"))
    assert "in tuning seconds (1 worker each); 1 is expected" in next(text for text in told if "random against" in text)
    assert "tuning seconds (1 or 16 workers each)" in format_speedups(mixed.speedups)
    table = over_each_random(mixed)
    assert table is not None
    heads = [row[0] for row in table.rows]
    assert "tuning seconds (1 or 16 workers each): exact random (closed form)" in heads
    assert "tuning seconds (1 or 16 workers against 16): exact random on 16 compile workers" in heads


def test_axes_of_curves_say_so_and_captions_say_who(mixed: StudyResults) -> None:
    drawings = {drawing.name: drawing for drawing in Gallery(mixed).drawings(per_task=True)}
    for name in ("best-so-far", "best-so-far-k-1", "runtime-ecdf"):
        labels = {axes.get_xlabel().replace("\n", " ") for axes in drawings[name].draw().axes}
        assert labels == {"evaluations", "tuning seconds (1 or 16 workers each)"}
        assert "16 for guided" in drawings[name].caption and "1 for random" in drawings[name].caption
    alone = drawings["runtime-ecdf"].data.query("strategy != 'guided'")
    assert (curves_clock(alone), who_has_what(alone)) == ("tuning seconds (1 worker each)", "")


def test_the_clock_of_curves_whose_runs_differ_is_no_number() -> None:
    rows = pd.DataFrame({"strategy": ["a", "b"], "axis": "seconds", "workers": [1.0, np.nan]})
    assert curves_clock(rows) == "tuning seconds (workers differ)"
    assert who_has_what(rows) == " Compile workers: 1 for a, several for b."


def test_what_random_is_spared_has_the_workers_in_its_heading(mixed: StudyResults) -> None:
    table = suffices(mixed)
    assert table is not None and "saved, tuning seconds (16 workers each)" in table.headers
    assert set(table.data["workers"]) == set(table.data["baseline_workers"]) == {16.0}


@pytest.mark.parametrize(
    ("sides", "expected", "others"),
    [
        ({"a": (1.0, 1.0)}, "tuning seconds (1 worker each)", {}),
        (
            {"a": (1.0, 1.0), "b": (1.0, 1.0), "c": (16.0, 1.0)},
            "tuning seconds (1 worker each unless told)",
            {"c": "16 workers against 1"},
        ),
        ({"a": (NAN, NAN)}, "tuning seconds", {}),
        ({}, "tuning seconds", {}),
    ],
)
def test_a_label_over_several_numbers(
    sides: dict[str, tuple[float, float]], expected: str, others: dict[str, str]
) -> None:
    assert usual_and_others(sides) == (expected, others)


def test_details_name_the_clock_of_a_number_in_seconds() -> None:
    found = ("none", 7.0, 6.4, 7.7, 0.0, 1.0, 0.0, 1.0, SUPPORTED, "")
    cell = Cell(THESE_TASKS, "lfbo", "useful", "seconds", "exact_random", 0.05, *found, workers=16, baseline_workers=1)
    told = details([cell], {THESE_TASKS: {"useful": {"lfbo": SUPPORTED}}}, {}, CLAIM)
    assert "supported for lfbo (7.0× in tuning seconds (16 workers against 1), at least 6.4)" in told
