"""Names of any length leave room for the axes of every figure, and stay distinguishable."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.letters import MOST, MOST_IN_TITLE, apart, cut, shorten
from analysis.figures.style import COLUMN_INCHES, paper
from analysis.report.gallery import Gallery
from analysis.study.results import study_results
from tests.analysis.fabricate import guided_order, landscape, random_order, write_study

LONG = "$x^{" + "a_very_long_label_" * 8
LABELS = {"random": random_order, f"{LONG}a": guided_order(1), f"{LONG}b": guided_order(2), "$" * 120: guided_order(3)}


def test_what_is_cut_stays_apart() -> None:
    names = [f"{'x' * 60}{i}{'y' * 60}" for i in range(12)] + ["short", "short", "x" * MOST]
    short = apart(names, MOST)
    assert len(set(short)) == len(set(names)) and max(map(len, short)) == MOST
    assert short[-3:] == ["short", "short", "x" * MOST]
    assert cut("abcdefghijkl", 7) == "abcd…kl"
    assert cut("abcdefg", 7) == "abcdefg"


def test_a_legend_is_cut_only_where_it_has_no_room() -> None:
    told = "conditional_gp: slope 0.51, Spearman 0.80"
    assert len(told) > MOST
    for names, columns, cut_at in (([told, "a"], 1, None), ([told, told[::-1]], 2, MOST), (["x" * 99], 1, MOST)):
        figure = Figure(figsize=(COLUMN_INCHES, 2))
        figure.legend([Line2D([], []) for _ in names], names, ncols=columns)
        shorten(figure)
        shown = [text.get_text() for text in figure.legends[0].get_texts()]
        assert shown == names if cut_at is None else max(map(len, shown)) <= cut_at and shown != names


@pytest.mark.slow
def test_no_figure_of_long_names_makes_matplotlib_warn(tmp_path: Path) -> None:
    tables = {f"matmul-{'9' * 150}__gpu": landscape(60), "softmax-1__gpu": landscape(60, 1)}
    results = study_results([write_study(tmp_path / "r", tables, LABELS, 2, 30)])
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for drawing in Gallery(results).drawings():
            figure = drawing.draw()
            with paper():
                shorten(figure)
                figure.draw_without_rendering()
            seen.append(drawing.name)
            for axes in figure.axes:
                labels = [*axes.get_xticklabels(), *axes.get_yticklabels()]
                assert all(len(line) <= MOST for label in labels for line in label.get_text().split("\n"))
    assert {"speedup-evaluations", "heatmap-evaluations", "best-so-far"} <= set(seen)


def test_the_words_below_a_figure_are_never_cut(tmp_path: Path) -> None:
    results = study_results([write_study(tmp_path / "r", {"k-1__gpu": landscape(60)}, {"s": guided_order(2)}, 2, 30)])
    below = {drawing.name: drawing.draw().get_supxlabel() for drawing in Gallery(results).drawings()}
    assert "tuning seconds (1 worker each)" in below["speedup-seconds"]
    assert all(len(line) <= MOST_IN_TITLE for text in below.values() for line in text.split("\n"))


@pytest.mark.slow
def test_a_report_of_long_names_is_written_without_a_warning(tmp_path: Path) -> None:
    from analysis.report.build import build_report

    write_study(tmp_path / "r", {f"k-{'9' * 150}__gpu": landscape(60)}, LABELS, 2, 30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_report([tmp_path / "r"], tmp_path / "report", per_task=True)
    assert LONG in (tmp_path / "report/speedups.csv").read_text()
