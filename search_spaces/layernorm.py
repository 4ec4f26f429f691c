"""The search space of :mod:`kernels.layernorm`."""

from __future__ import annotations

from search_spaces.device import DeviceLimits
from search_spaces.parameter import Boolean, Categorical
from search_spaces.rows import TILING_CONSTRAINTS, TILING_FEATURES, row_constants, tiling_parameters
from search_spaces.space import SearchSpace


def layernorm_space(rows: int, cols: int, dtype: str, device: DeviceLimits) -> SearchSpace:
    """The configurations of layer normalisation over the rows of ``x [rows, cols]``.

    ``load_eviction`` is for the one read of x; a looped program reads x several times, and under
    ``retain_rows`` asks caches to keep its rows until the last (evict_last, then evict_first). Welford's update is for
    statistics that arrive block by block.
    """
    return SearchSpace(
        parameters=[
            *tiling_parameters(min_block_cols=512, max_stages=3),
            Categorical("statistics", ("moments", "centred", "welford")),
            Categorical("reduction", ("per_block", "deferred"), "scheme == 'looped'"),
            Boolean("early_parameters", "scheme != 'looped'"),
            Categorical("load_eviction", ("default", "evict_first"), "scheme != 'looped'"),
            Boolean("retain_rows", "scheme == 'looped' and num_stages == 1"),
            Categorical("store_eviction", ("default", "evict_first")),
        ],
        constraints=(*TILING_CONSTRAINTS, "scheme == 'looped' or statistics != 'welford'"),
        constants=row_constants(rows, cols, dtype, device, fp32_values_per_element=2),
        features=TILING_FEATURES,
    )
