"""The search space of ``kernels.fp8_gemm`` for a shape, an output dtype and a device.

Blocks, row groups, warps and stages are values of the list that vLLM tunes its block-scaled fp8 product over:
``get_configs_compute_bound`` of benchmarks/kernels/benchmark_w8a8_block_fp8.py at vllm-project/vllm fb6c050 has
block_m 16 … 256, block_n 32 … 256, block_k 64 and 128, group_m 1, 16, 32 and 64, 4 or 8 warps, 2 … 5 stages.
Of group_m we keep 1 and 32. Schedule, loads and the place of the scales are ours.
"""

from __future__ import annotations

from search_spaces.device import H100, DeviceLimits
from search_spaces.parameter import Categorical, Ordinal, Parameter
from search_spaces.space import SearchSpace

OUTPUTS = ("bf16", "fp16")
TILES = "ceil_div(m, block_m) * ceil_div(n, block_n)"
STEPS = "ceil_div(k, block_k)"
STAGE = "(block_m + block_n) * block_k"

PARAMETERS: tuple[Parameter, ...] = (
    Categorical("schedule", ("data_parallel", "persistent", "split_k")),
    Ordinal("ctas_per_sm", (1, 2), active_when="schedule == 'persistent'"),
    Ordinal("split_k", (2, 4, 8), scale="log2", active_when="schedule == 'split_k'"),
    Categorical("operand_load", ("pointer", "descriptor")),
    Categorical("scaling", ("product", "operands")),
    Categorical("scale_load", ("in_step", "ahead"), active_when="scaling == 'product'"),
    Ordinal("block_m", (16, 32, 64, 128, 256), scale="log2"),
    Ordinal("block_n", (32, 64, 128, 256), scale="log2"),
    Ordinal("block_k", (64, 128), scale="log2"),
    Ordinal("group_m", (1, 32), scale="log2"),
    Ordinal("num_warps", (4, 8), scale="log2"),
    Ordinal("num_stages", (2, 3, 4, 5)),
)

CONSTRAINTS = (
    # A tile no larger than its matrix needs, the smallest that Hopper's tensor cores take is always there; and small
    # tiles only where they are no more than 16 for a multiprocessor.
    "block_m < 2 * max(m, 32)",
    "block_n < 2 * max(n, 32)",
    f"block_m * block_n >= 16384 or {TILES} <= 16 * sm_count",
    # A warp multiplies at least one piece of 16 x 8, and a thread of 255 registers holds at most 128 accumulators
    # beside its addresses. With scaled products it holds as many again for a while.
    "block_m * block_n >= 128 * num_warps",
    "block_m * block_n <= 128 * num_warps * warp_size",
    # Scaled operands go through 16-bit tensor cores at half the rate, after a conversion in every row tile: that is
    # for tiles that wait for memory anyway.
    "scaling == 'product' or block_m <= 64",
    # Fewer row tiles make no group.
    "group_m <= ceil_div(m, block_m)",
    # Short steps need a long pipeline to have as much on the way.
    "block_k == 128 or num_stages >= 4",
    # A pipeline holds at least num_stages - 1 operand buffers. Whether it takes one more, and what conversions and
    # the epilogue stage besides, only the compiler knows.
    f"(num_stages - 1) * {STAGE} <= shared_memory_bytes",
    "num_warps * warp_size <= max_threads_per_block",
    # Tensor descriptors need rows that are multiples of 16 bytes.
    "operand_load != 'descriptor' or k % 16 == 0",
    # Programs that get no second tile make a persistent kernel a data-parallel one.
    f"{TILES} > sm_count * ctas_per_sm",
    # CTAs that share an SM share its memory, and its registers hold their float32 accumulators.
    f"ctas_per_sm * (num_stages - 1) * {STAGE} <= shared_memory_bytes",
    "ctas_per_sm * block_m * block_n <= registers_per_sm",
    # Every slice of k has work, and slices are for tiles too few to fill the device.
    f"(split_k - 1) * ceil_div({STEPS}, split_k) < {STEPS}",
    f"{TILES} * split_k <= 8 * sm_count",
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
    "tiles": TILES,
    "waves": f"({TILES}) / sm_count",
    "wave_efficiency": f"({TILES}) / (ceil_div({TILES}, sm_count) * sm_count)",
    "split_waves": f"({TILES}) * split_k / sm_count",
    "persistent_waves": f"({TILES}) / (sm_count * ctas_per_sm)",
    "steps": STEPS,
}


def fp8_gemm_space(m: int, n: int, k: int, dtype: str, device: DeviceLimits = H100) -> SearchSpace:
    """Every configuration of a block-scaled fp8 product that an engineer would let a tuner try.

    Args:
        dtype: of the output.

    Raises:
        ValueError: for an unknown dtype.
    """
    if dtype not in OUTPUTS:
        raise ValueError(f"dtype={dtype}: expected one of {', '.join(OUTPUTS)}")
    constants = {
        "m": m,
        "n": n,
        "k": k,
        "sm_count": device.sm_count,
        "shared_memory_bytes": device.shared_memory_bytes,
        "max_threads_per_block": device.max_threads_per_block,
        "registers_per_sm": device.registers_per_sm,
        "warp_size": device.warp_size,
    }
    return SearchSpace(PARAMETERS, CONSTRAINTS, constants, FEATURES)
