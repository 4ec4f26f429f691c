"""Matrix product in Helion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from kernels.helion import helion, program
from kernels.helion.base import HelionKernel
from kernels.matmul import Matmul
from search_spaces.device import DeviceLimits
from search_spaces.space import SearchSpace

hl = helion.language


@program
def matmul(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """C [m, n] = A [m, k] · B [k, n], accumulated in float32."""
    m, k = a.size()
    _, n = b.size()
    c = torch.empty([m, n], dtype=a.dtype, device=a.device)
    for tile_m, tile_n in hl.tile([m, n]):
        total = hl.zeros([tile_m, tile_n], dtype=torch.float32)
        for tile_k in hl.tile(k):
            total = torch.addmm(total, a[tile_m, tile_k], b[tile_k, tile_n])
        c[tile_m, tile_n] = total
    return c


@dataclass(frozen=True)
class HelionMatmul(HelionKernel, Matmul):
    """C [m, n] = A [m, k] · B [k, n], all row-major."""

    capability: int = 90
    program: ClassVar = matmul


def matmul_space(m: int, n: int, k: int, dtype: str, capability: int, device: DeviceLimits) -> SearchSpace:
    """What Helion tunes of the kernel on a device."""
    return HelionMatmul(m, n, k, dtype, capability).space(device)
