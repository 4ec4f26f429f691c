"""Scratch memory on the device: a plan's own tensors, and what Triton requests."""

from __future__ import annotations

import torch

from kernels.base import Scratch

MAX_SHARED_BYTES = 8 * 2**30


class SharedScratch:
    """Scratch tensors that configurations share, up to a size: their contents are undefined at launch."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._tensors: dict[tuple[int, Scratch], torch.Tensor] = {}

    def tensor(self, index: int, need: Scratch) -> torch.Tensor:
        """The ``index``-th tensor of a plan, filled with nan."""
        if sum(tensor.nbytes for tensor in self._tensors.values()) > MAX_SHARED_BYTES:
            self._tensors.clear()
        tensor = self._tensors.get((index, need))
        if tensor is None:
            tensor = torch.empty(need.shape, dtype=need.dtype, device=self._device)
            self._tensors[(index, need)] = tensor
        if tensor.is_floating_point():
            tensor.fill_(float("nan"))  # so that reading unwritten memory is detected
        return tensor

    def clear(self) -> None:
        """Release all tensors."""
        self._tensors.clear()


def allocate(size: int, _alignment: int, _stream: int | None) -> torch.Tensor:
    """Global scratch for tensor descriptors; torch aligns to 512 bytes, more than Triton ever requests."""
    return torch.empty(size, dtype=torch.int8, device="cuda")
