"""Forest plot: speedup over random search per task with intervals, kernels and the whole as diamonds."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from analysis.figures.style import PAGE_INCHES, Look, paper
from analysis.reference import kernel_of

_INCHES_PER_ROW = 0.155
_LIMITS = (0.1, 100.0)
_VALUE_AT, _HITS_AT = 1.09, 1.18
"""Right ends of the two columns in the margin, in widths of the axes."""


def rows_of(table: pd.DataFrame, axis: str, target: float) -> pd.DataFrame:
    """The rows of a speedup table that the figure shows: every task, then (stratum ``all``) kernels and ALL."""
    part = table[(table["axis"] == axis) & np.isclose(table["target"], target)]
    aggregate = part["task"].str.startswith("kernel:") | (part["task"] == "ALL")
    tasks, whole = part[~aggregate], part[aggregate & (part["stratum"] == "all")]
    kernels = tasks["task"].map(kernel_of)
    several = kernels.groupby(kernels).size().index[tasks.groupby(kernels)["task"].nunique() > 1]
    shown = whole["task"].isin({f"kernel:{name}" for name in several} | {"ALL"})
    return pd.concat([tasks, whole[shown]], ignore_index=True)


def draw(rows: pd.DataFrame, axis: str, target: float, styles: dict[str, Look]) -> Figure:
    """A line of the figure per task and strategy, in the order of ``rows``.

    Args:
        rows: from :func:`rows_of`.
    """
    groups = list(dict.fromkeys(rows["task"]))
    lines = len(rows) + 0.7 * len(groups)
    with paper():
        figure = Figure(figsize=(PAGE_INCHES, 1.15 + _INCHES_PER_ROW * lines))
        axes = figure.subplots()
        y, names, places = 0.0, [], []
        for group in groups:
            part = rows[rows["task"] == group]
            names.append(_short(group))
            places.append(y + (len(part) - 1) / 2)
            if group == "ALL":
                axes.axhspan(y - 0.8, y + len(part) - 0.3, color="0.96", lw=0, zorder=0)
            for name in styles:
                for row in part[part["strategy"] == name].to_dict("records"):
                    _line(axes, y, row, styles[name], diamond=group == "ALL" or group.startswith("kernel:"))
                    y += 1
            y += 0.7
        _finish(axes, y, names, places, axis, target, rows)
        _legend(figure, rows, styles)
    return figure


def _line(axes: Axes, y: float, row: dict[Hashable, Any], look: Look, diamond: bool) -> None:
    low, high, value = (float(row[name]) for name in ("speedup_low", "speedup_high", "speedup"))
    bound = str(row["bound"])
    size = 5.5 if diamond else 3.5
    if bound == "upper":
        right = min(value if np.isnan(high) else high, _LIMITS[1])
        axes.plot([_LIMITS[0], right], [y, y], color=look.colour, lw=0.9, ls=(0, (2, 1.5)))
        axes.plot([_LIMITS[0] * 1.06], [y], marker="<", color=look.colour, ms=4, clip_on=False)
        axes.plot([value], [y], marker="|", color=look.colour, ms=6)
    elif bound == "none":
        if np.isfinite(low) and np.isfinite(high):
            axes.plot(np.clip([low, high], *_LIMITS), [y, y], color=look.colour, lw=1.0)
        for limit, outside, symbol in ((low, low < _LIMITS[0], "<"), (high, high > _LIMITS[1], ">")):
            if outside:
                axes.plot([np.clip(limit, *_LIMITS)], [y], marker=symbol, color=look.colour, ms=4, clip_on=False)
        axes.plot([value], [y], marker="D" if diamond else look.marker, color=look.colour, ms=size)
    elif bound == "lower":
        left = max(value if np.isnan(low) else low, _LIMITS[0])
        axes.plot([left, _LIMITS[1]], [y, y], color=look.colour, lw=0.9, ls=(0, (2, 1.5)))
        axes.plot([_LIMITS[1]], [y], marker=">", color=look.colour, ms=4, clip_on=False)
        axes.plot([value], [y], marker="|", color=look.colour, ms=6)
    margin = {"none": f"{value:.2f}", "upper": f"< {value:.2f}", "lower": f"> {value:.2f}"}.get(bound, "?")
    place = axes.get_yaxis_transform()
    axes.text(_VALUE_AT, y, margin, transform=place, ha="right", va="center", fontsize=6, color=look.colour)
    tries = f"{int(row['hits'])}/{int(row['runs'])}"
    axes.text(_HITS_AT, y, tries, transform=place, ha="right", va="center", fontsize=6, color="0.35")


def _finish(
    axes: Axes, bottom: float, names: list[str], places: list[float], axis: str, target: float, rows: pd.DataFrame
) -> None:
    for x, style in ((1, "-"), (5, (0, (4, 2))), (10, (0, (4, 2)))):
        axes.axvline(x, color="0.6", lw=0.7, ls=style, zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(*_LIMITS)
    axes.set_xticks([0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(bottom - 0.2, -1.0)
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0)
    against = " / ".join(name.replace("_", " ") for name in sorted(set(rows["baseline"])))
    unit = "evaluations" if axis == "evaluations" else "tuning seconds"
    axes.set_xlabel(f"speedup over {against} to within {target:.0%} of the optimum, in {unit} (95% interval)")
    for place, head in ((_VALUE_AT, "speedup"), (_HITS_AT, "hits/runs")):
        axes.text(place, 1.0, head, transform=axes.transAxes, ha="right", va="bottom", fontsize=6, color="0.35")


def _legend(figure: Figure, rows: pd.DataFrame, styles: dict[str, Look]) -> None:
    shown = [name for name in styles if name in set(rows["strategy"])]
    handles = [
        Line2D([], [], color=styles[name].colour, marker=styles[name].marker, lw=1.0, label=name) for name in shown
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(shown), 5))


def _short(group: str) -> str:
    if group == "ALL":
        return "ALL"
    if group.startswith("kernel:"):
        return f"all of {group.removeprefix('kernel:')}"
    return group.replace("__", "\n", 1)
