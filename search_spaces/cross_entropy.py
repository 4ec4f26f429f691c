"""The search space of :mod:`kernels.cross_entropy`.

Blocks and warps reach from the largest that FlagGems tunes its cross entropy over (1,024 columns and 4 warps:
``cross_entropy_loss`` of ``src/flag_gems/runtime/backend/_nvidia/tune_configs.yaml`` at 01bee17) to what Liger-Kernel
always launches (32,768 columns and 32 warps: ``src/liger_kernel/ops/cross_entropy.py`` at 02e90db).
"""

from __future__ import annotations

from search_spaces.device import H100, DeviceLimits
from search_spaces.parameter import Boolean, Categorical, Ordinal, Parameter
from search_spaces.space import SearchSpace

ELEMENT_BYTES = {"bf16": 2, "fp16": 2}
VECTOR_BYTES = 16
MAX_ELEMENTS_PER_THREAD = 64

BLOCKS = "ceil_div(vocab, block_cols)"
SLICE_BLOCKS = f"ceil_div({BLOCKS}, splits)"
BLOCK_THREADS = "num_warps * warp_size"

PARAMETERS: tuple[Parameter, ...] = (
    Categorical("scheme", ("one_pass", "persistent", "looped", "split")),
    Ordinal("num_warps", (4, 8, 16, 32), "log2"),
    Ordinal("ctas_per_sm", (1, 2), "log2", "scheme == 'persistent'"),
    Ordinal("block_cols", (1024, 2048, 4096, 8192, 16384, 32768), "log2", "scheme in ('looped', 'split')"),
    Ordinal("num_stages", (1, 2, 3, 4), active_when="scheme != 'one_pass'"),
    Categorical("reduction", ("per_block", "deferred"), "scheme == 'looped'"),
    Boolean("retain_rows", "scheme == 'looped' and num_stages == 1"),
    Categorical("second_pass", ("forward", "reversed"), "scheme in ('looped', 'split')"),
    Categorical("target_logit", ("gather", "masked"), "scheme != 'split'"),
    Categorical("load_eviction", ("default", "evict_first"), "scheme in ('one_pass', 'persistent')"),
    Categorical("store_eviction", ("default", "evict_first"), "scheme != 'split'"),
    Ordinal("splits", (2, 4, 8, 16), "log2", "scheme == 'split'"),
    Ordinal("grad_block_cols", (2048, 4096, 8192), "log2", "scheme == 'split'"),
    Ordinal("grad_warps", (4, 8), "log2", "scheme == 'split'"),
)

CONSTRAINTS = (
    "num_warps * warp_size <= max_threads",
    # Every thread has at least one whole vector, and no more elements than it can hold.
    f"scheme in ('looped', 'split') or padded_vocab >= {BLOCK_THREADS} * vector_elements",
    f"scheme in ('looped', 'split') or padded_vocab <= {BLOCK_THREADS} * max_elements_per_thread",
    f"block_cols >= {BLOCK_THREADS} * vector_elements",
    f"block_cols <= {BLOCK_THREADS} * max_elements_per_thread",
    # A state per lane is three values an element; a slice is short, and its blocks as well.
    f"reduction != 'deferred' or 2 * block_cols <= {BLOCK_THREADS} * max_elements_per_thread",
    f"scheme != 'split' or 2 * block_cols <= {BLOCK_THREADS} * max_elements_per_thread",
    # A loop has at least two blocks, and no more stages than blocks.
    "block_cols < vocab",
    f"scheme != 'looped' or num_stages <= {BLOCKS}",
    f"num_stages <= {SLICE_BLOCKS}",
    # Every slice has work.
    f"(splits - 1) * {SLICE_BLOCKS} < {BLOCKS}",
    "grad_block_cols < 2 * vocab",
    # A pipeline holds at least num_stages - 1 blocks or rows.
    "(num_stages - 1) * block_cols * element_bytes <= shared_memory_bytes",
    "ctas_per_sm * (num_stages - 1) * padded_vocab * element_bytes <= shared_memory_bytes",
    # Persistent programs hold their rows in registers side by side, and each has more than one.
    "ctas_per_sm * padded_vocab <= registers_per_sm",
    "ctas_per_sm * sm_count < tokens",
    # A pipelined load goes through cp.async, which Triton emits without an eviction policy.
    "num_stages == 1 or load_eviction == 'default'",
)

FEATURES = {
    "threads": BLOCK_THREADS,
    "row_elements_per_thread": f"padded_vocab / ({BLOCK_THREADS})",
    "block_elements_per_thread": f"block_cols / ({BLOCK_THREADS})",
    "grad_elements_per_thread": "grad_block_cols / (grad_warps * warp_size)",
    "blocks": BLOCKS,
    "blocks_per_slice": SLICE_BLOCKS,
    "block_fill": f"vocab / ({BLOCKS} * block_cols)",
    "shared_bytes": "block_cols * element_bytes * num_stages",
    "persistent_waves": "tokens / (ctas_per_sm * sm_count)",
    "row_waves": f"tokens * {BLOCK_THREADS} / (sm_count * max_threads_per_sm)",
    "split_waves": f"tokens * splits * {BLOCK_THREADS} / (sm_count * max_threads_per_sm)",
    "grad_programs": "tokens * ceil_div(vocab, grad_block_cols)",
}


def cross_entropy_space(tokens: int, vocab: int, dtype: str, device: DeviceLimits = H100) -> SearchSpace:
    """Every configuration of cross entropy and its gradient over ``x [tokens, vocab]``.

    ``load_eviction`` is for the one read of x; a looped program reads x twice, and under ``retain_rows`` asks caches to
    keep its row until the second (evict_last, then evict_first).

    Raises:
        ValueError: for an unknown dtype.
    """
    if dtype not in ELEMENT_BYTES:
        raise ValueError(f"dtype={dtype}: expected one of {', '.join(ELEMENT_BYTES)}")
    constants: dict[str, int | float | str | bool] = {
        "tokens": tokens,
        "vocab": vocab,
        "padded_vocab": 1 << (vocab - 1).bit_length(),
        "element_bytes": ELEMENT_BYTES[dtype],
        "vector_elements": VECTOR_BYTES // ELEMENT_BYTES[dtype],
        "max_elements_per_thread": MAX_ELEMENTS_PER_THREAD,
        "sm_count": device.sm_count,
        "shared_memory_bytes": device.shared_memory_bytes,
        "max_threads": device.max_threads_per_block,
        "max_threads_per_sm": 2 * device.max_threads_per_block,
        "registers_per_sm": device.registers_per_sm,
        "warp_size": device.warp_size,
    }
    return SearchSpace(PARAMETERS, CONSTRAINTS, constants, FEATURES)
