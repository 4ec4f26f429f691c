"""Kernel x strategy: geometric mean speedup over random search, colour on a log scale around 1."""

from __future__ import annotations

from textwrap import fill

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from analysis.figures.letters import MOST, apart
from analysis.figures.style import PAGE_INCHES, paper
from analysis.tables.table import figure as number

MOST_STRATEGIES = 14
"""Columns of a figure as wide as the page; with more, the numbers would overlap."""
_LETTER_INCHES, _NUMBER_INCHES, _BAR_INCHES = 0.056, 0.3, 0.45
_TITLE_LETTERS_AN_INCH = 15
_CAP = 20.0


def cells(table: pd.DataFrame, axis: str, target: float, strategies: list[str]) -> pd.DataFrame:
    """The rows of a speedup table for kernels (all strata together), for each stratum and for all tasks."""
    part = table[(table["axis"] == axis) & np.isclose(table["target"], target) & table["strategy"].isin(strategies)]
    kernels = part[part["task"].str.startswith("kernel:") & (part["stratum"] == "all")]
    kernels = kernels.assign(row=kernels["task"].str.removeprefix("kernel:"))
    whole = part[(part["task"] == "ALL") & (part["stratum"] != "unknown")]
    names = whole["stratum"].map(lambda name: "ALL" if name == "all" else f"{name} tasks")
    order = {"trivial tasks": 0, "useful tasks": 1, "needle tasks": 2, "ALL": 3}
    whole = whole.assign(row=names).sort_values("row", key=lambda row: row.map(order), kind="stable")
    if whole["row"].nunique() == 2:  # a single stratum equals ALL
        whole = whole[whole["row"] == "ALL"]
    columns = ["row", "strategy", "bound", "speedup", "speedup_low", "speedup_high", "hits", "runs"]
    return pd.concat([kernels.sort_values("row", kind="stable"), whole], ignore_index=True)[columns]


def most_strategies(data: pd.DataFrame, width: float = PAGE_INCHES) -> int:
    """The number of columns that fit beside the row names of :func:`cells` in a figure of ``width`` inches."""
    names = _LETTER_INCHES * min(MOST, max((len(str(row)) for row in data["row"]), default=0))
    return max(1, min(MOST_STRATEGIES, int((width - names - _BAR_INCHES) / _NUMBER_INCHES)))


def draw(
    data: pd.DataFrame, strategies: list[str], title: str, width: float = PAGE_INCHES, font: str | None = None
) -> Figure:
    """Draw a cell with its number per kernel and strategy; "<" if a task was never solved.

    Args:
        data: from :func:`cells`; at least one row.
        strategies: the columns, at most :func:`most_strategies`.
        width: in inches.
    """
    data = data[data["strategy"].isin(strategies)]
    rows = list(dict.fromkeys(data["row"]))
    values = np.full((len(rows), len(strategies)), np.nan)
    texts = np.full(values.shape, "", dtype=object)
    for cell in data.to_dict("records"):
        at = rows.index(cell["row"]), strategies.index(cell["strategy"])
        sign = {"upper": "<", "lower": ">"}.get(cell["bound"], "")
        values[at] = np.log2(cell["speedup"])
        texts[at] = f"{sign}{number(cell['speedup'])}" if np.isfinite(cell["speedup"]) else "?"
    with paper(font):
        columns = apart(list(strategies), MOST)
        slanted = 0.028 * max(0, max(map(len, columns)) - 20)
        figure = Figure(figsize=(width, 1.15 + 0.21 * len(rows) + slanted))
        axes = figure.subplots()
        means = np.array([[name == "ALL" or name.endswith(" tasks")] for name in rows])
        image = paint(axes, values, texts, np.broadcast_to(means, values.shape))
        axes.set_xticks(range(len(columns)), columns, rotation=30, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(rows)), rows)
        split = next((i for i, name in enumerate(rows) if name == "ALL" or name.endswith(" tasks")), None)
        if split is not None:
            axes.axhline(split - 0.5, color="black", lw=0.7)
        figure.suptitle(fill(title, int(_TITLE_LETTERS_AN_INCH * width)), x=0.01, ha="left", fontsize=7.5)
        label_bar(figure.colorbar(image, ax=axes, fraction=0.03, pad=0.01))
    return figure


def paint(
    axes: Axes, values: NDArray[np.float64], texts: NDArray[np.object_], bold: NDArray[np.bool_], size: float = 6.0
) -> AxesImage:
    """Colour cells, [rows, columns], by log2 of their speedups, nan grey, and put a text of ``size`` into each."""
    colours = mpl.colormaps["PuOr_r"].with_extremes(bad="0.95")
    limit = float(np.log2(_CAP))
    image = axes.imshow(values, cmap=colours, norm=TwoSlopeNorm(0.0, -limit, limit), aspect="auto")
    for (i, j), text in np.ndenumerate(texts):
        dark = np.isfinite(values[i, j]) and abs(values[i, j]) > 0.62 * limit
        weight = "bold" if bold[i, j] else "normal"
        colour = "white" if dark else "black"
        axes.text(j, i, text, ha="center", va="center", fontsize=size, color=colour, fontweight=weight)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image


def label_bar(bar: Colorbar) -> None:
    """Label the colour bar of :func:`paint` with speedups."""
    ticks = [1 / _CAP, 0.2, 1, 5, _CAP]
    bar.set_ticks(list(np.log2(ticks)), labels=[f"{tick:g}×" for tick in ticks])
    bar.outline.set_visible(False)
