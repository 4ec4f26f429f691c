"""Best-so-far quality: a column per kernel (or task), evaluations above seconds; random search in grey.

Kernels beyond four begin a new line of columns, and beyond eight a new figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.letters import broken, narrow
from analysis.figures.palette import GREY
from analysis.figures.reference_lines import GID, reference_lines
from analysis.figures.scales import log_x, quality_scale
from analysis.figures.style import COLUMN_INCHES, PAGE_INCHES, Look, legend_label, paper
from analysis.reference import HEADLINE_TARGET
from analysis.study.time_to_target import AXES
from analysis.study.workers import SECONDS, curves_clock

_LINES = {"default configuration": "default", "vendor's library": "vendor"}
RANDOM_LABEL = "random (median, IQR)"
BANDS = 2
"""The first strategies, up to this number, are drawn with their interquartile range; more would be unreadable."""
MOST_GROUPS = 8
"""Number of columns in a figure as wide as the page."""
_COLUMNS = 4
LETTERS_AN_INCH = 12
"""Letters of a title per inch of its panel."""
_ROW_INCHES, _ENTRY_INCHES = 1.75, 0.14


def most_groups(width: float | None = None, axes: int = 2) -> int:
    """The number of groups, with one panel per axis, that fit on a page at a width in inches (``None``: the page's)."""
    return MOST_GROUPS if width is None or width >= 5 or axes == 1 else MOST_GROUPS // 2


def lines(facts: Mapping[str, Any], t_star_ms: float) -> dict[str, float]:
    """Quality t*/t of the default configuration and of the vendor's library, if the task's facts contain them."""
    known = {name: (facts.get(key) or {}).get("latency_ms") for name, key in _LINES.items()}
    return {name: t_star_ms / float(latency) for name, latency in known.items() if latency}


def draw(
    runs: pd.DataFrame,
    exact: pd.DataFrame,
    styles: dict[str, Look],
    titles: Mapping[str, str],
    lines: Mapping[str, Mapping[str, float]] | None = None,
    width: float | None = None,
    font: str | None = None,
    target: float = HEADLINE_TARGET,
) -> Figure:
    """Draw a column of two panels for each group, or of one panel if no costs in seconds are known.

    Args:
        runs, exact: from ``curves.run_curves`` and ``curves.random_curves``; the first column names the group.
        titles: group to title, in the order of the columns; at most :data:`MOST_GROUPS`. A long first line is broken.
        lines: group to quality t*/t of references (the default configuration, the vendor's library) by name.
        width: in inches; ``None``: a column's width for one group, else the page's.
        target: drawn as a line, what counts as near the optimum.
    """
    by = str(runs.columns[0])
    groups = list(titles)
    drawn = [name for name in styles if name in set(runs["strategy"])]
    columns = min(
        len(groups),
        _COLUMNS if width is None else 1 if width < 3 else 2 if width < 5 else 3 if width < 6.5 else _COLUMNS,
    )
    clock = narrow(curves_clock(pd.concat([runs[runs["strategy"].isin(drawn)], exact])), columns)
    wide = columns > 1
    highest = [quality for group in groups for quality in (lines or {}).get(group, {}).values()]
    top = max([1.0, *highest])  # one value for all columns, which share the labels of the first
    inches = width or (PAGE_INCHES if wide else COLUMN_INCHES)
    legend_columns = 4 if inches > 5 else 2
    entries = -(-(len(drawn) + 1) // legend_columns)
    spent = [axis for axis in AXES if (runs.loc[runs["axis"] == axis, "x"] > 0).any()] or list(AXES)
    bands = -(-len(groups) // columns)
    heads = _heads(titles, int(LETTERS_AN_INCH * inches / columns), 2 if by == "kernel" else 3)
    with paper(font):
        height = bands * len(spent) * _ROW_INCHES + 0.35 + _ENTRY_INCHES * entries
        figure = Figure(figsize=(inches, height))
        panels = figure.subplots(bands * len(spent), columns, squeeze=False)
        for number, group in enumerate(groups):
            band, column = divmod(number, columns)
            extra = (lines or {}).get(group, {})
            for row, axis in enumerate(spent):
                axes = panels[band * len(spent) + row, column]
                own = runs[(runs[by] == group) & (runs["axis"] == axis)]
                law = exact[(exact[by] == group) & (exact["axis"] == axis)] if len(exact) else exact
                draw_on(axes, own, law, styles, extra, top, few=wide, target=target)
                axes.set_xlabel(clock if axis == SECONDS else axis)
                if column:
                    axes.tick_params(labelleft=False)
                else:
                    axes.set_ylabel("quality  t*/t")
            panels[band * len(spent), column].set_title(
                heads[group], fontsize=7.5, fontweight="bold" if wide and by == "kernel" else "normal"
            )
        for axes in panels.reshape(bands, len(spent), columns)[-1, :, len(groups) - (bands - 1) * columns :].ravel():
            axes.remove()
        _legend(figure, list(figure.axes), legend_columns)
    return figure


def _heads(titles: Mapping[str, str], most: int, lines: int) -> dict[str, str]:
    """Break the first line of each title into at most ``lines`` lines of ``most`` letters."""
    parts = [title.split("\n") for title in titles.values()]
    names = broken([first for first, *_ in parts], most, lines)
    return {group: "\n".join([name, *rest]) for group, name, (_, *rest) in zip(titles, names, parts, strict=True)}


def draw_on(
    axes: Axes,
    runs: pd.DataFrame,
    exact: pd.DataFrame,
    styles: Mapping[str, Look],
    lines: Mapping[str, float],
    top: float = 1.0,
    few: bool = False,
    target: float = HEADLINE_TARGET,
) -> None:
    """Draw one group's curves in evaluations or seconds on given axes, without a legend.

    Args:
        runs, exact: from ``curves.run_curves`` and ``curves.random_curves``, for one group and axis.
        lines: quality t*/t of references by name.
        top: the highest quality shown.
        few: fewer labels on the quality axis.
    """
    if len(exact):
        x = exact["x"].to_numpy(np.float64)
        axes.fill_between(x, exact["q25"], exact["q75"], step="post", color="0.87", lw=0, zorder=0)
        axes.step(x, exact["median"], where="post", color=GREY, lw=1.0, zorder=2, label=RANDOM_LABEL)
    for rank, strategy in enumerate(name for name in styles if name in set(runs["strategy"])):
        curve, look = runs[runs["strategy"] == strategy], styles[strategy]
        x = curve["x"].to_numpy(np.float64)
        if rank < BANDS:
            axes.fill_between(x, curve["q25"], curve["q75"], step="post", color=look.colour, alpha=0.15, lw=0)
        axes.step(
            x, curve["median"], where="post", color=look.colour, ls=look.dash, zorder=3, label=legend_label(strategy)
        )
    axes.grid(True, axis="y")
    quality_scale(axes, max([top, *lines.values()]), few=few)
    _scale_x(axes, runs)
    reference_lines(axes, {f"within {target:.0%}": 1.0 / (1.0 + target), **lines})


def _scale_x(axes: Axes, runs: pd.DataFrame) -> None:
    """Set a logarithmic axis that starts at the first change of any curve; 0 s, where all start, lies beyond it."""
    inside = runs.loc[runs["x"] > 0, "x"]
    if len(inside):
        log_x(axes, 0.9 * float(inside.min()), float(inside.max()))


def _legend(figure: Figure, panels: Sequence[Axes], columns: int) -> None:
    handles: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            if handle.get_gid() != GID:
                handles.setdefault(label, handle)
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=columns)
