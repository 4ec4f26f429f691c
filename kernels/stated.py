"""Check what a kernel states against what measuring requires: inputs, reference, outputs, tolerance, space.

Every function returns the faults as lines ``MEMBER: what, expected what``; errors of the kernel are not raised. The
caller decides what to do: ``harness.testing.KernelContract`` fails a test, ``nearopt check`` prints them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch

from kernels.base import Kernel
from kernels.execute import relative_error
from kernels.fault_words import in_words
from search_spaces.device import H100, DeviceLimits
from search_spaces.space import SearchSpace

SMALL = replace(H100, sm_count=2)
"""With two multiprocessors, persistent programs loop on small shapes, as they do on large shapes with 132."""


def rng() -> np.random.Generator:
    """The generator of samples, which are the same every time."""
    return np.random.default_rng(0)


def space_of(kernel: Kernel, device: DeviceLimits = SMALL) -> SearchSpace:
    """The kernel's search space.

    Raises:
        TypeError: ``search_space`` returned another type.
        Exception: whatever it raises.
    """
    space = kernel.search_space(device)  # type: ignore[attr-defined]
    if not isinstance(space, SearchSpace):
        raise TypeError(f"returned {type(space).__name__}: expected a SearchSpace")
    return space


def large_space_of(kernel: Kernel) -> SearchSpace:
    """The kernel's search space on an H100; raises as :func:`space_of`."""
    return space_of(kernel, H100)


def input_faults(kernel: Kernel) -> list[str]:
    """Check ``inputs``: tensors by name, on the generator's device, finite, and equal for equal seeds."""
    try:
        first, second = (kernel.inputs(torch.Generator("cpu").manual_seed(7)) for _ in range(2))
    except Exception as error:
        return [f"inputs: {in_words(error)}"]
    if fault := _no_tensors("inputs", first):
        return [fault]
    faults = []
    for name, tensor in first.items():
        if tensor.device.type != "cpu":
            faults.append(f"inputs: {name} is on {tensor.device}: expected device=generator.device")
        elif tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            faults.append(f"inputs: {name} holds NaN or inf: expected finite numbers")
        elif not torch.equal(tensor, second[name]):
            faults.append(f"inputs: {name} differs from one call to the next: expected draws from the generator given")
    return faults


def reference_faults(kernel: Kernel) -> list[str]:
    """Check ``reference`` and ``outputs``: equal names and shapes, finite, with a precision above the kernel's."""
    try:
        inputs = kernel.inputs(torch.Generator("cpu").manual_seed(7))
        kept = {name: tensor.clone() for name, tensor in inputs.items()}
        exact = kernel.reference(inputs)
    except Exception as error:
        return [f"reference: {in_words(error)}"]
    if fault := _no_tensors("reference", exact):
        return [fault]
    faults = [
        f"reference: changes its input {name}: expected unchanged inputs"
        for name in inputs
        if not torch.equal(inputs[name], kept[name])
    ]
    try:
        outputs = kernel.outputs(torch.device("cpu"))
    except Exception as error:
        return [*faults, f"outputs: {in_words(error)}"]
    if outputs.keys() != exact.keys():
        return [*faults, f"outputs: {_listed(outputs)}: expected the names of reference: {_listed(exact)}"]
    for name, tensor in exact.items():
        faults += _output_faults(kernel, name, outputs[name], tensor)
    return faults


def _output_faults(kernel: Kernel, name: str, output: torch.Tensor, exact: torch.Tensor) -> Iterator[str]:
    if output.shape != exact.shape:
        yield f"outputs: {name} has shape {list(output.shape)}: expected {list(exact.shape)}, as in reference"
        return
    if not exact.numel():
        yield f"reference: {name} has shape {list(exact.shape)}: expected at least one number"
        return
    if not exact.is_floating_point():
        return
    if not bool(torch.isfinite(exact).all()):
        yield f"reference: {name} holds NaN or inf: expected finite numbers"
        return
    if exact.dtype.itemsize < 4:
        yield f"reference: {name} is {exact.dtype}: expected float32 or float64, computed from inputs in that precision"
    rounding = relative_error(exact.to(output.dtype), exact)
    if rounding > kernel.tolerance:
        yield (
            f"tolerance: {kernel.tolerance:.3g} is below the rounding error of {name} in {output.dtype}, "
            f"{rounding:.3g}: expected a larger one"
        )
    if relative_error(torch.zeros_like(exact), exact) <= kernel.tolerance:
        yield f"tolerance: {kernel.tolerance:.3g} accepts an output {name} of zeros: expected a smaller one"


def space_faults(kernel: Kernel, space_of: Callable[[Kernel], SearchSpace] = large_space_of) -> list[str]:
    """Check ``search_space``: it can be built, has a feasible configuration, and has the parameters of ``default``."""
    try:
        space = space_of(kernel)
        if space.enumerable and space.size == 0:
            return [f"search_space: no configuration is feasible for {kernel.name}: expected looser constraints"]
        space.sample_codes(rng(), 1)
    except Exception as error:
        return [f"search_space: {in_words(error)}"]
    try:
        space.canonicalize(getattr(kernel, "default", None) or space.decode(space.sample_codes(rng(), 1)[0]))
    except Exception as error:
        return [f"default: {in_words(error)}"]
    return []


def default_faults(kernel: Kernel) -> list[str]:
    """Check that ``default``, if defined, is feasible on this shape; a small shape may rule it out."""
    default = getattr(kernel, "default", None)
    try:
        if default:
            space = large_space_of(kernel)
            space.validate(space.canonicalize(default))
    except Exception as error:
        return [f"default: {in_words(error)}"]
    return []


def fact_faults(kernel: Kernel) -> list[str]:
    """Check name, FLOPs, bytes and tolerance, which files and rooflines use."""
    faults = []
    try:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]{,119}", kernel.name):
            faults.append(f"name: {kernel.name!r}: expected letters, digits and _ . + - (it names a folder)")
    except Exception as error:
        faults.append(f"name: {in_words(error)}")
    for member, least in (("flops", "0 (unknown) or more"), ("bytes_moved", "more than 0"), ("tolerance", "0 or more")):
        try:
            value = float(getattr(kernel, member))
        except Exception as error:
            faults.append(f"{member}: {in_words(error)}")
            continue
        if not 0 <= value < math.inf or (member == "bytes_moved" and value == 0):
            faults.append(f"{member}: {value:g}: expected {least}")
    return faults


def _no_tensors(member: str, value: object) -> str:
    if not isinstance(value, dict) or not value or not all(isinstance(t, torch.Tensor) for t in value.values()):
        return f"{member}: returned {type(value).__name__}: expected tensors by name: {{'x': tensor, …}}"
    return ""


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(names) or "none"
