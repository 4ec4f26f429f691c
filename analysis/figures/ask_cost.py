"""The time of an ask and its tell, and the memory, against the number of observations."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.scales import log_x, plain_number
from analysis.figures.style import PAGE_INCHES, Look, legend_label, looks, paper


def draw(readings: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """Two panels side by side.

    Args:
        readings: a table with :data:`analysis.study.ask_cost.COLUMNS`.
        summary: from :func:`analysis.study.ask_cost.summarise`; the legend shows its exponents.
    """
    styles = looks(list(dict.fromkeys(readings["strategy"])))
    exponents = dict(zip(summary["strategy"], summary["exponent"], strict=True))
    with paper():
        figure = Figure(figsize=(PAGE_INCHES, 2.4 + 0.14 * -(-len(styles) // 3)))
        time, memory = figure.subplots(1, 2)
        for strategy, look in styles.items():
            own = readings[readings["strategy"] == strategy]
            b = exponents[strategy]
            label = strategy if np.isnan(b) else f"{strategy} (n^{b:.2f})"
            _line(time, own["observations"], 1e3 * (own["ask_s"] + own["tell_s"]), look, legend_label(label))
            _line(memory, own["observations"], own["memory_bytes"] / 1e6, look, legend_label(label))
        for axes, what in ((time, "ask and tell (ms)"), (memory, "memory (MB)")):
            log_x(axes, 0.9 * readings["observations"].min(), 1.1 * readings["observations"].max())
            axes.set_xlabel("observations")
            axes.set_ylabel(what)
            axes.grid(True)
        time.set_yscale("log")
        time.yaxis.set_major_formatter(plain_number)
        memory.set_ylim(bottom=0.0)
        handles, labels = time.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _line(axes: Axes, x: pd.Series[float], y: pd.Series[float], look: Look, label: str) -> None:
    axes.plot(x, y, color=look.colour, ls=look.dash, marker=look.marker, ms=3, label=label)
