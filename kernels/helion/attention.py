"""Attention in Helion: Flash-Attention's online softmax (Dao 2023), without a mask."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from kernels.attention import Attention
from kernels.helion import helion, program
from kernels.helion.base import HelionKernel
from search_spaces.device import DeviceLimits
from search_spaces.space import SearchSpace

hl = helion.language
LOG2_E = math.log2(math.e)


@program
def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """softmax(Q·Kᵀ/√head_dim)·V; all [batch, heads, seq, head_dim], contiguous."""
    seq = q.size(-2)
    head_dim = hl.specialize(q.size(-1))
    queries = q.reshape([-1, seq, head_dim])
    keys = k.reshape([-1, seq, head_dim]).transpose(1, 2)
    values = v.reshape([-1, seq, head_dim])
    out = torch.empty_like(queries)
    scale = LOG2_E / math.sqrt(head_dim)
    for tile_b, tile_m in hl.tile([queries.size(0), seq]):
        largest = hl.full([tile_b, tile_m], float("-inf"), dtype=torch.float32)
        total = torch.full_like(largest, 1.0)
        weighted = hl.zeros([tile_b, tile_m, head_dim], dtype=torch.float32)
        rows = queries[tile_b, tile_m, :]
        for tile_n in hl.tile(seq):
            # Accumulated in float32: torch.bmm would round the scores to the inputs' dtype.
            scores = hl.zeros([tile_b, tile_m, tile_n], dtype=torch.float32)
            scores = torch.baddbmm(scores, rows, keys[tile_b, :, tile_n])
            higher = torch.maximum(largest, torch.amax(scores, -1) * scale)
            power = torch.exp2(scores * scale - higher[:, :, None])
            shrink = torch.exp2(largest - higher)
            total = total * shrink + torch.sum(power, -1)
            weighted = weighted * shrink[:, :, None]
            columns = values[tile_b, tile_n, :]
            weighted = torch.baddbmm(weighted, power.to(columns.dtype), columns)
            largest = higher
        out[tile_b, tile_m, :] = (weighted / total[:, :, None]).to(out.dtype)
    return out.view(q.size())


@dataclass(frozen=True)
class HelionAttention(HelionKernel, Attention):
    """O = softmax(Q·Kᵀ/√head_dim)·V.

    Raises:
        ValueError: ``causal=True``: the program has no mask.
    """

    causal: bool = False
    capability: int = 90
    program: ClassVar = attention

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.causal:
            raise ValueError("causal=True: expected False: the Helion program has no mask")


def attention_space(
    batch: int, heads: int, seq: int, head_dim: int, causal: bool, dtype: str, capability: int, device: DeviceLimits
) -> SearchSpace:
    """What Helion tunes of the kernel on a device."""
    return HelionAttention(batch, heads, seq, head_dim, causal, dtype, capability).space(device)
