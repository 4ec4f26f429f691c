"""A figure before it is drawn, with its data and caption, and after, on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.printed import fit
from analysis.figures.style import paper, save
from analysis.progress import tracked


@dataclass(frozen=True)
class Drawing:
    """A figure ready to be drawn: ``draw`` is called only if the figure is wanted."""

    name: str
    title: str
    caption: str
    data: pd.DataFrame
    draw: Callable[[], Figure]
    wide: bool = False
    appendix: bool = False


@dataclass(frozen=True)
class PageFigure:
    """A figure on disk; a PDF and a CSV of the same name lie beside the PNG."""

    png: Path
    title: str
    caption: str
    wide: bool = False
    appendix: bool = False


def save_figures(
    drawings: Sequence[Drawing], folder: Path, width: float | None = None, font: str | None = None
) -> list[PageFigure]:
    """Draw and write all figures.

    Args:
        width: of every figure, in inches, with text of 7 to 9 points; ``None``: each figure's own.
        font: a font family; ``None``: the style sheet's.
    """
    saved = []
    for drawing in tracked(drawings, "figures"):
        with paper(font):
            figure = drawing.draw()
            figure = figure if width is None else fit(figure, width)
        png = save(figure, folder / drawing.name, drawing.data, font)
        saved.append(PageFigure(png, drawing.title, drawing.caption, drawing.wide, drawing.appendix))
    return saved


def pages(names: Sequence[str], most: int) -> Iterator[tuple[str, list[str]]]:
    """Split names into pages of at most ``most``, each with the suffix of its file name (empty, then ``-2``)."""
    for start in range(0, len(names), most):
        yield "" if start == 0 else f"-{start // most + 1}", list(names[start : start + most])
