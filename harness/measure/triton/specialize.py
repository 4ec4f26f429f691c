"""Turn a launch into the source that Triton compiles, specialised as its JIT would specialise it.

Compile workers and the GPU process build the same source from the same plan; no driver is involved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from triton.compiler import ASTSource

from kernels.base import Buffer, Descriptor, Kernel, Launch, Plan

ALIGNMENT = 16
"""Bytes that a pointer, or integers that an argument, must be divisible by to be specialised on it."""

TRITON_NAMES = {
    torch.bfloat16: "bf16",
    torch.float16: "fp16",
    torch.float32: "fp32",
    torch.float64: "fp64",
    torch.float8_e4m3fn: "fp8e4nv",
    torch.bool: "i1",
    torch.int8: "i8",
    torch.int16: "i16",
    torch.int32: "i32",
    torch.int64: "i64",
    torch.uint8: "u8",
}

DtypeNames = Mapping[str, str]
"""Triton's element type (``bf16`` …) of every buffer by name."""


def buffer_dtypes(kernel: Kernel) -> dict[str, str]:
    """Element types of a kernel's inputs and outputs, without computing or allocating them."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    cpu = torch.device("cpu")
    try:
        with FakeTensorMode():
            tensors = {**kernel.inputs(torch.Generator(cpu)), **kernel.outputs(cpu)}
    except Exception:  # inputs that look at their own values cannot be faked
        tensors = {**kernel.inputs(torch.Generator(cpu)), **kernel.outputs(cpu)}
    return {name: TRITON_NAMES[tensor.dtype] for name, tensor in tensors.items()}


def plan_dtypes(plan: Plan, dtypes: DtypeNames) -> dict[str, str]:
    """Element types of inputs, outputs and the plan's scratch buffers."""
    return {**dtypes, **{name: TRITON_NAMES[scratch.dtype] for name, scratch in plan.scratch.items()}}


def argument_values(launch: Launch) -> dict[str, Any]:
    """Every parameter's value in the kernel's own order; buffers stay :class:`Buffer`, descriptors :class:`Descriptor`.

    Raises:
        TypeError: a parameter lacks a value, or a value has no parameter.
    """
    given = {**launch.arguments, **launch.constants}
    values: dict[str, Any] = {}
    for parameter in launch.kernel.params:
        if parameter.name in given:
            values[parameter.name] = given.pop(parameter.name)
        elif parameter.has_default:
            values[parameter.name] = parameter.default
        else:
            raise TypeError(f"{launch.kernel.__name__}: no value for parameter {parameter.name}")
    if given:
        raise TypeError(f"{launch.kernel.__name__}: no parameter named {', '.join(given)}")
    return values


def _specialize(value: Any, parameter: Any, dtypes: DtypeNames) -> tuple[str, bool]:
    """Triton type of a run-time argument, and whether it is known to be divisible by 16.

    The rules of ``native_specialize_impl`` in triton 3.6 and 3.7: ``"constexpr"`` for None and for an int 1.
    """
    align = not parameter.do_not_specialize_on_alignment
    if isinstance(value, Buffer):
        kind, divisible = f"*{dtypes[value.name]}", align
    elif isinstance(value, Descriptor):
        kind, divisible = f"tensordesc<{dtypes[value.buffer.name]}{list(value.block)}>", False
    elif value is None:
        kind, divisible = "constexpr", False
    elif isinstance(value, bool):
        kind, divisible = "u1", False
    elif isinstance(value, int):
        if value == 1 and not parameter.do_not_specialize:
            return "constexpr", False
        kind = "i32" if -(2**31) <= value < 2**31 else "u64" if value >= 2**63 else "i64"
        divisible = align and value % ALIGNMENT == 0
    elif isinstance(value, float):
        kind, divisible = "fp32", False
    else:
        raise TypeError(f"{parameter.name}={value!r}: expected a buffer, a descriptor, a number or None")
    return kind, divisible and not parameter.do_not_specialize


def launch_source(launch: Launch, dtypes: DtypeNames) -> ASTSource:
    """The source that ``launch.kernel[grid](...)`` would compile for 16-byte aligned tensors.

    Raises:
        TypeError: arguments do not fit the kernel's parameters.
    """
    signature: dict[str, str] = {}
    constants: dict[tuple[int, ...], Any] = {}
    attributes: dict[tuple[int, ...], list[list[Any]]] = {}
    for index, (parameter, value) in enumerate(
        zip(launch.kernel.params, argument_values(launch).values(), strict=True)
    ):
        if parameter.is_constexpr:
            kind, divisible = "constexpr", False
        else:
            kind, divisible = _specialize(value, parameter, dtypes)
            if parameter.annotation_type and kind != "constexpr":
                kind = parameter.annotation_type
                divisible = divisible and not (kind == "u1" or kind[:2] in ("fp", "bf"))
        signature[parameter.name] = kind
        if kind == "constexpr":
            constants[(index,)] = value
        elif divisible:
            attributes[(index,)] = [["tt.divisibility", ALIGNMENT]]
    return ASTSource(launch.kernel, signature, constants, attributes)
