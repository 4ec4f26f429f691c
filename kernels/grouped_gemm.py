"""Grouped matrix product of a mixture of experts: each expert's tokens times the expert's weights.

Tokens are sorted by expert, and where an expert's tokens begin is a tensor on the device: the host knows their sum
and no more, so it launches a program for every tile that there may be, and those past the last return at once.
Which expert and rows a tile has, each program finds from the offsets (*in_kernel*), or a launch before it writes
down for all (*precomputed*). Schedules are those of ``kernels.matmul``: *data_parallel*, *persistent* and, for few
tokens, *split_k*. Weights and tokens come through pointers (``cp.async``) or tensor descriptors (TMA).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import triton
import triton.language as tl

from kernels.base import Buffer, Buffers, Kernel, Launch, Plan, Scalar, Scratch
from kernels.grouped_tiles import count_row_tiles, locate_tile, map_tiles
from kernels.split_k import add_slices
from search_spaces.grouped_gemm import group_offsets

MOST_EXPERTS = 1024


@triton.jit
def _operands(
    x_ptr, w_ptr, tokens, n, k, EXPERTS: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
    TOKEN_DESCRIPTOR: tl.constexpr, WEIGHT_DESCRIPTOR: tl.constexpr,
):  # fmt: skip
    """Where tiles come from: tensor descriptors, made once per program, or the pointers themselves."""
    x = x_ptr
    w = w_ptr
    if TOKEN_DESCRIPTOR:
        x = tl.make_tensor_descriptor(x_ptr, [tokens, k], [k, 1], [BLOCK_M, BLOCK_K])
    if WEIGHT_DESCRIPTOR:
        w = tl.make_tensor_descriptor(w_ptr, [EXPERTS * k, n], [n, 1], [BLOCK_K, BLOCK_N])
    return x, w


@triton.jit
def _product(
    x, w, tokens, n, k, expert, row, column, k_low, k_high,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
    TOKEN_DESCRIPTOR: tl.constexpr, WEIGHT_DESCRIPTOR: tl.constexpr, EVEN_N: tl.constexpr, EVEN_K: tl.constexpr,
):  # fmt: skip
    """x[row:, k_low:k_high] @ w[expert, k_low:k_high, column:] as a float32 tile [BLOCK_M, BLOCK_N].

    Rows past the expert's own hold some other token's product and are not stored. Past the end of k the tokens
    are zero, and the weights whatever finite values come next.
    """
    # The last row again, rather than a mask, past the last token.
    rows = tl.minimum(row + tl.arange(0, BLOCK_M), tokens - 1)
    columns = column + tl.arange(0, BLOCK_N)
    depth = tl.arange(0, BLOCK_K)
    accumulator = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for start in tl.range(k_low, k_high, BLOCK_K):
        if TOKEN_DESCRIPTOR:
            x_block = x.load([row, start])
        else:
            x_tile = x + rows[:, None] * k + (start + depth)[None, :]
            x_block = tl.load(x_tile) if EVEN_K else tl.load(x_tile, mask=(start + depth < k)[None, :], other=0.0)
        if WEIGHT_DESCRIPTOR:
            w_block = w.load([expert * k + start, column])
        else:
            w_tile = w + expert.to(tl.int64) * k * n + (start + depth)[:, None] * n + columns[None, :]
            if EVEN_N and EVEN_K:
                w_block = tl.load(w_tile)
            else:
                w_block = tl.load(w_tile, mask=(start + depth < k)[:, None] & (columns < n)[None, :], other=0.0)
        accumulator = tl.dot(x_block, w_block, accumulator)
    return accumulator


@triton.jit
def _store_rows(
    y_ptr, accumulator, n, row, end, column, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, EVEN_N: tl.constexpr
):
    rows = row + tl.arange(0, BLOCK_M)
    columns = column + tl.arange(0, BLOCK_N)
    inside = (rows < end)[:, None] if EVEN_N else (rows < end)[:, None] & (columns < n)[None, :]
    tl.store(y_ptr + rows[:, None] * n + columns[None, :], accumulator.to(y_ptr.dtype.element_ty), mask=inside)


@triton.jit
def _one_tile_kernel(
    x_ptr, w_ptr, y_ptr, offsets_ptr, map_ptr, slots, tokens, n, k,
    EXPERTS: tl.constexpr, LANES: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP_M: tl.constexpr,
    SPLIT_K: tl.constexpr, MAPPED: tl.constexpr,
    TOKEN_DESCRIPTOR: tl.constexpr, WEIGHT_DESCRIPTOR: tl.constexpr, EVEN_N: tl.constexpr, EVEN_K: tl.constexpr,
):  # fmt: skip
    """One output tile per program; with SPLIT_K > 1, axis 1 picks the slice of k and of y [SPLIT_K, tokens, n]."""
    tile = tl.program_id(0)
    row_tiles = count_row_tiles(offsets_ptr, map_ptr, EXPERTS, LANES, BLOCK_M, MAPPED)
    if tile < row_tiles * tl.cdiv(n, BLOCK_N):
        expert, row, end, column = locate_tile(
            offsets_ptr, map_ptr, slots, tile, row_tiles, n, EXPERTS, LANES, BLOCK_M, BLOCK_N, GROUP_M, MAPPED
        )
        k_low = 0
        k_high = k
        if SPLIT_K > 1:
            slice_k = tl.cdiv(tl.cdiv(k, BLOCK_K), SPLIT_K) * BLOCK_K
            k_low = tl.program_id(1) * slice_k
            k_high = min(k, k_low + slice_k)
            y_ptr += tl.program_id(1).to(tl.int64) * tokens * n
        x, w = _operands(
            x_ptr, w_ptr, tokens, n, k, EXPERTS, BLOCK_M, BLOCK_N, BLOCK_K, TOKEN_DESCRIPTOR, WEIGHT_DESCRIPTOR
        )
        accumulator = _product(
            x, w, tokens, n, k, expert, row, column, k_low, k_high,
            BLOCK_M, BLOCK_N, BLOCK_K, TOKEN_DESCRIPTOR, WEIGHT_DESCRIPTOR, EVEN_N, EVEN_K,
        )  # fmt: skip
        _store_rows(y_ptr, accumulator, n, row, end, column, BLOCK_M, BLOCK_N, EVEN_N)


@triton.jit
def _persistent_kernel(
    x_ptr, w_ptr, y_ptr, offsets_ptr, map_ptr, slots, tokens, n, k,
    EXPERTS: tl.constexpr, LANES: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP_M: tl.constexpr,
    MAPPED: tl.constexpr,
    TOKEN_DESCRIPTOR: tl.constexpr, WEIGHT_DESCRIPTOR: tl.constexpr, EVEN_N: tl.constexpr, EVEN_K: tl.constexpr,
):  # fmt: skip
    """Program p computes tiles p, p + P, p + 2P … of P programs."""
    x, w = _operands(
        x_ptr, w_ptr, tokens, n, k, EXPERTS, BLOCK_M, BLOCK_N, BLOCK_K, TOKEN_DESCRIPTOR, WEIGHT_DESCRIPTOR
    )
    row_tiles = count_row_tiles(offsets_ptr, map_ptr, EXPERTS, LANES, BLOCK_M, MAPPED)
    for tile in tl.range(tl.program_id(0), row_tiles * tl.cdiv(n, BLOCK_N), tl.num_programs(0)):
        expert, row, end, column = locate_tile(
            offsets_ptr, map_ptr, slots, tile, row_tiles, n, EXPERTS, LANES, BLOCK_M, BLOCK_N, GROUP_M, MAPPED
        )
        accumulator = _product(
            x, w, tokens, n, k, expert, row, column, 0, k,
            BLOCK_M, BLOCK_N, BLOCK_K, TOKEN_DESCRIPTOR, WEIGHT_DESCRIPTOR, EVEN_N, EVEN_K,
        )  # fmt: skip
        _store_rows(y_ptr, accumulator, n, row, end, column, BLOCK_M, BLOCK_N, EVEN_N)


@dataclass(frozen=True)
class GroupedGemm(Kernel):
    """Y [tokens, n]: rows of X [tokens, k] times W [experts, k, n] of the expert that they belong to, all row-major.

    Rows ``offsets[e]`` … ``offsets[e + 1] - 1`` are expert e's (``search_spaces.grouped_gemm.group_offsets``).

    Raises:
        ValueError: for a dtype other than bf16/fp16, more than 1024 experts, or tokens, outputs or an expert's
            weights of 2^31 elements or more (32-bit offsets).
    """

    tokens: int
    experts: int
    n: int
    k: int
    dtype: str = "bf16"

    def __post_init__(self) -> None:
        if self.dtype not in ("bf16", "fp16"):
            raise ValueError(f"dtype={self.dtype}: expected bf16 or fp16")
        if min(self.tokens, self.experts, self.n, self.k) < 1:
            raise ValueError(f"shape={self._shape}: expected positive sizes")
        if self.experts > MOST_EXPERTS:
            raise ValueError(f"experts={self.experts}: expected at most {MOST_EXPERTS}")
        if max(self.tokens * self.k, self.k * self.n, self.tokens * self.n, self.experts * self.k) >= 2**31:
            raise ValueError(f"shape={self._shape}: expected tokens, outputs and experts below 2^31 elements each")

    @property
    def _shape(self) -> str:
        return f"{self.tokens}x{self.experts}x{self.n}x{self.k}"

    @property
    def name(self) -> str:
        return f"grouped_gemm-{self._shape}-{self.dtype}"

    @property
    def flops(self) -> float:
        return 2.0 * self.tokens * self.n * self.k

    @property
    def bytes_moved(self) -> float:
        """Of the weights, those of experts that have tokens."""
        offsets = group_offsets(self.tokens, self.experts)
        busy = sum(begin < end for begin, end in pairwise(offsets))
        return 2.0 * (self.tokens * self.k + busy * self.k * self.n + self.tokens * self.n) + 4.0 * len(offsets)

    @property
    def tolerance(self) -> float:
        """As ``kernels.matmul``'s: rounding a result between 4 and 8 RMS costs 0.016 in bf16 and 0.002 in fp16.

        One missing block of 32 of k = 4096 is wrong by √(32/4096) = 0.09 RMS on average and 0.4 at its worst
        element, and rows times another expert's weights by 1.4 RMS.
        """
        return {"bf16": 0.04, "fp16": 0.005}[self.dtype]

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Standard normal tokens; weights scaled by 1/√k, so that Y has unit variance at every k."""
        device = generator.device
        x = torch.randn((self.tokens, self.k), generator=generator, device=device)
        w = torch.randn((self.experts, self.k, self.n), generator=generator, device=device) / self.k**0.5
        offsets = torch.tensor(group_offsets(self.tokens, self.experts), dtype=torch.int32, device=device)
        return {"x": x.to(self.torch_dtype), "w": w.to(self.torch_dtype), "offsets": offsets}

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {"y": torch.empty((self.tokens, self.n), dtype=self.torch_dtype, device=device)}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        """Expert by expert in float64."""
        x, w = inputs["x"], inputs["w"]
        bounds = inputs["offsets"].tolist()
        parts = [x[begin:end].double() @ w[expert].double() for expert, (begin, end) in enumerate(pairwise(bounds))]
        return {"y": torch.cat(parts)}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        """PyTorch's grouped product (CUTLASS on Hopper), which is for bf16; in fp16 a call of cuBLAS per expert.

        For fp16 PyTorch's own would read the offsets back to the host in every call.
        """
        x, w, offsets = inputs["x"], inputs["w"], inputs["offsets"]
        if self.dtype == "bf16":
            ends = offsets[1:].contiguous()
            return "torch._grouped_mm (CUTLASS)", lambda: torch._grouped_mm(x, w, offs=ends)
        y = torch.empty((self.tokens, self.n), dtype=self.torch_dtype, device=x.device)
        bounds = group_offsets(self.tokens, self.experts)
        groups = [
            (x[begin:end], w[expert], y[begin:end])
            for expert, (begin, end) in enumerate(pairwise(bounds))
            if begin < end
        ]

        def call() -> torch.Tensor:
            for tokens, weights, out in groups:
                torch.mm(tokens, weights, out=out)
            return y

        return "cuBLAS, a call per expert", call

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        schedule = configuration["schedule"]
        mapped = configuration.get("tile_map") == "precomputed"
        block_m, block_n, block_k = (configuration[f"block_{axis}"] for axis in "mnk")
        constants = {
            "EXPERTS": self.experts,
            "LANES": triton.next_power_of_2(self.experts),
            "BLOCK_M": block_m,
            "BLOCK_N": block_n,
            "BLOCK_K": block_k,
            "GROUP_M": configuration["group_m"],
            "MAPPED": mapped,
            "TOKEN_DESCRIPTOR": configuration.get("token_load") == "descriptor",
            "WEIGHT_DESCRIPTOR": configuration["weight_load"] == "descriptor",
            "EVEN_N": self.n % block_n == 0,
            "EVEN_K": self.k % block_k == 0,
        }
        options = {name: int(configuration[name]) for name in ("num_warps", "num_stages")}
        # Most row tiles that any offsets can need: a group of one row takes a tile, and so does each block_m more.
        groups = min(self.experts, self.tokens)
        slots = groups + (self.tokens - groups) // block_m
        tiles = slots * triton.cdiv(self.n, block_n)
        split_k = configuration["split_k"] if schedule == "split_k" else 1
        arguments: dict[str, Buffer | Scalar] = {
            "x_ptr": Buffer("x"),
            "w_ptr": Buffer("w"),
            "y_ptr": Buffer("partials" if split_k > 1 else "y"),
            "offsets_ptr": Buffer("offsets"),
            # Without a map none is read: any pointer to whole numbers does.
            "map_ptr": Buffer("map" if mapped else "offsets"),
            "slots": slots,
            "tokens": self.tokens,
            "n": self.n,
            "k": self.k,
        }
        launches: list[Launch] = []
        scratch: dict[str, Scratch] = {}
        if mapped:
            scratch["map"] = Scratch((1 + 2 * slots,), torch.int32)
            launches.append(map_tiles(slots, self.experts, block_m))
        if schedule == "persistent":
            grid = (min(tiles, sm_count * configuration["ctas_per_sm"]), 1, 1)
            launches.append(Launch(_persistent_kernel, grid, arguments, constants, options))
            return Plan(tuple(launches), scratch)
        one_tile = {**constants, "SPLIT_K": split_k}
        launches.append(Launch(_one_tile_kernel, (tiles, split_k, 1), arguments, one_tile, options))
        if split_k > 1:
            scratch["partials"] = Scratch((split_k, self.tokens, self.n), torch.float32)
            launches.append(add_slices("partials", "y", split_k, self.tokens * self.n))
        return Plan(tuple(launches), scratch)
