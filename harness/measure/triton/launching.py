"""Calls that launch a plan's kernels with all arguments bound, so that a timed region only launches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from kernels.base import Buffer, Descriptor


def passed(value: Any, buffers: Mapping[str, torch.Tensor]) -> Any:
    """A run-time argument in the form that Triton's launcher accepts; the launcher makes the tensor map of a descriptor
    at each launch."""
    if isinstance(value, Descriptor):
        return value.of(buffers[value.buffer.name])
    return buffers[value.name].data_ptr() if isinstance(value, Buffer) else value


def bound(run: Any, values: tuple[Any, ...], stream: int) -> Callable[[], None]:
    """A call that launches one kernel."""
    return lambda: run(*values, stream=stream)


def chained(steps: list[Callable[[], None]]) -> Callable[[], None]:
    """A call that runs all steps in order."""
    if len(steps) == 1:
        return steps[0]

    def launch() -> None:
        for step in steps:
            step()

    return launch
