"""Names in figures: a label may be wider than a page, which would leave Matplotlib no room for the axes."""

from __future__ import annotations

from itertools import count

import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

MOST = 40
"""Letters of a name on an axis or in a legend. Our names have up to 39, of 3.6 points each; a column has 245 points."""
MOST_IN_TITLE = 90
"""Letters of a label on a line of its own."""
_LETTERS_AN_INCH = 20
_HANDLE = 6
"""Letters that the line sample before a name in a legend is as wide as."""


def shorten(figure: Figure) -> None:
    """Shorten long names in a figure before it is laid out; the data beside it keeps the full names."""
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
        if needed <= letters:  # do not cut numbers beside a name while there is room
            continue
        most = min(MOST, int(letters / columns) - _HANDLE)
        for text, name in zip(texts, apart([text.get_text() for text in texts], most), strict=True):
            text.set_text(name)
    for text in figure.findobj(Text):
        if isinstance(text, Text) and id(text) not in kept:
            text.set_text("\n".join(cut(line, MOST_IN_TITLE) for line in text.get_text().split("\n")))


def _columns(texts: list[Text], columns: int) -> list[list[Text]]:
    """A legend's entries in the columns in which Matplotlib puts them; each is as wide as its longest entry."""
    parts = np.array_split(np.arange(len(texts)), columns)
    return [[texts[i] for i in part] for part in parts if len(part)]


def _shorten_ticks(axis: Axis) -> None:
    labels = [label.get_text() for label in axis.get_ticklabels()]
    if any(len(line) > MOST for label in labels for line in label.split("\n")):
        axis.set_ticks(axis.get_ticklocs(), apart(labels, MOST))


def apart(names: list[str], most: int) -> list[str]:
    """Shorten names to at most ``most`` letters; different names stay different, by a number if necessary."""
    taken: dict[str, str] = {}
    short = []
    for name in names:
        candidates = (cut(name, most) if i == 1 else f"{cut(name, most - 2 - len(str(i)))} #{i}" for i in count(1))
        chosen = next(candidate for candidate in candidates if taken.get(candidate, name) == name)
        taken[chosen] = name
        short.append(chosen)
    return short


def cut(text: str, most: int) -> str:
    """Keep the beginning and the end of a text, where variants of one strategy differ."""
    if len(text) <= most:
        return text
    end = (most - 1) // 3
    return f"{text[: most - 1 - end]}…{text[-end:]}"


def broken(names: list[str], most: int, lines: int = 2) -> list[str]:
    """Break names into at most ``lines`` lines of at most ``most`` letters; different names stay different.

    Lines end after a ``-``, ``_`` or blank if the name then fits; a name that is too long is shortened first.
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
    """Break an axis label into two lines if columns share a page: ``tuning seconds`` above ``(1 worker each)``."""
    return label.replace(" (", "\n(") if columns > 1 else label
