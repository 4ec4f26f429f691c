"""Figures of many kernels and strategies are split over panels and figures, so that no texts overlap."""

from __future__ import annotations

import warnings
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis.figures import best_so_far, heatmap
from analysis.figures.style import looks, paper
from analysis.report.drawing import pages
from analysis.study.time_to_target import AXES

KERNELS = [f"k{i:02}_a_rather_long_kernel_name" for i in range(22)]
STRATEGIES = [f"variant_{i:02}_with_long_label" for i in range(25)]


def laid_out(figure: Figure) -> Figure:
    with warnings.catch_warnings(), paper():
        warnings.simplefilter("error")
        figure.draw_without_rendering()
    return figure


def curves(seconds: float) -> pd.DataFrame:
    rows = []
    for kernel in KERNELS:
        for strategy in STRATEGIES[:3]:
            for axis, unit in zip(AXES, (1.0, seconds), strict=True):
                x = np.arange(1, 9) * unit
                levels = {name: np.linspace(0.2, 0.9, 8) for name in ("q25", "median", "q75")}
                rows.append(pd.DataFrame({"kernel": kernel, "strategy": strategy, "axis": axis, "x": x, **levels}))
    return pd.concat(rows, ignore_index=True).assign(workers=1)


def test_names_go_to_one_figure_after_the_other() -> None:
    assert [(suffix, len(part)) for suffix, part in pages(KERNELS, 8)] == [("", 8), ("-2", 8), ("-3", 6)]
    assert [name for _, part in pages(KERNELS, 8) for name in part] == KERNELS
    assert list(pages([], 8)) == []


@pytest.mark.parametrize(("seconds", "rows"), [(0.0, 2), pytest.param(0.5, 4, marks=pytest.mark.slow)])
def test_titles_of_many_kernels_stand_apart(seconds: float, rows: int) -> None:
    styles, runs = looks(STRATEGIES[:3]), curves(seconds)
    for _, part in [*pages(KERNELS, best_so_far.MOST_GROUPS)][:: 2 if seconds else 3]:  # full, and the last
        figure = laid_out(best_so_far.draw(runs, runs.iloc[:0], styles, {name: name for name in part}))
        assert len(figure.axes) == len(part) * rows // 2, "seconds have panels only where something has cost some"
        titled = [axes for axes in figure.axes if axes.get_title()]
        assert len({axes.get_title() for axes in titled}) == len(part)
        boxes = [axes.title.get_window_extent() for axes in titled]
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_numbers_of_many_strategies_stand_apart() -> None:
    cell = {"bound": "upper", "speedup": 0.9, "speedup_low": 0.5, "speedup_high": 1.5, "hits": 0, "runs": 2}
    data = pd.DataFrame([{"row": row, "strategy": name, **cell} for row in KERNELS for name in STRATEGIES])
    for _, part in pages(STRATEGIES, heatmap.MOST_STRATEGIES):
        figure = laid_out(heatmap.draw(data, part, "speedup"))
        line = [text.get_window_extent() for text in figure.axes[0].texts[: len(part)]]
        assert all(one.x1 < other.x0 for one, other in pairwise(line))
