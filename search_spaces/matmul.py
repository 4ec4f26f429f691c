"""The search space of ``kernels.matmul`` for a shape, a dtype and a device."""

from __future__ import annotations

from math import ceil

from search_spaces.device import H100, DeviceLimits
from search_spaces.parameter import Categorical, Ordinal, Parameter
from search_spaces.space import SearchSpace

ELEMENT_BYTES = {"bf16": 2, "fp16": 2}
TILES = "ceil_div(m, block_m) * ceil_div(n, block_n)"
STEPS = "ceil_div(k, block_k)"
STAGE = "(block_m + block_n) * block_k * element_bytes"

MANY_SLICES = (8, 16)

STRUCTURE: tuple[Parameter, ...] = (
    Categorical("operand_load", ("pointer", "descriptor")),
    Categorical(
        "store",
        ("pointer", "descriptor"),
        active_when="operand_load == 'descriptor' and schedule != 'split_k'",
    ),
)
BLOCKS: tuple[Parameter, ...] = (
    Ordinal("block_m", (64, 128, 256), scale="log2"),
    Ordinal("block_n", (64, 128, 256), scale="log2"),
    Ordinal("block_k", (32, 64, 128), scale="log2"),
    Ordinal("group_m", (1, 8), scale="log2"),
    Ordinal("num_warps", (4, 8), scale="log2"),
    Ordinal("num_stages", (2, 3, 4, 5)),
)

CONSTRAINTS = (
    # A tile no larger than its matrix needs; the smallest that a tensor core takes well is always there.
    "block_m < 2 * max(m, 64)",
    "block_n < 2 * max(n, 64)",
    # A single row of tiles has one order.
    "group_m == 1 or ceil_div(m, block_m) > 1",
    # A pipeline holds at least num_stages - 1 operand buffers. Whether it takes one more, and what the epilogue
    # stages besides, only the compiler knows.
    f"(num_stages - 1) * {STAGE} <= shared_memory_bytes",
    "num_warps * warp_size <= max_threads_per_block",
    # Tensor descriptors need rows that are multiples of 16 bytes.
    "operand_load != 'descriptor' or (k * element_bytes % 16 == 0 and n * element_bytes % 16 == 0)",
    # Programs that get no second tile make a persistent kernel a data-parallel one.
    f"{TILES} > sm_count * ctas_per_sm",
    # CTAs that share an SM share its memory, and its registers hold their float32 accumulators.
    f"ctas_per_sm * (num_stages - 1) * {STAGE} <= shared_memory_bytes",
    "ctas_per_sm * block_m * block_n <= registers_per_sm",
    # Every slice of k has work.
    f"(split_k - 1) * ceil_div({STEPS}, split_k) < {STEPS}",
)

# Past four slices only where half as many leave multiprocessors without work.
MANY_SLICES_CONSTRAINT = f"split_k <= 4 or {TILES} * split_k < 2 * sm_count"

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


def schedules(ctas_per_sm: tuple[int, ...], split_k: tuple[int, ...]) -> tuple[Parameter, ...]:
    """The schedule and what it activates."""
    return (
        Categorical("schedule", ("data_parallel", "persistent", "split_k")),
        Ordinal("ctas_per_sm", ctas_per_sm, active_when="schedule == 'persistent'"),
        Ordinal("split_k", split_k, scale="log2", active_when="schedule == 'split_k'"),
    )


def matmul_constants(m: int, n: int, k: int, dtype: str, device: DeviceLimits) -> dict[str, int | float | str | bool]:
    """Shape and device numbers that the rules mention.

    Raises:
        ValueError: for an unknown dtype.
    """
    if dtype not in ELEMENT_BYTES:
        raise ValueError(f"dtype={dtype}: expected one of {', '.join(ELEMENT_BYTES)}")
    return {
        "m": m,
        "n": n,
        "k": k,
        "element_bytes": ELEMENT_BYTES[dtype],
        "sm_count": device.sm_count,
        "shared_memory_bytes": device.shared_memory_bytes,
        "max_threads_per_block": device.max_threads_per_block,
        "registers_per_sm": device.registers_per_sm,
        "warp_size": device.warp_size,
    }


def matmul_space(m: int, n: int, k: int, dtype: str, device: DeviceLimits = H100) -> SearchSpace:
    """Every configuration of C [m, n] = A [m, k] · B [k, n] that an engineer would let a tuner try.

    Raises:
        ValueError: for an unknown dtype.
    """
    constants = matmul_constants(m, n, k, dtype, device)
    fewest_tiles = ceil(m / 256) * ceil(n / 256)
    many_slices = (slices for slices in MANY_SLICES if fewest_tiles * slices < 2 * device.sm_count)
    parameters = (*schedules((1, 2), (2, 4, *many_slices)), *STRUCTURE, *BLOCKS)
    return SearchSpace(parameters, (*CONSTRAINTS, MANY_SLICES_CONSTRAINT), constants, FEATURES)
