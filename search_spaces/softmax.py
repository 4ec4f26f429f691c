"""The search space of :mod:`kernels.softmax`."""

from __future__ import annotations

from search_spaces.device import DeviceLimits
from search_spaces.parameter import Boolean, Categorical
from search_spaces.rows import TILING_CONSTRAINTS, TILING_FEATURES, row_constants, tiling_parameters
from search_spaces.space import SearchSpace


def softmax_space(rows: int, cols: int, dtype: str, device: DeviceLimits) -> SearchSpace:
    """The configurations of softmax over the rows of ``x [rows, cols]``.

    ``load_eviction`` is for the one read of x; a looped program reads x several times, and under
    ``retain_rows`` asks caches to keep its rows until the last (evict_last, then evict_first).
    """
    return SearchSpace(
        parameters=[
            *tiling_parameters(min_block_cols=256, max_stages=4),
            Categorical("passes", ("online", "three_pass"), "scheme == 'looped'"),
            Categorical("reduction", ("per_block", "deferred"), "scheme == 'looped'"),
            Categorical("load_eviction", ("default", "evict_first"), "scheme != 'looped'"),
            Boolean("retain_rows", "scheme == 'looped' and num_stages == 1"),
            Categorical("store_eviction", ("default", "evict_first")),
        ],
        constraints=TILING_CONSTRAINTS,
        constants=row_constants(rows, cols, dtype, device, fp32_values_per_element=1),
        features=TILING_FEATURES,
    )
