"""Calls that launch a plan's kernels with everything bound already: nothing is left to do in a timed region."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from kernels.base import Buffer, Descriptor


def passed(value: Any, buffers: Mapping[str, torch.Tensor]) -> Any:
    """A run-time argument as Triton's launcher takes it; it makes the tensor map of a descriptor at each launch."""
    if isinstance(value, Descriptor):
        return value.of(buffers[value.buffer.name])
    return buffers[value.name].data_ptr() if isinstance(value, Buffer) else value


def bound(run: Any, values: tuple[Any, ...], stream: int) -> Callable[[], None]:
    """A launch of one kernel."""
    return lambda: run(*values, stream=stream)


def chained(steps: list[Callable[[], None]]) -> Callable[[], None]:
    """All of them, one after the other."""
    if len(steps) == 1:
        return steps[0]

    def launch() -> None:
        for step in steps:
            step()

    return launch
