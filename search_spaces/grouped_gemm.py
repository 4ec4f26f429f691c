"""The search space of ``kernels.grouped_gemm`` for a shape, a dtype and a device.

Blocks, row groups, warps and stages are values of the list that vLLM tunes its fused mixture-of-experts kernel
over: ``get_configs_compute_bound`` of benchmarks/kernels/benchmark_moe.py at vllm-project/vllm 71acd37 has
block_m 16 … 256, block_n 32 … 256, block_k 64 … 256, group_m 1, 16, 32 and 64, 4 or 8 warps, 2 … 5 stages.
Of group_m we keep 1 and 16. Schedule, tile map and loads are ours.
"""

from __future__ import annotations

from itertools import pairwise

from search_spaces.device import H100, DeviceLimits
from search_spaces.parameter import Categorical, Ordinal, Parameter
from search_spaces.space import SearchSpace

ELEMENT_BYTES = {"bf16": 2, "fp16": 2}
# Most row tiles that any sizes of the groups can need; the host knows no more when it launches.
ROW_TILES = "(groups + (tokens - groups) // block_m)"
TILES = f"{ROW_TILES} * ceil_div(n, block_n)"
STEPS = "ceil_div(k, block_k)"
STAGE = "(block_m + block_n) * block_k * element_bytes"

PARAMETERS: tuple[Parameter, ...] = (
    Categorical("schedule", ("data_parallel", "persistent", "split_k")),
    Ordinal("ctas_per_sm", (1, 2), active_when="schedule == 'persistent'"),
    Ordinal("split_k", (2, 4, 8), scale="log2", active_when="schedule == 'split_k'"),
    Categorical("tile_map", ("in_kernel", "precomputed"), active_when="schedule != 'split_k'"),
    Categorical("weight_load", ("pointer", "descriptor")),
    Categorical("token_load", ("pointer", "descriptor"), active_when="weight_load == 'descriptor'"),
    Ordinal("block_m", (16, 32, 64, 128, 256), scale="log2"),
    Ordinal("block_n", (32, 64, 128, 256), scale="log2"),
    Ordinal("block_k", (64, 128, 256), scale="log2"),
    Ordinal("group_m", (1, 16), scale="log2"),
    Ordinal("num_warps", (4, 8), scale="log2"),
    Ordinal("num_stages", (2, 3, 4, 5)),
)

CONSTRAINTS = (
    # A tile no larger than the largest group or matrix needs; the smallest that every tensor core takes is there.
    "block_m < 2 * max(largest_group, 32)",
    "block_n < 2 * max(n, 32)",
    # A dozen row tiles for a mean group at most, since each reads the expert's weights again, and small tiles only
    # where they are no more than 32 for a multiprocessor.
    "12 * block_m * groups > tokens",
    f"block_m * block_n >= 16384 or {TILES} <= 32 * sm_count",
    # Long k-blocks are for tiles so small that a step would have little to do, and a short pipeline for those.
    "block_k < 256 or block_m * block_n <= 4096",
    "block_k >= 128 or num_stages >= 3",
    # A warp multiplies at least one piece of 16 x 8, and a thread of 255 registers holds at most 128 accumulators
    # beside its addresses.
    "block_m * block_n >= 128 * num_warps",
    "block_m * block_n <= 128 * num_warps * warp_size",
    # Fewer row tiles make no group.
    f"group_m <= {ROW_TILES}",
    # A pipeline holds at least num_stages - 1 operand buffers. Whether it takes one more, and what the epilogue
    # stages besides, only the compiler knows.
    f"(num_stages - 1) * {STAGE} <= shared_memory_bytes",
    "num_warps * warp_size <= max_threads_per_block",
    # Tensor descriptors need rows that are multiples of 16 bytes.
    "weight_load != 'descriptor' or n * element_bytes % 16 == 0",
    "token_load != 'descriptor' or k * element_bytes % 16 == 0",
    # Programs that get no second tile make a persistent kernel a data-parallel one.
    f"{TILES} > sm_count * ctas_per_sm",
    # CTAs that share an SM share its memory, and its registers hold their float32 accumulators.
    f"ctas_per_sm * (num_stages - 1) * {STAGE} <= shared_memory_bytes",
    "ctas_per_sm * block_m * block_n <= registers_per_sm",
    # Every slice of k has work, and slices are for tiles too few to fill the device.
    f"(split_k - 1) * ceil_div({STEPS}, split_k) < {STEPS}",
    f"{TILES} * split_k <= 12 * sm_count",
)

FEATURES = {
    "tile_area": "block_m * block_n",
    "tile_aspect": "block_m / block_n",
    "intensity": "block_m * block_n / (block_m + block_n)",
    "threads": "num_warps * warp_size",
    "accumulators_per_thread": "block_m * block_n / (num_warps * warp_size)",
    "shared_bytes": f"num_stages * {STAGE}",
    "shared_fraction": f"num_stages * {STAGE} / shared_memory_bytes",
    "bytes_per_stage": STAGE,
    "row_tiles": ROW_TILES,
    "row_waste": f"{ROW_TILES} * block_m / tokens",
    "tiles": TILES,
    "waves": f"({TILES}) / sm_count",
    "wave_efficiency": f"({TILES}) / (ceil_div({TILES}, sm_count) * sm_count)",
    "split_waves": f"({TILES}) * split_k / sm_count",
    "persistent_waves": f"({TILES}) / (sm_count * ctas_per_sm)",
    "steps": STEPS,
}


def group_offsets(tokens: int, experts: int) -> tuple[int, ...]:
    """First token of every expert, and ``tokens`` at the end: ``experts + 1`` ascending numbers.

    Sizes differ as those of a router do, by up to eight times; where tokens are few, some experts get none. They
    are made of whole numbers (the fractional parts of multiples of the golden ratio, which spread evenly), so that
    a shape has the same groups everywhere.
    """
    total = 0
    sums = [0]
    for expert in range(experts):
        total += 2**16 + 7 * ((expert + 1) * 40503 % 2**16)
        sums.append(total)
    return tuple(tokens * before // total for before in sums)


def grouped_gemm_space(
    tokens: int, experts: int, n: int, k: int, dtype: str, device: DeviceLimits = H100
) -> SearchSpace:
    """Every configuration of [tokens, k] times one of [experts, k, n] that an engineer would let a tuner try.

    Raises:
        ValueError: for an unknown dtype.
    """
    if dtype not in ELEMENT_BYTES:
        raise ValueError(f"dtype={dtype}: expected one of {', '.join(ELEMENT_BYTES)}")
    offsets = group_offsets(tokens, experts)
    constants = {
        "tokens": tokens,
        "groups": min(experts, tokens),
        "largest_group": max(end - begin for begin, end in pairwise(offsets)),
        "n": n,
        "k": k,
        "element_bytes": ELEMENT_BYTES[dtype],
        "sm_count": device.sm_count,
        "shared_memory_bytes": device.shared_memory_bytes,
        "max_threads_per_block": device.max_threads_per_block,
        "registers_per_sm": device.registers_per_sm,
        "warp_size": device.warp_size,
    }
    return SearchSpace(PARAMETERS, CONSTRAINTS, constants, FEATURES)
