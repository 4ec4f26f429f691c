"""A row per strategy with a dot and its 95% interval; a panel per measure."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.letters import MOST
from analysis.figures.palette import GREY
from analysis.figures.style import COLUMN_INCHES, Look, paper, text_colour

_ROW = 0.16
_LETTER_INCHES = 0.06


def draw(data: pd.DataFrame, styles: dict[str, Look], of_random: Mapping[str, float]) -> Figure:
    """Draw a figure of a column's width.

    Args:
        data: columns strategy, measure, value, low, high; at least one row.
        of_random: the value of random search by measure, drawn as a line.
    """
    drawn = [name for name in styles if name in set(data["strategy"])]
    measures = list(dict.fromkeys(data["measure"]))
    letters = int((COLUMN_INCHES - _LETTER_INCHES * min(MOST, max(map(len, drawn)))) / len(measures) / _LETTER_INCHES)
    titles = {measure: fill(measure, max(12, letters)) for measure in measures}
    with paper():
        lines = max(title.count("\n") for title in titles.values())
        figure = Figure(figsize=(COLUMN_INCHES, 0.55 + 0.12 * lines + _ROW * len(drawn)))
        panels = figure.subplots(1, len(measures), squeeze=False, sharey=True)[0]
        for axes, measure in zip(panels, measures, strict=True):
            rows = data[data["measure"] == measure].set_index("strategy")
            axes.axvline(of_random[measure], color=GREY, lw=0.8)
            for y, name in enumerate(drawn):
                if name not in rows.index:
                    continue
                row, look = rows.loc[name], styles[name]
                if np.isfinite(row["low"]) and np.isfinite(row["high"]):
                    axes.plot([row["low"], row["high"]], [y, y], color=look.colour, lw=1.4)
                hollow = not np.isfinite(row["low"])
                axes.plot(
                    row["value"],
                    y,
                    marker=look.marker,
                    ls="",
                    color=look.colour,
                    ms=3.4,
                    mfc="white" if hollow else look.colour,
                )
            axes.set_title(titles[measure], fontsize=7)
            axes.set_ylim(len(drawn) - 0.5, -0.5)
            axes.grid(True, axis="x")
        panels[0].set_yticks(range(len(drawn)), drawn, fontsize=6.5)
        for label, name in zip(panels[0].get_yticklabels(), drawn, strict=True):
            label.set_color(text_colour(styles[name]))
    return figure
