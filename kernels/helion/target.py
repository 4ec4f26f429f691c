"""Let Helion bind kernels for a CUDA device that this process does not have.

Helion asks torch for the device's properties while it binds a kernel and while it generates code, and needs nothing
else of it. Compile workers are kept away from the GPU, and CI has none: they get the properties from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from helion import _compat, _hardware
from torch._dynamo.device_interface import CudaInterface
from torch._subclasses import fake_tensor


@dataclass(frozen=True, slots=True)
class Target:
    """What generated code depends on.

    Attributes:
        sm_count: streaming multiprocessors.
        capability: compute capability as one number, 90 for 9.0.
    """

    sm_count: int = 132
    capability: int = 90

    def properties(self) -> Any:
        """As ``torch.cuda.get_device_properties`` has them, as far as Helion 1.4 and torch's Triton helpers look."""
        major, minor = divmod(self.capability, 10)
        return SimpleNamespace(
            name=f"NVIDIA sm_{self.capability}",
            major=major,
            minor=minor,
            multi_processor_count=self.sm_count,
            warp_size=32,
            regs_per_multiprocessor=65_536,
            max_threads_per_multi_processor=2048,
            max_threads_per_block=1024,
            shared_memory_per_block_optin=232_448,
            shared_memory_per_multiprocessor=233_472,
        )


@contextmanager
def visible(target: Target) -> Iterator[None]:
    """Inside the block torch describes ``target`` as the only CUDA device. Nothing can be launched on it."""
    properties = target.properties()
    capability = (properties.major, properties.minor)
    cuda: dict[str, Any] = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "get_device_properties": lambda *_: properties,
        "get_device_capability": lambda *_: capability,
        "get_device_name": lambda *_: properties.name,
    }
    with ExitStack() as stack:
        # Helion remembers what it learned of the device, for good; inside and outside are two devices.
        _forget()
        stack.callback(_forget)
        for name, value in cuda.items():
            stack.enter_context(patch.object(torch.cuda, name, value))
        if torch.version.cuda is None:  # a build for CPUs, whose device would count as unknown hardware
            stack.enter_context(patch.object(torch.version, "cuda", "13.0"))
        # It makes a tensor on the device, so that later ones can be faked; newer versions of torch do without.
        stack.enter_context(patch.object(fake_tensor, "init_gpu_context", lambda *_: None))
        for interface in (CudaInterface, CudaInterface.Worker):
            stack.enter_context(patch.object(interface, "get_device_properties", lambda *_: properties))
            stack.enter_context(patch.object(interface, "current_device", lambda *_: 0))
        yield


def _forget() -> None:
    for module in (_compat, _hardware):
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
