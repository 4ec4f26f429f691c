"""One table in three forms: CSV with the numbers, Markdown and LaTeX (booktabs) with the formatted cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.media import latex, markdown, markdown_table
from analysis.runs.writing import write_csv, write_text


@dataclass(frozen=True)
class Table:
    """A table of a report.

    Attributes:
        name: the stem of its files.
        title, caption: what it shows, and how to read it.
        headers, rows: the cells as text.
        data: the numbers behind them.
    """

    name: str
    title: str
    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    data: pd.DataFrame

    def markdown(self) -> str:
        """A pipe table with its title above and its caption below."""
        body = markdown_table(self.headers, self.rows)
        return f"**{markdown(self.title)}**\n\n{body}\n\n{markdown(self.caption)}\n"

    def latex(self) -> str:
        """A ``table`` environment; needs booktabs and UTF-8, no other package."""
        head = " & ".join(rf"\textbf{{{latex(cell)}}}" for cell in self.headers)
        body = "\n".join(" & ".join(latex(cell) for cell in row) + r" \\" for row in self.rows)
        return "\n".join(
            [
                r"\begin{table}",
                r"\centering\small",
                rf"\caption{{{latex(self.title)}. {latex(self.caption)}}}",
                rf"\label{{tab:{self.name}}}",
                rf"\begin{{tabular}}{{l{'r' * (len(self.headers) - 1)}}}",
                r"\toprule",
                head + r" \\",
                r"\midrule",
                body,
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )


def write(table: Table, folder: Path) -> None:
    """Write ``<name>.csv``, ``.md`` and ``.tex`` into ``folder``."""
    write_csv(table.data, folder / f"{table.name}.csv", "%.6g")
    write_text(folder / f"{table.name}.md", table.markdown())
    write_text(folder / f"{table.name}.tex", table.latex())


def figure(value: float) -> str:
    """A number with two significant figures: 0.46, 3.3, 15, 210."""
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "∞"
    return f"{value:.2f}" if abs(value) < 0.995 else f"{value:.1f}" if abs(value) < 9.95 else f"{value:.0f}"


def percent(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.0%}"


def times_cell(value: float, low: float, high: float, bound: str = "none") -> str:
    """A speedup as text: ``3.3× (1.2–8.9)``, ``< 0.8× (up to 3.1)``, ``> 4×``; ``?`` if it is not known."""
    if bound == "upper":
        return f"< {figure(value)}×" + ("" if np.isnan(high) else f" (up to {figure(high)})")
    if bound == "lower":
        return f"> {figure(value)}×" + ("" if np.isnan(low) else f" (from {figure(low)})")
    if bound != "none" or np.isnan(value):
        return "?"
    return f"{figure(value)}×" + ("" if np.isnan(low) else f" ({figure(low)}–{figure(high)})")


def text_rows(rows: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(row) for row in rows)
