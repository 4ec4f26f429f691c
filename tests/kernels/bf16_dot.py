"""Triton's interpreter keeps bfloat16 as raw 16-bit integers and its ``dot`` multiplies those: mend that.

Seen in triton 3.6.0 and 3.7.1. Loads, stores and casts are right, so tests of kernels with a dot need only this.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
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
