"""The four kernels written in Helion, which generates the Triton code of each configuration itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from unittest.mock import patch

import torch
import triton

OLDEST, NEWEST = "1.4.0", "1.5.1"
"""The range of Helion's versions that tests run with."""


@contextmanager
def no_device() -> Iterator[None]:
    """Inside the block torch shows no GPU.

    Helion asks for the device's properties as early as a kernel is decorated, which initialises CUDA; no child that is
    forked from such a process can use the GPU.
    """
    with patch.object(torch.cuda, "is_available", lambda: False):
        yield


try:
    with no_device():
        import helion
except ImportError as error:
    try:
        found = f"helion {version('helion')} cannot be imported"
    except PackageNotFoundError:
        raise ImportError("helion is not installed: expected pip install 'nearopt[helion]'") from None
    raise ImportError(
        f"{found} with torch {torch.__version__} and triton {triton.__version__} ({error}): expected a pair that fits, "
        f"for instance helion {OLDEST} with torch 2.11 … 2.13 and triton 3.6 … 3.7"
    ) from None


def program(function: Callable[..., Any]) -> Any:
    """``@helion.kernel`` for fixed shapes, on a machine with a GPU or without."""
    with no_device():
        return helion.kernel(function, static_shapes=True)


__all__ = ["helion", "no_device", "program"]
