"""The search space of ``kernels.attention_backward`` for a shape, a dtype and a device.

Blocks, warps and stages are those of ``exhaustive_flex_attn_bwd_configs`` in PyTorch 2.13's
``torch/_inductor/template_heuristics/triton.py`` (FlexAttention's backward: blocks of 16 … 128, 1, 3 or 4 stages, 2, 4
or 8 warps, and its rule that a kept block is a multiple of the blocks that are walked over), less blocks of 16, kept
blocks of 32 and two warps, which leave part of Hopper's tensor cores idle (four warps share a tile of 64 rows).
"""

from __future__ import annotations

from search_spaces.device import H100, DeviceLimits
from search_spaces.parameter import Categorical, Ordinal, Parameter
from search_spaces.space import SearchSpace

ELEMENT_BYTES = {"bf16": 2, "fp16": 2}
ROW = "head_dim * element_bytes"
KEYS_SHARED = f"2 * ((num_stages - 1) * block_m1 + block_n1) * {ROW}"
KEYS_FLOATS = "2 * block_n1 * (head_dim + block_m1)"
DQ_FLOATS = "block_m2 * (head_dim + 2 * block_n2)"
THREADS = "num_warps * warp_size"
BOTH_FLOATS = "block_n1 * (head_dim + 2 * block_n2)"
HEADS = "batch * heads"

STRUCTURE: tuple[Parameter, ...] = (
    Categorical("structure", ("two_launches", "concurrent", "both_parts")),
    Ordinal("delta_rows", (32, 128), scale="log2", active_when="structure != 'two_launches'"),
)
CAUSAL_LOOPS: tuple[Parameter, ...] = (Categorical("loop", ("fused", "split_causal")),)
BLOCKS: tuple[Parameter, ...] = (
    Categorical("order", ("rows_first", "heads_first")),
    Ordinal("block_m1", (32, 64, 128), scale="log2"),
    Ordinal("block_n1", (64, 128), scale="log2"),
    Ordinal("block_m2", (64, 128), scale="log2", active_when="structure != 'both_parts'"),
    Ordinal("block_n2", (32, 64, 128), scale="log2"),
    Ordinal("num_warps", (4, 8), scale="log2"),
    Ordinal("num_stages", (1, 3, 4)),
    Ordinal("dq_warps", (4, 8), scale="log2", active_when="structure == 'two_launches'"),
    Ordinal("dq_stages", (1, 3, 4), active_when="structure == 'two_launches'"),
)


def _queries_shared(block_m: str, stages: str) -> str:
    """Bytes of a block of queries with its dO and of the keys and values in flight."""
    return f"2 * (({stages} - 1) * block_n2 + {block_m}) * {ROW}"


CONSTRAINTS = (
    # A kept block consists of whole blocks of those that are walked over, so that a causal walk starts at its diagonal.
    "block_n1 % block_m1 == 0",
    "block_m2 % block_n2 == 0",
    "structure != 'both_parts' or block_n1 % block_n2 == 0",
    # What a pipeline holds at least beside the kept block; what score blocks take besides, only the compiler knows.
    f"{KEYS_SHARED} <= shared_memory_bytes",
    f"{_queries_shared('block_m2', 'dq_stages')} <= shared_memory_bytes",
    f"structure == 'two_launches' or {_queries_shared('block_m2', 'num_stages')} <= shared_memory_bytes",
    f"structure != 'both_parts' or {_queries_shared('block_n1', 'num_stages')} <= shared_memory_bytes",
    # A thread has 255 registers: sums and one pair of score blocks of a part that alone fill them only spill.
    f"{KEYS_FLOATS} <= 256 * {THREADS}",
    f"{DQ_FLOATS} <= 256 * dq_warps * warp_size",
    f"structure == 'two_launches' or {DQ_FLOATS} <= 256 * {THREADS}",
    f"structure != 'both_parts' or {BOTH_FLOATS} <= 256 * {THREADS}",
    f"{THREADS} <= max_threads_per_block",
    # One head, or one block of each, has one order.
    f"order == 'rows_first' or {HEADS} > 1 and seq > block_n1",
    # Blocks no larger than a short sequence needs.
    "block_n1 < 2 * max(seq, 64)",
    "block_m2 < 2 * max(seq, 64)",
    # Every program for delta but the last has all its rows, and there is more than one.
    f"delta_rows == 32 or {HEADS} * seq > delta_rows",
)

KEY_PROGRAMS = f"{HEADS} * ceil_div(seq, block_n1)"
QUERY_PROGRAMS = f"{HEADS} * ceil_div(seq, block_m2)"

FEATURES = {
    "keys_score_area": "block_m1 * block_n1",
    "queries_score_area": "block_m2 * block_n2",
    "threads": THREADS,
    "dq_threads": "dq_warps * warp_size",
    "keys_floats_per_thread": f"{KEYS_FLOATS} / ({THREADS})",
    "dq_floats_per_thread": f"{DQ_FLOATS} / (dq_warps * warp_size)",
    "keys_shared_bytes": KEYS_SHARED,
    "keys_shared_fraction": f"{KEYS_SHARED} / shared_memory_bytes",
    "dq_shared_bytes": _queries_shared("block_m2", "dq_stages"),
    "key_programs": KEY_PROGRAMS,
    "key_waves": f"{KEY_PROGRAMS} / sm_count",
    "query_waves": f"{QUERY_PROGRAMS} / sm_count",
    "all_waves": f"({KEY_PROGRAMS} + {QUERY_PROGRAMS}) / sm_count",
    "steps_over_queries": "ceil_div(seq, block_m1)",
    "steps_over_keys": "ceil_div(seq, block_n2)",
}


def attention_backward_space(
    batch: int, heads: int, seq: int, head_dim: int, causal: bool, dtype: str, device: DeviceLimits = H100
) -> SearchSpace:
    """Every configuration of the gradients of attention on [batch, heads, seq, head_dim] that a tuner should try.

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
    return SearchSpace((*STRUCTURE, *loops, *BLOCKS), CONSTRAINTS, constants, FEATURES)
