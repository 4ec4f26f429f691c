"""Run a plan directly through Triton's JIT, on a GPU or in the CPU interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import triton

from kernels.base import Buffer, Buffers, Descriptor, Kernel, Plan, Scalar

POISON = float("nan")


def allocate_scratch(plan: Plan, device: torch.device) -> dict[str, torch.Tensor]:
    """The plan's scratch tensors, uninitialised."""
    return {
        name: torch.empty(scratch.shape, dtype=scratch.dtype, device=device) for name, scratch in plan.scratch.items()
    }


def allocate_descriptors(size: int, alignment: int, stream: int | None) -> torch.Tensor:
    """Global scratch for the tensor descriptors that a kernel makes on the GPU, ``size`` bytes.

    The caching allocator aligns to 512 bytes, more than any ``alignment`` that Triton asks for (128).
    """
    del alignment, stream
    return torch.empty(size, dtype=torch.int8, device="cuda")


def launch(plan: Plan, buffers: Buffers) -> None:
    """Launch every step of the plan on ``buffers`` (inputs, outputs and scratch by name)."""
    if any(tensor.is_cuda for tensor in buffers.values()):
        triton.set_allocator(allocate_descriptors)
    for step in plan.launches:
        arguments = {name: _passed(value, buffers) for name, value in step.arguments.items()}
        step.kernel[step.grid](**arguments, **step.constants, **step.options)


def _passed(value: Buffer | Descriptor | Scalar, buffers: Buffers) -> Any:
    if isinstance(value, Descriptor):
        return value.of(buffers[value.buffer.name])
    return buffers[value.name] if isinstance(value, Buffer) else value


def execute(
    kernel: Kernel, configuration: Mapping[str, Any], inputs: Buffers, sm_count: int
) -> dict[str, torch.Tensor]:
    """Run ``kernel`` under ``configuration``; outputs are filled with NaN (integers with -1) beforehand."""
    device = next(iter(inputs.values())).device
    plan = kernel.plan(configuration, sm_count)
    outputs = kernel.outputs(device)
    for tensor in outputs.values():
        tensor.fill_(POISON if tensor.is_floating_point() else -1)
    launch(plan, {**inputs, **outputs, **allocate_scratch(plan, device)})
    return outputs


def relative_error(output: torch.Tensor, reference: torch.Tensor) -> float:
    """Largest absolute deviation over the reference's root mean square; ``inf`` if any output is NaN or inf.

    Scale-free and insensitive to single tiny reference values, so that a different order of
    accumulation (split-k) passes while one wrong or unwritten element does not.
    """
    exact = reference.double()
    deviation = (output.double() - exact).abs().max()
    scale = exact.square().mean().sqrt()
    error = float(deviation / scale.clamp_min(torch.finfo(torch.float64).tiny))
    return error if error == error else float("inf")
