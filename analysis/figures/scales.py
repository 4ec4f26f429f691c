"""Axis scales that several figures share."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator


def plain_number(value: float, _: object = None) -> str:
    return f"{value:g}"


def quality_scale(axes: Axes, top: float = 1.0, few: bool = False) -> None:
    """Set y from 0 to 1 (0 before the first success), stretched towards the optimum (cubic)."""
    axes.set_yscale("function", functions=(lambda quality: np.power(quality, 3), np.cbrt))
    axes.set_ylim(0.0, 1.01 * top)
    near = [0.0, 0.5, 0.7, 0.8, 0.9, 1.0] if few else [0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0]
    axes.yaxis.set_major_locator(FixedLocator(near if top < 1.15 else [0.0, 0.5, 0.8, 1.0, *np.arange(1.2, top, 0.2)]))
    axes.yaxis.set_major_formatter(FuncFormatter(plain_number))


def log_x(axes: Axes, left: float, right: float, dense: bool = True) -> None:
    """Set a logarithmic x axis between two positive numbers, with plain numbers at 1, 2 and 5 if there is room."""
    axes.set_xscale("log")
    axes.set_xlim(left, max(right, 1.2 * left))
    subs = (1.0, 2.0, 5.0) if dense and right < 100 * left else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(FuncFormatter(plain_number))
    axes.xaxis.set_minor_formatter(NullFormatter())


def speedup_axis(axes: Axes, low: float, high: float, which: str = "x", inches: float = 2.0) -> None:
    """Set a logarithmic speedup axis with ticks at 1, 2 and 5, or fewer if it is short, and no minor ticks.

    Args:
        inches: the length of the axis, which decides how many labels fit.
    """
    getattr(axes, f"set_{which}scale")("log")
    getattr(axes, f"set_{which}lim")(low, high)
    candidates = [m * 10.0**e for e in range(-3, 5) for m in ((1, 2, 5) if inches >= 1.6 else (1,))]
    if 0.9 <= inches < 1.6:
        candidates = sorted([*candidates, 5.0])
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(FixedLocator([x for x in candidates if low * 0.999 <= x <= high * 1.001]))
    axis.set_major_formatter(FuncFormatter(plain_number))
    axis.set_minor_locator(NullLocator())
