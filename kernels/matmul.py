"""Dense matrix product C = A·B: bf16/fp16 in and out, float32 accumulation.

Three schedules share one main loop: *data_parallel* (a program per output tile), *persistent* (a fixed
number of programs that walk over the tiles) and *split_k* (several programs per tile, each over a slice
of k, whose float32 partial tiles a second launch adds in a fixed order: no atomics, so deterministic).
Tiles come through pointers (``cp.async``) or through tensor descriptors (TMA).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl

from kernels.base import Buffer, Buffers, Kernel, Launch, Plan, Scalar, Scratch

DESCRIPTOR_ALIGNMENT = 16
REDUCE_BLOCK = 1024


@triton.jit
def _tile_origin(tile, m, n, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, GROUP_M: tl.constexpr):
    """First row and column of a tile; GROUP_M rows of tiles are walked together so that they share L2."""
    tiles_m = tl.cdiv(m, BLOCK_M)
    tiles_n = tl.cdiv(n, BLOCK_N)
    group = tile // (GROUP_M * tiles_n)
    first_m = group * GROUP_M
    rows = min(tiles_m - first_m, GROUP_M)
    within = tile % (GROUP_M * tiles_n)
    return (first_m + within % rows) * BLOCK_M, (within // rows) * BLOCK_N


@triton.jit
def _operands(
    a_ptr, b_ptr, c_ptr, m, n, k,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
    LOAD_DESCRIPTOR: tl.constexpr, STORE_DESCRIPTOR: tl.constexpr,
):  # fmt: skip
    """Where tiles come from and go to: tensor descriptors, made once per program, or the pointers themselves."""
    a = a_ptr
    b = b_ptr
    c = c_ptr
    if LOAD_DESCRIPTOR:
        a = tl.make_tensor_descriptor(a_ptr, [m, k], [k, 1], [BLOCK_M, BLOCK_K])
        b = tl.make_tensor_descriptor(b_ptr, [k, n], [n, 1], [BLOCK_K, BLOCK_N])
    if STORE_DESCRIPTOR:
        c = tl.make_tensor_descriptor(c_ptr, [m, n], [n, 1], [BLOCK_M, BLOCK_N])
    return a, b, c


@triton.jit
def _product(
    a, b, m, n, k, row, column, k_low, k_high,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
    LOAD_DESCRIPTOR: tl.constexpr, EVEN_MN: tl.constexpr, EVEN_K: tl.constexpr,
):  # fmt: skip
    """A[row:, k_low:k_high] @ B[k_low:k_high, column:] as a float32 tile [BLOCK_M, BLOCK_N], zero outside."""
    accumulator = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    if LOAD_DESCRIPTOR:
        for start in tl.range(k_low, k_high, BLOCK_K):
            accumulator = tl.dot(a.load([row, start]), b.load([start, column]), accumulator)
    else:
        rows = row + tl.arange(0, BLOCK_M)
        columns = column + tl.arange(0, BLOCK_N)
        depth = tl.arange(0, BLOCK_K)
        a_tile = a + rows[:, None] * k + depth[None, :]
        b_tile = b + depth[:, None] * n + columns[None, :]
        for start in tl.range(k_low, k_high, BLOCK_K):
            if EVEN_MN and EVEN_K:
                a_block = tl.load(a_tile + start)
                b_block = tl.load(b_tile + start * n)
            else:
                inside = start + depth < k_high
                a_block = tl.load(a_tile + start, mask=(rows < m)[:, None] & inside[None, :], other=0.0)
                b_block = tl.load(b_tile + start * n, mask=inside[:, None] & (columns < n)[None, :], other=0.0)
            accumulator = tl.dot(a_block, b_block, accumulator)
    return accumulator


@triton.jit
def _store_tile(
    c_ptr, c_descriptor, accumulator, m, n, row, column,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, EVEN_MN: tl.constexpr, STORE_DESCRIPTOR: tl.constexpr,
):  # fmt: skip
    c = accumulator.to(c_ptr.dtype.element_ty)
    if STORE_DESCRIPTOR:
        c_descriptor.store([row, column], c)
    else:
        rows = row + tl.arange(0, BLOCK_M)
        columns = column + tl.arange(0, BLOCK_N)
        c_tile = c_ptr + rows[:, None] * n + columns[None, :]
        if EVEN_MN:
            tl.store(c_tile, c)
        else:
            tl.store(c_tile, c, mask=(rows < m)[:, None] & (columns < n)[None, :])


@triton.jit
def _one_tile_kernel(
    a_ptr, b_ptr, c_ptr, m, n, k,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP_M: tl.constexpr,
    SPLIT_K: tl.constexpr, LOAD_DESCRIPTOR: tl.constexpr, STORE_DESCRIPTOR: tl.constexpr,
    EVEN_MN: tl.constexpr, EVEN_K: tl.constexpr,
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
    a, b, c = _operands(a_ptr, b_ptr, c_ptr, m, n, k, BLOCK_M, BLOCK_N, BLOCK_K, LOAD_DESCRIPTOR, STORE_DESCRIPTOR)
    accumulator = _product(
        a, b, m, n, k, row, column, k_low, k_high, BLOCK_M, BLOCK_N, BLOCK_K, LOAD_DESCRIPTOR, EVEN_MN, EVEN_K
    )
    _store_tile(c_ptr, c, accumulator, m, n, row, column, BLOCK_M, BLOCK_N, EVEN_MN, STORE_DESCRIPTOR)


@triton.jit
def _persistent_kernel(
    a_ptr, b_ptr, c_ptr, m, n, k,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP_M: tl.constexpr,
    LOAD_DESCRIPTOR: tl.constexpr, STORE_DESCRIPTOR: tl.constexpr,
    EVEN_MN: tl.constexpr, EVEN_K: tl.constexpr,
):  # fmt: skip
    """Program p computes tiles p, p + P, p + 2P … of P programs, pipelined across tiles."""
    a, b, c = _operands(a_ptr, b_ptr, c_ptr, m, n, k, BLOCK_M, BLOCK_N, BLOCK_K, LOAD_DESCRIPTOR, STORE_DESCRIPTOR)
    tiles = tl.cdiv(m, BLOCK_M) * tl.cdiv(n, BLOCK_N)
    for tile in tl.range(tl.program_id(0), tiles, tl.num_programs(0), flatten=True):
        row, column = _tile_origin(tile, m, n, BLOCK_M, BLOCK_N, GROUP_M)
        accumulator = _product(
            a, b, m, n, k, row, column, 0, k, BLOCK_M, BLOCK_N, BLOCK_K, LOAD_DESCRIPTOR, EVEN_MN, EVEN_K
        )
        _store_tile(c_ptr, c, accumulator, m, n, row, column, BLOCK_M, BLOCK_N, EVEN_MN, STORE_DESCRIPTOR)


@triton.jit
def _add_partials_kernel(partials_ptr, c_ptr, elements, SPLIT_K: tl.constexpr, BLOCK: tl.constexpr):
    """c[elements] = sum over slices of partials [SPLIT_K, elements], always in the same order."""
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = offsets < elements
    total = tl.zeros((BLOCK,), dtype=tl.float32)
    for index in tl.static_range(SPLIT_K):
        slice_ptr = partials_ptr + tl.full((), index, tl.int64) * elements
        total += tl.load(slice_ptr + offsets, mask=inside, other=0.0)
    tl.store(c_ptr + offsets, total.to(c_ptr.dtype.element_ty), mask=inside)


@dataclass(frozen=True)
class Matmul(Kernel):
    """C [m, n] = A [m, k] · B [k, n], all row-major.

    Raises:
        ValueError: for a dtype other than bf16/fp16, or a matrix of 2^31 elements or more (32-bit offsets).
    """

    m: int
    n: int
    k: int
    dtype: str = "bf16"

    def __post_init__(self) -> None:
        if self.dtype not in ("bf16", "fp16"):
            raise ValueError(f"dtype={self.dtype}: expected bf16 or fp16")
        if min(self.m, self.n, self.k) < 1:
            raise ValueError(f"shape={self.m}x{self.n}x{self.k}: expected positive sizes")
        if max(self.m * self.k, self.k * self.n, self.m * self.n) >= 2**31:
            raise ValueError(f"shape={self.m}x{self.n}x{self.k}: expected matrices below 2^31 elements")

    @property
    def name(self) -> str:
        return f"matmul-{self.m}x{self.n}x{self.k}-{self.dtype}"

    @property
    def flops(self) -> float:
        return 2.0 * self.m * self.n * self.k

    @property
    def bytes_moved(self) -> float:
        return 2.0 * (self.m * self.k + self.k * self.n + self.m * self.n)

    @property
    def tolerance(self) -> float:
        """Rounding the result costs half an ulp; the largest of 10⁷ normal values is about 5.5 RMS.

        Between 4 and 8 that is 2⁻⁶ = 0.016 for bf16 and 2⁻⁹ = 0.002 for fp16; float32 accumulation adds
        under 1e-4. Two and a half times that also passes a rounding towards zero, while one missing block
        of 32 of k = 2048 is wrong by √(32/2048) = 0.125 RMS on average and 0.6 at its worst element.
        """
        return {"bf16": 0.04, "fp16": 0.005}[self.dtype]

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Standard normal A; B scaled by 1/√k, so that C has unit variance at every k."""
        shapes = {"a": (self.m, self.k), "b": (self.k, self.n)}
        values = {
            name: torch.randn(shape, generator=generator, device=generator.device) for name, shape in shapes.items()
        }
        values["b"] /= self.k**0.5
        return {name: value.to(self.torch_dtype) for name, value in values.items()}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {"c": torch.empty((self.m, self.n), dtype=self.torch_dtype, device=device)}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        """The product in float64 (67 TFLOP/s on an H100's tensor cores, so cheap there too)."""
        return {"c": inputs["a"].double() @ inputs["b"].double()}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        """cuBLAS through ``torch.matmul``, into a buffer of its own."""
        a, b = inputs["a"], inputs["b"]
        out = torch.empty((self.m, self.n), dtype=self.torch_dtype, device=a.device)
        return "cuBLAS", lambda: torch.matmul(a, b, out=out)

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        schedule = configuration["schedule"]
        constants = self._constants(configuration)
        options = {name: int(configuration[name]) for name in ("num_warps", "num_stages")}
        arguments: dict[str, Buffer | Scalar] = {
            **{f"{name}_ptr": Buffer(name) for name in "abc"},
            **{"m": self.m, "n": self.n, "k": self.k},
        }
        tiles = triton.cdiv(self.m, constants["BLOCK_M"]) * triton.cdiv(self.n, constants["BLOCK_N"])

        if schedule == "persistent":
            programs = min(tiles, sm_count * configuration["ctas_per_sm"])
            return Plan((Launch(_persistent_kernel, (programs, 1, 1), arguments, constants, options),))

        split_k = configuration["split_k"] if schedule == "split_k" else 1
        constants["SPLIT_K"] = split_k
        grid = (tiles, split_k, 1)
        if split_k == 1:
            return Plan((Launch(_one_tile_kernel, grid, arguments, constants, options),))

        arguments["c_ptr"] = Buffer("partials")
        partials = Scratch((split_k, self.m, self.n), torch.float32)
        return Plan(
            (Launch(_one_tile_kernel, grid, arguments, constants, options), self._add_partials(split_k)),
            {"partials": partials},
        )

    def _constants(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """The compile-time constants that every schedule shares."""
        block_m, block_n, block_k = (configuration[f"block_{axis}"] for axis in "mnk")
        return {
            "BLOCK_M": block_m,
            "BLOCK_N": block_n,
            "BLOCK_K": block_k,
            "GROUP_M": configuration["group_m"],
            "LOAD_DESCRIPTOR": configuration["operand_load"] == "descriptor",
            "STORE_DESCRIPTOR": configuration.get("store") == "descriptor",
            "EVEN_MN": self.m % block_m == 0 and self.n % block_n == 0,
            "EVEN_K": self.k % block_k == 0,
        }

    def _add_partials(self, split_k: int) -> Launch:
        elements = self.m * self.n
        return Launch(
            _add_partials_kernel,
            (triton.cdiv(elements, REDUCE_BLOCK), 1, 1),
            {"partials_ptr": Buffer("partials"), "c_ptr": Buffer("c"), "elements": elements},
            {"SPLIT_K": split_k, "BLOCK": REDUCE_BLOCK},
            {"num_warps": 4, "num_stages": 1},
        )
