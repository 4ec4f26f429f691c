"""Shares of problems solved, with bands: data profiles and performance profiles."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from analysis.figures.scales import log_x
from analysis.figures.style import COLUMN_INCHES, GREY, Look, legend_label, paper
from analysis.study.baseline import EXACT_RANDOM

_BANDS = 2
"""Strategies whose band is drawn: more would hide each other. The CSV has all."""


def draw(data: pd.DataFrame, styles: dict[str, Look], x_label: str, y_label: str) -> Figure:
    """A column's width.

    Args:
        data: of :mod:`analysis.study.profiles`, with a row at least.
    """
    drawn = [name for name in styles if name in set(data["strategy"])]
    with paper():
        rows = -(-(len(drawn) + 1) // 2)
        figure = Figure(figsize=(COLUMN_INCHES, 2.1 + 0.14 * rows))
        axes = figure.subplots()
        law = data[data["strategy"] == EXACT_RANDOM]
        if len(law):
            axes.plot(law["x"], law["solved"], color=GREY, lw=1.0, label="random (exact)")
        for i, strategy in enumerate(drawn):
            curve, look = data[data["strategy"] == strategy], styles[strategy]
            axes.step(
                curve["x"], curve["solved"], where="post", color=look.colour, ls=look.dash, label=legend_label(strategy)
            )
            if i < _BANDS and curve["low"].notna().any():  # where all tasks are alike there is none
                axes.fill_between(
                    curve["x"], curve["low"], curve["high"], step="post", color=look.colour, alpha=0.15, lw=0
                )
        log_x(axes, float(data["x"].min()), float(data["x"].max()))
        axes.set_ylim(0.0, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.grid(True)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure
