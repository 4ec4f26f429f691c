"""Softmax over the rows of a matrix: y = exp(x - max x) / sum exp(x - max x), in fp32 inside.

Memory bound: x is read once and y written once, 2 x rows x cols elements. The looped scheme reads
x two or three times, and is as fast only if the later reads hit a cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import triton
import triton.language as tl

from kernels.base import Buffer, Buffers, Launch, Plan
from kernels.rows import RowKernel, evictions, row_start, tile_mask, tile_offsets

# Below every fp32 logit, yet finite: -inf minus -inf would be NaN in lanes that see no element.
LOWEST = tl.constexpr(-3.0e38)


@triton.jit
def softmax_rows(
    x, y, row, ROWS: tl.constexpr, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
    LOAD_EVICTION: tl.constexpr, STORE_EVICTION: tl.constexpr,
):  # fmt: skip
    """Softmax of TILE_ROWS whole rows, held in registers (TILE_COLS >= COLS)."""
    offsets = tile_offsets(0, COLS, TILE_ROWS, TILE_COLS)
    mask = tile_mask(row, 0, ROWS, COLS, TILE_ROWS, TILE_COLS)
    tile = tl.load(row_start(x, row, COLS) + offsets, mask, other=float("-inf"), eviction_policy=LOAD_EVICTION).to(
        tl.float32
    )
    numerator = tl.exp(tile - tl.max(tile, 1, keep_dims=True))
    result = numerator / tl.sum(numerator, 1, keep_dims=True)
    tl.store(
        row_start(y, row, COLS) + offsets,
        result.to(y.dtype.element_ty),
        mask,
        eviction_policy=STORE_EVICTION,
    )


@triton.jit
def softmax_single_pass(
    x, y, ROWS: tl.constexpr, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
    LOAD_EVICTION: tl.constexpr, STORE_EVICTION: tl.constexpr,
):  # fmt: skip
    """A program per TILE_ROWS rows."""
    row = tl.program_id(0) * TILE_ROWS
    softmax_rows(x, y, row, ROWS, COLS, TILE_ROWS, TILE_COLS, LOAD_EVICTION, STORE_EVICTION)


@triton.jit
def softmax_persistent(
    x, y, ROWS: tl.constexpr, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
    LOAD_EVICTION: tl.constexpr, STORE_EVICTION: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Programs stride over the rows; with STAGES > 1 the next rows' loads run ahead through shared memory."""
    step = tl.num_programs(0) * TILE_ROWS
    for row in tl.range(tl.program_id(0) * TILE_ROWS, ROWS, step, num_stages=STAGES):
        softmax_rows(x, y, row, ROWS, COLS, TILE_ROWS, TILE_COLS, LOAD_EVICTION, STORE_EVICTION)


@triton.jit
def softmax_looped(
    x, y, ROWS: tl.constexpr, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
    FIRST_EVICTION: tl.constexpr, LAST_EVICTION: tl.constexpr, STORE_EVICTION: tl.constexpr,
    ONLINE: tl.constexpr, DEFER: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Max and sum in one online pass (Milakov & Gimelshein 2018) or in two, then a pass that writes.

    The running state has a column per row, or (DEFER) one per lane, combined after the loop: more
    registers and exponentials, but no reduction across threads inside the loop.
    """
    STATE_COLS: tl.constexpr = TILE_COLS if DEFER else 1
    row = tl.program_id(0) * TILE_ROWS
    x_row = row_start(x, row, COLS)
    y_row = row_start(y, row, COLS)

    peak = tl.full([TILE_ROWS, STATE_COLS], LOWEST, tl.float32)
    total = tl.zeros([TILE_ROWS, STATE_COLS], tl.float32)
    for column in tl.range(0, COLS, TILE_COLS, num_stages=STAGES):
        offsets = tile_offsets(column, COLS, TILE_ROWS, TILE_COLS)
        mask = tile_mask(row, column, ROWS, COLS, TILE_ROWS, TILE_COLS)
        tile = tl.load(x_row + offsets, mask, other=float("-inf"), eviction_policy=FIRST_EVICTION)
        tile = tile.to(tl.float32)
        higher = tl.maximum(peak, tile if DEFER else tl.max(tile, 1, keep_dims=True))
        if ONLINE:
            power = tl.exp(tile - higher)
            total = total * tl.exp(peak - higher) + (power if DEFER else tl.sum(power, 1, keep_dims=True))
        peak = higher
    row_peak = tl.max(peak, 1, keep_dims=True)

    if ONLINE:
        total = total * tl.exp(peak - row_peak)
    else:
        for column in tl.range(0, COLS, TILE_COLS, num_stages=STAGES):
            offsets = tile_offsets(column, COLS, TILE_ROWS, TILE_COLS)
            mask = tile_mask(row, column, ROWS, COLS, TILE_ROWS, TILE_COLS)
            tile = tl.load(x_row + offsets, mask, other=float("-inf"), eviction_policy=FIRST_EVICTION)
            power = tl.exp(tile.to(tl.float32) - row_peak)
            total += power if DEFER else tl.sum(power, 1, keep_dims=True)
    scale = 1.0 / tl.sum(total, 1, keep_dims=True)

    for column in tl.range(0, COLS, TILE_COLS, num_stages=STAGES):
        offsets = tile_offsets(column, COLS, TILE_ROWS, TILE_COLS)
        mask = tile_mask(row, column, ROWS, COLS, TILE_ROWS, TILE_COLS)
        tile = tl.load(x_row + offsets, mask, other=float("-inf"), eviction_policy=LAST_EVICTION)
        result = tl.exp(tile.to(tl.float32) - row_peak) * scale
        tl.store(y_row + offsets, result.to(y.dtype.element_ty), mask, eviction_policy=STORE_EVICTION)


@dataclass(frozen=True)
class Softmax(RowKernel):
    """Softmax of each row of ``x [rows, cols]``."""

    family: ClassVar[str] = "softmax"

    @property
    def flops(self) -> float:
        """Five an element: compare for the maximum, subtract, exponentiate, add, scale."""
        return 5.0 * self.elements

    @property
    def bytes_moved(self) -> float:
        return 2.0 * self.elements * self.torch_dtype.itemsize

    @property
    def tolerance(self) -> float:
        """Twice the rounding error of the largest output, over the outputs' root mean square.

        For normal logits an output is e^x / (cols e^0.5) and the outputs' root mean square is
        e / (cols e^0.5), so the ratio is e^(x - 1), with x <= sqrt(2 ln elements) but for rare draws.
        """
        largest = math.sqrt(2 * math.log(max(2, self.elements)))
        return 2 * self.unit_roundoff * math.exp(largest - 1)

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Standard normal logits."""
        x = torch.randn(self.rows, self.cols, generator=generator, device=generator.device)
        return {"x": x.to(self.torch_dtype)}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        return {"y": torch.softmax(inputs["x"].double(), dim=1)}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        x = inputs["x"]
        return "torch.softmax", lambda: torch.softmax(x, dim=1)

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        constants: dict[str, Any] = {**self.tile(configuration), **evictions(configuration)}
        match configuration["scheme"]:
            case "single_pass":
                kernel = softmax_single_pass
            case "persistent":
                kernel = softmax_persistent
                constants["STAGES"] = configuration["num_stages"]
            case "looped":
                kernel = softmax_looped
                constants |= {
                    "ONLINE": configuration["passes"] == "online",
                    "DEFER": configuration["reduction"] == "deferred",
                    "STAGES": configuration["num_stages"],
                }
            case scheme:
                raise ValueError(f"softmax: scheme={scheme}: expected single_pass, looped or persistent")
        launch = Launch(
            kernel=kernel,
            grid=self.grid(configuration, sm_count),
            arguments={"x": Buffer("x"), "y": Buffer("y")},
            constants=constants,
            options={"num_warps": configuration["num_warps"]},
        )
        return Plan((launch,))
