"""Loads and stores of some rows of a matrix, shared by kernels whose tiles are whole rows of a block of columns."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def load_rows(source, rows, limit, stride, COLUMNS: tl.constexpr, EVEN: tl.constexpr):
    """Rows of a matrix with ``stride`` elements from row to row, [len(rows), COLUMNS]; zeros from ``limit`` on."""
    tile = source + rows[:, None] * stride + tl.arange(0, COLUMNS)[None, :]
    return tl.load(tile) if EVEN else tl.load(tile, mask=(rows < limit)[:, None], other=0.0)


@triton.jit
def load_values(source, rows, limit, other, EVEN: tl.constexpr):
    """One element for each row; ``other`` from ``limit`` on."""
    return tl.load(source + rows) if EVEN else tl.load(source + rows, mask=rows < limit, other=other)


@triton.jit
def store_rows(target, rows, values, limit, stride, COLUMNS: tl.constexpr, EVEN: tl.constexpr):
    """What :func:`load_rows` reads back, in the target's type; nothing from ``limit`` on."""
    tile = target + rows[:, None] * stride + tl.arange(0, COLUMNS)[None, :]
    values = values.to(target.dtype.element_ty)
    if EVEN:
        tl.store(tile, values)
    else:
        tl.store(tile, values, mask=(rows < limit)[:, None])
