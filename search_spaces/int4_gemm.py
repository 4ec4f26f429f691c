"""The search space of ``kernels.int4_gemm`` for a shape, a dtype and a device.

Tiles, slices of k, warps and stages are those of torchao's autotuner for its mixed int4 product
(``torchao/prototype/hqq/kernels.py``, commit 0348068): ``get_configs_io_bound`` has block_m 16, 32, block_n 32 … 256,
split_k 2 … 16, warps 2, 4 and stages 2 … 6; ``get_configs_compute_bound`` has block_m 64, 128, 256, block_k 32, 64,
128, warps 2, 4, 8 and stages 3, 4, 5. Of block_k, 32 is left out: a row of it would be half a 32-byte sector. Of
stages, 6 is.
"""

from __future__ import annotations

from search_spaces.device import H100, DeviceLimits
from search_spaces.parameter import Categorical, Ordinal, Parameter
from search_spaces.space import SearchSpace

ELEMENT_BYTES = {"bf16": 2, "fp16": 2}
TILES = "ceil_div(m, block_m) * ceil_div(n, block_n)"
STEPS = "k // block_k"
STAGE = "(block_m * element_bytes + block_n / 2) * block_k"
THREADS = "num_warps * warp_size"

PARAMETERS: tuple[Parameter, ...] = (
    Categorical("schedule", ("data_parallel", "persistent", "split_k")),
    Ordinal("ctas_per_sm", (1, 2), active_when="schedule == 'persistent'"),
    Ordinal("split_k", (2, 4, 8, 16), scale="log2", active_when="schedule == 'split_k'"),
    Categorical("operands", ("activations_first", "weights_first")),
    Categorical("unpack", ("two_dots", "join")),
    Categorical("scaled", ("weights", "accumulator")),
    Ordinal("block_m", (16, 32, 64, 128, 256), scale="log2"),
    Ordinal("block_n", (32, 64, 128, 256), scale="log2"),
    Ordinal("block_k", (64, 128), scale="log2"),
    Ordinal("num_warps", (2, 4, 8), scale="log2"),
    Ordinal("num_stages", (2, 3, 4, 5)),
)

CONSTRAINTS = (
    # A tile no larger than its matrix needs; as torchao's two lists, tiles below 64 rows only for few rows.
    "block_m < 2 * max(m, 16)",
    "2 * block_m > min(m, 64)",
    "block_n < 2 * max(n, 32)",
    # A block of k has one scale.
    "block_k <= group",
    # A thread unpacks one to eight vectors of 16 bytes a step, and holds at most 128 accumulators.
    f"block_n * block_k >= 32 * {THREADS}",
    f"block_n * block_k <= 256 * {THREADS}",
    f"block_m * block_n <= 128 * {THREADS}",
    # Hopper's tensor cores take tiles of 64 rows from four warps.
    "num_warps >= 4 or block_m < 64",
    # A pipeline holds at least num_stages - 1 buffers of operands; what else passes through shared memory only
    # the compiler knows.
    f"(num_stages - 1) * {STAGE} <= shared_memory_bytes",
    # Programs that get no second tile make a persistent kernel a data-parallel one.
    f"{TILES} > sm_count * ctas_per_sm",
    # CTAs that share an SM share its memory, and its registers hold their float32 accumulators.
    f"ctas_per_sm * (num_stages - 1) * {STAGE} <= shared_memory_bytes",
    "ctas_per_sm * block_m * block_n <= registers_per_sm",
    # Every slice of k has work, and there are slices only where tiles alone do not fill the device twice.
    f"(split_k - 1) * ceil_div({STEPS}, split_k) < {STEPS}",
    f"schedule != 'split_k' or {TILES} < 2 * sm_count",
    f"split_k <= 2 or {TILES} * split_k <= 8 * sm_count",
)

FEATURES = {
    "tile_area": "block_m * block_n",
    "threads": THREADS,
    "accumulators_per_thread": f"block_m * block_n / ({THREADS})",
    "weights_per_thread": f"block_n * block_k / ({THREADS})",
    "bytes_per_stage": STAGE,
    "shared_fraction": f"num_stages * {STAGE} / shared_memory_bytes",
    "tiles": TILES,
    "waves": f"({TILES}) / sm_count",
    "wave_efficiency": f"({TILES}) / (ceil_div({TILES}, sm_count) * sm_count)",
    "split_waves": f"({TILES}) * split_k / sm_count",
    "persistent_waves": f"({TILES}) / (sm_count * ctas_per_sm)",
    "steps": STEPS,
}


def int4_gemm_space(m: int, n: int, k: int, group: int, dtype: str, device: DeviceLimits = H100) -> SearchSpace:
    """Every configuration of C [m, n] = A [m, k] · Wᵀ, W [n, k] of 4 bits, that an engineer would let a tuner try.

    Raises:
        ValueError: for an unknown dtype.
    """
    if dtype not in ELEMENT_BYTES:
        raise ValueError(f"dtype={dtype}: expected one of {', '.join(ELEMENT_BYTES)}")
    constants = {
        "m": m,
        "n": n,
        "k": k,
        "group": group,
        "element_bytes": ELEMENT_BYTES[dtype],
        "sm_count": device.sm_count,
        "shared_memory_bytes": device.shared_memory_bytes,
        "registers_per_sm": device.registers_per_sm,
        "warp_size": device.warp_size,
    }
    return SearchSpace(PARAMETERS, CONSTRAINTS, constants, FEATURES)
