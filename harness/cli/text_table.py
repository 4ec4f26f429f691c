"""A plain table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from harness.system.text import printable


def aligned(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    """One line per row, columns as wide as needed; the first ``left`` are left-aligned, the others right-aligned."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(_padded(row, widths, left)).rstrip() for row in cells]


def _padded(row: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    return [
        cell.ljust(width) if i < left else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
