"""A figure at its printed width, with text that is readable at that size."""

from __future__ import annotations

from difflib import get_close_matches

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.errors import AnalysisError

SMALLEST_POINTS, LARGEST_POINTS = 7.0, 9.0
WIDTHS = (2.0, 12.0)
"""In inches; a narrower figure has no room for axes."""


def fit(figure: Figure, width: float) -> Figure:
    """Fit the figure to ``width`` inches at its own height, with all text between 7 and 9 points."""
    figure.set_figwidth(width)
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            for label in axis.get_ticklabels():
                axis.set_tick_params(labelsize=_within(label.get_fontsize()))
                break
    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_fontsize(_within(text.get_fontsize()))
    return figure


def _within(points: float | str) -> float:
    return min(max(float(points), SMALLEST_POINTS), LARGEST_POINTS)


def check_width(width: float) -> float:
    """Refuse a width outside the allowed range.

    Raises:
        AnalysisError: with the allowed widths.
    """
    if not WIDTHS[0] <= width <= WIDTHS[1]:
        raise AnalysisError(f"--width {width:g}: expected inches from {WIDTHS[0]:g} to {WIDTHS[1]:g}, "
                            "such as 3.3 for a column and 7.0 for a page")  # fmt: skip
    return width


def check_font(name: str) -> str:
    """Refuse a font that is not installed: Matplotlib would take another one and only warn.

    Raises:
        AnalysisError: with the nearest installed names.
    """
    known = font_manager.get_font_names()
    families = ["serif", "sans-serif", "monospace"]
    if name in known or name in families:
        return name
    near = get_close_matches(name, [*known, *families], n=1) or sorted(known)[:8]
    raise AnalysisError(f"--font {name}: no such font installed: expected {', '.join(near)}")
