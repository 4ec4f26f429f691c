"""What the spaces of row kernels share: constants of the shape, tiling parameters, their rules and features.

A whole row is padded to a power of two, ``padded_cols``; a tile is spread evenly over a program's threads.
"""

from __future__ import annotations

from search_spaces.device import DeviceLimits
from search_spaces.errors import SpaceError
from search_spaces.parameter import Categorical, Ordinal, Parameter

DTYPE_BYTES = {"bf16": 2, "fp16": 2, "fp32": 4}
VECTOR_BYTES = 16
# The leanest of these kernels needs as many, so programs that leave fewer per thread are never all resident.
MIN_REGISTERS_PER_THREAD = 32


def row_constants(
    rows: int, cols: int, dtype: str, device: DeviceLimits, fp32_values_per_element: int
) -> dict[str, int | float | str | bool]:
    """Shape and device numbers that the rules mention.

    Args:
        fp32_values_per_element: what the kernel holds in registers for each element of a tile. Four times
            as many tiles fit an SM's registers, and half of a thread's 255 registers hold its share.

    Raises:
        SpaceError: on an unknown dtype or a size below 1.
    """
    if dtype not in DTYPE_BYTES:
        raise SpaceError(f"dtype={dtype}: expected one of {', '.join(DTYPE_BYTES)}")
    if rows < 1 or cols < 1:
        raise SpaceError(f"rows={rows}, cols={cols}: expected positive sizes")
    return {
        "rows": rows,
        "cols": cols,
        "padded_cols": 1 << (cols - 1).bit_length(),
        "element_bytes": DTYPE_BYTES[dtype],
        "vector_elements": VECTOR_BYTES // DTYPE_BYTES[dtype],
        "max_elements_per_thread": 128 // fp32_values_per_element,
        "max_tile_elements": device.registers_per_sm // (4 * fp32_values_per_element),
        "min_registers_per_thread": MIN_REGISTERS_PER_THREAD,
        "sm_count": device.sm_count,
        "registers_per_sm": device.registers_per_sm,
        "max_threads": device.max_threads_per_block,
        "warp_size": device.warp_size,
    }


def tiling_parameters(min_block_cols: int, max_stages: int) -> list[Parameter]:
    """The scheme and the sizes that it activates."""
    block_cols = tuple(block for block in (256, 512, 1024, 2048, 4096, 8192) if block >= min_block_cols)
    return [
        Categorical("scheme", ("single_pass", "looped", "persistent")),
        Ordinal("rows_per_program", (1, 2, 4, 8), "log2"),
        Ordinal("num_warps", (1, 2, 4, 8, 16, 32), "log2"),
        Ordinal("block_cols", block_cols, "log2", "scheme == 'looped'"),
        Ordinal("ctas_per_sm", (1, 2, 4, 8), "log2", "scheme == 'persistent'"),
        Ordinal("num_stages", tuple(range(1, max_stages + 1)), active_when="scheme != 'single_pass'"),
    ]


TILING_CONSTRAINTS = (
    "num_warps * warp_size <= max_threads",
    # Several rows a program only where a tile of them leaves registers for other programs.
    "rows_per_program == 1 or rows_per_program * padded_cols <= max_tile_elements",
    # Every thread has at least one whole vector, and no more elements than it can hold.
    "scheme == 'looped' or rows_per_program * padded_cols >= num_warps * warp_size * vector_elements",
    "scheme == 'looped' or rows_per_program * padded_cols <= num_warps * warp_size * max_elements_per_thread",
    "rows_per_program * block_cols >= num_warps * warp_size * vector_elements",
    "rows_per_program * block_cols <= num_warps * warp_size * max_elements_per_thread",
    # A loop has at least two blocks, and no more stages than blocks.
    "block_cols < cols",
    "num_stages <= ceil_div(cols, block_cols)",
    # Persistent programs are all resident, and each has more than one tile.
    "ctas_per_sm * num_warps * warp_size * min_registers_per_thread <= registers_per_sm",
    "ctas_per_sm * sm_count * rows_per_program < rows",
    # A pipelined load goes through cp.async, which Triton emits without an eviction policy.
    "num_stages == 1 or load_eviction == 'default'",
)

TILING_FEATURES = {
    "threads": "num_warps * warp_size",
    "tiles": "ceil_div(rows, rows_per_program)",
    "row_elements_per_thread": "rows_per_program * padded_cols / (num_warps * warp_size)",
    "block_elements_per_thread": "rows_per_program * block_cols / (num_warps * warp_size)",
    "blocks": "ceil_div(cols, block_cols)",
    "block_fill": "cols / (ceil_div(cols, block_cols) * block_cols)",
    "block_bytes_in_flight": "rows_per_program * block_cols * element_bytes * num_stages",
    "row_bytes_in_flight_per_sm": "rows_per_program * padded_cols * element_bytes * num_stages * ctas_per_sm",
    "resident_threads": "ctas_per_sm * num_warps * warp_size",
    "registers_per_thread": "registers_per_sm / (ctas_per_sm * num_warps * warp_size)",
    "tiles_per_program": "ceil_div(rows, rows_per_program) / (ctas_per_sm * sm_count)",
    "wave_efficiency": (
        "ceil_div(rows, rows_per_program)"
        " / (ceil_div(ceil_div(rows, rows_per_program), ctas_per_sm * sm_count) * ctas_per_sm * sm_count)"
    ),
}
