"""The second stage of a split product: float32 partial tiles added in a fixed order, so without atomics."""

from __future__ import annotations

import triton
import triton.language as tl

from kernels.base import Buffer, Launch

BLOCK = 1024


@triton.jit
def _add_slices_kernel(partials_ptr, out_ptr, elements, SLICES: tl.constexpr, BLOCK: tl.constexpr):
    """out[elements] = sum over slices of partials [SLICES, elements], always in the same order."""
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = offsets < elements
    total = tl.zeros((BLOCK,), dtype=tl.float32)
    for index in tl.static_range(SLICES):
        slice_ptr = partials_ptr + tl.full((), index, tl.int64) * elements
        total += tl.load(slice_ptr + offsets, mask=inside, other=0.0)
    tl.store(out_ptr + offsets, total.to(out_ptr.dtype.element_ty), mask=inside)


def add_slices(partials: str, out: str, slices: int, elements: int) -> Launch:
    """The launch that sums buffer ``partials`` [slices, elements], float32, into buffer ``out`` [elements]."""
    return Launch(
        _add_slices_kernel,
        (triton.cdiv(elements, BLOCK), 1, 1),
        {"partials_ptr": Buffer(partials), "out_ptr": Buffer(out), "elements": elements},
        {"SLICES": slices, "BLOCK": BLOCK},
        {"num_warps": 4, "num_stages": 1},
    )
