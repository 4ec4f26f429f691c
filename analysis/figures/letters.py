"""Names in figures: anybody's label may be longer than a page is wide, and Matplotlib then has no room for the axes."""

from __future__ import annotations

from itertools import count

import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

MOST = 40
"""Letters of a name on an axis or in a legend. Ours have 39, of 3.6 points each, and a column has 245."""
MOST_IN_TITLE = 90
"""Letters of a line that stands by itself."""
_LETTERS_AN_INCH = 20
_HANDLE = 6
"""Letters that the line before a name in a legend takes the room of."""


def shorten(figure: Figure) -> None:
    """Cut what is too long in a figure that is ready to be laid out; the data beside it keeps all letters."""
    kept: set[int] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            _shorten_ticks(axis)
            kept.update(map(id, axis.get_ticklabels()))
    legends = [*figure.legends, *(legend for axes in figure.axes if (legend := axes.get_legend()) is not None)]
    for legend in legends:
        texts = legend.get_texts()
        columns = max(1, min(len(texts), int(getattr(legend, "_ncols", 1))))
        letters = figure.get_figwidth() * _LETTERS_AN_INCH
        needed = sum(max(len(text.get_text()) for text in part) + _HANDLE for part in _columns(texts, columns))
        if needed <= letters:  # numbers beside a name are not to be cut where there is room
            continue
        most = min(MOST, int(letters / columns) - _HANDLE)
        for text, name in zip(texts, apart([text.get_text() for text in texts], most), strict=True):
            text.set_text(name)
    for text in figure.findobj(Text):
        if isinstance(text, Text) and id(text) not in kept:
            text.set_text("\n".join(cut(line, MOST_IN_TITLE) for line in text.get_text().split("\n")))


def _columns(texts: list[Text], columns: int) -> list[list[Text]]:
    """A legend's entries as Matplotlib puts them into columns, each as wide as its longest."""
    parts = np.array_split(np.arange(len(texts)), columns)
    return [[texts[i] for i in part] for part in parts if len(part)]


def _shorten_ticks(axis: Axis) -> None:
    labels = [label.get_text() for label in axis.get_ticklabels()]
    if any(len(line) > MOST for label in labels for line in label.split("\n")):
        axis.set_ticks(axis.get_ticklocs(), apart(labels, MOST))


def apart(names: list[str], most: int) -> list[str]:
    """Names of at most ``most`` letters; those that differ stay different, by a number if need be."""
    taken: dict[str, str] = {}
    short = []
    for name in names:
        candidates = (cut(name, most) if i == 1 else f"{cut(name, most - 2 - len(str(i)))} #{i}" for i in count(1))
        chosen = next(candidate for candidate in candidates if taken.get(candidate, name) == name)
        taken[chosen] = name
        short.append(chosen)
    return short


def cut(text: str, most: int) -> str:
    """The beginning and the end of a text: variants of one strategy differ there."""
    if len(text) <= most:
        return text
    end = (most - 1) // 3
    return f"{text[: most - 1 - end]}…{text[-end:]}"


def broken(names: list[str], most: int, lines: int = 2) -> list[str]:
    """Names on several lines of at most ``most`` letters; those that differ stay different.

    A line ends behind a ``-``, ``_`` or blank where all then fit; what is longer than all lines is cut.
    """
    return [_broken(name, most, lines) for name in apart(names, most * lines)]


def _broken(name: str, most: int, lines: int) -> str:
    parts, rest = [], name
    while len(rest) > most:
        behind = max(rest.rfind(mark, 0, most) for mark in "-_ ") + 1
        parts.append(rest[: behind or most])
        rest = rest[behind or most :]
    parts.append(rest)
    if len(parts) > lines:
        parts = [name[start : start + most] for start in range(0, len(name), most)]
    return "\n".join(part.strip() for part in parts)


def narrow(label: str, columns: int) -> str:
    """An axis's label on two lines where columns share a page: ``tuning seconds`` above ``(1 worker each)``."""
    return label.replace(" (", "\n(") if columns > 1 else label
