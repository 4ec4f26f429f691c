"""How the latencies of each recorded space are distributed: the share of configurations near the optimum."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from analysis.figures.style import _DASHES, BLACK, BLUE, COLUMN_INCHES, GREEN, ORANGE, PURPLE, SKY, VERMILLION, paper
from analysis.reference import TARGETS, kernel_of, pool, true_latency

_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
_POINTS = 400
_LEFT = 0.004


def shares(references: dict[str, pd.DataFrame], t_star_ms: dict[str, float]) -> pd.DataFrame:
    """Share of all configurations (failures included) with latency <= x t*. Columns task, x, share."""
    parts = []
    for task in sorted(task for task in references if np.isfinite(t_star_ms[task])):
        relative = np.sort(true_latency(pool(references[task])) / t_star_ms[task])
        n = len(relative)
        finite = relative[np.isfinite(relative)]
        keep = np.unique(np.geomspace(1, len(finite), min(_POINTS, len(finite))).round().astype(int)) - 1
        parts.append(pd.DataFrame({"task": task, "x": finite[keep], "share": (keep + 1) / n}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["task", "x", "share"])


def draw(data: pd.DataFrame) -> Figure:
    """Both axes logarithmic; a colour per kernel, a dash per task of it.

    Args:
        data: from :func:`shares`.
    """
    tasks = list(dict.fromkeys(data["task"]))
    kernels = list(dict.fromkeys(kernel_of(task) for task in tasks))
    used: dict[str, int] = {}
    with paper():
        figure = Figure(figsize=(COLUMN_INCHES, 2.5 + 0.13 * len(tasks)))
        axes = figure.subplots()
        for task in tasks:
            kernel = kernel_of(task)
            number = used.setdefault(kernel, 0)
            used[kernel] += 1
            part = data[data["task"] == task]
            colour = _COLOURS[kernels.index(kernel) % len(_COLOURS)]
            dash = _DASHES[number % len(_DASHES)]
            axes.step(
                np.maximum(part["x"] - 1.0, _LEFT / 2), part["share"], where="post", color=colour, ls=dash, label=task
            )
        for target in TARGETS:
            axes.axvline(target, color="0.6", lw=0.6, ls=(0, (1, 2)), zorder=0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(_LEFT, max(1.0, min(float(data["x"].max()) - 1.0, 30.0)))
        axes.set_ylim(top=1.0)
        axes.set_xticks([0.01, 0.05, 0.1, 1, 10])
        for ticks in (axes.xaxis, axes.yaxis):
            ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
            ticks.set_minor_formatter(NullFormatter())
        axes.set_xlabel("slower than the optimum by at most")
        axes.set_ylabel("share of configurations")
        axes.grid(True)
        figure.legend(loc="outside lower center", ncols=1)
    return figure
