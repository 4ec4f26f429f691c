"""Softmax over rows in Helion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from kernels.helion import helion, program
from kernels.helion.base import HelionKernel
from kernels.softmax import Softmax
from search_spaces.device import DeviceLimits
from search_spaces.space import SearchSpace

hl = helion.language


@program
def softmax(x: torch.Tensor) -> torch.Tensor:
    """Softmax of each row of ``x [rows, cols]``, in float32 inside; Helion may hold the row or loop over it."""
    rows, _ = x.size()
    y = torch.empty_like(x)
    for tile in hl.tile(rows):
        row = x[tile, :].to(torch.float32)
        power = torch.exp(row - torch.amax(row, dim=1, keepdim=True))
        y[tile, :] = (power / torch.sum(power, dim=1, keepdim=True)).to(x.dtype)
    return y


@dataclass(frozen=True)
class HelionSoftmax(HelionKernel, Softmax):
    """Softmax of each row of ``x [rows, cols]``."""

    capability: int = 90
    program: ClassVar = softmax


def softmax_space(
    rows: int, cols: int, dtype: str, capability: int, device: DeviceLimits, pinned: Sequence[str] = ()
) -> SearchSpace:
    """What Helion tunes of the kernel on a device, but for keys that are ``pinned`` to Helion's defaults."""
    return HelionSoftmax(rows, cols, dtype, capability).space(device, pinned)
