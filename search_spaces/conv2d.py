"""The search space of ``kernels.conv2d`` for a shape, a dtype and a device.

The values of block_m, block_n, block_k, num_stages and num_warps are those of PyTorch's list for its Triton
convolution: ``conv_configs`` of ``torch/_inductor/template_heuristics/triton.py`` in PyTorch 2.13.0, without the depth
16 and the tile 1024 x 16, which that list has from the time before Hopper. As there, no tile has more than 256 · 128
outputs. Taps and channels in one loop or two is that template's choice too (its ``UNROLL``); schedules, weight loads,
the order of the reduction and of the tiles are this kernel's own.
"""

from __future__ import annotations

from search_spaces.device import H100, DeviceLimits
from search_spaces.parameter import Categorical, Ordinal, Parameter
from search_spaces.space import SearchSpace

ELEMENT_BYTES = {"bf16": 2, "fp16": 2}
TILES_M = "ceil_div(pixels, block_m)"
TILES_N = "ceil_div(filters, block_n)"
TILES = f"{TILES_M} * {TILES_N}"
STEPS = "taps * ceil_div(channels, block_k)"
STAGE = "(block_m + block_n) * block_k * element_bytes"

PARAMETERS: tuple[Parameter, ...] = (
    Ordinal("block_m", (64, 128, 256), scale="log2"),
    Ordinal("block_n", (64, 128, 256), scale="log2"),
    Ordinal("block_k", (32, 64, 128), scale="log2"),
    Ordinal("num_warps", (4, 8), scale="log2"),
    Ordinal("num_stages", (2, 3, 4)),
    Categorical("schedule", ("data_parallel", "persistent", "split_k")),
    Ordinal("ctas_per_sm", (1, 2), active_when="schedule == 'persistent'"),
    Ordinal("split_k", (2, 4, 8), scale="log2", active_when="schedule == 'split_k'"),
    # A single row or column of tiles has one order.
    Ordinal("group_m", (1, 8), scale="log2", active_when=f"{TILES_M} > 1 and {TILES_N} > 1"),
    Categorical("weight_load", ("pointer", "descriptor")),
    # With one tap, or one block of channels, both orders are one.
    Categorical("order", ("taps_outer", "channels_outer"), active_when="taps > 1 and block_k < channels"),
    # Channels in an inner loop of their own, whose pipeline fills anew for every tap.
    Categorical("loop", ("fused", "nested"), active_when="order == 'taps_outer' and schedule == 'data_parallel'"),
)

CONSTRAINTS = (
    # A tile no larger than the product needs; the smallest is always there.
    "block_m < 2 * max(pixels, 64)",
    "block_n < 2 * max(filters, 64)",
    "block_k < 2 * max(channels, 32)",
    # The list's largest tiles, and a thread's 255 registers hold fewer accumulators.
    "block_m * block_n <= 256 * 128",
    "block_m * block_n < 255 * num_warps * warp_size",
    # A pipeline holds at least num_stages - 1 operand buffers. Whether it takes one more, and what the epilogue
    # stages besides, only the compiler knows.
    f"(num_stages - 1) * {STAGE} <= shared_memory_bytes",
    "num_warps * warp_size <= max_threads_per_block",
    # Tensor descriptors need rows that are multiples of 16 bytes.
    "weight_load != 'descriptor' or taps * channels * element_bytes % 16 == 0",
    # Programs that get no second tile make a persistent kernel a data-parallel one.
    f"{TILES} > sm_count * ctas_per_sm",
    # CTAs that share an SM share its memory, and its registers hold their float32 accumulators.
    f"ctas_per_sm * (num_stages - 1) * {STAGE} <= shared_memory_bytes",
    "ctas_per_sm * block_m * block_n <= registers_per_sm",
    # Every slice of the reduction has work, and slices are for multiprocessors that half as many would leave idle.
    f"(split_k - 1) * ceil_div({STEPS}, split_k) < {STEPS}",
    f"{TILES} * split_k < 2 * sm_count",
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
    "useful_outputs": f"pixels * filters / ({TILES} * block_m * block_n)",
    "useful_depth": "channels / (ceil_div(channels, block_k) * block_k)",
}


def conv2d_space(
    batch: int,
    height: int,
    width: int,
    channels: int,
    filters: int,
    size: int,
    stride: int,
    padding: int,
    dtype: str,
    device: DeviceLimits = H100,
) -> SearchSpace:
    """Every configuration of a convolution (see ``kernels.conv2d.Conv2d``) that an engineer would let a tuner try.

    Raises:
        ValueError: for an unknown dtype.
    """
    if dtype not in ELEMENT_BYTES:
        raise ValueError(f"dtype={dtype}: expected one of {', '.join(ELEMENT_BYTES)}")
    out_height, out_width = ((extent + 2 * padding - size) // stride + 1 for extent in (height, width))
    constants = {
        "pixels": batch * out_height * out_width,
        "channels": channels,
        "filters": filters,
        "taps": size * size,
        "element_bytes": ELEMENT_BYTES[dtype],
        "sm_count": device.sm_count,
        "shared_memory_bytes": device.shared_memory_bytes,
        "max_threads_per_block": device.max_threads_per_block,
        "registers_per_sm": device.registers_per_sm,
        "warp_size": device.warp_size,
    }
    return SearchSpace(PARAMETERS, CONSTRAINTS, constants, FEATURES)
