"""Observed against true latency of final incumbents: how far a lucky reading flatters a run."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.figures.palette import GREY
from analysis.figures.style import COLUMN_INCHES, Look, legend_label, paper
from analysis.reference import TARGETS
from analysis.study.results import StudyResults

_NEAREST = 0.002
_TICKS = (1.002, 1.01, 1.05, 1.1, 1.2, 1.5, 2.0, 5.0)


def final_incumbents(results: StudyResults) -> pd.DataFrame:
    """The last incumbent of every run whose true latency is known independently of its reading.

    Columns task, strategy, seed, true (over t*) and flattery: observed over true, minus 1.
    """
    last = results.steps.groupby("run", sort=True).tail(1).set_index("run")
    runs = results.study.runs.loc[last.index]
    t_star = runs["task"].map(results.best.t_star_ms).to_numpy(np.float64)
    data = runs[["task", "strategy", "seed"]].assign(
        true=last["true_ms"].to_numpy() / t_star, flattery=(last["latency_ms"] / last["true_ms"]).to_numpy() - 1.0
    )
    noisy = ((runs["backend"] == "replay") & (runs["noise"] == "recorded")).to_numpy()
    delivered = np.isfinite(last["true_ms"].to_numpy())  # the other runs failed
    shown: pd.DataFrame = data[noisy & delivered].reset_index(drop=True)
    return shown


def draw(data: pd.DataFrame, styles: dict[str, Look]) -> Figure:
    """Draw a dot per run in the colour of its strategy; below zero the reading was lucky.

    Args:
        data: from :func:`final_incumbents`; at least one row.
    """
    with paper():
        figure = Figure(figsize=(COLUMN_INCHES, 2.6 + 0.13 * -(-len(styles) // 2)))
        axes = figure.subplots()
        ends = 130 * np.nanquantile(data["flattery"], [0.01, 0.99])
        bottom, top = min(ends[0], -0.5), max(ends[1], 0.5)
        for name, look in reversed(styles.items()):  # random comes last and has the most dots: draw it below the others
            part = data[data["strategy"] == name]
            if part.empty:
                continue
            excess = np.maximum(part["true"] - 1.0, _NEAREST)
            axes.plot(
                excess, np.clip(100 * part["flattery"], bottom, top), ls="", marker=look.marker, ms=2.3, mew=0.4,
                color=look.colour, alpha=0.55, clip_on=False, rasterized=True,
                label=f"{legend_label(name)} ({100 * float(part['flattery'].median()):+.2f}%)".replace("-", "−"),
            )  # fmt: skip
        axes.axhline(0.0, color=GREY, lw=0.7)
        for target in TARGETS:
            axes.axvline(target, color=GREY, lw=0.6, ls=(0, (1, 2)), zorder=0)
        axes.set_xscale("log")
        right = max(0.12, 1.15 * float((data["true"] - 1.0).replace(np.inf, np.nan).max()))
        axes.set_xlim(0.85 * _NEAREST, right)
        axes.xaxis.set_major_locator(FixedLocator([x - 1 for x in _TICKS if x - 1 <= right]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{1 + value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_ylim(bottom, top)
        axes.set_xlabel("true latency of the final incumbent / t*")
        axes.set_ylabel("observed over true latency (%)")
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(
            handles[::-1], labels[::-1], loc="outside lower center", ncols=2, markerscale=1.8,
            title="medians in brackets", title_fontsize=6, fontsize=5.6, handletextpad=0.2, columnspacing=0.8,
        )  # fmt: skip
    return figure
