"""The search space of ``kernels.chunked_scan`` for a shape, a dtype and a device.

Blocks, warps and stages are those of the autotuning list of ``_chunk_scan_fwd_kernel`` in
``mamba_ssm/ops/triton/ssd_chunk_scan.py`` of state-spaces/mamba (commit 1e6aa5e): blocks of 32 … 128 rows, 32 … 256
columns and a depth of 32 or 64, 2, 4 or 8 warps and 3 … 5 stages; columns end at head_dim here (up to 128). The launch
that stores C·Bᵀ has the larger blocks of the list in ``ssd_bmm.py`` beside it (commit 0742972).
"""

from __future__ import annotations

from search_spaces.device import H100, DeviceLimits
from search_spaces.parameter import Categorical, Ordinal, Parameter
from search_spaces.space import SearchSpace

ELEMENT_BYTES = {"bf16": 2, "fp16": 2}
LOOPS = "structure != 'kept'"
THREADS = "num_warps * warp_size"
STEP_BYTES = "block_k * (state + block_n) * element_bytes"
KEPT_BYTES = "block_n * (chunk + state) * element_bytes"
TILES = "batch * ceil_div(seq, chunk) * (chunk // block_m) * (head_dim // block_n)"

PARAMETERS: tuple[Parameter, ...] = (
    Categorical("structure", ("stored", "recomputed", "kept")),
    Categorical("cb_type", ("float32", "input"), active_when="structure == 'stored'"),
    Ordinal("cb_block_m", (64, 128), scale="log2", active_when="structure == 'stored'"),
    Ordinal("cb_block_n", (64, 128), scale="log2", active_when="structure == 'stored'"),
    Ordinal("heads_per_program", (2, 4, 8, 16), scale="log2", active_when="structure == 'kept'"),
    Categorical("diagonal", ("masked", "split"), active_when=LOOPS),
    Categorical("decay", ("elementwise", "factored"), active_when=f"{LOOPS} and diagonal == 'split'"),
    Ordinal("block_m", (32, 64, 128), scale="log2"),
    Ordinal("block_n", (32, 64, 128), scale="log2"),
    Ordinal("block_k", (32, 64), scale="log2", active_when=LOOPS),
    Ordinal("num_warps", (2, 4, 8), scale="log2"),
    Ordinal("num_stages", (3, 4, 5)),
)

CONSTRAINTS = (
    "block_m <= chunk",
    "block_n <= head_dim",
    "cb_block_m <= chunk",
    "cb_block_n <= chunk",
    # The blocks before a block of rows end where it starts.
    "block_m % block_k == 0",
    # A block of rows that is the whole chunk has no block before it.
    "diagonal == 'masked' or block_m < chunk",
    # A program's heads are of one group.
    "(heads // groups) % heads_per_program == 0",
    # A tensor core's smallest tile is 16 by 8: fewer than two for each warp leave warps without work.
    "block_m * block_n >= 512 * num_warps",
    # A thread has 255 registers: with more live floats than that it only spills.
    f"block_m * (block_n + 2 * block_k) <= 256 * {THREADS}",
    f"structure != 'kept' or block_m * (block_n + 3 * chunk / 2) <= 256 * {THREADS}",
    # A pipeline holds at least num_stages - 1 steps.
    f"structure != 'recomputed' or (num_stages - 1) * {STEP_BYTES} <= shared_memory_bytes",
    f"structure != 'kept' or (num_stages - 1) * {KEPT_BYTES} <= shared_memory_bytes",
    f"{THREADS} <= max_threads_per_block",
)

FEATURES = {
    "tile_area": "block_m * block_n",
    "tile_aspect": "block_m / block_n",
    "weight_area": "block_m * block_k",
    "cb_tile_area": "cb_block_m * cb_block_n",
    "threads": THREADS,
    "floats_per_thread": f"block_m * (block_n + 2 * block_k) / ({THREADS})",
    "outputs_per_thread": f"block_m * block_n / ({THREADS})",
    "step_bytes": STEP_BYTES,
    "pipeline_bytes": f"num_stages * {STEP_BYTES}",
    "pipeline_fraction": f"num_stages * {STEP_BYTES} / shared_memory_bytes",
    "tiles": TILES,
    "waves": f"{TILES} * heads / sm_count",
    "kept_waves": f"{TILES} * (heads // heads_per_program) / sm_count",
    "steps": "ceil_div(chunk, block_k)",
}


def chunked_scan_space(
    batch: int,
    seq: int,
    heads: int,
    head_dim: int,
    state: int,
    groups: int,
    chunk: int,
    dtype: str,
    device: DeviceLimits = H100,
) -> SearchSpace:
    """Every configuration of the chunk scan that an engineer would let a tuner try.

    Raises:
        ValueError: for an unknown dtype.
    """
    if dtype not in ELEMENT_BYTES:
        raise ValueError(f"dtype={dtype}: expected one of {', '.join(ELEMENT_BYTES)}")
    constants = {
        "batch": batch,
        "seq": seq,
        "heads": heads,
        "head_dim": head_dim,
        "state": state,
        "groups": groups,
        "chunk": chunk,
        "element_bytes": ELEMENT_BYTES[dtype],
        "sm_count": device.sm_count,
        "shared_memory_bytes": device.shared_memory_bytes,
        "max_threads_per_block": device.max_threads_per_block,
        "registers_per_sm": device.registers_per_sm,
        "warp_size": device.warp_size,
    }
    return SearchSpace(PARAMETERS, CONSTRAINTS, constants, FEATURES)
