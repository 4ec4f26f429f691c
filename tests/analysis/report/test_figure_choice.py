"""Figures for a paper: the chosen ones are drawn under the requested names, at the requested width and font."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.errors import AnalysisError
from analysis.figures import compact_forest, heatmap, landscapes, speedup_forest
from analysis.figures.letters import broken, shorten
from analysis.figures.printed import fit
from analysis.figures.reference_lines import labels_of
from analysis.figures.scales import quality_scale
from analysis.figures.style import looks, paper
from analysis.report.build import redraw
from analysis.report.choice import FigureChoice
from analysis.report.gallery import Gallery
from analysis.runs.load import load_study
from analysis.study.results import StudyResults, analyse
from tests.analysis.fabricate import guided_order, landscape, random_order, write_study

KERNELS = [f"kernel_number_{i:02}" for i in range(22)]
MANY = [
    *("conditional_gp", "optuna_tpe", "lfbo", "rf_ei", "local_search", "genetic", "grid", "sobol"),
    *("pattern_search", "differential_evolution", "smac", "mine", "yours", "theirs", "random"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tables = {f"{kernel}-64x64-bf16__h100": landscape(150, i) for i, kernel in enumerate(["matmul", "softmax"])}
    strategies = {"random": random_order, "guided": guided_order(2.0), "better": guided_order(3.0)}
    return write_study(tmp_path_factory.mktemp("results"), tables, strategies, 3, 40)


@pytest.fixture(scope="module")
def results(folder: Path) -> StudyResults:
    return analyse(load_study([folder]), ())


def texts(figure: Figure) -> list[Text]:
    figure.draw_without_rendering()
    found = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    return [text for text in found if text.get_text().strip() and text.get_visible()]


def within_view(axis: Axis) -> list[Text]:
    """Return the labels of an axis's visible ticks; Matplotlib keeps some beyond both ends."""
    low, high = sorted(axis.get_view_interval())
    labels = [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [label for label in labels if label.get_visible() and label.get_text().strip()]


def test_fifteen_strategies_differ_in_colour_and_marker_and_dash() -> None:
    styles = looks(MANY)
    for part in ("colour", "marker", "dash"):
        assert len({getattr(look, part) for look in styles.values()}) == len(MANY) == 15, part


@pytest.mark.parametrize("width", [3.3, pytest.param(7.0, marks=pytest.mark.slow)])
def test_every_label_of_22_kernels_and_15_strategies_stands_by_itself(width: float) -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"task": task, "stratum": "all", "strategy": name, "speedup": value, "speedup_low": value / 1.4,
         "speedup_high": value * 1.4, "bound": "none", "hits": 20, "runs": 20, "baseline": "exact_random",
         "workers": 1.0, "baseline_workers": 1.0}
        for task in ("ALL", *(f"kernel:{kernel}" for kernel in KERNELS))
        for name, value in zip(MANY, rng.lognormal(1, 0.5, len(MANY)), strict=True)
    ]  # fmt: skip
    table, styles = pd.DataFrame(rows), looks(MANY)
    groups = compact_forest.groups_of(table)
    part = groups[: compact_forest.most_panels(len(MANY), width)]
    assert len(groups) == 23 and part[0] == "ALL"
    with paper():
        figure = compact_forest.draw(table, "evaluations", 0.05, styles, MANY, part, width=width)
        fit(figure, width)
        said = texts(figure)
    assert figure.get_figwidth() == width and figure.get_figheight() <= 9.5
    assert all(7.0 <= text.get_fontsize() <= 9.0 for text in said)
    names = [text for text in said if text.get_text() in MANY]
    titles = [axes.title for axes in figure.axes]
    assert len(names) >= len(MANY) and len(titles) == len(part)
    boxes = [text.get_window_extent() for text in (*names, *titles)]
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[i + 1 :])


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    names = [f"k{i:02}_a_rather_long_kernel_name-4096x{n}x4096-bf16__h100" for i in range(7) for n in (64, 1024)]
    tables = {name: landscape(60, i) for i, name in enumerate(names)}
    strategies = {"random": random_order, **{name: guided_order(0.2 * i) for i, name in enumerate(MANY[:-1])}}
    return analyse(load_study([write_study(tmp_path_factory.mktemp("large"), tables, strategies, 3, 10)]), ())


@pytest.mark.slow
@pytest.mark.parametrize("width", [3.3, 7.0])
def test_no_word_leaves_a_figure_or_stands_on_its_neighbour(large: StudyResults, width: float) -> None:
    drawn = 0
    for drawing in Gallery(large, None, FigureChoice(width=width)).drawings():
        if drawing.name.endswith(("-3", "-4", "-5", "-6", "-7", "-8", "-9")) or "-1" in drawing.name:
            continue  # further pages of the same
        with paper():
            figure = fit(drawing.draw(), width)
            shorten(figure)
            said = texts(figure)
        drawn += 1
        right = figure.get_figwidth() * figure.dpi
        assert all(7.0 <= text.get_fontsize() <= 9.0 for text in said), drawing.name
        axes_of = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
        ticks = [within_view(axis) for axis in axes_of]
        never = {id(tick.label1) for axis in axes_of for tick in axis.get_major_ticks()}
        never -= {id(label) for labels in ticks for label in labels}
        for text in said:
            box = text.get_window_extent()
            assert id(text) in never or (box.x0 > -2 and box.x1 < right + 2), (drawing.name, text.get_text())
        for labels in ticks:
            boxes = [label.get_window_extent() for label in labels if not label.get_rotation()]
            assert not any(one.overlaps(following) for one, following in pairwise(boxes)), drawing.name
    assert drawn > 14


def test_names_are_broken_behind_their_marks_and_stay_different() -> None:
    names = ["attention_backward", "softmax", "k00_a_rather_long_kernel_name", "k01_a_rather_long_kernel_name"]
    lines = broken(names, 14)
    assert lines[:2] == ["attention_\nbackward", "softmax"] and len(set(lines)) == 4
    assert all(len(line) <= 14 for name in lines for line in name.split("\n"))
    assert broken(names[2:], 14, 3) == ["k00_a_rather_\nlong_kernel_\nname", "k01_a_rather_\nlong_kernel_\nname"]


def test_narrow_figures_have_fewer_columns() -> None:
    data = pd.DataFrame({"row": ["layernorm_backward", "ALL"]})
    assert [heatmap.most_strategies(data, width) for width in (3.3, 7.0)] == [6, 14]
    assert [landscapes.most_kernels(width) for width in (3.3, 7.0)] == [5, 15]


def test_chosen_strategies_are_drawn_in_their_order_under_their_names(results: StudyResults) -> None:
    choice = FigureChoice(strategies=("random", "guided"), rename={"guided": "ours", "random": "baseline"})
    gallery = Gallery(results, None, choice)
    assert gallery.order == [*gallery.shown] == ["baseline", "ours"]
    assert gallery.styles["ours"] == Gallery(results).styles["guided"]
    drawings = {drawing.name: drawing for drawing in gallery.drawings(True, ["speedup-compact-evaluations"])}
    figure = drawings["speedup-compact-evaluations"].draw()
    assert {"baseline", "ours"} <= {text.get_text() for text in texts(figure)}
    assert set(drawings["speedup-compact-evaluations"].data["strategy"]) == {"baseline", "ours"}


def test_what_takes_long_is_not_computed_for_other_figures(results: StudyResults) -> None:
    names = [drawing.name for drawing in Gallery(results).drawings(True, ["data-profile"])]
    assert names == ["data-profile"]


def test_chosen_tasks_and_a_target_change_the_numbers(folder: Path, tmp_path: Path) -> None:
    told: list[str] = []
    choice = FigureChoice(width=3.3, target=0.1, tasks=("softmax",))
    (figure,) = redraw([folder], tmp_path, ["speedup-evaluations"], told=told.append, choice=choice)
    data = pd.read_csv(figure.png.with_suffix(".csv"))
    assert set(data["target"]) == {0.1} and not data["task"].str.startswith("matmul").any()
    assert told[0] == "1 of 2 tasks are chosen: ALL covers only these"


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"width": 0.5}, "--width 0.5: expected inches from 2 to 12"),
        ({"target": 0.2}, "--target 0.2: expected one of 0.01, 0.05, 0.1"),
        ({"font": "DejaVu San"}, "--font DejaVu San: no such font installed: expected DejaVu Sans"),
        ({"strategies": ("guide",)}, "--strategies guide: no such strategy in this study: expected guided"),
        ({"rename": {"guide": "x"}}, "--rename guide: no such strategy in this study: expected guided"),
        ({"rename": {"guided": "better"}}, "--rename guided=better: better already has this name"),
        ({"tasks": ("softmx",)}, "--tasks softmx: no such task or kernel in this study: expected softmax"),
    ],
)  # fmt: skip
def test_a_choice_that_cannot_be_is_refused(folder: Path, tmp_path: Path, choice: dict[str, Any], said: str) -> None:
    with pytest.raises(AnalysisError, match=said):
        redraw([folder], tmp_path, ["ranks"], choice=FigureChoice(**choice))
    assert not list(tmp_path.iterdir())


def test_near_lines_share_a_label_and_others_have_their_own() -> None:
    axes = Figure().subplots()
    quality_scale(axes)
    lines = {"within 5%": 0.952, "default configuration": 0.955, "vendor's library": 0.7}
    assert labels_of(axes, lines) == [("vendor", 0.7), ("default, within 5%", 0.955)]


def test_forest_columns_follow_the_width() -> None:
    assert [speedup_forest.most_strategies(width) for width in (3.3, 7.0)] == [1, 4]
