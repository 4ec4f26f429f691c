"""The search space of ``kernels.decode_attention`` for a shape, a dtype and a device.

Keys a block, warps and stages are those that xformers tunes its Triton split-K decoder over
(``xformers/ops/fmha/_triton/splitk_kernels.py``, ``autotune_kernel``, commit 0320918: BLOCK_N 32, 64, 128;
warps 1, 2, 4; stages 1, 2, 3). Five stages are ours. Keys wait for the number of their page, and before a product on
tensor cores Triton gives every second stage to the look-up: three stages fetch one block ahead, as four would, and
five fetch two.
"""

from __future__ import annotations

from search_spaces.device import H100, DeviceLimits
from search_spaces.parameter import Categorical, Ordinal, Parameter
from search_spaces.space import SearchSpace

ELEMENT_BYTES = {"bf16": 2, "fp16": 2}
KV_STAGE = "2 * block_n * head_dim * element_bytes"
AHEAD = f"max(1, (num_stages - 1) // 2) * {KV_STAGE}"
THREADS = "num_warps * warp_size"

PARAMETERS: tuple[Parameter, ...] = (
    Categorical("schedule", ("single_pass", "split_kv")),
    Ordinal("splits", (2, 4, 8, 16, 32), scale="log2", active_when="schedule == 'split_kv'"),
    Categorical("slices", ("by_length", "by_chunk"), active_when="schedule == 'split_kv'"),
    Categorical("product", ("heads_rows", "keys_rows", "vector")),
    Ordinal("heads_per_program", (1, 2, 4), scale="log2", active_when="product == 'vector'"),
    Categorical("lookup", ("token", "page")),
    Ordinal("block_n", (32, 64, 128), scale="log2"),
    Ordinal("num_warps", (1, 2, 4), scale="log2"),
    Ordinal("num_stages", (1, 2, 3, 5)),
)

CONSTRAINTS = (
    # A pipeline holds the blocks that are on their way; what else passes through shared memory only the compiler knows.
    f"{AHEAD} <= shared_memory_bytes",
    f"product != 'vector' or (num_stages - 1) * {KV_STAGE} <= shared_memory_bytes",
    "heads_per_program <= group",
    # A program multiplies all its heads with the block: past 128 products a thread the compiler spills at length.
    f"heads_per_program * block_n * head_dim <= 128 * {THREADS}",
    # Tiles of keys pass through registers on their way to tensor cores, a half of a thread's at most.
    f"product == 'vector' or block_n * head_dim <= 256 * {THREADS}",
    # A page lookup takes whole pages, and a page of one token is looked up a token at a time.
    "lookup == 'token' or (page_size > 1 and block_n % page_size == 0)",
    # Every slice of the longest sequence has keys, and half as many slices do not fill the device many times over.
    "(splits - 1) * ceil_div(ceil_div(seq, block_n), splits) < ceil_div(seq, block_n)",
    "splits <= 2 or batch * kv_heads * splits <= 32 * sm_count",
)

PROGRAMS = "batch * kv_heads"

FEATURES = {
    "threads": THREADS,
    "block_bytes": KV_STAGE,
    "bytes_ahead": AHEAD,
    "shared_fraction": f"{AHEAD} / shared_memory_bytes",
    "key_elements_per_thread": f"block_n * head_dim / ({THREADS})",
    "products_per_thread": f"heads_per_program * block_n * head_dim / ({THREADS})",
    "vector_programs": f"{PROGRAMS} * group / heads_per_program",
    "split_waves": f"{PROGRAMS} * splits / sm_count",
    "steps": "ceil_div(seq, block_n)",
    "steps_per_split": "ceil_div(ceil_div(seq, block_n), splits)",
    "pages_per_block": "block_n / page_size",
}


def decode_attention_space(
    batch: int,
    heads: int,
    kv_heads: int,
    seq: int,
    head_dim: int,
    page_size: int,
    dtype: str,
    device: DeviceLimits = H100,
) -> SearchSpace:
    """Every configuration of decode attention with up to ``seq`` cached tokens that an engineer would try.

    Raises:
        ValueError: for an unknown dtype.
    """
    if dtype not in ELEMENT_BYTES:
        raise ValueError(f"dtype={dtype}: expected one of {', '.join(ELEMENT_BYTES)}")
    constants = {
        "batch": batch,
        "kv_heads": kv_heads,
        "group": heads // kv_heads,
        "seq": seq,
        "head_dim": head_dim,
        "page_size": page_size,
        "element_bytes": ELEMENT_BYTES[dtype],
        "sm_count": device.sm_count,
        "shared_memory_bytes": device.shared_memory_bytes,
        "warp_size": device.warp_size,
    }
    return SearchSpace(PARAMETERS, CONSTRAINTS, constants, FEATURES)
