"""fp8 values with a float32 scale for every 128 of a row, or for every block of 128 x 128."""

from __future__ import annotations

import torch

GROUP = 128
LARGEST = 448.0
"""Of e4m3."""
LARGEST_NORMAL = 5.5
"""Standard deviations of the largest of 10⁷ normal values."""


def quantised(
    shape: tuple[int, int], blocks: tuple[int, int], deviation: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random normal values in e4m3, on the generator's device, and the scale of each block.

    Args:
        shape: rows and columns.
        blocks: of the scales: as many rows or one for each 128, and one column for each 128.
        deviation: what the values' standard deviation is about. Scales differ by up to two times, so that a wrong
            one shows.
    """
    device = generator.device
    spread = torch.exp2(torch.rand(blocks, generator=generator, device=device) - 0.5)
    values = torch.randn(shape, generator=generator, device=device) * (LARGEST / LARGEST_NORMAL)
    scales = spread * (deviation * LARGEST_NORMAL / LARGEST)
    return values.clamp(-LARGEST, LARGEST).to(torch.float8_e4m3fn), scales


def dequantised(values: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """What the values stand for, float64: ``values`` [rows, k] times ``scales`` [rows or ⌈rows/128⌉, ⌈k/128⌉]."""
    rows, k = values.shape
    if scales.shape[0] != rows:
        scales = scales.repeat_interleave(GROUP, 0)[:rows]
    return values.double() * scales.double().repeat_interleave(GROUP, 1)[:, :k]
