"""The distribution of latencies in each recorded space: the share of configurations near the optimum."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation

from analysis.figures.palette import BLACK, BLUE, DASHES, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from analysis.figures.style import COLUMN_INCHES, PAGE_INCHES, legend_label, paper
from analysis.reference import HEADLINE_TARGET, TARGETS, kernel_of, space_rows, true_latency

COLUMNS = ["kernel", "task", "sampled", "x", "share"]
_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
_POINTS = 400
_LEFT, _RIGHT = 0.004, 29.0
"""Ends of the x axis in latency / optimum - 1; the optimum itself is drawn at the left end."""
_LEGEND: dict[str, Any] = {
    "fontsize": 6,
    "handlelength": 2.2,
    "labelspacing": 0.25,
    "columnspacing": 1.0,
    "borderaxespad": 0.0,
}
_TICKS = (1.01, 1.05, 1.1, 1.5, 2.0, 5.0, 10.0, 30.0)
_FEW_TICKS = (1.01, 1.1, 1.5, 2.0, 5.0, 10.0, 30.0)
"""For three panels in a row: labels of 1.05 and 1.1 would overlap, and the dashed line at 1.05 is named above."""
_PANEL_INCHES = {1: 2.3, 2: 2.3, 3: 1.6}
_ENTRY_INCHES = 0.125
_SIDE_BY_SIDE = {1: 42, 2: 54, 3: 28}
"""Characters of two labels that fit beside each other below a panel. Both are by the number of panels in a row."""
_TWO_COLUMNS = 8
"""Kernels up to which a row has two panels; with more it has three, so that the figure fits on a page."""
_NARROW_INCHES, _STACKED_PANEL_INCHES = 5.0, 1.5
"""Figures narrower than this have one panel per row, of this height."""


def shares(references: Mapping[str, pd.DataFrame], t_star_ms: Mapping[str, float]) -> pd.DataFrame:
    """The share of all configurations (failures included) with latency <= x t*. Columns ``COLUMNS``.

    Rows that a search added to a sample do not count in the share; t* may be one of them.
    """
    parts = []
    for task in sorted((task for task in references if np.isfinite(t_star_ms[task])), key=_natural):
        relative = np.sort(true_latency(space_rows(references[task])) / t_star_ms[task])
        n = len(relative)
        finite = relative[np.isfinite(relative)]
        if not len(finite):
            continue
        keep = np.unique(np.geomspace(1, len(finite), min(_POINTS, len(finite))).round().astype(int)) - 1
        part = pd.DataFrame({"x": finite[keep], "share": (keep + 1) / n})
        parts.append(part.assign(kernel=kernel_of(task), task=task, sampled="origin" in references[task].columns))
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def is_wide(data: pd.DataFrame) -> bool:
    """Whether the figure is as wide as the page, because it has panels side by side."""
    return bool(data["kernel"].nunique() > 1)


def most_kernels(width: float = PAGE_INCHES) -> int:
    """The number of panels that fit on a page in a figure of ``width`` inches."""
    return 5 if width < _NARROW_INCHES else 15


def draw(data: pd.DataFrame, width: float | None = None, font: str | None = None) -> Figure:
    """Draw a panel per kernel, up to three in a row, on shared logarithmic axes; colour by task, dash by device.

    Args:
        data: from :func:`shares`; at least one row, of :func:`most_kernels` at most.
        width: in inches; ``None``: a page's where there are several kernels, else a column's.
    """
    kernels = list(dict.fromkeys(data["kernel"]))
    columns = (2 if len(kernels) <= _TWO_COLUMNS else 3) if is_wide(data) else 1
    inches = width or (PAGE_INCHES if columns > 1 else COLUMN_INCHES)
    stacked = columns > 1 and inches < _NARROW_INCHES
    columns = 1 if stacked else columns
    rows = -(-len(kernels) // columns)
    devices = _devices(data)
    labels = _labels(data, devices[0])
    entry_columns = _entry_columns(data, labels, _SIDE_BY_SIDE[columns])
    tasks = data.groupby("kernel")["task"].nunique()[kernels].to_numpy()
    entries = sum(-(-int(tasks[i : i + columns].max()) // entry_columns) for i in range(0, len(kernels), columns))
    with paper(font):
        panel = _STACKED_PANEL_INCHES if stacked else _PANEL_INCHES[columns]
        figure = Figure(figsize=(inches, 0.2 + rows * panel + _ENTRY_INCHES * entries))
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, kernel in zip(panels, kernels, strict=False):
            _panel(axes, data[data["kernel"] == kernel], labels, devices)
            axes.set_title(kernel, loc="left", fontweight="bold")
            below = axes.transAxes + ScaledTranslation(-0.1, -0.2, figure.dpi_scale_trans)
            axes.legend(loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=below, ncols=entry_columns, **_LEGEND)
        _shared_scales(panels[0], data, _TICKS if columns < 3 else _FEW_TICKS)
        for axes in panels[len(kernels) :]:
            axes.remove()
        for i, axes in enumerate(panels[: len(kernels)]):
            axes.tick_params(labelbottom=True, labelleft=i % columns == 0)
        where = f" (on {devices[0]} unless named)" if len(devices) > 1 and devices[0] else ""
        figure.supxlabel(f"latency / optimum{where}", fontsize=7.5)
        figure.supylabel("share of configurations", fontsize=7.5)
    return figure


def _panel(axes: Axes, data: pd.DataFrame, labels: Mapping[str, str], devices: Sequence[str]) -> None:
    names = sorted({_name(task) for task in data["task"]}, key=_natural)
    for task in map(str, data["task"].unique()):
        part = data[data["task"] == task]
        colour = _COLOURS[names.index(_name(task)) % len(_COLOURS)]
        dash = DASHES[devices.index(_device(task)) % len(DASHES)]
        x = np.maximum(part["x"] - 1.0, _LEFT)
        axes.step(x, part["share"], where="post", color=colour, ls=dash, lw=1.1, label=legend_label(labels[task]))
    for target in TARGETS:
        grey = "0.25" if target == HEADLINE_TARGET else "0.5"
        right = target == max(TARGETS)  # on the other side of its line: the gap to the next is narrow
        axes.axvline(target, color=grey, lw=0.7, ls=(0, (2, 2)), zorder=0)
        axes.annotate(
            f"{target:.0%}",
            (target, 1.0),
            xycoords=axes.get_xaxis_transform(),
            xytext=(1.5 if right else -1.5, -0.5),
            textcoords="offset points",
            ha="left" if right else "right",
            va="top",
            fontsize=6,
            color=grey,
        )
    axes.grid(True)


def _entry_columns(data: pd.DataFrame, labels: Mapping[str, str], fitting: int) -> int:
    """One column of legend entries, or two if the two longest of every panel fit side by side."""
    lengths = data.groupby("kernel")["task"].unique().map(lambda tasks: sorted(len(labels[task]) for task in tasks))
    return 1 if max(sum(panel[-2:]) for panel in lengths) > fitting else 2


def _shared_scales(axes: Axes, data: pd.DataFrame, ticks: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    slowest = float(data["x"].max()) - 1.0
    right = min(max(1.0, slowest), _RIGHT)
    axes.set_xlim(_LEFT, right)
    axes.set_ylim(0.8 * float(data["share"].min()), 1.15)
    axes.xaxis.set_major_locator(FixedLocator([x - 1.0 for x in ticks if x - 1.0 <= right * 1.001]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{1.0 + value:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())


def _devices(data: pd.DataFrame) -> list[str]:
    """Devices by the number of their tasks, most first."""
    devices = [_device(task) for task in data["task"].unique()]
    return sorted(set(devices), key=lambda device: (-devices.count(device), _natural(device)))


def _name(task: str) -> str:
    return task.split("__", 1)[0]


def _device(task: str) -> str:
    return task.partition("__")[2]


def _labels(data: pd.DataFrame, usual_device: str) -> dict[str, str]:
    """Shape and dtype of each task (the panel's title names the kernel), and the device unless it is the usual one."""
    labels = {}
    for task, sampled in data.groupby("task", sort=False)["sampled"].first().items():
        name, device = _name(str(task)), _device(str(task))
        parts = [name.removeprefix(kernel_of(name)).lstrip("-") or name]
        parts += [device] if device != usual_device else []
        labels[str(task)] = ", ".join([*parts, "sample"] if sampled else parts)
    return labels


def _natural(text: str) -> list[tuple[int, str]]:
    """Sort key that puts 512 before 2048."""
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", text)]
