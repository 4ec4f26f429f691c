"""The search space of ``kernels.top_k`` for a shape, a dtype and a device."""

from __future__ import annotations

from search_spaces.device import H100, DeviceLimits
from search_spaces.parameter import Boolean, Categorical, Ordinal, Parameter
from search_spaces.space import SearchSpace

DTYPES = ("bf16", "fp16")
WARPS_PER_SM = 64
"""That an SM of any of these devices holds at once."""
SLICE = "8 * ceil_div(cols, 8 * slices)"
KEYS = "rows_per_program * block_cols / (num_warps * warp_size)"
# A slice's keys, padded to a power of two: slices is one, too.
PADDED = "(padded_cols // slices)"

PARAMETERS: tuple[Parameter, ...] = (
    Categorical("scheme", ("sort", "split_sort", "select")),
    Ordinal("num_warps", (1, 2, 4, 8, 16, 32), scale="log2"),
    Ordinal("slices", (1, 2, 4, 8, 16, 32), scale="log2", active_when="scheme != 'sort'"),
    Ordinal("merge_warps", (1, 2, 4), scale="log2", active_when="scheme != 'sort'"),
    Ordinal("rows_per_program", (1, 2, 4), scale="log2", active_when="scheme != 'select'"),
    Ordinal("block_cols", (128, 256, 512, 1024, 2048), scale="log2", active_when="scheme != 'select'"),
    Ordinal("num_stages", (1, 2, 3, 4), active_when="scheme != 'select'"),
    Boolean("skip", active_when="rows_per_program == 1"),
    Ordinal("digit_bits", (1, 2, 4), scale="log2", active_when="scheme == 'select'"),
)

CONSTRAINTS = (
    "num_warps * warp_size <= max_threads_per_block",
    # One slice of sorted keys is the result: that is the scheme sort.
    "scheme != 'split_sort' or slices > 1",
    "rows_per_program <= rows",
    # A thread has 4 to 16 keys of a block that is sorted: fewer leave lanes idle, more make a program that takes
    # minutes to compile, since a sort has no loops.
    f"{KEYS} >= 4",
    f"{KEYS} <= 16",
    "slices * kept <= 16 * merge_warps * warp_size",
    # The keys of a slice that is searched stay in registers, and a thread has at least one vector of them.
    f"scheme != 'select' or {PADDED} <= 64 * num_warps * warp_size",
    f"scheme != 'select' or {PADDED} >= 8 * num_warps * warp_size",
    # A block has as many keys as are kept; a loop has two blocks, and no more stages than blocks.
    "block_cols >= kept",
    f"block_cols < {SLICE}",
    "block_cols < cols",
    f"num_stages <= ceil_div({SLICE}, block_cols)",
    # Every slice can fill its part of the candidates.
    f"slices == 1 or cols - (slices - 1) * ({SLICE}) >= kept",
)

FEATURES = {
    "threads": "num_warps * warp_size",
    "programs": "ceil_div(rows, rows_per_program)",
    "row_slices": "rows * slices",
    "waves_of_warps": "rows * slices * num_warps / (sm_count * warps_per_sm)",
    "sorted_keys_per_thread": KEYS,
    "slice_keys_per_thread": f"{PADDED} / (num_warps * warp_size)",
    "counts": "ceil_div(32, digit_bits) * (2 ** digit_bits - 1)",
    "blocks": "ceil_div(cols, block_cols)",
    "blocks_of_slice": f"ceil_div({SLICE}, block_cols)",
    "bytes_in_flight": "rows_per_program * block_cols * element_bytes * num_stages",
    "candidates_per_thread": "slices * kept / (merge_warps * warp_size)",
    "slice_cols": SLICE,
}


def top_k_space(rows: int, cols: int, k: int, dtype: str, device: DeviceLimits = H100) -> SearchSpace:
    """Every configuration of the k largest of each row of x [rows, cols] that an engineer would let a tuner try.

    Raises:
        ValueError: for an unknown dtype.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype={dtype}: expected one of {', '.join(DTYPES)}")
    constants = {
        "rows": rows,
        "cols": cols,
        "padded_cols": 1 << (cols - 1).bit_length(),
        "kept": 1 << (k - 1).bit_length(),
        "element_bytes": 2,
        "sm_count": device.sm_count,
        "max_threads_per_block": device.max_threads_per_block,
        "warps_per_sm": WARPS_PER_SM,
        "warp_size": device.warp_size,
    }
    return SearchSpace(PARAMETERS, CONSTRAINTS, constants, FEATURES)
