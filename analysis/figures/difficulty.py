"""Speedup against difficulty: when a model pays off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import spearmanr

from analysis.figures.palette import GREY
from analysis.figures.scales import log_x, speedup_axis
from analysis.figures.style import COLUMN_INCHES, Look, legend_label, paper
from analysis.reference import HEADLINE_TARGET, difficulty
from analysis.study.results import StudyResults
from analysis.study.speedup import task_rows

_STRATA_AT = (20.0, 1000.0)


def by_difficulty(results: StudyResults, strategies: Sequence[str], axis: str = "evaluations") -> pd.DataFrame:
    """Speedups at the headline target, with the E5 of recorded tasks (inf where no recorded draw hit)."""
    rows = task_rows(results.speedups)
    rows = rows[(rows["axis"] == axis) & (rows["target"] == HEADLINE_TARGET) & rows["strategy"].isin(list(strategies))]
    rows = rows[rows["task"].isin(results.study.references) & rows["task"].isin(results.counted[HEADLINE_TARGET])]
    e5 = {
        task: difficulty(results.study.references[task], results.best.t_star_ms[task], HEADLINE_TARGET)
        for task in rows["task"].unique()
    }
    rows = rows.assign(e5=[e5[task].expected_evaluations for task in rows["task"]])
    columns = ["task", "kernel", "stratum", "strategy", "e5", "bound", "speedup", "speedup_low", "speedup_high"]
    return rows[columns].reset_index(drop=True)


def draw(data: pd.DataFrame, styles: dict[str, Look], claimed: Sequence[float] = ()) -> Figure:
    """Draw a dot per task and strategy, and for each strategy a least-squares line through the logarithms.

    Args:
        data: from :func:`by_difficulty`, with finite E5; at least one row.
        claimed: speedups at which a line is drawn.
    """
    drawn = [name for name in styles if name in set(data["strategy"])]
    with paper():
        figure = Figure(figsize=(COLUMN_INCHES, 2.6 + 0.13 * len(drawn)))
        axes = figure.subplots()
        handles = []
        for name in drawn:
            look, part = styles[name], data[data["strategy"] == name]
            known, bounded = part[part["bound"] == "none"], part[part["bound"] == "upper"]
            label = name
            if len(known) > 2 and known["e5"].nunique() > 1:
                x, y = np.log(known["e5"]), np.log(known["speedup"])
                slope, level = np.polyfit(x, y, 1)
                ends = np.array([known["e5"].min(), known["e5"].max()])
                axes.plot(ends, np.exp(level + slope * np.log(ends)), color=look.colour, ls=look.dash, lw=1.0)
                label = f"{name}: slope {slope:.2f}, Spearman {spearmanr(x, y).statistic:.2f}".replace("-", "−")
            dots: dict[str, Any] = {"ls": "", "marker": look.marker, "color": look.colour, "ms": 3.2, "mew": 0.5}
            axes.plot(known["e5"], known["speedup"], alpha=0.8, **dots)
            handles.append(Line2D([], [], lw=1.0, label=legend_label(label), **{**dots, "ls": look.dash}))
            axes.plot(bounded["e5"], bounded["speedup"], ls="", marker="v", mfc="none", color=look.colour, ms=3.5)
        for level in (1.0, *claimed):
            axes.axhline(level, color="0.6", lw=0.7, ls="-" if level == 1 else (0, (4, 2)), zorder=0)
        low, high = float(data["e5"].min()), float(data["e5"].max())
        for edge in _STRATA_AT:
            if low < edge < high:
                axes.axvline(edge, color=GREY, lw=0.7, ls=(0, (1, 2)), zorder=0)
        values = data["speedup"].replace([np.inf, 0.0], np.nan)
        log_x(axes, 0.8 * low, 1.25 * high)
        top = max(1.2 * max((1.0, *claimed)), 1.3 * float(values.max()))
        speedup_axis(axes, min(0.5, 0.8 * float(values.min())), top, which="y")
        axes.set_xlabel("E5: expected evaluations of exact random search")
        axes.set_ylabel("speedup within 5%, evaluations")
        figure.legend(handles=handles, loc="outside lower center", ncols=1)
    return figure
