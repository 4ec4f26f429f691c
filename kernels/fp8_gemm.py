"""Block-scaled fp8 product C = A·Wᵀ as in DeepSeek-V3's linear layers (arXiv:2412.19437, section 3.3).

A and W are e4m3. Each 128 values of a row of A share a float32 scale, and so does each block of 128 x 128 of W.
*product*: tensor cores multiply one step of k, and its float32 result is scaled and added up outside of them, which
also keeps Hopper's short fp8 accumulation to one step. (In tiles of fewer than 64 rows, which wgmma does not take,
Triton 3.6 and 3.7 multiply the same values as fp16.) *operands*: both tiles are scaled and rounded to the output's
type, whose tensor cores accumulate. Schedules are those of ``kernels.matmul``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl

from kernels.base import Buffer, Buffers, Kernel, Launch, Plan, Scalar, Scratch
from kernels.block_scales import GROUP, dequantised, quantised
from kernels.split_k import add_slices

SCALED = tl.constexpr(GROUP)
"""Values of k, and rows of W, that share a scale."""


@triton.jit
def _tile_origin(tile, m, n, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, GROUP_M: tl.constexpr):
    """First row and column of a tile; GROUP_M rows of tiles are walked together so that they share L2."""
    tiles_n = tl.cdiv(n, BLOCK_N)
    first = tile // (GROUP_M * tiles_n) * GROUP_M
    rows = min(tl.cdiv(m, BLOCK_M) - first, GROUP_M)
    within = tile % (GROUP_M * tiles_n)
    return (first + within % rows) * BLOCK_M, (within // rows) * BLOCK_N


@triton.jit
def _operands(
    a_ptr, w_ptr, m, n, k, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, DESCRIPTOR: tl.constexpr
):  # fmt: skip
    """Where tiles come from: tensor descriptors, made once per program, or the pointers themselves."""
    a = a_ptr
    w = w_ptr
    if DESCRIPTOR:
        a = tl.make_tensor_descriptor(a_ptr, [m, k], [k, 1], [BLOCK_M, BLOCK_K])
        w = tl.make_tensor_descriptor(w_ptr, [n, k], [k, 1], [BLOCK_N, BLOCK_K])
    return a, w


@triton.jit
def _load_operands(
    a, w, m, n, k, row, column, start,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
    DESCRIPTOR: tl.constexpr, EVEN_K: tl.constexpr,
):  # fmt: skip
    """A[row:, start:] as [BLOCK_M, BLOCK_K] and W[column:, start:] as [BLOCK_N, BLOCK_K], zero past the end of k."""
    if DESCRIPTOR:
        a_block = a.load([row, start])
        w_block = w.load([column, start])
    else:
        # The last row again, rather than a mask, past the last one: what comes of it is not stored.
        depth = start + tl.arange(0, BLOCK_K)
        a_tile = a + tl.minimum(row + tl.arange(0, BLOCK_M), m - 1)[:, None] * k + depth[None, :]
        w_tile = w + tl.minimum(column + tl.arange(0, BLOCK_N), n - 1)[:, None] * k + depth[None, :]
        if EVEN_K:
            a_block = tl.load(a_tile)
            w_block = tl.load(w_tile)
        else:
            a_block = tl.load(a_tile, mask=(depth < k)[None, :], other=0.0)
            w_block = tl.load(w_tile, mask=(depth < k)[None, :], other=0.0)
    return a_block, w_block


@triton.jit
def _load_scales(a_scales_ptr, w_scales_ptr, m, n, k, row, column, start, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    """Scales of the rows [BLOCK_M] and of the columns, [BLOCK_N] or one for all, in the group of k at ``start``."""
    group = start // SCALED
    a_scale = tl.load(a_scales_ptr + group * m + tl.minimum(row + tl.arange(0, BLOCK_M), m - 1))
    if BLOCK_N <= SCALED:
        w_scale = tl.load(w_scales_ptr + column // SCALED * tl.cdiv(k, SCALED) + group)
    else:
        columns = tl.minimum(column + tl.arange(0, BLOCK_N), n - 1)
        w_scale = tl.load(w_scales_ptr + columns // SCALED * tl.cdiv(k, SCALED) + group)
    return a_scale, w_scale


@triton.jit
def _product(
    a, w, a_scales, w_scales, m, n, k, row, column, k_low, k_high,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
    DESCRIPTOR: tl.constexpr, EVEN_K: tl.constexpr,
    SCALE_OPERANDS: tl.constexpr, SCALES_AHEAD: tl.constexpr, BF16: tl.constexpr,
):  # fmt: skip
    """The scaled product of rows and columns over k_low … k_high-1 as a float32 tile [BLOCK_M, BLOCK_N]."""
    accumulator = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    if SCALES_AHEAD:
        first = tl.minimum(k_low, k - 1)  # a slice without work has none of its own
        a_next, w_next = _load_scales(a_scales, w_scales, m, n, k, row, column, first, BLOCK_M, BLOCK_N)
    for start in tl.range(k_low, k_high, BLOCK_K):
        if SCALES_AHEAD:
            a_scale = a_next
            w_scale = w_next
            following = tl.minimum(start + BLOCK_K, k - 1)
            a_next, w_next = _load_scales(a_scales, w_scales, m, n, k, row, column, following, BLOCK_M, BLOCK_N)
        else:
            a_scale, w_scale = _load_scales(a_scales, w_scales, m, n, k, row, column, start, BLOCK_M, BLOCK_N)
        a_block, w_block = _load_operands(
            a, w, m, n, k, row, column, start, BLOCK_M, BLOCK_N, BLOCK_K, DESCRIPTOR, EVEN_K
        )
        if SCALE_OPERANDS:
            a_scaled = a_block.to(tl.float32) * a_scale[:, None]
            w_scaled = w_block.to(tl.float32) * (w_scale if BLOCK_N <= SCALED else w_scale[:, None])
            if BF16:
                accumulator = tl.dot(a_scaled.to(tl.bfloat16), w_scaled.to(tl.bfloat16).T, accumulator)
            else:
                accumulator = tl.dot(a_scaled.to(tl.float16), w_scaled.to(tl.float16).T, accumulator)
        elif BLOCK_N <= SCALED:
            accumulator += tl.dot(a_block, w_block.T) * (a_scale * w_scale)[:, None]
        else:
            accumulator += tl.dot(a_block, w_block.T) * a_scale[:, None] * w_scale[None, :]
    return accumulator


@triton.jit
def _store_tile(
    c_ptr, accumulator, m, n, row, column, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, EVEN: tl.constexpr
):
    rows = row + tl.arange(0, BLOCK_M)
    columns = column + tl.arange(0, BLOCK_N)
    c = accumulator.to(c_ptr.dtype.element_ty)
    c_tile = c_ptr + rows[:, None] * n + columns[None, :]
    if EVEN:
        tl.store(c_tile, c)
    else:
        tl.store(c_tile, c, mask=(rows < m)[:, None] & (columns < n)[None, :])


@triton.jit
def _one_tile_kernel(
    a_ptr, w_ptr, a_scales_ptr, w_scales_ptr, c_ptr, m, n, k,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP_M: tl.constexpr,
    SPLIT_K: tl.constexpr, DESCRIPTOR: tl.constexpr, EVEN_MN: tl.constexpr,
    EVEN_K: tl.constexpr, SCALE_OPERANDS: tl.constexpr, SCALES_AHEAD: tl.constexpr, BF16: tl.constexpr,
):  # fmt: skip
    """One output tile per program; with SPLIT_K > 1, axis 1 picks the slice of k and of c [SPLIT_K, m, n]."""
    row, column = _tile_origin(tl.program_id(0), m, n, BLOCK_M, BLOCK_N, GROUP_M)
    k_low = 0
    k_high = k
    if SPLIT_K > 1:
        slice_k = tl.cdiv(tl.cdiv(k, BLOCK_K), SPLIT_K) * BLOCK_K
        k_low = tl.program_id(1) * slice_k
        k_high = min(k, k_low + slice_k)
        c_ptr += tl.program_id(1).to(tl.int64) * m * n
    a, w = _operands(a_ptr, w_ptr, m, n, k, BLOCK_M, BLOCK_N, BLOCK_K, DESCRIPTOR)
    accumulator = _product(
        a, w, a_scales_ptr, w_scales_ptr, m, n, k, row, column, k_low, k_high,
        BLOCK_M, BLOCK_N, BLOCK_K, DESCRIPTOR, EVEN_K, SCALE_OPERANDS, SCALES_AHEAD, BF16,
    )  # fmt: skip
    _store_tile(c_ptr, accumulator, m, n, row, column, BLOCK_M, BLOCK_N, EVEN_MN)


@triton.jit
def _persistent_kernel(
    a_ptr, w_ptr, a_scales_ptr, w_scales_ptr, c_ptr, m, n, k,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP_M: tl.constexpr,
    DESCRIPTOR: tl.constexpr, EVEN_MN: tl.constexpr,
    EVEN_K: tl.constexpr, SCALE_OPERANDS: tl.constexpr, SCALES_AHEAD: tl.constexpr, BF16: tl.constexpr,
):  # fmt: skip
    """Program p computes tiles p, p + P, p + 2P … of P programs."""
    a, w = _operands(a_ptr, w_ptr, m, n, k, BLOCK_M, BLOCK_N, BLOCK_K, DESCRIPTOR)
    for tile in tl.range(tl.program_id(0), tl.cdiv(m, BLOCK_M) * tl.cdiv(n, BLOCK_N), tl.num_programs(0)):
        row, column = _tile_origin(tile, m, n, BLOCK_M, BLOCK_N, GROUP_M)
        accumulator = _product(
            a, w, a_scales_ptr, w_scales_ptr, m, n, k, row, column, 0, k,
            BLOCK_M, BLOCK_N, BLOCK_K, DESCRIPTOR, EVEN_K, SCALE_OPERANDS, SCALES_AHEAD, BF16,
        )  # fmt: skip
        _store_tile(c_ptr, accumulator, m, n, row, column, BLOCK_M, BLOCK_N, EVEN_MN)


@dataclass(frozen=True)
class Fp8Gemm(Kernel):
    """C [m, n] of A [m, k] and W [n, k], row-major e4m3, with scales [⌈k/128⌉, m] and [⌈n/128⌉, ⌈k/128⌉] in float32.

    ``dtype`` is that of C.

    Raises:
        ValueError: for a dtype other than bf16/fp16, or a matrix of 2^31 elements or more (32-bit offsets).
    """

    m: int
    n: int
    k: int
    dtype: str = "bf16"

    def __post_init__(self) -> None:
        if self.dtype not in ("bf16", "fp16"):
            raise ValueError(f"dtype={self.dtype}: expected bf16 or fp16, of the output")
        if min(self.m, self.n, self.k) < 1:
            raise ValueError(f"shape={self.m}x{self.n}x{self.k}: expected positive sizes")
        if max(self.m * self.k, self.k * self.n, self.m * self.n) >= 2**31:
            raise ValueError(f"shape={self.m}x{self.n}x{self.k}: expected matrices below 2^31 elements")

    @property
    def name(self) -> str:
        return f"fp8_gemm-{self.m}x{self.n}x{self.k}-{self.dtype}"

    @property
    def _groups(self) -> int:
        return triton.cdiv(self.k, GROUP)

    @property
    def flops(self) -> float:
        return 2.0 * self.m * self.n * self.k

    @property
    def bytes_moved(self) -> float:
        scales = self._groups * (self.m + triton.cdiv(self.n, GROUP))
        return 1.0 * (self.m * self.k + self.n * self.k) + 4.0 * scales + 2.0 * self.m * self.n

    @property
    def tolerance(self) -> float:
        """Rounding a result between 4 and 8 RMS, the largest of 10⁷, costs 0.016 in bf16 and 0.002 in fp16.

        Operands rounded to that type, each by 2⁻⁹ (2⁻¹²) at most and 0.0011 (0.00014) RMS, add 5.5 · √2 times that
        at the worst element: 0.009 (0.001). Hopper adds up fp8 products with about 14 bits, and here not over more
        than 128 of them: DeepSeek measured 2% over k = 4096 (arXiv:2412.19437), so below 0.001. Three times their sum
        also passes roundings towards zero, as in Triton's interpreter, which shrink both operands and the result. One
        missing group of 128 of k = 16384 is wrong by √(128/16384) = 0.09 RMS on average and 0.4 at its worst element,
        and neighbours' scales in all groups by a quarter of an RMS on average.
        """
        return {"bf16": 0.08, "fp16": 0.01}[self.dtype]

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Normal values, W's over √k, so that C has a variance of about 1 at every k."""
        groups, blocks = self._groups, triton.cdiv(self.n, GROUP)
        a, a_scales = quantised((self.m, self.k), (self.m, groups), 1.0, generator)
        w, w_scales = quantised((self.n, self.k), (blocks, groups), self.k**-0.5, generator)
        return {"a": a, "w": w, "a_scales": a_scales.T.contiguous(), "w_scales": w_scales}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {"c": torch.empty((self.m, self.n), dtype=self.torch_dtype, device=device)}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        """The product of the values that the quantised inputs stand for, in float64."""
        return {"c": dequantised(inputs["a"], inputs["a_scales"].T) @ dequantised(inputs["w"], inputs["w_scales"]).T}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        """cuBLAS's block-scaled product through ``torch.nn.functional.scaled_mm`` where it takes these inputs.

        Elsewhere (CUDA before 12.9, an output of fp16, m not divisible by 4) 16-bit cuBLAS on operands that were
        dequantised beforehand; the name says so.
        """
        a, w = inputs["a"], inputs["w"]
        # cuBLAS wants as many groups of k as a multiple of 4, and scales of A with rows next to each other.
        a_scales = inputs["a_scales"].T
        w_scales = torch.nn.functional.pad(inputs["w_scales"], (0, -self._groups % 4)).T

        def scaled() -> torch.Tensor:
            functional: Any = torch.nn.functional
            kinds = functional.ScalingType
            return functional.scaled_mm(
                a, w.T, a_scales, kinds.BlockWise1x128, w_scales, kinds.BlockWise128x128, output_dtype=self.torch_dtype
            )

        try:
            scaled()
        except (RuntimeError, ValueError, NotImplementedError, AttributeError):
            a16 = dequantised(a, inputs["a_scales"].T).to(self.torch_dtype)
            w16 = dequantised(w, inputs["w_scales"]).to(self.torch_dtype)
            return f"cuBLAS in {self.dtype}, dequantised beforehand", lambda: a16 @ w16.T
        return "cuBLAS, scaled_mm of 1x128 and 128x128", scaled

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        schedule = configuration["schedule"]
        block_m, block_n, block_k = (configuration[f"block_{axis}"] for axis in "mnk")
        constants = {
            "BLOCK_M": block_m,
            "BLOCK_N": block_n,
            "BLOCK_K": block_k,
            "GROUP_M": configuration["group_m"],
            "DESCRIPTOR": configuration["operand_load"] == "descriptor",
            "EVEN_MN": self.m % block_m == 0 and self.n % block_n == 0,
            "EVEN_K": self.k % block_k == 0,
            "SCALE_OPERANDS": configuration["scaling"] == "operands",
            "SCALES_AHEAD": configuration.get("scale_load") == "ahead",
            "BF16": self.dtype == "bf16",
        }
        options = {name: int(configuration[name]) for name in ("num_warps", "num_stages")}
        split_k = configuration["split_k"] if schedule == "split_k" else 1
        arguments: dict[str, Buffer | Scalar] = {
            **{f"{name}_ptr": Buffer(name) for name in ("a", "w", "a_scales", "w_scales")},
            "c_ptr": Buffer("partials" if split_k > 1 else "c"),
            **{"m": self.m, "n": self.n, "k": self.k},
        }
        tiles = triton.cdiv(self.m, block_m) * triton.cdiv(self.n, block_n)
        if schedule == "persistent":
            programs = min(tiles, sm_count * configuration["ctas_per_sm"])
            return Plan((Launch(_persistent_kernel, (programs, 1, 1), arguments, constants, options),))
        product = Launch(_one_tile_kernel, (tiles, split_k, 1), arguments, {**constants, "SPLIT_K": split_k}, options)
        if split_k == 1:
            return Plan((product,))
        return Plan(
            (product, add_slices("partials", "c", split_k, self.m * self.n)),
            {"partials": Scratch((split_k, self.m, self.n), torch.float32)},
        )
