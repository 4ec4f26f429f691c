"""The k largest values of each row and their columns, largest first; among equal values the first column first.

A value of 16 bits and its column fit a 32-bit key whose order is the order of the result, so that keys alone are
compared and no two are equal. Three schemes: *sort* (a program walks its rows in blocks, sorts each block's k largest
keys and merges them into the running ones), *split_sort* (the same over slices of the columns; a second launch merges
the slices' keys) and *select* (a program holds a slice in registers, finds its k-th largest key digit by digit, by
counting, and writes the keys that are no smaller; a second launch sorts them). Keys of value and column, and merging
sorted blocks by bitonic networks, are what OpenAI's triton_kernels does for a router's few columns
(``streaming_topk``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl

from kernels.base import Buffer, Buffers, Kernel, Launch, Plan, Scratch

MAX_COLS = 2**16
VECTOR = 8
"""Elements of 16 bytes: slices begin at a multiple of it."""


@triton.jit
def _keys(x, row, column, end, ROWS: tl.constexpr, COLS: tl.constexpr, R: tl.constexpr, C: tl.constexpr):
    """Keys [R, C], uint32, of the tile at (row, column), in the order of (value, -column); 0 past rows or ``end``."""
    rows = row + tl.arange(0, R)
    columns = column + tl.arange(0, C)
    inside = (rows < ROWS)[:, None] & (columns < end)[None, :]
    tile = tl.load(x + rows.to(tl.int64)[:, None] * COLS + columns[None, :], mask=inside, other=0.0)
    bits = tile.to(tl.uint16, bitcast=True).to(tl.uint32)
    bits = tl.where(bits == 0x8000, 0, bits)  # a zero with a sign is a zero
    ordered = tl.where(bits >= 0x8000, bits ^ 0xFFFF, bits | 0x8000)
    key = (ordered << 16) | (0xFFFF - columns).to(tl.uint32)[None, :]
    return tl.where(inside, key, 0)


@triton.jit
def _store_result(
    keys, values, indices, row, ROWS: tl.constexpr, K: tl.constexpr, R: tl.constexpr, KEPT: tl.constexpr
):  # fmt: skip
    """Values [ROWS, K] and columns [ROWS, K] from keys [R, KEPT], largest first."""
    rows = row + tl.arange(0, R)
    places = tl.arange(0, KEPT)
    inside = (rows < ROWS)[:, None] & (places < K)[None, :]
    offsets = rows.to(tl.int64)[:, None] * K + places[None, :]
    ordered = keys >> 16
    bits = tl.where(ordered >= 0x8000, ordered & 0x7FFF, ordered ^ 0xFFFF).to(tl.uint16)
    tl.store(values + offsets, bits.to(values.dtype.element_ty, bitcast=True), mask=inside)
    tl.store(indices + offsets, (0xFFFF - (keys & 0xFFFF)).to(tl.int32), mask=inside)


@triton.jit
def _sort_kernel(
    x, values, indices, candidates,
    ROWS: tl.constexpr, COLS: tl.constexpr, K: tl.constexpr, KEPT: tl.constexpr, SLICES: tl.constexpr,
    SLICE: tl.constexpr, R: tl.constexpr, BLOCK_COLS: tl.constexpr, SKIP: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Axis 0: groups of R rows; axis 1: slices of the columns, whose keys go to candidates [ROWS, SLICES, KEPT].

    With SKIP a block that has no key above the smallest kept one is not sorted.
    """
    row = tl.program_id(0) * R
    begin = tl.program_id(1) * SLICE
    end = min(COLS, begin + SLICE)
    kept = tl.zeros([R, KEPT], dtype=tl.uint32)  # ascending at the loop's head
    for column in tl.range(begin, end, BLOCK_COLS, num_stages=STAGES):
        keys = _keys(x, row, column, end, ROWS, COLS, R, BLOCK_COLS)
        if SKIP:
            if tl.max(tl.max(keys, 1), 0) > tl.min(tl.min(kept, 1), 0):
                kept = tl.bitonic_merge(tl.maximum(kept, tl.topk(keys, KEPT)))
        else:
            kept = tl.bitonic_merge(tl.maximum(kept, tl.topk(keys, KEPT)))
    if SLICES == 1:
        _store_result(tl.bitonic_merge(kept, descending=True), values, indices, row, ROWS, K, R, KEPT)
    else:
        rows = row + tl.arange(0, R)
        places = tl.program_id(1) * KEPT + tl.arange(0, KEPT)
        offsets = rows.to(tl.int64)[:, None] * (SLICES * KEPT) + places[None, :]
        tl.store(candidates + offsets, kept.to(tl.int32, bitcast=True), mask=(rows < ROWS)[:, None])


@triton.jit
def _select_kernel(
    x, candidates,
    ROWS: tl.constexpr, COLS: tl.constexpr, K: tl.constexpr, KEPT: tl.constexpr, SLICES: tl.constexpr,
    SLICE: tl.constexpr, SLICE_PADDED: tl.constexpr, DIGIT_BITS: tl.constexpr,
):  # fmt: skip
    """Candidates [ROWS, SLICES, KEPT], in no order: the K largest keys of a row's slice, and zeros."""
    row = tl.program_id(0)
    begin = tl.program_id(1) * SLICE
    keys = _keys(x, row, begin, min(COLS, begin + SLICE), ROWS, COLS, 1, SLICE_PADDED)
    keys = tl.reshape(keys, [SLICE_PADDED])

    # The largest threshold that K keys reach, digit by digit from the highest; one that just K reach ends the search.
    # A digit's zero needs no count, which leaves a single candidate where a digit is a bit.
    FIRST: tl.constexpr = 1 if DIGIT_BITS == 1 else 0
    digits = tl.arange(0, (1 << DIGIT_BITS) - FIRST) + FIRST
    threshold = (row * 0).to(tl.uint32)
    shift = 32 - DIGIT_BITS
    while shift >= 0:
        tried = threshold + (digits.to(tl.uint32) << shift)
        reached = tl.sum((keys[None, :] >= tried[:, None]).to(tl.int32), 1)
        threshold = tl.maximum(threshold, tl.max(tl.where(reached >= K, tried, 0), 0))
        fewest = tl.min(tl.where(reached >= K, reached, SLICE_PADDED + 1), 0)
        shift = tl.where(fewest == K, -1, shift - DIGIT_BITS)

    chosen = (keys >= threshold) & (keys > 0)
    place = tl.cumsum(chosen.to(tl.int32), 0) - 1
    found = tl.sum(chosen.to(tl.int32), 0)
    out = candidates + (row.to(tl.int64) * SLICES + tl.program_id(1)) * KEPT
    tl.store(out + place, keys.to(tl.int32, bitcast=True), mask=chosen)
    rest = tl.arange(0, KEPT)
    tl.store(out + rest, tl.zeros([KEPT], tl.int32), mask=rest >= found)


@triton.jit
def _merge_kernel(
    candidates, values, indices,
    ROWS: tl.constexpr, K: tl.constexpr, KEPT: tl.constexpr, SLICES: tl.constexpr,
):  # fmt: skip
    """A row's result from its candidates [SLICES, KEPT]."""
    WIDTH: tl.constexpr = SLICES * KEPT
    row = tl.program_id(0)
    offsets = row.to(tl.int64) * WIDTH + tl.arange(0, WIDTH)
    keys = tl.load(candidates + offsets).to(tl.uint32, bitcast=True)
    top = tl.topk(tl.reshape(keys, [1, WIDTH]), KEPT)
    _store_result(top, values, indices, row, ROWS, K, 1, KEPT)


@dataclass(frozen=True)
class TopK(Kernel):
    """Values [rows, k] and indices [rows, k] (int32) of the k largest of each row of x [rows, cols], x contiguous.

    NaN has no place in the order.

    Raises:
        ValueError: for a dtype other than bf16/fp16, rows below 1, cols outside 2 … 2^16 (16 bits of a key), or k
            outside 2 … cols.
    """

    rows: int
    cols: int
    k: int
    dtype: str = "bf16"

    def __post_init__(self) -> None:
        if self.dtype not in ("bf16", "fp16"):
            raise ValueError(f"dtype={self.dtype}: expected bf16 or fp16")
        if self.rows < 1:
            raise ValueError(f"rows={self.rows}: expected 1 or more")
        if not 2 <= self.cols <= MAX_COLS:
            raise ValueError(f"cols={self.cols}: expected 2 … {MAX_COLS}")
        if not 2 <= self.k <= self.cols:
            raise ValueError(f"k={self.k}: expected 2 … {self.cols}, the columns")

    @property
    def name(self) -> str:
        return f"top_k-{self.rows}x{self.cols}-{self.k}-{self.dtype}"

    @property
    def kept(self) -> int:
        """Keys that a program keeps of a row: k, or the next power of two."""
        return triton.next_power_of_2(self.k)

    @property
    def flops(self) -> float:
        """One comparison of every element; what finding more than the largest adds is the algorithm's own."""
        return float(self.rows * self.cols)

    @property
    def bytes_moved(self) -> float:
        """x once, and a value of 2 and an index of 4 bytes for each result."""
        return 2.0 * self.rows * self.cols + 6.0 * self.rows * self.k

    @property
    def tolerance(self) -> float:
        """None: values are copied and columns counted, nothing is rounded, and the order of equal values is defined."""
        return 0.0

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Standard normal logits, which in 16 bits have many equal values among a row's largest."""
        x = torch.randn(self.rows, self.cols, generator=generator, device=generator.device)
        return {"x": x.to(self.torch_dtype)}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        shape = (self.rows, self.k)
        return {
            "values": torch.empty(shape, dtype=self.torch_dtype, device=device),
            "indices": torch.empty(shape, dtype=torch.int32, device=device),
        }

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        """The head of a stable sort, exact."""
        values, indices = torch.sort(inputs["x"].double(), dim=1, descending=True, stable=True)
        return {"values": values[:, : self.k], "indices": indices[:, : self.k]}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        """``torch.topk``, which leaves open which of equal values it takes."""
        x = inputs["x"]
        return "torch.topk", lambda: torch.topk(x, self.k, dim=1)

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        del sm_count  # grids follow from the shape and the configuration
        slices = configuration.get("slices", 1)
        slice_cols = VECTOR * triton.cdiv(self.cols, VECTOR * slices)
        merged = {"ROWS": self.rows, "K": self.k, "KEPT": self.kept, "SLICES": slices}
        shape = {**merged, "COLS": self.cols, "SLICE": slice_cols}
        results: dict[str, Buffer] = {"values": Buffer("values"), "indices": Buffer("indices")}
        options = {"num_warps": configuration["num_warps"]}
        match configuration["scheme"]:
            case "select":
                constants = {
                    "SLICE_PADDED": max(self.kept, triton.next_power_of_2(slice_cols)),
                    "DIGIT_BITS": configuration["digit_bits"],
                }
                arguments = {"x": Buffer("x"), "candidates": Buffer("candidates")}
                first = Launch(_select_kernel, (self.rows, slices, 1), arguments, {**shape, **constants}, options)
            case "sort" | "split_sort":
                rows = configuration["rows_per_program"]
                constants = {
                    "R": rows,
                    "BLOCK_COLS": configuration["block_cols"],
                    "SKIP": configuration.get("skip", False),
                    "STAGES": configuration["num_stages"],
                }
                # A single slice stores no candidates: any pointer does, and nothing is written there.
                candidates = Buffer("candidates" if slices > 1 else "indices")
                arguments = {"x": Buffer("x"), **results, "candidates": candidates}
                grid = (triton.cdiv(self.rows, rows), slices, 1)
                first = Launch(_sort_kernel, grid, arguments, {**shape, **constants}, options)
            case scheme:
                raise ValueError(f"top_k: scheme={scheme}: expected sort, split_sort or select")
        if configuration["scheme"] == "sort":
            return Plan((first,))
        merge = Launch(
            _merge_kernel,
            (self.rows, 1, 1),
            {"candidates": Buffer("candidates"), **results},
            merged,
            {"num_warps": configuration["merge_warps"]},
        )
        return Plan((first, merge), {"candidates": Scratch((self.rows, slices, self.kept), torch.int32)})
