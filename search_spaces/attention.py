"""The search space of ``kernels.attention`` for a shape, a dtype and a device."""

from __future__ import annotations

from search_spaces.device import H100, DeviceLimits
from search_spaces.parameter import Categorical, Ordinal, Parameter
from search_spaces.space import SearchSpace

ELEMENT_BYTES = {"bf16": 2, "fp16": 2}
TASKS = "batch * heads * ceil_div(seq, block_m)"
KV_STAGE = "2 * block_n * head_dim * element_bytes"
SHARED = f"num_stages * {KV_STAGE} + block_m * head_dim * element_bytes"

SCHEDULES: tuple[Parameter, ...] = (
    Categorical("schedule", ("per_block", "persistent", "split_kv")),
    Ordinal("ctas_per_sm", (1, 2), active_when="schedule == 'persistent'"),
    Ordinal("split_kv", (2, 4), scale="log2", active_when="schedule == 'split_kv'"),
)
CAUSAL_LOOPS: tuple[Parameter, ...] = (Categorical("loop", ("fused", "split_causal")),)
BLOCKS: tuple[Parameter, ...] = (
    Categorical("kv_load", ("pointer", "descriptor")),
    Categorical("order", ("rows_first", "heads_first")),
    Ordinal("block_m", (64, 128, 256), scale="log2"),
    Ordinal("block_n", (32, 64, 128, 256), scale="log2"),
    Ordinal("num_warps", (4, 8), scale="log2"),
    Ordinal("num_stages", (1, 2, 3, 4)),
)

CONSTRAINTS = (
    # A pipeline holds at least num_stages - 1 buffers of keys and values. Whether it takes one more, and whether
    # queries and weights pass through shared memory too, only the compiler knows.
    f"(num_stages - 1) * {KV_STAGE} <= shared_memory_bytes",
    "num_warps * warp_size <= max_threads_per_block",
    "kv_load != 'descriptor' or head_dim * element_bytes % 16 == 0",
    # Programs that get no second block make a persistent kernel a per-block one.
    f"{TASKS} > sm_count * ctas_per_sm",
    # CTAs that share an SM share its memory, and its registers hold their float32 scores and outputs.
    f"ctas_per_sm * (num_stages - 1) * {KV_STAGE} <= shared_memory_bytes",
    "ctas_per_sm * block_m * (block_n + head_dim) <= 2 * registers_per_sm",
    # A thread has 255 registers: with twice that many live floats it does little but spill.
    "block_m * (block_n + head_dim) <= 2 * 256 * num_warps * warp_size",
    # Every slice of the keys has work for the longest rows.
    "split_kv <= ceil_div(seq, block_n)",
)

FEATURES = {
    "score_area": "block_m * block_n",
    "block_aspect": "block_m / block_n",
    "threads": "num_warps * warp_size",
    "rows_per_warp": "block_m / num_warps",
    "floats_per_thread": "block_m * (block_n + head_dim) / (num_warps * warp_size)",
    "shared_bytes": SHARED,
    "shared_fraction": f"({SHARED}) / shared_memory_bytes",
    "tasks": TASKS,
    "waves": f"{TASKS} / sm_count",
    "split_waves": f"{TASKS} * split_kv / sm_count",
    "persistent_waves": f"{TASKS} / (sm_count * ctas_per_sm)",
    "steps": "ceil_div(seq, block_n)",
}


def attention_space(
    batch: int, heads: int, seq: int, head_dim: int, causal: bool, dtype: str, device: DeviceLimits = H100
) -> SearchSpace:
    """Every configuration of attention on [batch, heads, seq, head_dim] that an engineer would let a tuner try.

    A full (not causal) task has no choice of loop.

    Raises:
        ValueError: for an unknown dtype.
    """
    if dtype not in ELEMENT_BYTES:
        raise ValueError(f"dtype={dtype}: expected one of {', '.join(ELEMENT_BYTES)}")
    constants = {
        "batch": batch,
        "heads": heads,
        "seq": seq,
        "head_dim": head_dim,
        "causal": causal,
        "element_bytes": ELEMENT_BYTES[dtype],
        "sm_count": device.sm_count,
        "shared_memory_bytes": device.shared_memory_bytes,
        "max_threads_per_block": device.max_threads_per_block,
        "registers_per_sm": device.registers_per_sm,
        "warp_size": device.warp_size,
    }
    loops = CAUSAL_LOOPS if causal else ()
    return SearchSpace((*SCHEDULES, *loops, *BLOCKS), CONSTRAINTS, constants, FEATURES)
