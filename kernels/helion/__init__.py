"""The four kernels written in Helion, which generates the Triton code of each configuration itself."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import torch
import triton

OLDEST = "1.4.0"

try:
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

__all__ = ["helion"]
