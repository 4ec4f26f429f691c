"""How tuning time is spent: a stacked bar per task and strategy, with the harness's overhead beyond 100%."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from analysis.figures.palette import BLUE, GREEN, ORANGE, SKY, VERMILLION
from analysis.figures.style import PAGE_INCHES, paper
from analysis.runs.split_time import PARTS

_COLOURS = dict(zip(PARTS, (BLUE, SKY, ORANGE, GREEN, VERMILLION), strict=True))
_OVERHEAD: dict[str, Any] = {"facecolor": "none", "edgecolor": "black", "hatch": "//////", "linewidth": 0.6}
_BUSY: dict[str, Any] = {
    "marker": "D",
    "markersize": 3.6,
    "color": "black",
    "markeredgecolor": "white",
    "linestyle": "",
}
_INCHES_PER_ROW = 0.17
MOST_ROWS = 40
"""Rows that fit on a page; with more, kernels are shown together."""
_LEGEND_INCHES = 6.0
"""Width that a legend on one line needs."""
_MARGIN_AT = 1.09
"""Right end of the column of numbers, in units of the axes' width."""


def draw(data: pd.DataFrame, width: float = PAGE_INCHES, font: str | None = None) -> Figure:
    """Draw a bar per row of ``data``, grouped by task.

    Args:
        data: from :func:`analysis.runs.split_time.by_task_and_strategy`; at least one row.
        width: in inches.
    """
    group = str(data.columns[0])
    tasks = list(dict.fromkeys(data[group]))
    known = bool(data["overhead_share"].notna().any())
    with paper(font):
        height = 0.85 + _INCHES_PER_ROW * (len(data) + 1.1 * len(tasks))
        figure = Figure(figsize=(width, height))
        axes = figure.subplots()
        y, places, names = 0.0, [], []
        for task in tasks:
            axes.text(0.004, y, task, fontsize=6.5, fontweight="bold", va="center")
            y += 0.9
            for row in data[data[group] == task].to_dict("records"):
                _bar(axes, y, {str(name): value for name, value in row.items()}, known)
                places.append(y)
                names.append(f"{row['strategy']} ({row['runs']} run{'s' * (row['runs'] != 1)})")
                y += 1.0
            y += 0.2
        _finish(axes, y, places, names, data, known)
        handles: list[Artist] = [Patch(color=_COLOURS[part], label=part) for part in PARTS]
        handles += [Patch(**_OVERHEAD, label="harness overhead")] if known else []
        if _several(data):
            handles.append(Line2D([], [], **_BUSY, label="compile workers busy"))
        beside = len(handles) if width >= _LEGEND_INCHES else 3
        figure.legend(handles=handles, loc="outside upper center", ncols=beside, handlelength=1.4)
    return figure


def _bar(axes: Axes, y: float, row: dict[str, Any], known: bool) -> None:
    left = 0.0
    for part in PARTS:
        share = float(row[f"{part}_share"])
        axes.barh(y, share, left=left, height=0.72, color=_COLOURS[part])
        left += share
    if row["worker_s"] > 1.001 * row["clock_s"]:
        axes.plot(min(1.0, float(row["utilisation"])), y, **_BUSY)
    overhead = float(row["overhead_share"])
    if np.isfinite(overhead):
        axes.barh(y, overhead, left=1.0, height=0.72, **_OVERHEAD)
    if known:
        text = f"{overhead:+.2%}".replace("-", "−") if np.isfinite(overhead) else "?"
        axes.text(_MARGIN_AT, y, text, transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=6.5)


def _finish(axes: Axes, bottom: float, places: list[float], names: list[str], data: pd.DataFrame, known: bool) -> None:
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(bottom - 0.3, -0.6)
    axes.set_xlim(0.0, 1.02 * max(1.0, 1.0 + float(data["overhead_share"].fillna(0.0).max())))
    axes.axvline(1.0, color="0.25", lw=0.7)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel("share of the tuning clock")
    if known:
        place = axes.get_yaxis_transform()
        axes.text(_MARGIN_AT, -0.1, "overhead", transform=place, ha="right", va="center", fontsize=6, color="0.35")


def _several(data: pd.DataFrame) -> bool:
    """Whether any row has more than one compile worker."""
    return bool((data["worker_s"] > 1.001 * data["clock_s"]).any())


def note(data: pd.DataFrame, live: bool = True) -> str:
    """The note below the figure; it depends on what the runs logged."""
    if not live:
        return (
            "Replays, with all seeds and all tasks of a kernel (all tasks, if there are many strategies) together: "
            "compile, verify and benchmark as recorded, ask and tell as measured on the machine that replayed."
        )
    text = (
        "Live runs, with all seeds together: shares of the tuning clock. Compile is the time in which the GPU waits "
        "for a compile, so overlapping compiles count once."
    )
    if _several(data):
        text += (
            " A diamond (with several compile workers): the share of their time, until the end of the run, "
            "in which they compiled rather than idled. In asynchronous runs, ask and tell overlap with both."
        )
    timed, runs = int(data["timed_runs"].sum()), int(data["runs"].sum())
    if not timed:
        return text + " Harness overhead is not shown: these runs did not log their wall time (wall_s)."
    text += " Hatched, beyond 100%: harness overhead, the wall time of a round that is charged to nothing else."
    if timed < runs:
        text += f" It covers {timed} of {runs} runs: the others did not log their wall time (wall_s)."
    if (data["overhead_share"] < 0).any():
        text += (
            " Below zero, the clock charged more than the elapsed time: compiles are charged in CPU seconds, and a "
            "configuration with the machine code of another is charged in full."
        )
    return text
