"""The look of strategies in every figure: the colour-blind-safe palette of Okabe & Ito (2008), fixed per strategy."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import matplotlib as mpl
import matplotlib.style
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

from analysis.errors import AnalysisError
from analysis.figures.letters import shorten
from analysis.figures.palette import (
    BLACK,
    BLUE,
    COLOURS,
    DASHES,
    GREEN,
    GREY,
    MARKERS,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    YELLOW,
    Dash,
    Marker,
)
from analysis.runs.writing import write_bytes, write_csv

COLUMN_INCHES = 3.4
PAGE_INCHES = 7.0
T = TypeVar("T")


@dataclass(frozen=True)
class Look:
    """How a strategy is drawn in every figure."""

    colour: str
    dash: Dash
    marker: Marker


_SOLID, _DASHED, _DOTTED, _DASHDOT, _FINE = DASHES[:5]
_FIXED = {
    "exact_random": Look(GREY, _SOLID, "."),
    "random": Look(BLACK, _DOTTED, "o"),
    "conditional_gp": Look(VERMILLION, _SOLID, "D"),
    "optuna_tpe": Look(BLUE, _DASHED, "s"),
    "lfbo": Look(PURPLE, _FINE, "v"),
    "rf_ei": Look(GREEN, _DASHDOT, "^"),
    "random_hierarchical": Look(ORANGE, (0, (3, 2)), "P"),
    "local_search": Look(SKY, _SOLID, "<"),
    "genetic": Look(YELLOW, _DASHED, "X"),
    # rarely in one figure with the strategies of the same colour above; dash and marker distinguish them
    "grid": Look(GREY, _DASHED, "+"),
    "sobol": Look(GREY, _DOTTED, "x"),
    "ax": Look(GREEN, _SOLID, "h"),
    "ax_botorch": Look(GREEN, _DOTTED, "8"),
    "botorch_mixed": Look(SKY, _DASHED, "p"),
    "botorch_hierarchical": Look(SKY, _DOTTED, "H"),
    "optuna_gp": Look(BLUE, _SOLID, (4, 1, 0)),
    "optuna_tpe_hierarchical": Look(BLUE, _DASHDOT, "D"),
    "optuna_nsga2": Look(BLUE, _DOTTED, (6, 1, 0)),
    "smac": Look(PURPLE, _DASHED, "*"),
    "random_from_default": Look(BLACK, _DASHED, "o"),
    "catcma": Look(SKY, _DASHDOT, (5, 1, 0)),
    "trust_region": Look(PURPLE, _DASHDOT, "^"),
    "pattern_search": Look(ORANGE, _DASHDOT, ">"),
    "differential_evolution": Look(YELLOW, _FINE, "d"),
}


def legend_label(name: str) -> str:
    """A name as a legend label: Matplotlib omits labels that begin with ``_``."""
    return f" {name}" if name.startswith("_") else name


def text_colour(look: Look) -> str:
    """The colour of a strategy's name; yellow is replaced, as it is unreadable on white."""
    return BLACK if look.colour == YELLOW else look.colour


def looks(strategies: Sequence[str]) -> dict[str, Look]:
    """Assign a look to each strategy: up to sixteen differ in colour, marker and dash.

    Known strategies have fixed looks; others get theirs from a hash of the name. If two want the same look, known
    strategies come first, in the order of :data:`_FIXED`, then the others by name, and the later one takes the next
    free look. So a strategy keeps its look when others come or go, unless two want the same.
    """
    known = [name for name in _FIXED if name in strategies]
    taken: list[Look] = []
    chosen: dict[str, Look] = {}
    for name in [*known, *sorted({*strategies} - {*known})]:
        wish = zlib.crc32(name.encode())
        own = _FIXED.get(name)
        look = Look(
            _free(COLOURS, [look.colour for look in taken], wish, None if own is None else own.colour),
            _free(DASHES, [look.dash for look in taken], wish // 7, None if own is None else own.dash),
            _free(MARKERS, [look.marker for look in taken], wish // 35, None if own is None else own.marker),
        )
        chosen[name] = look
        taken.append(look)
    return {name: chosen[name] for name in strategies}


def _free(options: Sequence[T], taken: Sequence[T], wish: int, own: T | None) -> T:
    """``own``, or the wished option, if it is free; else the next free one; if none is left, the wished one."""
    first = options[wish % len(options)] if own is None else own
    order = [options[(wish + i) % len(options)] for i in range(len(options))]
    return next((option for option in (first, *order) if option not in taken), first)


@contextmanager
def paper(font: str | None = None) -> Iterator[None]:
    """Use the paper's style sheet, regardless of the user's settings.

    Args:
        font: the font family of all text; ``None``: the style sheet's.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        matplotlib.style.use(Path(__file__).parent.parent / "paper.mplstyle")
        if font is not None:
            mpl.rcParams["font.family"] = [font, "sans-serif"]
        yield


def save(figure: Figure, stem: Path, data: pd.DataFrame, font: str | None = None) -> Path:
    """Write stem.pdf (reproducible bytes), stem.png and stem.csv; return the path of the PNG."""
    png = stem.with_name(stem.name + ".png")
    _write(figure, [stem.with_name(stem.name + ".pdf"), png], font)
    write_csv(data, stem.with_name(stem.name + ".csv"), "%.6g")
    return png


def save_as(figure: Figure, path: Path, data: pd.DataFrame) -> Path:
    """Write one figure in the format of ``path``, and its data beside it; return the path of the CSV.

    Raises:
        AnalysisError: ``path`` ends neither in .pdf nor in .png, or cannot be written.
    """
    check_figure_path(path)
    _write(figure, [path])
    return write_csv(data, path.with_suffix(".csv"), "%.6g")


def check_figure_path(path: Path) -> None:
    """Refuse a path whose name :func:`save_as` would refuse.

    Raises:
        AnalysisError: the name ends neither in .pdf nor in .png.
    """
    if path.suffix not in _PRINT:
        raise AnalysisError(f"{path}: unknown figure format: expected a name that ends in .pdf or .png")


def _print_pdf(figure: Figure, to: BytesIO) -> None:
    FigureCanvasPdf(figure).print_pdf(to, metadata={"CreationDate": None})  # type: ignore[no-untyped-call]


def _print_png(figure: Figure, to: BytesIO) -> None:
    FigureCanvasAgg(figure).print_png(to, metadata={"Software": None})  # type: ignore[no-untyped-call]


_PRINT: dict[str, Callable[[Figure, BytesIO], None]] = {".pdf": _print_pdf, ".png": _print_png}
"""Draw into memory, because Matplotlib's PDF writer fails with an unclear error on a full disk."""


def _write(figure: Figure, paths: Sequence[Path], font: str | None = None) -> None:
    """Write without ``savefig``, which would draw each figure again for a layout that is fixed here for all files."""
    with paper(font):  # fonts and resolution are fixed when a figure is written, not when it is drawn
        FigureCanvasAgg(figure)
        shorten(figure)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for path in paths:
            figure.set_dpi(mpl.rcParams["savefig.dpi"])
            printed = BytesIO()
            _PRINT[path.suffix](figure, printed)
            write_bytes(path, printed.getvalue())
