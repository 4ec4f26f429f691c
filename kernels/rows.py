"""What kernels over the rows of a matrix share: the shape, the grid, tiles and their masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import triton
import triton.language as tl

from kernels.base import DTYPES, Kernel

# A configuration's eviction policies, as tl.load and tl.store spell them.
POLICIES = {"default": "", "evict_first": "evict_first"}


@triton.jit
def tile_offsets(column, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr):
    """Offsets [TILE_ROWS, TILE_COLS] of a tile from its first row's start, int32."""
    rows = tl.arange(0, TILE_ROWS)[:, None] * COLS
    return rows + (column + tl.arange(0, TILE_COLS))[None, :]


@triton.jit
def tile_mask(row, column, ROWS: tl.constexpr, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr):
    """Which elements of the tile at (row, column) exist; a constant, so no mask, where tiles fit exactly."""
    mask = tl.full([TILE_ROWS, TILE_COLS], True, tl.int1)
    if ROWS % TILE_ROWS != 0:
        mask &= (row + tl.arange(0, TILE_ROWS) < ROWS)[:, None]
    if COLS % TILE_COLS != 0:
        mask &= (column + tl.arange(0, TILE_COLS) < COLS)[None, :]
    return mask


@triton.jit
def row_start(pointer, row, COLS: tl.constexpr):
    """Pointer to the first element of ``row``; 64-bit, since rows x cols may pass 2^31."""
    return pointer + tl.cast(row, tl.int64) * COLS


def evictions(configuration: Mapping[str, Any]) -> dict[str, str]:
    """The constants STORE_EVICTION and LOAD_EVICTION, or, of a looped program, FIRST_ and LAST_EVICTION."""
    store = {"STORE_EVICTION": POLICIES[configuration["store_eviction"]]}
    if configuration["scheme"] != "looped":
        return {**store, "LOAD_EVICTION": POLICIES[configuration["load_eviction"]]}
    retain = configuration.get("retain_rows", False)
    first, last = ("evict_last", "evict_first") if retain else ("", "")
    return {**store, "FIRST_EVICTION": first, "LAST_EVICTION": last}


@dataclass(frozen=True)
class RowKernel(Kernel):
    """A kernel that maps each row of ``x [rows, cols]`` to the same row of ``y [rows, cols]``.

    Configurations choose a ``scheme``: ``single_pass`` (a program holds whole rows in registers),
    ``looped`` (a program walks its rows in blocks of columns, more than once) or ``persistent``
    (a fixed number of programs per SM walk over the rows, each held whole in registers).
    """

    rows: int
    cols: int
    dtype: str = "bf16"

    family: ClassVar[str]

    def __post_init__(self) -> None:
        if self.rows < 1 or self.cols < 1:
            raise ValueError(f"{self.family}: rows={self.rows}, cols={self.cols}: expected positive sizes")
        if self.dtype not in DTYPES:
            raise ValueError(f"{self.family}: dtype={self.dtype}: expected one of {', '.join(DTYPES)}")

    @property
    def name(self) -> str:
        return f"{self.family}-{self.rows}x{self.cols}-{self.dtype}"

    @property
    def elements(self) -> int:
        """Elements of x, and of y."""
        return self.rows * self.cols

    @property
    def unit_roundoff(self) -> float:
        """Largest relative error of rounding to the dtype, plus 2^-20 for the fp32 arithmetic before it."""
        return torch.finfo(self.torch_dtype).eps / 2 + 2.0**-20

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {"y": torch.empty(self.rows, self.cols, dtype=self.torch_dtype, device=device)}

    def grid(self, configuration: Mapping[str, Any], sm_count: int) -> tuple[int, int, int]:
        """One program per group of rows, or a fixed number per SM where they are persistent."""
        programs = triton.cdiv(self.rows, configuration["rows_per_program"])
        if configuration["scheme"] == "persistent":
            programs = min(programs, sm_count * configuration["ctas_per_sm"])
        return (programs, 1, 1)

    def tile(self, configuration: Mapping[str, Any]) -> dict[str, int]:
        """The constants ROWS, COLS, TILE_ROWS and TILE_COLS; whole rows are padded to a power of two."""
        whole = triton.next_power_of_2(self.cols)
        return {
            "ROWS": self.rows,
            "COLS": self.cols,
            "TILE_ROWS": configuration["rows_per_program"],
            "TILE_COLS": configuration.get("block_cols", whole),
        }
