"""What comes from other people's files, written so that no medium takes it for more than text.

Names and messages keep what can be seen of them. What cannot, and what a terminal, a spreadsheet, Markdown, LaTeX or
XML would act upon, is spelled out or escaped; numbers stay numbers. All of the analysis that writes one of these goes
through here. Jinja escapes HTML (:mod:`analysis.report.page`), and ``paper.mplstyle`` keeps Matplotlib from reading
``$`` as mathematics.
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
"""Categories of characters that have no shape: controls, marks of direction, halves of a character, breaks."""
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula."""
_LONGEST_STEM = 180
"""Bytes: a folder has room for 255, endings and temporary names included."""


def printable(text: str, keep: str = "") -> str:
    """``text`` with what cannot be seen spelled out: ``\\x1b``, ``\\n``, ``\\u202e``.

    Args:
        keep: characters that stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(c if c in keep or unicodedata.category(c) not in _UNSEEN else _spelled(c) for c in text)


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """A line a row for the terminal, columns as wide as they need; all but the first ``left`` end together."""
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
    """Text that no spreadsheet calculates: a leading ``'`` says so to all of them. Whatever is no text stays."""
    if not isinstance(value, str):
        return value
    return "'" * value.lstrip(" ").startswith(_FORMULA) + printable(value)


def csv_safe(frame: pd.DataFrame) -> pd.DataFrame:
    """A table whose cells and headers no spreadsheet calculates."""
    import pandas as pd  # a third of a second, and most of what this module does needs none of it

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
    """A cell or a sentence in which nothing is mark-up: no table ends, no code, link, emphasis or HTML begins."""
    line = printable(" ".join(text.split()))
    line = re.sub(r"([\\|`$~])", r"\\\1", line)
    line = re.sub(r"(?<!\w)\*|\*(?=[\w*])", r"\\*", line)  # t* opens nothing
    line = re.sub(r"<(?=[A-Za-z/!?])", r"\\<", line)
    line = re.sub(r"(?<![^\W_])(?<!_)_+|_+(?!_)(?![^\W_])", lambda found: "\\_" * len(found[0]), line)
    return line.replace("](", "]\\(")


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]], rule: Sequence[str] = ()) -> str:
    """A pipe table.

    Args:
        rule: how columns are aligned, ``---`` or ``---:``; default: all to the left.
    """
    lines = [[markdown(cell) for cell in row] for row in (headers, *rows)]
    lines.insert(1, list(rule) or ["---"] * len(headers))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_code(text: str) -> str:
    """Text between backticks, of which it has none that would end it."""
    line = printable(" ".join(text.split()))
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if "`" in line else f"`{line}`"


def file_stem(name: str) -> str:
    """A file's name without its ending: in the folder that it is meant for, and short enough for one."""
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
    """Text in which nothing is a command."""
    return "".join(_TEX.get(character, character) for character in printable(" ".join(text.split())))


_INNERMOST = re.compile(r"\{\n *[^{}\[\]]*\n *\}")
"""Of indented JSON, where no line ends inside a string."""


def _on_one_line(found: re.Match[str]) -> str:
    return re.sub(r"\n *", " ", found[0]).replace("{ ", "{", 1).removesuffix(" }") + "}"


def json_text(document: Any) -> str:
    """An indented JSON document that says the same and in which everything can be seen.

    What holds no lists or mappings itself has a line of its own: a verdict has thousands of tests.
    """
    text = _INNERMOST.sub(_on_one_line, json.dumps(document, indent=1, ensure_ascii=False))
    return "".join(c if c == "\n" or unicodedata.category(c) not in _UNSEEN else json.dumps(c)[1:-1] for c in text)
