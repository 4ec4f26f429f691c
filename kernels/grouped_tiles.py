"""Where the tiles of a grouped product lie: from the groups' offsets on the device to expert, rows and columns."""

from __future__ import annotations

import triton
import triton.language as tl

from kernels.base import Buffer, Launch


@triton.jit
def find_row_tile(offsets_ptr, index, EXPERTS: tl.constexpr, LANES: tl.constexpr, BLOCK_M: tl.constexpr):
    """Number of row tiles; and of row tile ``index`` the expert and the first row (the last expert's if none)."""
    lanes = tl.arange(0, LANES)
    first = tl.load(offsets_ptr + lanes, mask=lanes < EXPERTS, other=0)
    last = tl.load(offsets_ptr + lanes + 1, mask=lanes < EXPERTS, other=0)
    tiles = tl.cdiv(last - first, BLOCK_M)
    before = tl.cumsum(tiles, 0) <= index
    expert = tl.minimum(tl.sum((before & (lanes < EXPERTS)).to(tl.int32), 0), EXPERTS - 1)
    within = index - tl.sum(tl.where(before, tiles, 0), 0)
    return tl.sum(tiles, 0), expert, tl.load(offsets_ptr + expert) + within * BLOCK_M


@triton.jit
def count_row_tiles(
    offsets_ptr, map_ptr, EXPERTS: tl.constexpr, LANES: tl.constexpr, BLOCK_M: tl.constexpr, MAPPED: tl.constexpr
):
    """How many row tiles all groups together have."""
    if MAPPED:
        count = tl.load(map_ptr)
    else:
        count, _, _ = find_row_tile(offsets_ptr, 0, EXPERTS, LANES, BLOCK_M)
    return count


@triton.jit
def _map_kernel(
    offsets_ptr, map_ptr, slots, EXPERTS: tl.constexpr, LANES: tl.constexpr, BLOCK_M: tl.constexpr
):  # fmt: skip
    """map [1 + 2·slots]: the number of row tiles, then each one's expert, then each one's first row."""
    index = tl.program_id(0)
    count, expert, row = find_row_tile(offsets_ptr, index, EXPERTS, LANES, BLOCK_M)
    if index == 0:
        tl.store(map_ptr, count)
    tl.store(map_ptr + 1 + index, expert)
    tl.store(map_ptr + 1 + slots + index, row)


@triton.jit
def locate_tile(
    offsets_ptr, map_ptr, slots, tile, row_tiles, n,
    EXPERTS: tl.constexpr, LANES: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
    GROUP_M: tl.constexpr, MAPPED: tl.constexpr,
):  # fmt: skip
    """A tile's expert, first row, end of the expert's rows and first column.

    GROUP_M row tiles, which may be of several experts, are walked together so that they share L2.
    """
    tiles_n = tl.cdiv(n, BLOCK_N)
    if GROUP_M == 1:
        index = tile // tiles_n
        column = tile % tiles_n
    else:
        first = tile // (GROUP_M * tiles_n) * GROUP_M
        rows = min(row_tiles - first, GROUP_M)
        within = tile % (GROUP_M * tiles_n)
        index = first + within % rows
        column = within // rows
    if MAPPED:
        expert = tl.load(map_ptr + 1 + index)
        row = tl.load(map_ptr + 1 + slots + index)
    else:
        _, expert, row = find_row_tile(offsets_ptr, index, EXPERTS, LANES, BLOCK_M)
    return expert, row, tl.load(offsets_ptr + expert + 1), column * BLOCK_N


def map_tiles(slots: int, experts: int, block_m: int) -> Launch:
    """The launch that writes buffer ``map`` [1 + 2·slots], int32, from buffer ``offsets`` [experts + 1], int32."""
    return Launch(
        _map_kernel,
        (slots, 1, 1),
        {"offsets_ptr": Buffer("offsets"), "map_ptr": Buffer("map"), "slots": slots},
        {"EXPERTS": experts, "LANES": triton.next_power_of_2(experts), "BLOCK_M": block_m},
        {"num_warps": 1, "num_stages": 1},
    )
