"""The compact forest: one panel for all tasks and one per kernel, a row per strategy, on one axis of speedups.

Many strategies on many kernels fit on a page this way, and a few fit in a column. Single tasks are in the full forest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.letters import apart, broken
from analysis.figures.scales import speedup_axis
from analysis.figures.speedup_forest import HIGH, LOW, draw_interval
from analysis.figures.style import PAGE_INCHES, Look, paper, text_colour
from analysis.study.workers import axis_words

ALL = "ALL"
_ROW_INCHES = 0.135
_HEAD_INCHES, _LINE_INCHES = 0.53, 0.11
"""Space above a panel whose title has two lines, and for each further line."""
_FOOT_INCHES = 0.62
_TALLEST_INCHES = 9.2
_LETTERS = 28
"""Width of a strategy's name beside the panels."""
_LETTER_INCHES, _TITLE_LETTER_INCHES = 0.056, 0.07
_TITLE_LETTERS = 19
"""Letters in a line of a panel's title."""
_PANEL_INCHES = 1.35
_NAMES_INCHES = 1.1
_AXIS_INCHES = 1.0


def groups_of(rows: pd.DataFrame) -> list[str]:
    """``ALL`` and the kernels, as named in the column ``task``; a study of one kernel has only ``ALL``.

    Args:
        rows: from :func:`analysis.figures.speedup_forest.rows_of`."""
    whole = rows[rows["stratum"] == "all"]
    kernels = sorted(task for task in set(whole["task"]) if task.startswith("kernel:"))
    return [ALL, *kernels] if len(kernels) != 1 and ALL in set(whole["task"]) else kernels or [ALL]


def most_panels(strategies: int, width: float = PAGE_INCHES) -> int:
    """The number of panels with that many strategies that fit on a page at a width in inches."""
    panel = strategies * _ROW_INCHES + _HEAD_INCHES
    return _columns(width) * max(1, int((_TALLEST_INCHES - _FOOT_INCHES) / panel))


def draw(
    rows: pd.DataFrame,
    axis: str,
    target: float,
    styles: Mapping[str, Look],
    strategies: Sequence[str],
    groups: Sequence[str],
    claimed: Sequence[float] = (),
    width: float = PAGE_INCHES,
    font: str | None = None,
) -> Figure:
    """Draw one panel per group.

    Args:
        rows: from :func:`analysis.figures.speedup_forest.rows_of`.
        groups: from :func:`groups_of`, at most :func:`most_panels`.
        claimed: speedups at which a line is drawn.
        width: in inches.
    """
    columns = min(_columns(width), len(groups))
    bands = -(-len(groups) // columns)
    limits = _limits(rows[rows["task"].isin(groups) & (rows["stratum"] == "all")])
    names = _LETTER_INCHES * min(_LETTERS, max(map(len, strategies)))
    letters = int((width - names) / columns / _TITLE_LETTER_INCHES)
    lines = max(title.count("\n") for title in broken([group.removeprefix("kernel:") for group in groups], letters, 3))
    with paper(font):
        head = _HEAD_INCHES + _LINE_INCHES * max(0, lines - 1)
        height = bands * (len(strategies) * _ROW_INCHES + head) + _FOOT_INCHES
        figure = Figure(figsize=(width, height))
        panels = figure.subplots(bands, columns, sharey=True, squeeze=False)
        for number, (axes, group) in enumerate(zip(panels.ravel(), groups, strict=False)):
            draw_on(axes, rows, styles, strategies, group, claimed, limits, letters)
            axes.tick_params(labelleft=number % columns == 0, labelbottom=number + columns >= len(groups))
        for axes in panels.ravel()[len(groups) :]:
            axes.remove()
        against = " / ".join(name.replace("_", " ") for name in sorted(set(rows["baseline"])))
        words = (
            f"speedup over {against} to within {target:.0%}\nof the optimum, in {axis_words(axis, rows)}; 95% intervals"
        )
        figure.supxlabel(words, fontsize=7.5)
    return figure


def draw_on(
    axes: Axes,
    rows: pd.DataFrame,
    styles: Mapping[str, Look],
    strategies: Sequence[str],
    group: str = ALL,
    claimed: Sequence[float] = (),
    limits: tuple[float, float] | None = None,
    letters: int = _TITLE_LETTERS,
) -> None:
    """Draw one group's panel on given axes.

    Args:
        rows: the rows of one axis and target.
        limits: of the speedup axis; ``None``: those of the group.
        letters: in a line of the title, at most.
    """
    own = rows[(rows["task"] == group) & (rows["stratum"] == "all")]
    low, high = limits or _limits(own)
    for x in (1.0, *claimed):
        axes.axvline(x, color="0.6", lw=0.7, ls="-" if x == 1 else (0, (4, 2)), zorder=0)
    for row in own.to_dict("records"):
        if row["strategy"] in strategies:
            look = styles[str(row["strategy"])]
            draw_interval(axes, float(strategies.index(row["strategy"])), row, look, look.marker, 4.0, (low, high))
    speedup_axis(axes, low, high, inches=_AXIS_INCHES)
    axes.set_ylim(len(strategies) - 0.4, -0.6)
    axes.set_yticks(range(len(strategies)), apart(list(strategies), _LETTERS))
    for label, strategy in zip(axes.get_yticklabels(), strategies, strict=False):  # none beside inner panels
        label.set_color(text_colour(styles[strategy]))
        label.set_fontsize(7)
    axes.tick_params(axis="y", length=0)
    axes.set_title(title_of(own, group, letters), fontsize=7, fontweight="bold", pad=3)


def title_of(own: pd.DataFrame, group: str, letters: int = _TITLE_LETTERS) -> str:
    """The title of a panel: its group on at most three lines, and below it the hits and runs of all its strategies."""
    (name,) = broken([group.removeprefix("kernel:")], letters, 3)
    return f"{name}\n{int(own['hits'].sum())}/{int(own['runs'].sum())} hit"


def _columns(width: float) -> int:
    return max(1, int((width - _NAMES_INCHES) / _PANEL_INCHES)) if width > 3.5 else 2


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Limits around the known speedups, within those of the full forest."""
    known = rows[["speedup", "speedup_low", "speedup_high"]].to_numpy(np.float64)
    known = known[np.isfinite(known) & (known > 0)]
    if not len(known):
        return 0.5, 10.0
    return float(np.clip(known.min() / 1.15, LOW, 0.8)), float(np.clip(known.max() * 1.15, 2.0, HIGH))
