"""Layer normalisation, backward: gradients of the input, the weight and the bias, from the mean and rstd kept forward.

With h = (x - mean) rstd and g = dy weight: dx = (g - mean(g) - h mean(g h)) rstd for each row, and dweight = sum of
dy h and dbias = sum of dy over the rows. Arithmetic in fp32. Memory bound: x and dy read once, dx written once.

Sums over rows have two stages: programs leave partial sums as rows of a scratch buffer, and a last launch, with blocks
of its own, folds them in a fixed order: no atomics, so deterministic. Schemes: *persistent* (a fixed number of programs
walk over the rows and keep their sums in registers), *grouped* (a program per group of neighbouring rows, likewise) and
*separate* (one launch for dx, whole rows or blocks of columns, and another that reads x and dy again in tiles for the
sums: more bytes, fewer registers).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import triton
import triton.language as tl

from kernels.base import Buffer, Buffers, Launch, Plan, Scratch
from kernels.rows import RowKernel, row_start, tile_mask, tile_offsets

EPSILON = 1e-5
SUMS_WARPS = 4
FOLD_WARPS = 4
GRADIENTS = ("dx", "dweight", "dbias")


@triton.jit
def _load_statistics(mean_ptr, rstd_ptr, row, ROWS: tl.constexpr, TILE_ROWS: tl.constexpr):
    """Mean and rstd of TILE_ROWS rows, fp32, [TILE_ROWS, 1] or a scalar; zero past the last row."""
    if TILE_ROWS == 1:
        mean = tl.load(mean_ptr + row)
        rstd = tl.load(rstd_ptr + row)
    else:
        rows = row + tl.arange(0, TILE_ROWS)
        mean = tl.load(mean_ptr + rows, rows < ROWS, other=0.0)[:, None]
        rstd = tl.load(rstd_ptr + rows, rows < ROWS, other=0.0)[:, None]
    return mean, rstd


@triton.jit
def _load_tile(
    x_ptr, dy_ptr, mean, rstd, row, column,
    ROWS: tl.constexpr, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
):  # fmt: skip
    """Normalised x and dy, fp32 [TILE_ROWS, TILE_COLS]; dy is zero outside the matrix."""
    offsets = tile_offsets(column, COLS, TILE_ROWS, TILE_COLS)
    mask = tile_mask(row, column, ROWS, COLS, TILE_ROWS, TILE_COLS)
    x = tl.load(row_start(x_ptr, row, COLS) + offsets, mask, other=0.0).to(tl.float32)
    dy = tl.load(row_start(dy_ptr, row, COLS) + offsets, mask, other=0.0).to(tl.float32)
    return (x - mean) * rstd, dy


@triton.jit
def _load_weight(weight_ptr, column, COLS: tl.constexpr, WEIGHT_ROWS: tl.constexpr, TILE_COLS: tl.constexpr):
    """Weight from ``column`` on, fp32, repeated: [WEIGHT_ROWS, TILE_COLS]. Caches are asked to keep it."""
    mask = tile_mask(0, column, WEIGHT_ROWS, COLS, WEIGHT_ROWS, TILE_COLS)
    offsets = tile_offsets(column, 0, WEIGHT_ROWS, TILE_COLS)
    return tl.load(weight_ptr + offsets, mask, other=0.0, eviction_policy="evict_last").to(tl.float32)


@triton.jit
def _store_dx(
    dx_ptr, dx, row, column, ROWS: tl.constexpr, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr
):
    offsets = tile_offsets(column, COLS, TILE_ROWS, TILE_COLS)
    mask = tile_mask(row, column, ROWS, COLS, TILE_ROWS, TILE_COLS)
    tl.store(row_start(dx_ptr, row, COLS) + offsets, dx.to(dx_ptr.dtype.element_ty), mask)


@triton.jit
def _store_partials(
    partials_ptr, dweight, dbias, part, column, PARTS: tl.constexpr, COLS: tl.constexpr, TILE_COLS: tl.constexpr
):
    """Sums over the rows of dweight and dbias [rows, TILE_COLS] to row ``part`` of partials [2, PARTS, COLS]."""
    columns = column + tl.arange(0, TILE_COLS)
    inside = columns < COLS
    tl.store(row_start(partials_ptr, part, COLS) + columns, tl.sum(dweight, 0), inside)
    tl.store(row_start(partials_ptr, part + PARTS, COLS) + columns, tl.sum(dbias, 0), inside)


@triton.jit
def _fused_kernel(
    x_ptr, dy_ptr, mean_ptr, rstd_ptr, weight_ptr, dx_ptr, partials_ptr,
    ROWS: tl.constexpr, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
    PARTS: tl.constexpr, GROUP_ROWS: tl.constexpr, HOLD_WEIGHT: tl.constexpr, WEIGHT_ROWS: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    """PARTS programs, each over GROUP_ROWS neighbouring rows, or (0) over every PARTS-th tile; whole rows in registers.

    Sums stay per element of a tile until the end, so that no iteration waits for a reduction over rows.
    """
    part = tl.program_id(0)
    if GROUP_ROWS > 0:
        first = part * GROUP_ROWS
        last = min(first + GROUP_ROWS, ROWS)
        step = TILE_ROWS
    else:
        first = part * TILE_ROWS
        last = ROWS
        step = PARTS * TILE_ROWS
    weight = 0.0
    if HOLD_WEIGHT:
        weight = _load_weight(weight_ptr, 0, COLS, WEIGHT_ROWS, TILE_COLS)
    dweight = tl.zeros([TILE_ROWS, TILE_COLS], tl.float32)
    dbias = tl.zeros([TILE_ROWS, TILE_COLS], tl.float32)
    for row in tl.range(first, last, step, num_stages=STAGES):
        mean, rstd = _load_statistics(mean_ptr, rstd_ptr, row, ROWS, TILE_ROWS)
        h, dy = _load_tile(x_ptr, dy_ptr, mean, rstd, row, 0, ROWS, COLS, TILE_ROWS, TILE_COLS)
        dweight += dy * h
        dbias += dy
        g = dy * (weight if HOLD_WEIGHT else _load_weight(weight_ptr, 0, COLS, WEIGHT_ROWS, TILE_COLS))
        mean_g = tl.sum(g, 1, keep_dims=True) / COLS
        mean_gh = tl.sum(g * h, 1, keep_dims=True) / COLS
        _store_dx(dx_ptr, (g - mean_g - h * mean_gh) * rstd, row, 0, ROWS, COLS, TILE_ROWS, TILE_COLS)
    _store_partials(partials_ptr, dweight, dbias, part, 0, PARTS, COLS, TILE_COLS)


@triton.jit
def _dx_kernel(
    x_ptr, dy_ptr, mean_ptr, rstd_ptr, weight_ptr, dx_ptr,
    ROWS: tl.constexpr, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
    WEIGHT_ROWS: tl.constexpr,
):  # fmt: skip
    """A program per TILE_ROWS rows: held whole, or (TILE_COLS < COLS) read twice in blocks, the last block first."""
    row = tl.program_id(0) * TILE_ROWS
    mean, rstd = _load_statistics(mean_ptr, rstd_ptr, row, ROWS, TILE_ROWS)
    if TILE_COLS >= COLS:
        h, dy = _load_tile(x_ptr, dy_ptr, mean, rstd, row, 0, ROWS, COLS, TILE_ROWS, TILE_COLS)
        g = dy * _load_weight(weight_ptr, 0, COLS, WEIGHT_ROWS, TILE_COLS)
        mean_g = tl.sum(g, 1, keep_dims=True) / COLS
        mean_gh = tl.sum(g * h, 1, keep_dims=True) / COLS
        _store_dx(dx_ptr, (g - mean_g - h * mean_gh) * rstd, row, 0, ROWS, COLS, TILE_ROWS, TILE_COLS)
    else:
        sum_g = tl.zeros([TILE_ROWS, TILE_COLS], tl.float32)
        sum_gh = tl.zeros([TILE_ROWS, TILE_COLS], tl.float32)
        for column in tl.range(0, COLS, TILE_COLS):
            h, dy = _load_tile(x_ptr, dy_ptr, mean, rstd, row, column, ROWS, COLS, TILE_ROWS, TILE_COLS)
            g = dy * _load_weight(weight_ptr, column, COLS, WEIGHT_ROWS, TILE_COLS)
            sum_g += g
            sum_gh += g * h
        mean_g = tl.sum(sum_g, 1, keep_dims=True) / COLS
        mean_gh = tl.sum(sum_gh, 1, keep_dims=True) / COLS
        LAST: tl.constexpr = (COLS - 1) // TILE_COLS * TILE_COLS
        for start in tl.range(0, COLS, TILE_COLS):
            column = LAST - start
            h, dy = _load_tile(x_ptr, dy_ptr, mean, rstd, row, column, ROWS, COLS, TILE_ROWS, TILE_COLS)
            g = dy * _load_weight(weight_ptr, column, COLS, WEIGHT_ROWS, TILE_COLS)
            _store_dx(dx_ptr, (g - mean_g - h * mean_gh) * rstd, row, column, ROWS, COLS, TILE_ROWS, TILE_COLS)


@triton.jit
def _sums_kernel(
    x_ptr, dy_ptr, mean_ptr, rstd_ptr, partials_ptr,
    ROWS: tl.constexpr, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
    PARTS: tl.constexpr, SLAB_ROWS: tl.constexpr,
):  # fmt: skip
    """Axis 0: blocks of TILE_COLS columns; axis 1: slabs of SLAB_ROWS rows, whose sums are row ``part`` of partials."""
    column = tl.program_id(0) * TILE_COLS
    part = tl.program_id(1)
    dweight = tl.zeros([TILE_ROWS, TILE_COLS], tl.float32)
    dbias = tl.zeros([TILE_ROWS, TILE_COLS], tl.float32)
    first = part * SLAB_ROWS
    for row in tl.range(first, min(first + SLAB_ROWS, ROWS), TILE_ROWS):
        mean, rstd = _load_statistics(mean_ptr, rstd_ptr, row, ROWS, TILE_ROWS)
        h, dy = _load_tile(x_ptr, dy_ptr, mean, rstd, row, column, ROWS, COLS, TILE_ROWS, TILE_COLS)
        dweight += dy * h
        dbias += dy
    _store_partials(partials_ptr, dweight, dbias, part, column, PARTS, COLS, TILE_COLS)


@triton.jit
def _fold_kernel(
    partials_ptr, dweight_ptr, dbias_ptr,
    PARTS: tl.constexpr, COLS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLS: tl.constexpr,
):  # fmt: skip
    """Sums of partials [2, PARTS, COLS] over PARTS; a program per TILE_COLS columns."""
    column = tl.program_id(0) * TILE_COLS
    offsets = tile_offsets(column, COLS, TILE_ROWS, TILE_COLS)
    dweight = tl.zeros([TILE_ROWS, TILE_COLS], tl.float32)
    dbias = tl.zeros([TILE_ROWS, TILE_COLS], tl.float32)
    for part in tl.range(0, PARTS, TILE_ROWS):
        mask = tile_mask(part, column, PARTS, COLS, TILE_ROWS, TILE_COLS)
        dweight += tl.load(row_start(partials_ptr, part, COLS) + offsets, mask, other=0.0)
        dbias += tl.load(row_start(partials_ptr, part + PARTS, COLS) + offsets, mask, other=0.0)
    columns = column + tl.arange(0, TILE_COLS)
    inside = columns < COLS
    tl.store(dweight_ptr + columns, tl.sum(dweight, 0).to(dweight_ptr.dtype.element_ty), inside)
    tl.store(dbias_ptr + columns, tl.sum(dbias, 0).to(dbias_ptr.dtype.element_ty), inside)


@dataclass(frozen=True)
class LayerNormBackward(RowKernel):
    """``dx [rows, cols]``, ``dweight [cols]``, ``dbias [cols]`` from ``x``, ``dy``, ``weight``, ``mean`` and ``rstd``.

    Raises:
        ValueError: for sizes below one, or a dtype other than bf16/fp16.
    """

    family: ClassVar[str] = "layernorm_backward"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dtype not in ("bf16", "fp16"):
            raise ValueError(f"{self.family}: dtype={self.dtype}: expected bf16 or fp16")

    @property
    def flops(self) -> float:
        """Thirteen an element: h (2), g (1), its two sums (3), dx (4), dweight (2), dbias (1)."""
        return 13.0 * self.elements

    @property
    def bytes_moved(self) -> float:
        """x, dy and weight, the three gradients, and an fp32 mean and rstd for each row."""
        return (3.0 * self.elements + 3.0 * self.cols) * self.torch_dtype.itemsize + 8.0 * self.rows

    @property
    def tolerance(self) -> float:
        """Twice the rounding error of the largest element of dx, over dx's root mean square.

        A dx is close to dy weight rstd: dy normal, whose largest of n is about sqrt(2 ln n), and weight uniform in
        0.5 … 1.5, with a root mean square of 1.04. Sums over rows are nearly normal and deviate less. The sums of r
        of R rows, if lost, show as about sqrt(r / R) times the largest of ``cols`` normals: at 768 columns in bf16, 16
        rows of 4,096 as three to five times the tolerance, and of 32,768 as 1.2 times.
        """
        return 2 * self.unit_roundoff * math.sqrt(2 * math.log(max(2, self.elements))) * 1.5 / 1.04

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Normal x with mean 1 and deviation 2, so that a forgotten mean or scale shows, and normal dy."""
        device = generator.device
        shape = (self.rows, self.cols)
        x = torch.randn(shape, generator=generator, device=device).mul_(2).add_(1).to(self.torch_dtype)
        dy = torch.randn(shape, generator=generator, device=device).to(self.torch_dtype)
        weight = torch.rand(self.cols, generator=generator, device=device).add_(0.5).to(self.torch_dtype)
        variance, mean = torch.var_mean(x.float(), dim=1, correction=0)
        return {"x": x, "dy": dy, "weight": weight, "mean": mean, "rstd": torch.rsqrt(variance + EPSILON)}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        shapes = ((self.rows, self.cols), (self.cols,), (self.cols,))
        return {
            name: torch.empty(shape, dtype=self.torch_dtype, device=device)
            for name, shape in zip(GRADIENTS, shapes, strict=True)
        }

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        """All three in float64, from the mean and rstd given."""
        x, dy, weight, mean, rstd = (inputs[name].double() for name in ("x", "dy", "weight", "mean", "rstd"))
        h = (x - mean[:, None]) * rstd[:, None]
        g = dy * weight
        dx = (g - g.mean(1, keepdim=True) - h * (g * h).mean(1, keepdim=True)) * rstd[:, None]
        return {"dx": dx, "dweight": (dy * h).sum(0), "dbias": dy.sum(0)}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        """ATen's own backward, which launches kernels of its own for dx and for the sums."""
        x, dy, weight = inputs["x"], inputs["dy"], inputs["weight"]
        mean, rstd = (inputs[name][:, None] for name in ("mean", "rstd"))
        bias = torch.zeros_like(weight)
        backward = torch.ops.aten.native_layer_norm_backward
        return (
            "torch native_layer_norm_backward",
            lambda: backward(dy, x, [self.cols], mean, rstd, weight, bias, [True, True, True]),
        )

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        if configuration["scheme"] == "separate":
            launches, parts = self._separate(configuration)
        else:
            launches, parts = self._fused(configuration, sm_count)
        fold_cols = configuration["fold_cols"]
        fold = Launch(
            _fold_kernel,
            (triton.cdiv(self.cols, fold_cols), 1, 1),
            {f"{name}_ptr": Buffer(name) for name in ("partials", "dweight", "dbias")},
            {"PARTS": parts, "COLS": self.cols, "TILE_ROWS": configuration["fold_rows"], "TILE_COLS": fold_cols},
            {"num_warps": FOLD_WARPS},
        )
        return Plan((*launches, fold), {"partials": Scratch((2, parts, self.cols), torch.float32)})

    def _fused(self, configuration: Mapping[str, Any], sm_count: int) -> tuple[tuple[Launch, ...], int]:
        """The launch that computes dx and the partial sums, and how many rows of these there are."""
        tile_rows = configuration["tile_rows"]
        match configuration["scheme"]:
            case "persistent":
                group_rows = 0
                parts = min(triton.cdiv(self.rows, tile_rows), sm_count * configuration["ctas_per_sm"])
            case "grouped":
                group_rows = configuration["group_rows"]
                parts = triton.cdiv(self.rows, group_rows)
            case scheme:
                raise ValueError(f"{self.family}: scheme={scheme}: expected persistent, grouped or separate")
        constants = {
            **self._tile(configuration),
            "PARTS": parts,
            "GROUP_ROWS": group_rows,
            "HOLD_WEIGHT": configuration["hold_weight"],
            "STAGES": configuration["num_stages"],
        }
        names = ("x", "dy", "mean", "rstd", "weight", "dx", "partials")
        arguments = {f"{name}_ptr": Buffer(name) for name in names}
        options = {"num_warps": configuration["num_warps"]}
        return (Launch(_fused_kernel, (parts, 1, 1), arguments, constants, options),), parts

    def _separate(self, configuration: Mapping[str, Any]) -> tuple[tuple[Launch, ...], int]:
        """The launches for dx and for the partial sums, and how many rows of these there are."""
        names = ("x", "dy", "mean", "rstd", "weight", "dx")
        dx = Launch(
            _dx_kernel,
            (triton.cdiv(self.rows, configuration["tile_rows"]), 1, 1),
            {f"{name}_ptr": Buffer(name) for name in names},
            self._tile(configuration),
            {"num_warps": configuration["num_warps"]},
        )
        sum_rows, sum_cols, slabs = (configuration[name] for name in ("sum_rows", "sum_cols", "slabs"))
        shape = {"ROWS": self.rows, "COLS": self.cols}
        slab_rows = triton.cdiv(triton.cdiv(self.rows, sum_rows), slabs) * sum_rows
        sums = Launch(
            _sums_kernel,
            (triton.cdiv(self.cols, sum_cols), slabs, 1),
            {f"{name}_ptr": Buffer(name) for name in ("x", "dy", "mean", "rstd", "partials")},
            {**shape, "TILE_ROWS": sum_rows, "TILE_COLS": sum_cols, "PARTS": slabs, "SLAB_ROWS": slab_rows},
            {"num_warps": SUMS_WARPS},
        )
        return (dx, sums), slabs

    def _tile(self, configuration: Mapping[str, Any]) -> dict[str, int]:
        """Shape and tile; the weight is repeated where one row of it has no 16-byte vector for every thread.

        Triton would load it in another layout than x's there, and convert through shared memory.
        """
        tile_rows = configuration["tile_rows"]
        tile_cols = configuration.get("block_cols", triton.next_power_of_2(self.cols))
        covered = 32 * configuration["num_warps"] * 16 // self.torch_dtype.itemsize
        return {
            "ROWS": self.rows,
            "COLS": self.cols,
            "TILE_ROWS": tile_rows,
            "TILE_COLS": tile_cols,
            "WEIGHT_ROWS": 1 if tile_cols >= covered else tile_rows,
        }
