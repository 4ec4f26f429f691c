"""Horizontal lines of what is no strategy, each named at the line: a legend cannot tell two dotted ones apart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from analysis.figures.palette import BLACK, GREY, Dash

NEAR = 0.13
"""Lines closer than this share of the axis share one label: two labels of 7 points would stand on each other."""
SHORT = {"default configuration": "default", "vendor's library": "vendor"}
DASHES: Mapping[str, Dash] = {"default configuration": (0, (6, 2)), "vendor's library": (0, (4, 1.5, 1, 1.5))}
TARGET_DASH: Dash = (0, (1, 2))
GID = "reference"
"""Of the lines: a legend leaves them out."""


def reference_lines(axes: Axes, lines: Mapping[str, float]) -> None:
    """Draw each at its height, in a dash of its own, and write the names above the lines at the left edge.

    Names of lines that nearly coincide stand together, the upper first: ``vendor, default``. Scale and limits of the y
    axis must be final.
    """
    for name, value in lines.items():
        own = name in DASHES
        dash = DASHES.get(name, TARGET_DASH)
        axes.axhline(value, color=BLACK if own else GREY, lw=0.7, ls=dash, zorder=1.5, label=name, gid=GID)
    for names, value in labels_of(axes, lines):
        axes.annotate(
            names, (0.0, value), xycoords=axes.get_yaxis_transform(), xytext=(2, 1), textcoords="offset points",
            ha="left", va="bottom" if _height(axes, value) < 1 - NEAR else "top", fontsize=7, color="0.25", zorder=4,
            path_effects=[withStroke(linewidth=1.5, foreground="white")],
        )  # fmt: skip


def labels_of(axes: Axes, lines: Mapping[str, float]) -> list[tuple[str, float]]:
    """The labels and the height of each, from the lowest up: near lines are joined, at the highest of them."""
    joined: list[list[str]] = []
    for name in sorted(lines, key=lambda name: lines[name]):
        if joined and _height(axes, lines[name]) - _height(axes, lines[joined[-1][-1]]) < NEAR:
            joined[-1].append(name)
        else:
            joined.append([name])
    return [(", ".join(SHORT.get(name, name) for name in reversed(part)), lines[part[-1]]) for part in joined]


def _height(axes: Axes, value: float) -> float:
    """Where a value stands on the y axis: 0 at its lower end, 1 at its upper."""
    low, high, at = axes.yaxis.get_transform().transform(np.array([*axes.get_ylim(), value], dtype=np.float64))
    return float((at - low) / (high - low))
