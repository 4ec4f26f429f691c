"""Text from other people's files, escaped for each output format.

Visible characters of names and messages stay. Invisible ones, and those with a meaning in a terminal, a spreadsheet,
Markdown, LaTeX or XML, are spelled out or escaped; numbers stay numbers. All code of the analysis that writes these
formats uses this module. Jinja escapes HTML (:mod:`analysis.report.page`), and ``paper.mplstyle`` keeps Matplotlib from
reading ``$`` as mathematics.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of invisible characters: controls, direction marks, surrogates, line breaks."""
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""The characters with which a formula begins in a spreadsheet."""
_LONGEST_STEM = 180
"""In bytes; a file system allows 255, including endings and temporary names."""


def printable(text: str, keep: str = "") -> str:
    """Spell out the invisible characters of ``text``: ``\\x1b``, ``\\n``, ``\\u202e``.

    Args:
        keep: characters to leave unchanged.
    """
    if text.isprintable():
        return text
    return "".join(c if c in keep or unicodedata.category(c) not in _UNSEEN else _spelled(c) for c in text)


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Format rows as aligned lines for the terminal; all columns but the first ``left`` are right-aligned."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def csv_cell(value: Any) -> Any:
    """Protect text from evaluation in a spreadsheet by a leading ``'``. Other values stay unchanged."""
    if not isinstance(value, str):
        return value
    return "'" * value.lstrip(" ").startswith(_FORMULA) + printable(value)


def csv_safe(frame: pd.DataFrame) -> pd.DataFrame:
    """Protect the cells and headers of a table from evaluation in a spreadsheet."""
    import pandas as pd  # takes a third of a second, and most of this module does not need it

    written = frame.copy(deep=False)
    for i in range(frame.shape[1]):
        column = frame.iloc[:, i]
        if pd.api.types.is_numeric_dtype(column.dtype):
            continue
        values = column.tolist()
        cells = [csv_cell(value) for value in values]
        if any(isinstance(cell, str) and cell != value for cell, value in zip(cells, values, strict=True)):
            written.isetitem(i, cells)
    written.columns = pd.Index([csv_cell(name) for name in frame.columns])
    return written


def markdown(text: str) -> str:
    """Escape a cell or a sentence for Markdown: table separators, code, links, emphasis and HTML."""
    line = printable(" ".join(text.split()))
    line = re.sub(r"([\\|`$~])", r"\\\1", line)
    line = re.sub(r"(?<!\w)\*|\*(?=[\w*])", r"\\*", line)  # t* is not emphasis
    line = re.sub(r"<(?=[A-Za-z/!?])", r"\\<", line)
    line = re.sub(r"(?<![^\W_])(?<!_)_+|_+(?!_)(?![^\W_])", lambda found: "\\_" * len(found[0]), line)
    return line.replace("](", "]\\(")


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]], rule: Sequence[str] = ()) -> str:
    """Format a pipe table.

    Args:
        rule: the alignment of columns, ``---`` or ``---:``; default: all to the left.
    """
    lines = [[markdown(cell) for cell in row] for row in (headers, *rows)]
    lines.insert(1, list(rule) or ["---"] * len(headers))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_code(text: str) -> str:
    """Format text as inline code, with a fence that the text does not contain."""
    line = printable(" ".join(text.split()))
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if "`" in line else f"`{line}`"


def file_stem(name: str) -> str:
    """Make a file name without ending from a name: short enough, and without path separators."""
    plain = printable(name).replace("/", "-").replace("\\", "-")
    if len(plain.encode()) <= _LONGEST_STEM:
        return plain
    cut = plain.encode()[:_LONGEST_STEM].decode(errors="ignore")
    return f"{cut}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"


_TEX = {
    "\\": r"\textbackslash{}",
    **{c: rf"\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "×": r"$\times$",
    "–": "--",
    "−": "$-$",
    "<": "$<$",
    ">": "$>$",
    "∞": r"$\infty$",
    "±": r"$\pm$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "τ": r"$\tau$",
    "₀": "$_0$",
    "“": "``",
    "”": "''",
    "≈": r"$\approx$",
    "†": r"$^\dagger$",
}


def latex(text: str) -> str:
    """Escape text for LaTeX."""
    return "".join(_TEX.get(character, character) for character in printable(" ".join(text.split())))


_INNERMOST = re.compile(r"\{\n *[^{}\[\]]*\n *\}")
"""Matches innermost objects of indented JSON, in which no line ends inside a string."""


def _on_one_line(found: re.Match[str]) -> str:
    return re.sub(r"\n *", " ", found[0]).replace("{ ", "{", 1).removesuffix(" }") + "}"


def json_text(document: Any) -> str:
    """Format a document as indented JSON with visible characters only.

    An object without nested lists or mappings is on one line, because a verdict has thousands of tests.
    """
    text = _INNERMOST.sub(_on_one_line, json.dumps(document, indent=1, ensure_ascii=False))
    return "".join(c if c == "\n" or unicodedata.category(c) not in _UNSEEN else json.dumps(c)[1:-1] for c in text)
