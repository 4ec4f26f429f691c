"""Live runs among their replays: the rank of each live run among the replays, on every axis."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.style import PAGE_INCHES, looks, paper
from analysis.reference import HEADLINE_TARGET
from analysis.study.live_agreement import CLOCK, EVALUATIONS, QUALITY, SECONDS, Agreement, Cell
from analysis.tables.live_agreement import p_text

_INCHES_PER_ROW = 0.15
_SIGMAS = 1.96
_NEAR = f"to {HEADLINE_TARGET:.0%}"
_TITLES = {EVALUATIONS: f"evaluations {_NEAR}", QUALITY: "final quality", SECONDS: f"{CLOCK} {_NEAR}"}


def places(agreement: Agreement) -> pd.DataFrame:
    """One row per live run: task, strategy, axis, worse_than, and the cell's p_holm and rejected.

    worse_than is the share of replays that the live run is worse than; ties count half.
    """
    return pd.DataFrame(
        [
            {
                "task": cell.task,
                "strategy": cell.strategy,
                "axis": cell.axis,
                "worse_than": share,
                "p_holm": cell.p_holm,
                "rejected": cell.rejected,
            }
            for axis in agreement.axes
            for cell in axis.cells
            for share in _shares(cell)
        ]
    )


def _shares(cell: Cell) -> list[float]:
    """Ranks among only the replays: other live runs are subtracted."""
    ranks = np.sort(cell.test.ranks)
    own = np.array([(ranks < r).sum() + ((ranks == r).sum() + 1) / 2 for r in ranks])
    return [float(share) for share in (ranks - own) / cell.test.others]


def draw(agreement: Agreement) -> Figure:
    """Draw a panel per axis, a row per cell: a mark per live run, a bar at the mean, grey where 95% fall by chance."""
    cells = agreement.axes[0].cells
    styles = looks(sorted({cell.strategy for cell in cells}))
    rows, headings = _layout(cells)
    with paper():
        figure = Figure(figsize=(PAGE_INCHES, 0.9 + _INCHES_PER_ROW * (rows[-1] + 1)))
        panels = figure.subplots(1, len(agreement.axes), sharey=True, squeeze=False)[0]
        for axes, axis in zip(panels, agreement.axes, strict=True):
            axes.axvline(0.5, color="0.6", lw=0.7, zorder=0)
            for y, cell in zip(rows, axis.cells, strict=True):
                half = _SIGMAS * cell.test.larger_sd
                axes.barh(y, 2 * half, left=0.5 - half, height=0.8, color="0.92", zorder=-1)
                look = styles[cell.strategy]
                axes.plot(
                    _shares(cell), [y] * len(cell.test.ranks), ls="", marker=look.marker, color=look.colour,
                    ms=3.4, mew=0.6, alpha=0.85, clip_on=False,
                )  # fmt: skip
                axes.plot([cell.test.larger] * 2, [y - 0.4, y + 0.4], color="black", lw=1.4, solid_capstyle="butt")
                _p_beside(axes, y, cell)
            word = "different" if axis.differs else "no difference shown"
            axes.set_title(f"{_TITLES[axis.name]}\n{word}, p = {p_text(axis.p)}", fontsize=7, pad=10)
            axes.set_xlim(0, 1)
            axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100%"])
            axes.text(1.06, 1.0, "p (Holm)", transform=axes.transAxes, ha="left", va="bottom", fontsize=5, color="0.35")
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
        panels[0].set_ylim(rows[-1] + 0.8, -0.8)
        panels[0].set_yticks(rows, [cell.strategy for cell in cells], fontsize=5.8)
        for y, task in headings:
            panels[0].annotate(
                task.replace("__", " "), (0, y), xycoords=panels[0].get_yaxis_transform(), xytext=(-4, 0),
                textcoords="offset points", ha="right", va="center", fontsize=5.8, fontweight="bold", color="0.35",
            )  # fmt: skip
        figure.supxlabel(
            "share of replays that a live run is worse than (ties half);\nbar: mean of the cell; grey: 95% by chance",
            fontsize=7.5,
        )
    return figure


def _layout(cells: tuple[Cell, ...]) -> tuple[list[float], list[tuple[float, str]]]:
    """The heights of the cells, and of the heading above each task's cells."""
    rows: list[float] = []
    headings: list[tuple[float, str]] = []
    for i, cell in enumerate(cells):
        if not headings or headings[-1][1] != cell.task:
            headings.append((i + 1.3 * len(headings), cell.task))
        rows.append(i + 1.3 * len(headings) - 0.3)
    return rows, headings


def _p_beside(axes: Axes, y: float, cell: Cell) -> None:
    axes.text(
        1.06, y, f"{cell.p_holm:.2g}", transform=axes.get_yaxis_transform(), ha="left", va="center", fontsize=4.8,
        color="black" if cell.rejected else "0.35", fontweight="bold" if cell.rejected else "normal",
    )  # fmt: skip
