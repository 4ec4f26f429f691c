"""A kernel whose name, outputs, bytes and tolerance are derived. Each of these members may be defined instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cached_property
from typing import Any

import torch

from kernels.base import Buffers, Kernel

ROUNDINGS = 64
"""The derived tolerance in unit roundoffs of the dtype, with room for outputs far above their root mean square."""
ARITHMETIC = 2.0**-16
"""The part of the derived tolerance for fp32 arithmetic before rounding."""
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class SimpleKernel(Kernel):
    """A kernel that defines only its fields, ``inputs``, ``reference``, ``plan`` and ``search_space``.

    Subclasses are frozen dataclasses, without slots, with the shape and ``dtype`` as fields. Derived members:

    * ``name``: the class in snake_case, whole numbers, other fields, dtype: ``row_sum-512x1000-fp32``.
    * ``outputs``: the reference's names and shapes, in the kernel's dtype; integers and booleans keep theirs.
    * ``bytes_moved``: the bytes of all inputs and outputs. ``flops``: 0, meaning unknown.
    * ``tolerance``: :data:`ROUNDINGS` unit roundoffs of the dtype, and :data:`ARITHMETIC`.
    * ``vendor``: none.
    """

    @property
    def name(self) -> str:
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        dtype = values.pop("dtype", "")
        sizes = {name: str(value) for name, value in values.items() if type(value) is int}
        others = [_spelled(name, value) for name, value in values.items() if name not in sizes]
        parts = (_WORD.sub("_", type(self).__name__).lower(), "x".join(sizes.values()), *others, dtype)
        return "-".join(part for part in parts if part)

    @property
    def flops(self) -> float:
        return 0.0

    @property
    def bytes_moved(self) -> float:
        tensors = [*self._shapes["inputs"].values(), *self._shapes["outputs"].values()]
        return float(sum(shape.numel() * dtype.itemsize for shape, dtype in tensors))

    @property
    def tolerance(self) -> float:
        return ROUNDINGS * torch.finfo(self.torch_dtype).eps / 2 + ARITHMETIC

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        shapes = self._shapes["outputs"]
        return {name: torch.empty(shape, dtype=dtype, device=device) for name, (shape, dtype) in shapes.items()}

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        """A library's name and a call of it on the same inputs; none by default.

        Raises:
            NotImplementedError: by default.
        """
        raise NotImplementedError(f"{type(self).__name__} names no library to compare with")

    @cached_property
    def _shapes(self) -> Mapping[str, Mapping[str, tuple[torch.Size, torch.dtype]]]:
        """Shapes and dtypes of ``inputs`` and ``outputs``, without computing them if possible."""
        from torch._subclasses.fake_tensor import FakeTensorMode

        try:
            with FakeTensorMode():
                return self._run_for_shapes()
        except Exception:  # inputs or references that read values or use numpy cannot be faked
            return self._run_for_shapes()

    def _run_for_shapes(self) -> Mapping[str, Mapping[str, tuple[torch.Size, torch.dtype]]]:
        inputs = self.inputs(torch.Generator("cpu"))
        exact = self.reference(inputs)
        outputs = {
            name: (tensor.shape, self.torch_dtype if tensor.is_floating_point() else tensor.dtype)
            for name, tensor in exact.items()
        }
        return {"inputs": {name: (t.shape, t.dtype) for name, t in inputs.items()}, "outputs": outputs}


def _spelled(name: str, value: object) -> str:
    if isinstance(value, bool):
        return name if value else f"no_{name}"
    return f"{value:g}" if isinstance(value, float) else str(value)
