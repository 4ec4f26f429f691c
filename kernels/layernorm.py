"""Layer normalisation of the rows of a matrix: y = (x - mean) / sqrt(variance + eps) * weight + bias.

Biased variance, statistics and arithmetic in fp32. Memory bound: x is read once and y written once;
weight and bias are small and come from a cache for all rows but the first.
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

EPSILON = 1e-5


@triton.jit
def load_parameters(weight, bias, column, COLS: tl.constexpr, PARAMETER_ROWS: tl.constexpr, TILE_COLS: tl.constexpr):
    """Weight and bias from ``column`` on, fp32, repeated: [PARAMETER_ROWS, TILE_COLS].

    Every program reads them, so caches are asked to keep them.
    """
    offsets = tile_offsets(column, 0, PARAMETER_ROWS, TILE_COLS)
    mask = tile_mask(0, column, PARAMETER_ROWS, COLS, PARAMETER_ROWS, TILE_COLS)
    scale = tl.load(weight + offsets, mask, other=0.0, eviction_policy="evict_last").to(tl.float32)
    shift = tl.load(bias + offsets, mask, other=0.0, eviction_policy="evict_last").to(tl.float32)
    return scale, shift


@triton.jit
def layernorm_rows(
    x, weight, bias, y, row, epsilon, scale, shift,
    ROWS: tl.constexpr, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
    STATISTICS: tl.constexpr, LOAD_EVICTION: tl.constexpr, STORE_EVICTION: tl.constexpr,
    EARLY: tl.constexpr, PARAMETER_ROWS: tl.constexpr,
):  # fmt: skip
    """TILE_ROWS whole rows, held in registers; weight and bias come as scale and shift if EARLY."""
    offsets = tile_offsets(0, COLS, TILE_ROWS, TILE_COLS)
    mask = tile_mask(row, 0, ROWS, COLS, TILE_ROWS, TILE_COLS)
    tile = tl.load(row_start(x, row, COLS) + offsets, mask, other=0.0, eviction_policy=LOAD_EVICTION)
    tile = tile.to(tl.float32)
    mean = tl.sum(tile, 1, keep_dims=True) / COLS
    if STATISTICS == "moments":
        variance = tl.sum(tile * tile, 1, keep_dims=True) / COLS - mean * mean
    else:
        centred = tl.where(mask, tile - mean, 0.0)
        variance = tl.sum(centred * centred, 1, keep_dims=True) / COLS
    if not EARLY:
        scale, shift = load_parameters(weight, bias, 0, COLS, PARAMETER_ROWS, TILE_COLS)
    result = (tile - mean) * tl.rsqrt(variance + epsilon) * scale + shift
    tl.store(
        row_start(y, row, COLS) + offsets,
        result.to(y.dtype.element_ty),
        mask,
        eviction_policy=STORE_EVICTION,
    )


@triton.jit
def layernorm_single_pass(
    x, weight, bias, y, epsilon,
    ROWS: tl.constexpr, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
    STATISTICS: tl.constexpr, LOAD_EVICTION: tl.constexpr, STORE_EVICTION: tl.constexpr,
    EARLY: tl.constexpr, PARAMETER_ROWS: tl.constexpr,
):  # fmt: skip
    """A program per TILE_ROWS rows; EARLY loads weight and bias ahead of the reductions."""
    scale = 0.0
    shift = 0.0
    if EARLY:
        scale, shift = load_parameters(weight, bias, 0, COLS, PARAMETER_ROWS, TILE_COLS)
    row = tl.program_id(0) * TILE_ROWS
    layernorm_rows(
        x, weight, bias, y, row, epsilon, scale, shift, ROWS, COLS, TILE_ROWS, TILE_COLS,
        STATISTICS, LOAD_EVICTION, STORE_EVICTION, EARLY, PARAMETER_ROWS,
    )  # fmt: skip


@triton.jit
def layernorm_persistent(
    x, weight, bias, y, epsilon,
    ROWS: tl.constexpr, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
    STATISTICS: tl.constexpr, LOAD_EVICTION: tl.constexpr, STORE_EVICTION: tl.constexpr,
    EARLY: tl.constexpr, PARAMETER_ROWS: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Programs stride over the rows; EARLY keeps weight and bias in registers for all of them.

    With STAGES > 1 the next rows' loads run ahead through shared memory.
    """
    scale = 0.0
    shift = 0.0
    if EARLY:
        scale, shift = load_parameters(weight, bias, 0, COLS, PARAMETER_ROWS, TILE_COLS)
    step = tl.num_programs(0) * TILE_ROWS
    for row in tl.range(tl.program_id(0) * TILE_ROWS, ROWS, step, num_stages=STAGES):
        layernorm_rows(
            x, weight, bias, y, row, epsilon, scale, shift, ROWS, COLS, TILE_ROWS, TILE_COLS,
            STATISTICS, LOAD_EVICTION, STORE_EVICTION, EARLY, PARAMETER_ROWS,
        )  # fmt: skip


@triton.jit
def merge_block(mean, spread, tile, mask, column, COLS: tl.constexpr, TILE_COLS: tl.constexpr, DEFER: tl.constexpr):
    """Add a block to running means and sums of squared deviations (Chan, Golub & LeVeque 1979, eq. 2.1).

    With DEFER the state has a column per lane and a block adds one element to each (Welford's update);
    without, the block's own statistics are merged into one state per row.
    """
    if DEFER:
        seen = column // TILE_COLS
        delta = tl.where(mask, tile - mean, 0.0)
        share = 1.0 / (seen + 1)
        return mean + delta * share, spread + delta * delta * (seen * share)
    count = tl.minimum(TILE_COLS, COLS - column)
    block_mean = tl.sum(tile, 1, keep_dims=True) / count
    centred = tl.where(mask, tile - block_mean, 0.0)
    delta = block_mean - mean
    share = count / (column + count)
    spread += tl.sum(centred * centred, 1, keep_dims=True) + delta * delta * (column * share)
    return mean + delta * share, spread


@triton.jit
def layernorm_looped(
    x, weight, bias, y, epsilon,
    ROWS: tl.constexpr, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
    STATISTICS: tl.constexpr, FIRST_EVICTION: tl.constexpr, LAST_EVICTION: tl.constexpr,
    STORE_EVICTION: tl.constexpr, DEFER: tl.constexpr, STAGES: tl.constexpr, PARAMETER_ROWS: tl.constexpr,
):  # fmt: skip
    """Statistics in one pass over the blocks (moments, welford) or two (centred), then one that writes.

    The running state has a column per row, or (DEFER) one per lane, combined after the loop: more
    registers, but no reduction across threads inside the loop.
    """
    STATE_COLS: tl.constexpr = TILE_COLS if DEFER else 1
    row = tl.program_id(0) * TILE_ROWS
    x_row = row_start(x, row, COLS)
    y_row = row_start(y, row, COLS)

    first = tl.zeros([TILE_ROWS, STATE_COLS], tl.float32)
    second = tl.zeros([TILE_ROWS, STATE_COLS], tl.float32)
    for column in tl.range(0, COLS, TILE_COLS, num_stages=STAGES):
        offsets = tile_offsets(column, COLS, TILE_ROWS, TILE_COLS)
        mask = tile_mask(row, column, ROWS, COLS, TILE_ROWS, TILE_COLS)
        tile = tl.load(x_row + offsets, mask, other=0.0, eviction_policy=FIRST_EVICTION).to(tl.float32)
        if STATISTICS == "welford":
            first, second = merge_block(first, second, tile, mask, column, COLS, TILE_COLS, DEFER)
        else:
            first += tile if DEFER else tl.sum(tile, 1, keep_dims=True)
            if STATISTICS == "moments":
                square = tile * tile
                second += square if DEFER else tl.sum(square, 1, keep_dims=True)

    if STATISTICS == "welford":
        if DEFER:
            lane = tl.arange(0, TILE_COLS)[None, :]
            count = ((COLS - lane + TILE_COLS - 1) // TILE_COLS).to(tl.float32)
            mean = tl.sum(first * count, 1, keep_dims=True) / COLS
            offset = first - mean
            variance = tl.sum(second + offset * offset * count, 1, keep_dims=True) / COLS
        else:
            mean = first
            variance = second / COLS
    else:
        mean = tl.sum(first, 1, keep_dims=True) / COLS
        if STATISTICS == "centred":
            for column in tl.range(0, COLS, TILE_COLS, num_stages=STAGES):
                offsets = tile_offsets(column, COLS, TILE_ROWS, TILE_COLS)
                mask = tile_mask(row, column, ROWS, COLS, TILE_ROWS, TILE_COLS)
                tile = tl.load(x_row + offsets, mask, other=0.0, eviction_policy=FIRST_EVICTION)
                centred = tl.where(mask, tile.to(tl.float32) - mean, 0.0)
                square = centred * centred
                second += square if DEFER else tl.sum(square, 1, keep_dims=True)
        variance = tl.sum(second, 1, keep_dims=True) / COLS
        if STATISTICS == "moments":
            variance -= mean * mean
    rstd = tl.rsqrt(variance + epsilon)

    for column in tl.range(0, COLS, TILE_COLS, num_stages=STAGES):
        offsets = tile_offsets(column, COLS, TILE_ROWS, TILE_COLS)
        mask = tile_mask(row, column, ROWS, COLS, TILE_ROWS, TILE_COLS)
        tile = tl.load(x_row + offsets, mask, other=0.0, eviction_policy=LAST_EVICTION).to(tl.float32)
        scale, shift = load_parameters(weight, bias, column, COLS, PARAMETER_ROWS, TILE_COLS)
        result = (tile - mean) * rstd * scale + shift
        tl.store(y_row + offsets, result.to(y.dtype.element_ty), mask, eviction_policy=STORE_EVICTION)


@dataclass(frozen=True)
class LayerNorm(RowKernel):
    """Layer normalisation of each row of ``x [rows, cols]`` with ``weight [cols]`` and ``bias [cols]``."""

    family: ClassVar[str] = "layernorm"

    @property
    def flops(self) -> float:
        """Seven an element: mean (1), variance (3: subtract, multiply, add), normalise (1), scale, shift."""
        return 7.0 * self.elements

    @property
    def bytes_moved(self) -> float:
        return (2.0 * self.elements + 2.0 * self.cols) * self.torch_dtype.itemsize

    @property
    def tolerance(self) -> float:
        """Twice the rounding error of the largest output, over the outputs' root mean square, sqrt(2).

        An output is a b + c of standard normals: a per element, b and c per column. The largest of n
        normals is about sqrt(2 ln n).
        """
        element = math.sqrt(2 * math.log(max(2, self.elements)))
        column = math.sqrt(2 * math.log(max(2, self.cols)))
        return 2 * self.unit_roundoff * (element * column + column) / math.sqrt(2)

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Normal x with mean 1 and deviation 2, so that a forgotten mean or scale shows; normal parameters."""

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=generator, device=generator.device)

        inputs = {
            "x": normal(self.rows, self.cols).mul_(2).add_(1),
            "weight": normal(self.cols),
            "bias": normal(self.cols),
        }
        return {name: tensor.to(self.torch_dtype) for name, tensor in inputs.items()}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        x, weight, bias = (inputs[name].double() for name in ("x", "weight", "bias"))
        return {"y": torch.nn.functional.layer_norm(x, (self.cols,), weight, bias, EPSILON)}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        x, weight, bias = inputs["x"], inputs["weight"], inputs["bias"]
        return (
            "torch.nn.functional.layer_norm",
            lambda: torch.nn.functional.layer_norm(x, (self.cols,), weight, bias, EPSILON),
        )

    def parameter_rows(self, configuration: Mapping[str, Any]) -> int:
        """Rows in which weight and bias are loaded: one, or as many as a tile has.

        Where one row is too short to give each thread a 16-byte vector, Triton would load it in another
        layout than x's and convert through shared memory; repeated rows have x's layout.
        """
        covered = 32 * configuration["num_warps"] * 16 // self.torch_dtype.itemsize
        return 1 if self.tile(configuration)["TILE_COLS"] >= covered else configuration["rows_per_program"]

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        constants: dict[str, Any] = {
            **self.tile(configuration),
            **evictions(configuration),
            "STATISTICS": configuration["statistics"],
            "PARAMETER_ROWS": self.parameter_rows(configuration),
        }
        match configuration["scheme"]:
            case "single_pass":
                kernel = layernorm_single_pass
                constants["EARLY"] = configuration["early_parameters"]
            case "persistent":
                kernel = layernorm_persistent
                constants |= {
                    "EARLY": configuration["early_parameters"],
                    "STAGES": configuration["num_stages"],
                }
            case "looped":
                kernel = layernorm_looped
                constants |= {
                    "DEFER": configuration["reduction"] == "deferred",
                    "STAGES": configuration["num_stages"],
                }
            case scheme:
                raise ValueError(f"layernorm: scheme={scheme}: expected single_pass, looped or persistent")
        buffers = {name: Buffer(name) for name in ("x", "weight", "bias", "y")}
        launch = Launch(
            kernel=kernel,
            grid=self.grid(configuration, sm_count),
            arguments={**buffers, "epsilon": EPSILON},
            constants=constants,
            options={"num_warps": configuration["num_warps"]},
        )
        return Plan((launch,))
