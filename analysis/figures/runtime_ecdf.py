"""The share of (task, seed) pairs solved over time, a panel per target; a cross marks where unsolved runs ended."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from analysis.figures.letters import narrow
from analysis.figures.palette import GREY
from analysis.figures.scales import log_x
from analysis.figures.style import PAGE_INCHES, Look, legend_label, paper
from analysis.study.runtime_distribution import EXACT_RANDOM
from analysis.study.time_to_target import AXES
from analysis.study.workers import SECONDS, curves_clock

_NARROW_INCHES = 5.0
_SIMULATED = ", simulated in s)"


def draw(data: pd.DataFrame, styles: dict[str, Look], width: float = PAGE_INCHES, font: str | None = None) -> Figure:
    """Draw a row per axis and a column per target; a narrow figure has a row per target.

    Args:
        data: from :mod:`analysis.study.runtime_distribution`, runs and random together.
        width: in inches.
    """
    targets = sorted(set(data["target"]))
    axes_shown = [axis for axis in AXES if axis in set(data["axis"])]
    drawn = [name for name in styles if name in set(data["strategy"])]
    clock = narrow(curves_clock(data[data["strategy"].isin([*drawn, EXACT_RANDOM])]), len(targets))
    upright = width < _NARROW_INCHES
    entries = 2 if upright else 4
    rows = len(targets) if upright else len(axes_shown)
    with paper(font):
        height = 0.35 + (1.5 if upright else 1.8) * rows + 0.14 * -(-(len(drawn) + 1) // entries)
        figure = Figure(figsize=(width, height))
        shape = (rows, len(axes_shown) if upright else len(targets))
        panels = figure.subplots(*shape, squeeze=False)
        for row, column in product(*map(range, shape)):
            axis, target = axes_shown[column if upright else row], targets[row if upright else column]
            axes, of_axis = panels[row, column], data[data["axis"] == axis]
            positive = of_axis.loc[of_axis["x"] > 0, "x"]
            _panel(axes, of_axis[of_axis["target"] == target], drawn, styles)
            log_x(axes, 0.9 * float(positive.min()), 1.1 * float(positive.max()))
            axes.set_ylim(0.0, 1.03)
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
            axes.tick_params(labelleft=column == 0)
            if row == rows - 1 or not upright:
                axes.set_xlabel(clock if axis == SECONDS else axis)
            if row == 0 or upright:
                axes.set_title(f"within {target:.0%}", fontsize=7.5, fontweight="bold")
            if column == 0:
                axes.set_ylabel("pairs solved" if upright else "(task, seed) pairs solved")
        handles, labels = panels[0, 0].get_legend_handles_labels()
        labels = [label.replace(_SIMULATED, ")") for label in labels] if upright else labels
        figure.legend(handles, labels, loc="outside lower center", ncols=entries)
    return figure


def _panel(axes: Axes, data: pd.DataFrame, drawn: list[str], styles: dict[str, Look]) -> None:
    law = data[data["strategy"] == EXACT_RANDOM]
    if len(law):
        axes.step(law["x"], law["solved"], where="post", color=GREY, lw=1.0, label=f"random (exact{_SIMULATED}")
    for strategy in drawn:
        curve, look = data[data["strategy"] == strategy], styles[strategy]
        if curve.empty:
            continue
        x, solved = curve["x"].to_numpy(np.float64), curve["solved"].to_numpy(np.float64)
        x, solved = np.concatenate([[0.5 * x[0]], x]), np.concatenate([[0.0], solved])
        axes.step(x, solved, where="post", color=look.colour, ls=look.dash, label=legend_label(strategy))
        ended = curve[curve["ended"] & (curve["solved"] < 1.0)]
        if len(ended):
            axes.plot(ended["x"], ended["solved"], ls="", marker="x", ms=4, mew=1.0, color=look.colour)
    axes.grid(True)
