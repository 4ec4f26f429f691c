"""The main figure: a forest plot of speedup over random search, a column per strategy, grouped by stratum.

Each task has a row with its interval; larger markers show kernels of several tasks, each stratum and all tasks.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.letters import apart, broken
from analysis.figures.palette import Marker
from analysis.figures.scales import speedup_axis
from analysis.figures.style import PAGE_INCHES, Look, paper, text_colour
from analysis.reference import STRATA, kernel_of
from analysis.study.workers import axis_words

_INCHES_PER_ROW = 0.135
_SECOND_LINE = 0.75
"""Rows that the second line of a name takes."""
LOW, HIGH = 0.2, 50.0
"""The range of speedups shown; an arrow head at the edge marks values outside."""
_STRATA = (*STRATA, "unknown")
MOST_STRATEGIES = 4
"""Columns that fit on a page; more go to a second figure."""
_COLUMN_INCHES = 1.25
_NAMES_INCHES = 1.9
_HITS_INCHES = 0.45
_NARROW_INCHES = 5.0
"""Below it names stand on two lines, so that intervals have room beside them."""
_LETTERS = 24
"""Of a line of such a name."""
_TITLE_LETTERS = 84
"""Letters of all column names together, at 6 points."""


def most_strategies(width: float = PAGE_INCHES) -> int:
    """The number of columns that fit in a figure of a width in inches."""
    return max(1, min(MOST_STRATEGIES, int((width - _NAMES_INCHES) / _COLUMN_INCHES)))


@dataclass(frozen=True)
class Line:
    """One line of the figure: its label, its place in the table, and how far down it is."""

    label: str
    task: str
    stratum: str
    y: float
    aggregate: bool


def rows_of(table: pd.DataFrame, axis: str, target: float) -> pd.DataFrame:
    """The rows of a speedup table in the figure: tasks, kernels within a stratum, strata and all tasks."""
    return table[(table["axis"] == axis) & np.isclose(table["target"], target)]


def layout(rows: pd.DataFrame) -> tuple[list[Line], list[tuple[float, str]]]:
    """The lines from top to bottom, and the position of each stratum's heading."""
    single = ~rows["task"].str.startswith("kernel:") & (rows["task"] != "ALL")
    tasks = rows.loc[single].drop_duplicates("task")
    aggregates = set(zip(rows.loc[~single, "task"], rows.loc[~single, "stratum"], strict=True))
    lines: list[Line] = []
    headings: list[tuple[float, str]] = []
    y = 0.0
    present = [name for name in _STRATA if (tasks["stratum"] == name).any()]
    for stratum in present:
        headings.append((y, stratum))
        y += 1.0
        of_stratum = tasks.loc[tasks["stratum"] == stratum, "task"]
        for kernel in sorted({kernel_of(task) for task in of_stratum}):
            own = sorted(task for task in of_stratum if kernel_of(task) == kernel)
            for task in own:
                lines.append(Line(_short(task), task, stratum, y, aggregate=False))
                y += 1.0
            if len(own) > 1 and (f"kernel:{kernel}", stratum) in aggregates:
                lines.append(Line(f"all of {kernel}", f"kernel:{kernel}", stratum, y, aggregate=True))
                y += 1.0
            y += 0.3
        if len(present) > 1 and ("ALL", stratum) in aggregates:
            lines.append(Line(f"ALL {stratum}", "ALL", stratum, y, aggregate=True))
            y += 1.0
        y += 0.4
    if ("ALL", "all") in aggregates:
        lines.append(Line("ALL", "ALL", "all", y, aggregate=True))
    return lines, headings


def draw(
    rows: pd.DataFrame,
    axis: str,
    target: float,
    styles: dict[str, Look],
    strategies: Sequence[str],
    claimed: Sequence[float] = (),
    width: float = PAGE_INCHES,
    font: str | None = None,
) -> Figure:
    """Draw a column per strategy, at most ``MOST_STRATEGIES``.

    Args:
        rows: from :func:`rows_of`; at least one.
        claimed: speedups at which a line is drawn.
        width: in inches.
    """
    lines, headings = layout(rows)
    labels = [line.label for line in lines]
    names = labels if width >= _NARROW_INCHES else broken(labels, _LETTERS)
    lines, headings = _spread(lines, headings, names)
    bottom = lines[-1].y + 1.0
    inches = (width - (_NAMES_INCHES if width >= _NARROW_INCHES else 1.4)) / len(strategies) - _HITS_INCHES
    records = {(row["strategy"], row["task"], row["stratum"]): row for row in rows.to_dict("records")}
    with paper(font):
        figure = Figure(figsize=(width, 0.95 + _INCHES_PER_ROW * bottom))
        panels = figure.subplots(1, len(strategies), sharey=True, squeeze=False)[0]
        titles = apart(list(strategies), _TITLE_LETTERS // len(strategies))
        for axes, strategy, title in zip(panels, strategies, titles, strict=True):
            _background(axes, lines, claimed)
            for line in lines:
                row = records.get((strategy, line.task, line.stratum))
                if row is not None:
                    _draw_row(axes, line, row, styles[strategy])
            speedup_axis(axes, LOW, HIGH, inches=inches)
            size = 7.5 if max(map(len, titles)) * len(titles) <= 0.8 * _TITLE_LETTERS else 6
            axes.set_title(title, fontsize=size, fontweight="bold", color=text_colour(styles[strategy]), pad=10)
            axes.text(
                1.06, 1.0, "hits/runs", transform=axes.transAxes, ha="left", va="bottom", fontsize=5, color="0.35"
            )
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
        panels[0].set_ylim(bottom, -1.0)
        panels[0].set_yticks([line.y for line in lines], names)
        for label, line in zip(panels[0].get_yticklabels(), lines, strict=True):
            label.set_fontweight("bold" if line.aggregate else "normal")
            label.set_fontsize(5.8)
            label.set_linespacing(1.0)
        for y, name in headings:
            panels[0].annotate(
                name.upper(), (0, y), xycoords=panels[0].get_yaxis_transform(), xytext=(-4, 0),
                textcoords="offset points", ha="right", va="center", fontsize=6, fontweight="bold", color="0.45",
            )  # fmt: skip
        against = " / ".join(name.replace("_", " ") for name in sorted(set(rows["baseline"])))
        unit = axis_words(axis, rows)
        figure.supxlabel(
            f"speedup over {against} to within {target:.0%} of the optimum,\nin {unit}; 95% intervals",
            fontsize=7.5,
        )
    return figure


def _spread(
    lines: Sequence[Line], headings: Sequence[tuple[float, str]], names: Sequence[str]
) -> tuple[list[Line], list[tuple[float, str]]]:
    """Lines and headings with room for names of two lines."""
    more = [_SECOND_LINE * name.count("\n") for name in names]
    above = [sum(more[:i]) + more[i] / 2 for i in range(len(lines))]
    heads = [(y + sum(m for line, m in zip(lines, more, strict=True) if line.y < y), name) for y, name in headings]
    return [replace(line, y=line.y + shift) for line, shift in zip(lines, above, strict=True)], heads


def _background(axes: Axes, lines: Sequence[Line], claimed: Sequence[float]) -> None:
    for x in (1.0, *claimed):
        axes.axvline(x, color="0.6", lw=0.7, ls="-" if x == 1 else (0, (4, 2)), zorder=0)
    for line in lines:
        if line.task == "ALL":
            axes.axhspan(line.y - 0.5, line.y + 0.5, color="0.94", lw=0, zorder=-1)


def _draw_row(axes: Axes, line: Line, row: dict[Hashable, Any], look: Look) -> None:
    draw_interval(axes, line.y, row, look, look.marker, 4.6 if line.aggregate else 2.8)
    place = axes.get_yaxis_transform()
    tries = f"{int(row['hits'])}/{int(row['runs'])}"
    axes.text(1.06, line.y, tries, transform=place, ha="left", va="center", fontsize=4.8, color="0.35")


def draw_interval(
    axes: Axes,
    y: float,
    row: Mapping[Hashable, Any],
    look: Look,
    marker: Marker,
    size: float,
    limits: tuple[float, float] = (LOW, HIGH),
) -> None:
    """Draw a speedup with its interval at one height, or the arrow of a bound; a small arrow head marks values outside.

    Args:
        row: a row of a speedup table.
        size: of the marker, in points.
    """
    least, most = limits
    low, high, value = (float(row[name]) for name in ("speedup_low", "speedup_high", "speedup"))
    bound = str(row["bound"])
    if bound == "upper":
        _arrow(axes, y, min(value if np.isnan(high) else high, most), least, "<", look)
    elif bound == "lower":
        _arrow(axes, y, max(value if np.isnan(low) else low, least), most, ">", look)
    if bound in ("upper", "lower"):
        axes.plot([np.clip(value, least, most)], [y], marker="|", color=look.colour, ms=5)
    elif bound == "none":
        if np.isfinite(low) and np.isfinite(high):
            axes.plot(np.clip([low, high], least, most), [y, y], color=look.colour, lw=1.0, solid_capstyle="butt")
        for limit, outside, symbol in ((low, low < least, "<"), (high, high > most, ">")):
            if outside:
                axes.plot([np.clip(limit, least, most)], [y], marker=symbol, color=look.colour, ms=3, clip_on=False)
        # no interval: hollow
        face = look.colour if np.isfinite(low) else "white"
        inside = np.clip(value, least, most)
        axes.plot([inside], [y], marker=marker, color=look.colour, mfc=face, mew=0.7, ms=size, zorder=3)


def _arrow(axes: Axes, y: float, start: float, end: float, marker: str, look: Look) -> None:
    axes.plot([start, end], [y, y], color=look.colour, lw=0.8, ls=(0, (2, 1.5)))
    axes.plot([end], [y], marker=marker, color=look.colour, ms=3, clip_on=False)


def _short(task: str) -> str:
    name, _, device = task.partition("__")
    return f"{name} {device}" if device else name
