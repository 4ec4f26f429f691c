"""The figures: ``python -m experiments.transfer.figures runs.csv pairs.csv -o FOLDER``.

``quality.png``: slowdown against evaluations, cold and with the nearest sibling of another shape, by kernel.
``matrix.png``: what the best of a source's first three is worth on every target.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from io import BytesIO
from itertools import groupby
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from PIL import Image

from analysis.figures.palette import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION
from analysis.figures.style import PAGE_INCHES, paper
from analysis.statistics.random_search import best_so_far
from experiments.transfer.replays import MOMENTS
from experiments.transfer.table import AFTER, runs_of, summary
from harness.landscapes.landscape import read_landscape
from harness.landscapes.library import find_landscape

LOOKS = {
    "conditional_gp": (VERMILLION, "-", "D"), "source_best": (ORANGE, "-.", "v"), "transfer_tpe": (PURPLE, ":", "s"),
    "warm": (GREEN, "--", "^"), "transfer_gp": (BLUE, "-", "o"),
}  # fmt: skip
CAP = 3.0
SHADES = 128


def median_random(task: str) -> list[float]:
    """Exact median slowdown of the best of uniform draws without replacement, after each of :data:`MOMENTS`."""
    landscape = read_landscape(find_landscape(*task.split("__")))
    true = landscape.oracle_ms[landscape.searchable]
    levels = best_so_far(np.nan_to_num(np.nanmin(true) / true), MOMENTS[-1], (0.5,))[1][:, 0]
    return [float(1 / level) if level > 0 else np.inf for level in levels[np.array(MOMENTS) - 1]]


def quality(table: pd.DataFrame) -> Figure:
    """Draw a panel for each kernel: the geometric mean over tasks of the median slowdown, against evaluations."""
    kernels = sorted(table["kernel"].unique())
    rows = summary(table[table["group"].isin(["cold", "shape"])])
    with paper():
        figure = Figure(figsize=(PAGE_INCHES, 2.1))
        panels = figure.subplots(1, len(kernels), sharey=True, squeeze=False)[0]
        for axes, kernel in zip(panels, kernels, strict=True):
            tasks = table.loc[table["kernel"] == kernel, "task"].unique()
            exact = np.exp(np.log([median_random(task) for task in tasks]).mean(axis=0))
            axes.plot(MOMENTS, np.minimum(exact, CAP), color=GREY, linestyle=":", label="exact random search")
            for way, (colour, dash, marker) in LOOKS.items():
                own = rows[(rows["kernel"] == kernel) & (rows["way"] == way)]
                if not own.empty and own["tasks"].iloc[0] == len(tasks):  # a line over other tasks cannot be compared
                    line = np.minimum(own[AFTER].iloc[0].to_numpy(dtype=float), CAP)
                    axes.plot(MOMENTS, line, color=colour, linestyle=dash, marker=marker, markersize=3, label=way)
            axes.axhline(1.05, color=GREY, linewidth=0.6)
            axes.set(title=kernel, xscale="log", xlabel="evaluations", ylim=(0.95, CAP + 0.05))
            axes.set_xticks(MOMENTS, [str(moment) for moment in MOMENTS])
            axes.minorticks_off()
        panels[0].set_ylabel("slowdown over the best")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=6)
    return figure


def matrix(pairs: pd.DataFrame) -> Figure:
    """Draw a panel for each kernel, with a cell for each source (row) and target (column) that do not differ in dtype
    alone: the slowdown of the best of the source's first three; empty where nothing of the source fits the target's
    space."""
    pairs = pairs[pairs["kind"] != "dtype"]
    panels = [list(own) for _, own in groupby(sorted({*pairs["source"], *pairs["target"]}), key=_kernel)]
    columns = min(2, len(panels))
    with paper():
        figure = Figure(figsize=(PAGE_INCHES, PAGE_INCHES))
        every = figure.subplots(-(-len(panels) // columns), columns, squeeze=False).flat
        for axes, own in zip(every, panels, strict=False):
            image = _panel(axes, own, pairs)
        label = "slowdown of the best of the source's first three"
        figure.colorbar(image, ax=figure.axes, shrink=0.6, aspect=40, label=label)
    return figure


def _kernel(name: str) -> str:
    return name.partition("-")[0]


def _panel(axes: Axes, names: Sequence[str], pairs: pd.DataFrame) -> AxesImage:
    values = np.full((len(names), len(names)), np.nan)
    for pair in pairs[pairs["target"].isin(list(names))].to_dict("records"):
        at = names.index(pair["source"]), names.index(pair["target"])
        values[at] = min(pair["best_of_3"], CAP) if pair["fits"] > 0 else np.nan
    colours = mpl.colormaps["viridis_r"].with_extremes(bad="0.95")
    image = axes.imshow(values, cmap=colours, vmin=1.0, vmax=CAP)
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            text = f"{value:.2f}" if value < CAP else f"≥{CAP:.0f}"
            axes.text(j, i, text, ha="center", va="center", fontsize=5, color="white" if value > 1.8 else "black")
    shown = [name.partition("-")[2].replace("__", " ") for name in names]
    axes.set_xticks(range(len(names)), shown, rotation=90, fontsize=5)
    axes.set_yticks(range(len(names)), shown, fontsize=5)
    axes.set(title=_kernel(names[0]), xlabel="target", ylabel="source")
    return image


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="experiments.transfer.figures", description=__doc__)
    parser.add_argument("runs", type=Path)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("-o", type=Path, required=True)
    given = parser.parse_args(arguments)
    save(quality(runs_of(given.runs)), given.o / "quality.png")
    save(matrix(pd.read_csv(given.pairs)), given.o / "matrix.png")
    return 0


def save(figure: Figure, path: Path, shades: int = SHADES, rare: bool = False) -> None:
    """Write a PNG file with a palette, a quarter of the size of one without.

    Args:
        rare: colours that few points have are kept as well as the others, in a slightly larger file.
    """
    drawn = BytesIO()
    figure.savefig(drawn, dpi=160)
    method = Image.Quantize.MAXCOVERAGE if rare else None
    Image.open(drawn).convert("RGB").quantize(shades, method, kmeans=2 if rare else 0).save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
