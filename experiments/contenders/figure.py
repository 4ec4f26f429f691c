"""Speedups of strategies on tasks as a heat map: ``python -m experiments.contenders.figure TABLE… -o FILE``.

TABLE is a file of :mod:`experiments.contenders.table` or :mod:`experiments.contenders.combine` (``.csv`` or
``.parquet``), and FILE ends in ``.png``, ``.svg`` or ``.pdf``. A panel for each kind of exact random search has a row
for each strategy and a column for each task, grouped by kernel. ≤: an upper bound, because the strategy never solved
the task; –: the tables have no such row. If several rows have the same strategy and task, the one with the most runs
counts.

The last column is the geometric mean over the tasks that the means of :mod:`experiments.contenders.table` are over: the
useful ones (uniform), or those on which random search by parameter needs 20 evaluations or more. It is in parentheses
if the strategy was not run on all of them. Strategies are in the order of their mean over uniform random search.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from analysis.errors import AnalysisError
from analysis.figures.heatmap import label_bar, paint
from analysis.figures.style import PAGE_INCHES, paper
from analysis.reference import kernel_of, stratum
from analysis.runs.writing import writing
from analysis.study.baseline import EXACT_BY_PARAMETER, EXACT_RANDOM
from analysis.tables.table import figure as number
from experiments.contenders.table import BY_PARAMETER, UNIFORM, groups, mean, read_table
from experiments.transfer.figures import save

PANELS = {
    EXACT_RANDOM: (UNIFORM, "over uniform random search; mean over tasks where it needs 20 to 1,000 evaluations"),
    EXACT_BY_PARAMETER: (BY_PARAMETER, "over random search by parameter; mean over tasks where it needs 20 or more"),
}
"""Of each baseline the group of tasks that the mean is over, and the title."""
MEAN = "geometric mean"
METADATA: Mapping[str, Mapping[str, None]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""By the suffix of a file: what Matplotlib is told to leave out of it, so that equal tables give equal files."""
ROW_INCHES = 0.135
LETTERS = 4.6
"""Size of the numbers in cells."""


@dataclass(frozen=True)
class Cell:
    """A speedup and how it is written; nan without one."""

    speedup: float = float("nan")
    text: str = "–"


def read(paths: Sequence[Path], sources: Sequence[str] | None = None) -> pd.DataFrame:
    """The rows of several tables, one for each strategy, task and baseline, with ``expected`` and ``stratum``.

    A table without ``expected``, E[T] of random search, gets its ERT at the budget instead.

    Args:
        sources: keep only rows of these studies.

    Raises:
        AnalysisError: a file is no such table, or there is no row.
    """
    rows = pd.concat([read_table(path) for path in paths], ignore_index=True)
    if sources is not None:
        if "source" not in rows:
            raise AnalysisError("--sources: expected a table of experiments.contenders.combine")
        known = sorted(rows["source"].dropna().unique())
        if unknown := [name for name in sources if name not in known]:
            raise AnalysisError(f"--sources {unknown[0]}: not in these tables: expected some of {', '.join(known)}")
        rows = rows[rows["source"].isin(list(sources))]
    rows = rows[rows["baseline"].isin(PANELS)].sort_values("runs", ascending=False, kind="stable")
    rows = rows.drop_duplicates(["strategy", "task", "baseline"])
    if rows.empty:
        raise AnalysisError("no speedups over exact random search in these tables")
    needed = rows["ert"] * rows["speedup"]
    rows = rows.assign(expected=rows["expected"].fillna(needed) if "expected" in rows else needed)
    return rows.assign(stratum=[stratum(value) for value in rows["expected"]])


def cells(rows: pd.DataFrame, baseline: str) -> dict[tuple[str, str], Cell]:
    """The cells of a panel by strategy and task, and the means by strategy and :data:`MEAN`."""
    found = {
        (of["strategy"], of["task"]): Cell(of["speedup"], ("" if of["hits"] else "≤") + number(of["speedup"]))
        for of in rows[rows["baseline"] == baseline].to_dict("records")
    }
    group = groups(rows)[PANELS[baseline][0]]
    tasks = group["task"].nunique()
    for strategy, own in group.groupby("strategy"):
        value = mean(own)[0]
        text = ("" if own["hits"].all() else "≤") + number(value)
        found[str(strategy), MEAN] = Cell(value, text if len(own) == tasks else f"({text})")
    return found


def order(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Strategies by their mean over uniform random search, best first, those without one last; tasks by kernel."""
    means = {key[0]: cell.speedup for key, cell in cells(rows, EXACT_RANDOM).items() if key[1] == MEAN}
    strategies = sorted(rows["strategy"].unique(), key=lambda name: (-means.get(name, 0.0), name))
    return strategies, sorted(rows["task"].unique(), key=lambda name: (kernel_of(name), name))


def draw(rows: pd.DataFrame) -> Figure:
    """Both panels, one above the other.

    Args:
        rows: see :func:`read`.
    """
    strategies, tasks = order(rows)
    baselines = [name for name in PANELS if (rows["baseline"] == name).any()]
    with paper():
        height = 1.6 + len(baselines) * (0.45 + ROW_INCHES * len(strategies))
        figure = Figure(figsize=(PAGE_INCHES, height))
        panels = figure.subplots(len(baselines), 1, squeeze=False, sharex=True)[:, 0]
        for axes, baseline in zip(panels, baselines, strict=True):
            image = _panel(axes, cells(rows, baseline), strategies, tasks)
            axes.set_title(f"Speedup {PANELS[baseline][1]}", loc="left", fontsize=7.5, pad=16)
        shown = [name.partition("-")[2].replace("__", " ") for name in tasks]
        panels[-1].set_xticks(range(len(tasks) + 1), [*shown, MEAN], rotation=90, fontsize=5)
        bar = figure.colorbar(image, ax=list(panels), fraction=0.02, pad=0.01, aspect=60)
        label_bar(bar)
        bar.ax.tick_params(labelsize=6)
    return figure


def _panel(
    axes: Axes, of: Mapping[tuple[str, str], Cell], strategies: Sequence[str], tasks: Sequence[str]
) -> AxesImage:
    columns = [*tasks, MEAN]
    table = [[of.get((strategy, column), Cell()) for column in columns] for strategy in strategies]
    values = np.log2([[cell.speedup for cell in row] for row in table])
    texts = np.array([[cell.text for cell in row] for row in table], dtype=object)
    bold = np.broadcast_to(np.array([column == MEAN for column in columns]), values.shape)
    image = paint(axes, values, texts, bold, LETTERS)
    axes.set_yticks(range(len(strategies)), strategies, fontsize=5.5)
    kernels = [kernel_of(task) for task in tasks]
    for kernel in dict.fromkeys(kernels):
        first, count = kernels.index(kernel), kernels.count(kernel)
        name = kernel if count > 2 or len(kernel) < 10 else kernel.replace("_", "\n", 1)
        axes.text(first + count / 2 - 0.5, -0.65, name, ha="center", va="bottom", fontsize=5, linespacing=0.9)
        axes.axvline(first + count - 0.5, color="black", lw=0.6)
    return image


def write(figure: Figure, path: Path) -> None:
    """Write the figure in the format that the name of the file says.

    Raises:
        AnalysisError: another format, or the file cannot be written.
    """
    if path.suffix not in METADATA:
        expected = ", ".join(METADATA)
        raise AnalysisError(f"{path}: unknown figure format: expected a name that ends in one of {expected}")
    with paper(), writing(path):
        if path.suffix == ".png":
            save(figure, path, shades=256, rare=True)
        else:
            figure.savefig(path, metadata=dict(METADATA[path.suffix]))


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", type=Path, nargs="+", metavar="TABLE")
    parser.add_argument("--sources", help="of a table of experiments.contenders.combine only these, with commas")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    arguments = parser.parse_args(given)
    try:
        rows = read(arguments.tables, arguments.sources.split(",") if arguments.sources else None)
        write(draw(rows), arguments.output)
    except AnalysisError as error:
        parser.error(str(error))
    counted = f"{rows['strategy'].nunique()} strategies on {rows['task'].nunique()} tasks"
    print(f"{counted}: {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
