"""The search space of :mod:`kernels.layernorm_backward`.

Rows of a tile (1, 2, 4, 8), warps (4, 8, 16) and blocks of columns (1,024 … 4,096) are those of FlagGems' lists
``layer_norm_backward`` and ``layer_norm_loop`` (``tune_configs.yaml`` in ``src/flag_gems/runtime/backend/_nvidia`` at
01bee17); 32 warps are for rows that fill no fewer. Its ``weight_bias_backward`` sums 128 rows at a time, Triton's layer
normalisation tutorial 32 rows of 128 columns: both are in the range of the last stage's blocks.
"""

from __future__ import annotations

from search_spaces.device import H100, DeviceLimits
from search_spaces.parameter import Boolean, Categorical, Ordinal, Parameter
from search_spaces.space import SearchSpace

ELEMENT_BYTES = {"bf16": 2, "fp16": 2}
VECTOR_BYTES = 16
# x, dy and two sums are four fp32 values an element: half of a thread's 255 registers.
MAX_ELEMENTS_PER_THREAD = 32
MIN_REGISTERS_PER_THREAD = 32
FOLD_ELEMENTS = 8192

FUSED = "scheme != 'separate'"
BLOCKS = "scheme == 'separate' and dx_rows == 'blocks'"
THREADS = "num_warps * warp_size"
SLAB_STEPS = "ceil_div(ceil_div(rows, sum_rows), slabs)"

PARAMETERS: tuple[Parameter, ...] = (
    Categorical("scheme", ("persistent", "grouped", "separate")),
    Ordinal("tile_rows", (1, 2, 4, 8), "log2"),
    Ordinal("num_warps", (4, 8, 16, 32), "log2"),
    Ordinal("ctas_per_sm", (1, 2, 4, 8), "log2", "scheme == 'persistent'"),
    Ordinal("group_rows", (16, 32, 64, 128), "log2", "scheme == 'grouped'"),
    Ordinal("num_stages", (1, 2, 3), active_when=FUSED),
    Boolean("hold_weight", FUSED),
    Categorical("dx_rows", ("whole", "blocks"), "scheme == 'separate'"),
    Ordinal("block_cols", (1024, 2048, 4096), "log2", BLOCKS),
    Ordinal("slabs", (8, 16, 32, 64), "log2", "scheme == 'separate'"),
    Ordinal("sum_rows", (16, 32), "log2", "scheme == 'separate'"),
    Ordinal("sum_cols", (64, 128), "log2", "scheme == 'separate'"),
    Ordinal("fold_rows", (32, 128), "log2"),
    Ordinal("fold_cols", (16, 32, 64, 128), "log2"),
)

CONSTRAINTS = (
    "num_warps * warp_size <= max_threads",
    # Every thread has at least one whole vector, and no more elements than it can hold.
    f"active(block_cols) or tile_rows * padded_cols >= {THREADS} * vector_elements",
    f"active(block_cols) or tile_rows * padded_cols <= {THREADS} * max_elements_per_thread",
    f"tile_rows * block_cols >= {THREADS} * vector_elements",
    f"tile_rows * block_cols <= {THREADS} * max_elements_per_thread",
    "block_cols < cols",
    # Persistent programs are all resident, and each has more than one tile; a group has more than its pipeline takes.
    f"ctas_per_sm * {THREADS} * min_registers_per_thread <= registers_per_sm",
    "ctas_per_sm * tile_rows * padded_cols <= registers_per_sm / 2",
    "ctas_per_sm * sm_count * tile_rows < rows",
    "tile_rows * num_stages <= group_rows",
    "group_rows < rows",
    # A pipeline holds at least num_stages - 1 tiles of x and dy.
    "2 * (num_stages - 1) * tile_rows * padded_cols * element_bytes <= shared_memory_bytes",
    # Every slab has rows.
    f"(slabs - 1) * {SLAB_STEPS} * sum_rows < rows",
    # A block of the last stage is no larger than registers take, nor than the partial sums.
    f"fold_rows * fold_cols <= {FOLD_ELEMENTS}",
    "fold_cols < 2 * cols",
    "fold_rows == 32 or slabs > fold_rows / 2",
    "fold_rows == 32 or ceil_div(rows, group_rows) > fold_rows / 2",
)

FEATURES = {
    "threads": THREADS,
    "row_elements_per_thread": f"tile_rows * padded_cols / ({THREADS})",
    "tiles": "ceil_div(rows, tile_rows)",
    "resident_threads": f"ctas_per_sm * {THREADS}",
    "persistent_waves": "ceil_div(rows, tile_rows) / (ctas_per_sm * sm_count)",
    "groups": "ceil_div(rows, group_rows)",
    "group_waves": "ceil_div(rows, group_rows) / sm_count",
    "bytes_in_flight": "2 * num_stages * tile_rows * padded_cols * element_bytes",
    "sum_programs": "ceil_div(cols, sum_cols) * slabs",
    "slab_steps": SLAB_STEPS,
    "fold_elements": "fold_rows * fold_cols",
    "fold_programs": "ceil_div(cols, fold_cols)",
}


def layernorm_backward_space(rows: int, cols: int, dtype: str, device: DeviceLimits = H100) -> SearchSpace:
    """Every configuration of the gradients of layer normalisation over ``x [rows, cols]``.

    Raises:
        ValueError: for an unknown dtype.
    """
    if dtype not in ELEMENT_BYTES:
        raise ValueError(f"dtype={dtype}: expected one of {', '.join(ELEMENT_BYTES)}")
    constants: dict[str, int | float | str | bool] = {
        "rows": rows,
        "cols": cols,
        "padded_cols": 1 << (cols - 1).bit_length(),
        "element_bytes": ELEMENT_BYTES[dtype],
        "vector_elements": VECTOR_BYTES // ELEMENT_BYTES[dtype],
        "max_elements_per_thread": MAX_ELEMENTS_PER_THREAD,
        "min_registers_per_thread": MIN_REGISTERS_PER_THREAD,
        "sm_count": device.sm_count,
        "shared_memory_bytes": device.shared_memory_bytes,
        "max_threads": device.max_threads_per_block,
        "registers_per_sm": device.registers_per_sm,
        "warp_size": device.warp_size,
    }
    return SearchSpace(PARAMETERS, CONSTRAINTS, constants, FEATURES)
