"""Mean ranks on a line; a bar joins strategies that do not differ by Wilcoxon's tests with Holm's correction."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.figures.style import COLUMN_INCHES, PAGE_INCHES, Look, paper
from analysis.statistics.ranks import Ranking

_ROW = 0.17
_FEW = 8
"""Strategies that fit in a column's width; more take the page's width."""
_NARROW_INCHES = 5.0


def is_wide(ranking: Ranking) -> bool:
    """Whether the figure takes the page's width."""
    return len(ranking.strategies) > _FEW


def draw(ranking: Ranking, styles: dict[str, Look], width: float | None = None, font: str | None = None) -> Figure:
    """Draw the names of the left half on the left and the others on the right, as Demsar (2006) does.

    A narrow figure of many strategies has a row per strategy instead.

    Args:
        width: in inches; ``None``: the page's width for many strategies, else a column's.
    """
    if width is not None and width < _NARROW_INCHES and is_wide(ranking):
        return _upright(ranking, styles, width, font)
    inches = width or (PAGE_INCHES if is_wide(ranking) else COLUMN_INCHES)
    count = len(ranking.strategies)
    left = -(-count // 2)
    bars = len(ranking.cliques)
    depth = bars * 0.5 + left + 0.6
    with paper(font):
        figure = Figure(figsize=(inches, 0.45 + _ROW * (depth + 0.6)))
        axes = figure.subplots()
        margin = (0.3 if is_wide(ranking) else 0.55) * count  # for the names, which have the same width in both figures
        axes.set_xlim(1 - margin, count + margin)
        axes.set_ylim(depth, -0.9)
        axes.axis("off")
        axes.plot([1, count], [0, 0], color="black", lw=0.8)
        for tick in range(1, count + 1):
            axes.plot([tick, tick], [0, -0.22], color="black", lw=0.8)
            axes.text(tick, -0.32, f"{tick}", ha="center", va="bottom", fontsize=6.5)
        for i, (first, last) in enumerate(ranking.cliques):
            y = 0.35 + 0.5 * i
            ends = [ranking.mean_rank[first] - 0.05, ranking.mean_rank[last] + 0.05]
            axes.plot(ends, [y, y], color="black", lw=2.4, solid_capstyle="butt")
        for i, (name, mean) in enumerate(zip(ranking.strategies, ranking.mean_rank, strict=True)):
            on_left = i < left
            y = bars * 0.5 + 0.6 + (i if on_left else count - 1 - i)
            x = 1 - 0.04 * count if on_left else count + 0.04 * count
            colour = styles[name].colour
            axes.plot([mean, mean, x], [0, y, y], color=colour, lw=1.0)
            text = f"{name} {mean:.2f}" if on_left else f"{mean:.2f} {name}"
            axes.text(x, y, f"{text} " if on_left else f" {text}", ha="right" if on_left else "left", va="center",
                      fontsize=6.5)  # fmt: skip
        axes.set_title(f"mean rank over {ranking.tasks} tasks", fontsize=7)
    return figure


def _upright(ranking: Ranking, styles: dict[str, Look], width: float, font: str | None) -> Figure:
    """Draw a row per strategy from best to worst; vertical bars join strategies that are not distinguished."""
    count = len(ranking.strategies)
    with paper(font):
        figure = Figure(figsize=(width, 0.6 + _ROW * count))
        axes = figure.subplots()
        for y, (name, mean) in enumerate(zip(ranking.strategies, ranking.mean_rank, strict=True)):
            axes.plot([1, mean], [y, y], color=styles[name].colour, lw=0.8)
            axes.plot([mean], [y], color=styles[name].colour, marker=styles[name].marker, ms=3.6, ls="")
        for i, (first, last) in enumerate(ranking.cliques):
            x = count + 0.05 * count * (i + 1)
            axes.plot([x, x], [first - 0.3, last + 0.3], color="black", lw=2.0, solid_capstyle="butt")
        axes.set_xlim(1, count * (1.08 + 0.05 * len(ranking.cliques)))
        axes.set_ylim(count - 0.4, -0.6)
        labels = [f"{name} {mean:.2f}" for name, mean in zip(ranking.strategies, ranking.mean_rank, strict=True)]
        axes.set_yticks(range(count), labels, fontsize=6.5)
        axes.set_xticks(range(5, count + 1, 5) if count > 9 else range(1, count + 1))
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"mean rank over {ranking.tasks} tasks", fontsize=7)
    return figure
