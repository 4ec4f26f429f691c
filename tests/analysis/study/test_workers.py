"""Seconds say how many compile workers each side has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.report.text import format_speedups, sentences
from analysis.runs.load import load_study
from analysis.study.results import StudyResults, analyse
from analysis.study.speedup import COLUMNS
from analysis.study.workers import axis_words, clock_words
from analysis.tables.baselines import over_each_random
from tests.analysis.fabricate import guided_order, landscape, random_order, write_study

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
    """The law has as many as the runs beside it, or 16 where its name says so; runs have their own."""
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
