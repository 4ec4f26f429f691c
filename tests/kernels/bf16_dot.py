"""Correct Triton's interpreter, which keeps bfloat16 as raw 16-bit integers and multiplies those in ``dot``.

The fault occurs in triton 3.6.0 and 3.7.1. Loads, stores and casts are right, so tests of kernels with a dot need only
the first correction; those of kernels that add or multiply in bfloat16 itself need the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import triton.language as tl
from triton.runtime.interpreter import InterpreterBuilder, TensorHandle


def _as_float32(handle: TensorHandle) -> TensorHandle:
    if handle.dtype.scalar != tl.bfloat16:
        return handle
    bits = handle.data.astype(np.uint32) << 16
    return TensorHandle(bits.view(np.float32), tl.float32)


def mend_bf16_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Widen bfloat16 operands to float32 (exact) before the interpreter multiplies them."""
    original = InterpreterBuilder.create_dot

    def create_dot(self: InterpreterBuilder, a: TensorHandle, b: TensorHandle, *rest: Any) -> TensorHandle:
        return original(self, _as_float32(a), _as_float32(b), *rest)

    monkeypatch.setattr(InterpreterBuilder, "create_dot", create_dot)


def mend_bf16_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add, subtract and multiply bfloat16 in float32 and round to nearest, as the GPU does."""
    original = InterpreterBuilder.binary_op

    def binary_op(
        self: InterpreterBuilder, lhs: TensorHandle, rhs: TensorHandle, op: Callable[[Any, Any], Any]
    ) -> TensorHandle:
        if lhs.dtype.scalar != tl.bfloat16:
            return original(self, lhs, rhs, op)
        exact = np.ascontiguousarray(op(_as_float32(lhs).data, _as_float32(rhs).data))
        bits = torch.from_numpy(exact).bfloat16().view(torch.int16).numpy().view(np.uint16)
        return TensorHandle(bits, tl.bfloat16)

    monkeypatch.setattr(InterpreterBuilder, "binary_op", binary_op)
