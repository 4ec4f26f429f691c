"""A wide search space of ``kernels.matmul``: too many configurations to measure them all, none without a purpose."""

from __future__ import annotations

from search_spaces.device import H100, DeviceLimits
from search_spaces.matmul import CONSTRAINTS, FEATURES, MANY_SLICES, STEPS, STRUCTURE, matmul_constants, schedules
from search_spaces.parameter import Ordinal, Parameter
from search_spaces.space import SearchSpace

PARAMETERS: tuple[Parameter, ...] = (
    *schedules((1, 2, 3, 4), (2, 4, *MANY_SLICES)),
    *STRUCTURE,
    Ordinal("block_m", (32, 64, 128, 256), scale="log2"),
    Ordinal("block_n", (32, 64, 128, 256), scale="log2"),
    Ordinal("block_k", (16, 32, 64, 128), scale="log2"),
    Ordinal("group_m", (1, 2, 4, 8, 16), scale="log2"),
    Ordinal("num_warps", (2, 4, 8, 16), scale="log2"),
    Ordinal("num_stages", (1, 2, 3, 4, 5, 6, 7)),
)

WIDE_CONSTRAINTS = (
    # Groups of more rows of tiles than there are walk them as the next smaller one does.
    "group_m == 1 or group_m < 2 * ceil_div(m, block_m)",
    # A tensor-core instruction's smallest result is 16 x 8: further warps would repeat what others compute.
    "num_warps * 128 <= block_m * block_n",
    # A thread has 255 registers: with twice that many accumulators it does little but spill.
    "block_m * block_n <= 2 * 256 * num_warps * warp_size",
    # A pipeline runs num_stages - 1 steps ahead: no further than its loop, which in a persistent kernel goes on into
    # the next tile.
    f"schedule == 'persistent' or num_stages - 1 <= {STEPS}",
    f"num_stages - 1 <= ceil_div({STEPS}, split_k)",
)


def matmul_wide_space(m: int, n: int, k: int, dtype: str, device: DeviceLimits = H100) -> SearchSpace:
    """What :func:`search_spaces.matmul.matmul_space` spans, and finer and wider: for samples and live runs.

    Raises:
        ValueError: for an unknown dtype.
    """
    constants = matmul_constants(m, n, k, dtype, device)
    return SearchSpace(PARAMETERS, (*CONSTRAINTS, *WIDE_CONSTRAINTS), constants, FEATURES)
