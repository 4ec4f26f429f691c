"""Best-so-far quality of one task: steps, median and interquartile band, exact random search in grey."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

from analysis.figures.style import BLACK, COLUMN_INCHES, GREY, Look, paper
from analysis.reference import HEADLINE_TARGET

_LINES = {"default configuration": "default", "vendor's library": "vendor"}
_LABELS = {"evaluations": "evaluations", "seconds": "tuning clock (s)"}

_LONG = 500
"""Budgets above so many evaluations are drawn on a log axis too."""

_LONG_NAME = 16
"""Strategies with longer names get a legend of one column."""


def lines(facts: Mapping[str, Any], t_star_ms: float) -> dict[str, float]:
    """Quality t*/t of the default configuration and of the vendor's library, where the task's facts hold them."""
    known = {name: (facts.get(key) or {}).get("latency_ms") for name, key in _LINES.items()}
    return {name: t_star_ms / float(latency) for name, latency in known.items() if latency}


def draw(
    task: str,
    runs: pd.DataFrame,
    exact: pd.DataFrame,
    styles: dict[str, Look],
    lines: Mapping[str, float] | None = None,
) -> Figure:
    """Two panels, evaluations above seconds.

    Args:
        runs, exact: rows of ``curves.run_curves`` and ``curves.random_curves`` of this task.
        lines: quality t*/t of what is no strategy (the default configuration, the vendor's library) by name.
    """
    with paper():
        names = [name for name in styles if name in set(runs["strategy"])]
        columns = 1 if max(map(len, names)) > _LONG_NAME else 2
        figure = Figure(figsize=(COLUMN_INCHES, 4.2 + 0.13 * -(-(len(names) + 1) // columns)))
        panels = figure.subplots(2, 1)
        for axes, axis in zip(panels, _LABELS, strict=True):
            _panel(axes, runs[runs["axis"] == axis], exact[exact["axis"] == axis], styles)
            _horizontal(axes, lines or {})
            axes.set_xlabel(_LABELS[axis])
            axes.set_ylabel("quality  t*/t")
        for axes, axis in zip(panels, _LABELS, strict=True):
            _quality_scale(axes, max([1.0, *(lines or {}).values()]))
            part = runs[runs["axis"] == axis]
            if axis == "seconds" or part["x"].max() > _LONG:
                _log_scale(axes, part)
        figure.suptitle(task, fontsize=8)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=columns)
    return figure


def _panel(axes: Axes, runs: pd.DataFrame, exact: pd.DataFrame, styles: dict[str, Look]) -> None:
    near = 1.0 / (1.0 + HEADLINE_TARGET)
    axes.axhline(near, color=GREY, lw=0.7, ls=(0, (1, 2)), zorder=1)
    axes.annotate(
        f"within {HEADLINE_TARGET:.0%}", (0.0, near), xycoords=("axes fraction", "data"), xytext=(2, 1.5),
        textcoords="offset points", fontsize=6, color="0.35",
    )  # fmt: skip
    if len(exact):
        x = exact["x"].to_numpy(np.float64)
        axes.fill_between(x, exact["q25"], exact["q75"], step="post", color="0.85", lw=0, zorder=0)
        axes.step(x, exact["median"], where="post", color=GREY, lw=1.0, zorder=2, label="exact random (median, IQR)")
    for strategy, look in styles.items():
        curve = runs[runs["strategy"] == strategy]
        if curve.empty:
            continue
        x = curve["x"].to_numpy(np.float64)
        axes.fill_between(x, curve["q25"], curve["q75"], step="post", color=look.colour, alpha=0.13, lw=0)
        seeds = int(curve["runs"].iloc[0])
        label = f"{strategy} ({seeds} run{'s' * (seeds != 1)})"
        axes.step(x, curve["median"], where="post", color=look.colour, ls=look.dash, zorder=3, label=label)
    axes.grid(True, axis="y")


def _horizontal(axes: Axes, lines: Mapping[str, float]) -> None:
    for (name, quality), dash in zip(lines.items(), ((0, (4, 1.5)), (0, (1, 1))), strict=False):
        axes.axhline(quality, color=BLACK, lw=0.7, ls=dash, zorder=1, label=name)


def _quality_scale(axes: Axes, top: float) -> None:
    """All of 0 to 1, failures before the first success included, stretched towards the optimum (cubic)."""
    axes.set_yscale("function", functions=(lambda quality: np.power(quality, 3), np.cbrt))
    axes.set_ylim(0.0, 1.01 * top)
    ticks = [0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0] if top < 1.15 else [0.0, 0.5, 0.8, 1.0, *np.arange(1.2, top, 0.2)]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _log_scale(axes: Axes, runs: pd.DataFrame) -> None:
    """Logarithmic x from the first change of any curve; 0 s, where all curves start, lies beyond its left end."""
    inside = runs.loc[runs["x"] > 0, "x"]
    if len(inside):
        left, right = float(inside.min()), float(runs["x"].max())
        axes.set_xscale("log")
        axes.set_xlim(0.9 * left, max(right, 1.2 * left))
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if right < 1000 * left else (1.0,)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
