"""Weight-only int4 product C = A·Wᵀ: bf16/fp16 activations, 4-bit weights with a scale and a zero per group of k.

Schedules as in :mod:`kernels.matmul`: *data_parallel*, *persistent* and *split_k* (float32 partial tiles that a
second launch adds in a fixed order). A byte holds two weights that lie half a group of k apart, so that a block of
bytes is two blocks of consecutive k: *two_dots* multiplies them one after the other, *join* puts them side by
side for one product. The product is A·Wᵀ (*activations_first*) or, with operands swapped, W·Aᵀ
(*weights_first*), which gives the tensor cores long tiles of weights where m is small. Scales multiply the
*weights*, or each group's share of the *accumulator*, whose weights then stay exact small integers.

A weight q becomes a float without a conversion: its four bits are the last of the mantissa of a power of two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl

from kernels.base import Buffer, Buffers, Kernel, Launch, Plan, Scalar, Scratch
from kernels.matmul import REDUCE_BLOCK, _add_partials_kernel

TINYGEMM_M = 64
"""Most rows for which PyTorch's int4 product is the one to beat: beyond, its 16-row tiles read weights again."""
REFERENCE_WEIGHTS = 2**27
"""Most weights that the reference holds at once (1 GiB in float64)."""


@triton.jit
def _as_floats(bits, BF16: tl.constexpr):
    """Integers 0 … 15 (uint8) as floats plus the power of two that ``_offset`` names: one bitwise or each."""
    if BF16:
        floats = (bits.to(tl.uint16) | 0x4300).to(tl.bfloat16, bitcast=True)
    else:
        floats = (bits.to(tl.uint16) | 0x6400).to(tl.float16, bitcast=True)
    return floats


@triton.jit
def _offset(BF16: tl.constexpr):
    """What ``_as_floats`` adds: 128 (0x4300) in bfloat16, 1024 (0x6400) in float16."""
    return 128.0 if BF16 else 1024.0


@triton.jit
def _multiply(a, w, accumulator, WEIGHTS_FIRST: tl.constexpr):
    """accumulator + a [M, K] · w [N, K]ᵀ, or its transpose."""
    return tl.dot(w, tl.trans(a), accumulator) if WEIGHTS_FIRST else tl.dot(a, tl.trans(w), accumulator)


@triton.jit
def _load(pointers, inside, EVEN: tl.constexpr):
    """A tile; rows outside are 0 where the matrix does not end with a tile."""
    return tl.load(pointers) if EVEN else tl.load(pointers, mask=inside[:, None], other=0)


@triton.jit
def _product(
    a_ptr, w_ptr, scales_ptr, m, n, k, row_bytes, row, column, low, high,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
    WEIGHTS_FIRST: tl.constexpr, JOIN: tl.constexpr, SCALE_WEIGHTS: tl.constexpr,
    EVEN_M: tl.constexpr, EVEN_N: tl.constexpr,
):  # fmt: skip
    """Steps low … high-1 of BLOCK_K over k: a float32 tile [BLOCK_M, BLOCK_N], transposed if WEIGHTS_FIRST."""
    DTYPE: tl.constexpr = a_ptr.dtype.element_ty
    BF16: tl.constexpr = a_ptr.dtype.element_ty == tl.bfloat16
    HALF_K: tl.constexpr = BLOCK_K // 2
    HALF_GROUP: tl.constexpr = GROUP // 2
    STEPS: tl.constexpr = GROUP // BLOCK_K
    rows = row + tl.arange(0, BLOCK_M)
    columns = column + tl.arange(0, BLOCK_N)
    row_inside = rows < m
    column_inside = columns < n
    if JOIN:
        order = tl.arange(0, BLOCK_K)
        depth = order % HALF_K + order // HALF_K * HALF_GROUP
    else:
        depth = tl.arange(0, HALF_K)
    a_tile = a_ptr + rows[:, None] * k + depth[None, :]
    w_tile = w_ptr + columns[:, None] * row_bytes + tl.arange(0, HALF_K)[None, :]
    if WEIGHTS_FIRST:
        accumulator = tl.zeros((BLOCK_N, BLOCK_M), dtype=tl.float32)
    else:
        accumulator = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for step in tl.range(low, high):
        group = step // STEPS
        start_a = group * GROUP + step % STEPS * HALF_K
        packed = _load(w_tile + step * HALF_K, column_inside, EVEN_N)
        if EVEN_N:
            pair = tl.load(scales_ptr + group * n + columns)
        else:
            pair = tl.load(scales_ptr + group * n + columns, mask=column_inside, other=0)
        scale = (pair & 0xFFFF).to(tl.uint16).to(DTYPE, bitcast=True)
        zero = (pair >> 16).to(tl.uint16).to(DTYPE, bitcast=True)
        zero = (zero.to(tl.float32) + _offset(BF16)).to(DTYPE)[:, None]
        first = _as_floats(packed & 15, BF16) - zero
        second = _as_floats(packed >> 4, BF16) - zero
        if SCALE_WEIGHTS:
            first *= scale[:, None]
            second *= scale[:, None]
            share = accumulator
        else:
            share = tl.zeros_like(accumulator)
        if JOIN:
            joined = tl.reshape(tl.permute(tl.join(first, second), (0, 2, 1)), (BLOCK_N, BLOCK_K))
            share = _multiply(_load(a_tile + start_a, row_inside, EVEN_M), joined, share, WEIGHTS_FIRST)
        else:
            share = _multiply(_load(a_tile + start_a, row_inside, EVEN_M), first, share, WEIGHTS_FIRST)
            a_second = _load(a_tile + start_a + HALF_GROUP, row_inside, EVEN_M)
            share = _multiply(a_second, second, share, WEIGHTS_FIRST)
        if SCALE_WEIGHTS:
            accumulator = share
        elif WEIGHTS_FIRST:
            accumulator += share * scale.to(tl.float32)[:, None]
        else:
            accumulator += share * scale.to(tl.float32)[None, :]
    return accumulator


@triton.jit
def _tile(
    a_ptr, w_ptr, scales_ptr, c_ptr, m, n, k, row_bytes, tile, low, high,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
    WEIGHTS_FIRST: tl.constexpr, JOIN: tl.constexpr, SCALE_WEIGHTS: tl.constexpr,
    EVEN_M: tl.constexpr, EVEN_N: tl.constexpr,
):  # fmt: skip
    """Compute and store one tile of c; tiles that share weights come one after the other."""
    tiles_m = tl.cdiv(m, BLOCK_M)
    row = tile % tiles_m * BLOCK_M
    column = tile // tiles_m * BLOCK_N
    c = _product(
        a_ptr, w_ptr, scales_ptr, m, n, k, row_bytes, row, column, low, high,
        BLOCK_M, BLOCK_N, BLOCK_K, GROUP, WEIGHTS_FIRST, JOIN, SCALE_WEIGHTS, EVEN_M, EVEN_N,
    )  # fmt: skip
    rows = row + tl.arange(0, BLOCK_M)
    columns = column + tl.arange(0, BLOCK_N)
    if WEIGHTS_FIRST:
        offsets = rows[None, :] * n + columns[:, None]
        inside = (rows < m)[None, :] & (columns < n)[:, None]
    else:
        offsets = rows[:, None] * n + columns[None, :]
        inside = (rows < m)[:, None] & (columns < n)[None, :]
    if EVEN_M and EVEN_N:
        tl.store(c_ptr + offsets, c.to(c_ptr.dtype.element_ty))
    else:
        tl.store(c_ptr + offsets, c.to(c_ptr.dtype.element_ty), mask=inside)


@triton.jit
def _int4_kernel(
    a_ptr, w_ptr, scales_ptr, c_ptr, m, n, k, row_bytes,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
    WEIGHTS_FIRST: tl.constexpr, JOIN: tl.constexpr, SCALE_WEIGHTS: tl.constexpr,
    EVEN_M: tl.constexpr, EVEN_N: tl.constexpr, SPLIT_K: tl.constexpr, PERSISTENT: tl.constexpr,
):  # fmt: skip
    """Axis 0: tiles, or P persistent programs that walk over them; axis 1: slices of k and of c [SPLIT_K, m, n]."""
    steps = k // BLOCK_K
    if PERSISTENT:
        tiles = tl.cdiv(m, BLOCK_M) * tl.cdiv(n, BLOCK_N)
        for tile in tl.range(tl.program_id(0), tiles, tl.num_programs(0)):
            _tile(
                a_ptr, w_ptr, scales_ptr, c_ptr, m, n, k, row_bytes, tile, 0, steps,
                BLOCK_M, BLOCK_N, BLOCK_K, GROUP, WEIGHTS_FIRST, JOIN, SCALE_WEIGHTS, EVEN_M, EVEN_N,
            )  # fmt: skip
    else:
        slice_k = tl.cdiv(steps, SPLIT_K)
        low = tl.program_id(1) * slice_k
        _tile(
            a_ptr, w_ptr, scales_ptr, c_ptr + tl.program_id(1).to(tl.int64) * m * n,
            m, n, k, row_bytes, tl.program_id(0), low, min(steps, low + slice_k),
            BLOCK_M, BLOCK_N, BLOCK_K, GROUP, WEIGHTS_FIRST, JOIN, SCALE_WEIGHTS, EVEN_M, EVEN_N,
        )  # fmt: skip


@dataclass(frozen=True)
class Int4Gemm(Kernel):
    """C [m, n] = A [m, k] · Wᵀ, W [n, k] = (q - zero)·scale with q in 0 … 15.

    ``w`` [n, k/2], uint8: byte j of a group holds q of the group's column j in its low half and q of column
    j + group/2 in its high half. ``scales`` [k/group, n], int32, holds a scale in its low half and a zero, a whole
    number, in its high half, both of the activations' dtype: four bytes are the least that is copied asynchronously.

    Raises:
        ValueError: for a dtype other than bf16/fp16, a group that is no power of two in 32 … 256, a k that is no
            multiple of it, or a matrix of 2^31 elements or more (32-bit offsets).
    """

    m: int
    n: int
    k: int
    group: int = 128
    dtype: str = "bf16"

    def __post_init__(self) -> None:
        if self.dtype not in ("bf16", "fp16"):
            raise ValueError(f"dtype={self.dtype}: expected bf16 or fp16")
        if self.group not in (32, 64, 128, 256):
            raise ValueError(f"group={self.group}: expected 32, 64, 128 or 256")
        if min(self.m, self.n, self.k) < 1:
            raise ValueError(f"shape={self.m}x{self.n}x{self.k}: expected positive sizes")
        if self.k % self.group:
            raise ValueError(f"k={self.k}: expected a multiple of group={self.group}")
        if max(self.m * self.k, self.k * self.n, self.m * self.n) >= 2**31:
            raise ValueError(f"shape={self.m}x{self.n}x{self.k}: expected matrices below 2^31 elements")

    @property
    def name(self) -> str:
        return f"int4_gemm-{self.m}x{self.n}x{self.k}-group{self.group}-{self.dtype}"

    @property
    def flops(self) -> float:
        return 2.0 * self.m * self.n * self.k

    @property
    def bytes_moved(self) -> float:
        """Activations and result, half a byte a weight, a scale and a zero a group."""
        return 2.0 * self.m * (self.k + self.n) + self.n * self.k * (0.5 + 4.0 / self.group)

    @property
    def tolerance(self) -> float:
        """Rounding the result costs half an ulp at up to 5.5 RMS: 2⁻⁶ = 0.016 in bf16 and 2⁻⁹ = 0.002 in fp16.

        A scaled weight is rounded too, by 2⁻⁹ of itself at most in bf16: over k terms of random sign about
        0.001 RMS, 0.005 at its worst element (an eighth of that in fp16). Two and a half times the first, as for
        matmul, passes both; a lost block of 64 of k = 28,672 is wrong by √(64/28672) = 0.047 RMS on average and
        by 0.2 at its worst element.
        """
        return {"bf16": 0.04, "fp16": 0.005}[self.dtype]

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Normal A, uniform q, zeros 6 … 9 and scales within 0.5 … 1.5 of what gives C unit variance."""
        device = generator.device
        groups = (self.k // self.group, self.n)
        a = torch.randn((self.m, self.k), generator=generator, device=device)
        w = torch.randint(0, 256, (self.n, self.k // 2), generator=generator, device=device, dtype=torch.uint8)
        spread = torch.rand(groups, generator=generator, device=device) + 0.5
        zero = torch.randint(6, 10, groups, generator=generator, device=device)
        deviation = 4.9 * self.k**0.5  # of a sum of k products with q - zero, whose mean square is near 22.5 · 13/12
        scales = torch.stack([spread / deviation, zero], dim=-1).to(self.torch_dtype)
        return {"a": a.to(self.torch_dtype), "w": w, "scales": scales.view(torch.int32)[:, :, 0].contiguous()}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {"c": torch.empty((self.m, self.n), dtype=self.torch_dtype, device=device)}

    def integers(self, w: torch.Tensor) -> torch.Tensor:
        """q, uint8 [rows of w, k], in order of k."""
        halves = w.view(w.shape[0], -1, 1, self.group // 2)
        return torch.cat([halves & 15, halves >> 4], dim=2).view(w.shape[0], self.k)

    def scales_and_zeros(self, scales: torch.Tensor) -> torch.Tensor:
        """The two halves of ``scales``, [k/group, n, 2] of the activations' dtype."""
        return scales[:, :, None].view(self.torch_dtype)

    def _weights(self, inputs: Buffers, first: int, last: int) -> torch.Tensor:
        """Rows first … last-1 of W, float64."""
        q = self.integers(inputs["w"][first:last]).double().view(last - first, -1, self.group)
        scale, zero = self.scales_and_zeros(inputs["scales"])[:, first:last].double().permute(2, 1, 0)[..., None]
        return ((q - zero) * scale).view(last - first, self.k)

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        """The product in float64, some rows of W at a time."""
        step = max(1, REFERENCE_WEIGHTS // self.k)
        ranges = [(first, min(self.n, first + step)) for first in range(0, self.n, step)]
        a = inputs["a"].double()
        return {"c": torch.cat([a @ self._weights(inputs, *rows).T for rows in ranges], dim=1)}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        """PyTorch's int4 product for few rows in bf16; else cuBLAS on weights that were made bf16 or fp16 before.

        The second reads four times the bytes and dequantises nothing: where m is large it is a bound, and no
        kernel that starts from int4 reaches it.
        """
        a = inputs["a"]
        if self.dtype == "bf16" and self.m <= TINYGEMM_M and self.n % 8 == 0 and self.k % 128 == 0:
            q = self.integers(inputs["w"])
            packed = torch.ops.aten._convert_weight_to_int4pack((q[:, ::2] << 4) | q[:, 1::2], 8)
            scale, zero = self.scales_and_zeros(inputs["scales"]).unbind(-1)
            scale_and_shift = torch.stack([scale, (8 - zero) * scale], dim=-1)  # it computes (q - 8)·scale + shift
            call = torch.ops.aten._weight_int4pack_mm
            return "tinygemm (torch int4)", lambda: call(a, packed, self.group, scale_and_shift)
        step = max(1, REFERENCE_WEIGHTS // self.k)
        rows = [self._weights(inputs, i, min(self.n, i + step)).to(self.torch_dtype) for i in range(0, self.n, step)]
        w = torch.cat(rows).T
        out = torch.empty((self.m, self.n), dtype=self.torch_dtype, device=a.device)
        return f"cuBLAS ({self.dtype} weights)", lambda: torch.matmul(a, w, out=out)

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        schedule = configuration["schedule"]
        block_m, block_n = configuration["block_m"], configuration["block_n"]
        split_k = configuration["split_k"] if schedule == "split_k" else 1
        constants = {
            "BLOCK_M": block_m,
            "BLOCK_N": block_n,
            "BLOCK_K": configuration["block_k"],
            "GROUP": self.group,
            "WEIGHTS_FIRST": configuration["operands"] == "weights_first",
            "JOIN": configuration["unpack"] == "join",
            "SCALE_WEIGHTS": configuration["scaled"] == "weights",
            "EVEN_M": self.m % block_m == 0,
            "EVEN_N": self.n % block_n == 0,
            "SPLIT_K": split_k,
            "PERSISTENT": schedule == "persistent",
        }
        arguments: dict[str, Buffer | Scalar] = {
            **{f"{name}_ptr": Buffer(name) for name in ("a", "w", "scales")},
            "c_ptr": Buffer("partials" if split_k > 1 else "c"),
            **{"m": self.m, "n": self.n, "k": self.k, "row_bytes": self.k // 2},
        }
        options = {name: int(configuration[name]) for name in ("num_warps", "num_stages")}
        tiles = triton.cdiv(self.m, block_m) * triton.cdiv(self.n, block_n)
        programs = min(tiles, sm_count * configuration["ctas_per_sm"]) if schedule == "persistent" else tiles
        product = Launch(_int4_kernel, (programs, split_k, 1), arguments, constants, options)
        if split_k == 1:
            return Plan((product,))
        elements = self.m * self.n
        add = Launch(
            _add_partials_kernel,
            (triton.cdiv(elements, REDUCE_BLOCK), 1, 1),
            {"partials_ptr": Buffer("partials"), "c_ptr": Buffer("c"), "elements": elements},
            {"SPLIT_K": split_k, "BLOCK": REDUCE_BLOCK},
            {"num_warps": 4, "num_stages": 1},
        )
        return Plan((product, add), {"partials": Scratch((split_k, self.m, self.n), torch.float32)})
