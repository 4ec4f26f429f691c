"""Map an error on the device to a status of the configuration."""

from __future__ import annotations

import torch
from triton.runtime.errors import OutOfResources

from harness.evaluation import Status

_RESOURCE_WORDS = ("out of memory", "too many resources", "out of resource")


class WrongResult(Exception):
    """An output deviates from the reference by more than the kernel's tolerance."""


def status_of(error: Exception) -> Status:
    """Out of resources, or any other error."""
    text = str(error)
    if isinstance(error, OutOfResources | torch.OutOfMemoryError) or any(w in text for w in _RESOURCE_WORDS):
        return Status.OUT_OF_RESOURCES
    return Status.RUNTIME_ERROR
