"""Try a kernel's configurations without a GPU: Triton kernels in its interpreter, Python callables directly.

As in :mod:`kernels.stated`, functions return the faults.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from kernels.base import Buffer, Buffers, Descriptor, Kernel, Launch, Plan
from kernels.cpu import CpuKernel
from kernels.cuda import CudaFunction, CudaKernel
from kernels.execute import POISON, execute, relative_error
from kernels.fault_words import in_words, near
from kernels.stated import SMALL, rng
from search_spaces.space import SearchSpace

Configuration = Mapping[str, Any]


@dataclass
class Watched(Mapping[str, Any]):
    """A configuration that records in ``read`` which of its values were read."""

    values_: Configuration
    read: set[str] = field(default_factory=set)

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        if name not in self.values_:
            raise KeyError(
                f"configuration[{name!r}]: inactive or unknown parameter: expected {near(name, [*self.values_])}"
            )
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)

    def __contains__(self, name: object) -> bool:
        return name in self.values_


def plan_faults(kernel: Kernel, plan: object) -> list[str]:
    """The names in a plan that do not exist: buffers, and parameters of the functions that it launches."""
    if not isinstance(plan, Plan):
        return [f"plan: returned {type(plan).__name__}: expected a Plan"]
    if not plan.launches:
        return ["plan: no launches: expected at least one"]
    cpu = torch.device("cpu")
    known = [*kernel.inputs(torch.Generator(cpu)), *kernel.outputs(cpu), *plan.scratch]
    return [fault for launch in plan.launches for fault in _launch_faults(launch, known)]


def _launch_faults(launch: Launch, known: Sequence[str]) -> Iterator[str]:
    for value in launch.arguments.values():
        buffer = value.buffer if isinstance(value, Descriptor) else value
        if isinstance(buffer, Buffer) and buffer.name not in known:
            yield f"plan: Buffer({buffer.name!r}): expected an input, output or scratch: {near(buffer.name, known)}"
    if len(launch.grid) != 3 or any(type(size) is not int or size < 1 for size in launch.grid):
        yield f"plan: grid {launch.grid}: expected three whole numbers of 1 or more"
    if isinstance(launch.kernel, CudaFunction) or not hasattr(launch.kernel, "fn"):
        return
    function = launch.kernel.fn
    parameters = inspect.signature(function).parameters
    given = {**launch.arguments, **launch.constants}
    for name in given:
        if name not in parameters:
            yield f"plan: {function.__name__} has no parameter {name}: expected {near(name, list(parameters))}"
    for name, parameter in parameters.items():
        if name not in given and parameter.default is parameter.empty:
            yield f"plan: {function.__name__} gets no value for its parameter {name}: expected a value"


def run_fault(kernel: Kernel, configuration: Configuration, device: torch.device) -> str | None:
    """The fault of the outputs under one configuration; ``None`` if they are within the tolerance.

    Args:
        device: the CPU or a GPU; on the CPU, Triton must use its interpreter.
    """
    configuration = Watched(configuration)
    try:
        inputs = kernel.inputs(torch.Generator(device).manual_seed(7))
        kept = {name: tensor.clone() for name, tensor in inputs.items()}
        if isinstance(kernel, CpuKernel):
            with tempfile.TemporaryDirectory() as built:
                outputs = _called(kernel, configuration, inputs, Path(built))
        else:
            if faults := plan_faults(kernel, kernel.plan(configuration, SMALL.sm_count)):
                return faults[0]
            outputs = execute(kernel, configuration, inputs, SMALL.sm_count)
        exact = kernel.reference(kept)
    except Exception as error:
        return in_words(error)
    changed = [name for name in inputs if not torch.equal(inputs[name], kept[name])]
    if changed:
        return f"changes its input {changed[0]}: expected unchanged inputs, as they are reused"
    errors = {name: relative_error(outputs[name], exact[name]) for name in exact}
    worst = max(errors, key=lambda name: errors[name])
    if errors[worst] <= kernel.tolerance:
        return None
    if bool(outputs[worst].isnan().any()) if outputs[worst].is_floating_point() else False:
        return f"{worst}: {int(outputs[worst].isnan().sum())} of {outputs[worst].numel()} values not written, or NaN"
    return f"{worst}: relative error {errors[worst]:.3g} exceeds the tolerance {kernel.tolerance:.3g}"


def _called(kernel: CpuKernel, configuration: Configuration, inputs: Buffers, built: Path) -> dict[str, torch.Tensor]:
    kernel.build(configuration, built)
    outputs = kernel.outputs(torch.device("cpu"))
    for tensor in outputs.values():
        tensor.fill_(POISON if tensor.is_floating_point() else 0)
    call: Callable[[], object] = kernel.bind(configuration, inputs, outputs, built)
    call()
    call()  # it is timed repeatedly, so it must not accumulate into its outputs
    return outputs


def unread(kernel: Kernel, space: SearchSpace, configurations: Sequence[Configuration]) -> list[str]:
    """The parameters that no plan, or call, reads, so that configurations that differ in them are equal."""
    read: set[str] = set()
    for configuration in configurations:
        watched = Watched(configuration, read)
        if isinstance(kernel, CpuKernel):
            with tempfile.TemporaryDirectory() as built:
                _called(kernel, watched, kernel.inputs(torch.Generator("cpu").manual_seed(7)), Path(built))
        else:
            kernel.plan(watched, SMALL.sm_count)
    return [
        f"search_space: {parameter.name} is never read: expected it to be used in "
        f"{'bind' if isinstance(kernel, CpuKernel) else 'plan'}, or removed"
        for parameter in space.parameters
        if parameter.size > 1 and parameter.name not in read
    ]


def interpreter_fault(kernel: Kernel, space: SearchSpace) -> str | None:
    """The message for a Triton kernel that the CPU cannot run because it was imported for compilation."""
    if isinstance(kernel, CpuKernel | CudaKernel):
        return None
    (row,) = space.sample_codes(rng(), 1)
    try:
        functions = [launch.kernel for launch in kernel.plan(space.decode(row), SMALL.sm_count).launches]
    except Exception:  # running it reports the fault
        return None
    if any(type(function).__name__ == "JITFunction" for function in functions):
        return "Triton's interpreter is off: expected TRITON_INTERPRET=1 before the kernel is imported"
    return None
