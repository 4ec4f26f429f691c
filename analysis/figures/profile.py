"""Shares of problems solved, with bands: data profiles and performance profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from analysis.figures.palette import GREY
from analysis.figures.scales import log_x
from analysis.figures.style import COLUMN_INCHES, Look, legend_label, paper
from analysis.study.baseline import EXACT_RANDOM

_BANDS = 2
"""Strategies whose band is drawn; more bands would overlap. The CSV has all."""


def draw(
    data: pd.DataFrame,
    styles: Mapping[str, Look],
    x_label: str,
    y_label: str,
    width: float = COLUMN_INCHES,
    font: str | None = None,
) -> Figure:
    """Draw a figure of a column's width, unless a width in inches is given.

    Args:
        data: from :mod:`analysis.study.profiles`, with at least one row.
    """
    columns = 2 if width < 5 else 4
    with paper(font):
        rows = -(-(len(_drawn(data, styles)) + 1) // columns)
        figure = Figure(figsize=(width, 2.1 + 0.14 * rows))
        axes = figure.subplots()
        draw_on(axes, data, styles, x_label, y_label)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=columns)
    return figure


def draw_on(axes: Axes, data: pd.DataFrame, styles: Mapping[str, Look], x_label: str, y_label: str) -> None:
    """Draw the curves on given axes, without a legend."""
    law = data[data["strategy"] == EXACT_RANDOM]
    if len(law):
        axes.plot(law["x"], law["solved"], color=GREY, lw=1.0, label="random (exact)")
    for i, strategy in enumerate(_drawn(data, styles)):
        curve, look = data[data["strategy"] == strategy], styles[strategy]
        marks: dict[str, Any] = {"marker": look.marker, "ms": 3.0, "markevery": (0.03 + 0.013 * i, 0.2)}
        axes.step(
            curve["x"], curve["solved"], where="post", color=look.colour, ls=look.dash, label=legend_label(strategy),
            **marks,
        )  # fmt: skip
        if i < _BANDS and curve["low"].notna().any():  # there is none if all tasks are alike
            axes.fill_between(curve["x"], curve["low"], curve["high"], step="post", color=look.colour, alpha=0.15, lw=0)
    log_x(axes, float(data["x"].min()), float(data["x"].max()))
    axes.set_ylim(0.0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(True)


def _drawn(data: pd.DataFrame, styles: Mapping[str, Look]) -> list[str]:
    return [name for name in styles if name in set(data["strategy"])]
