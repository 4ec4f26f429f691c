"""Layer normalisation over rows in Helion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from kernels.helion import helion, program
from kernels.helion.base import HelionKernel
from kernels.layernorm import EPSILON, LayerNorm
from search_spaces.device import DeviceLimits
from search_spaces.space import SearchSpace

hl = helion.language


@program
def layernorm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """(x - mean) / sqrt(variance + epsilon) · weight + bias for each row of ``x [rows, cols]``, in float32 inside."""
    rows, _ = x.size()
    y = torch.empty_like(x)
    for tile in hl.tile(rows):
        row = x[tile, :].to(torch.float32)
        centred = row - torch.mean(row, dim=1, keepdim=True)
        variance = torch.mean(centred * centred, dim=1, keepdim=True)
        scaled = centred * torch.rsqrt(variance + EPSILON)
        y[tile, :] = (scaled * weight[:].to(torch.float32) + bias[:].to(torch.float32)).to(x.dtype)
    return y


@dataclass(frozen=True)
class HelionLayerNorm(HelionKernel, LayerNorm):
    """Layer normalisation of the rows of ``x [rows, cols]``."""

    capability: int = 90
    program: ClassVar = layernorm


def layernorm_space(
    rows: int, cols: int, dtype: str, capability: int, device: DeviceLimits, pinned: Sequence[str] = ()
) -> SearchSpace:
    """What Helion tunes of the kernel on a device, but for keys that are ``pinned`` to Helion's defaults."""
    return HelionLayerNorm(rows, cols, dtype, capability).space(device, pinned)
