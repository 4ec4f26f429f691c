"""What a kernel states about itself, so that one runner can compile, check, time and bound any of them.

A kernel object is bound to a problem shape and a dtype. Its ``plan`` turns a configuration into data
(launches, grids, constants, scratch buffers); who compiles and launches it lives elsewhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

Buffers = Mapping[str, torch.Tensor]
Scalar = int | float

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


@dataclass(frozen=True, slots=True)
class Buffer:
    """A kernel argument that names a tensor: an input, an output or a scratch buffer."""

    name: str


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A kernel argument that is a tensor descriptor, made on the host when the kernel is launched.

    Attributes:
        buffer: the tensor that it describes.
        shape, strides: in elements; the tensor may be seen in another shape than it was made with.
        block: what one access moves, in elements.
    """

    buffer: Buffer
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    block: tuple[int, ...]

    def of(self, tensor: torch.Tensor) -> Any:
        """Triton's descriptor of the buffer's tensor."""
        from triton.tools.tensor_descriptor import TensorDescriptor

        return TensorDescriptor(tensor, list(self.shape), list(self.strides), list(self.block))


@dataclass(frozen=True, slots=True)
class Scratch:
    """A temporary tensor that a plan needs; contents undefined at launch."""

    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True, slots=True)
class Launch:
    """One Triton launch.

    Attributes:
        kernel: the ``@triton.jit`` function.
        grid: number of programs along each axis.
        arguments: run-time arguments by parameter name, tensors as :class:`Buffer` or :class:`Descriptor`.
        constants: ``tl.constexpr`` parameters by name.
        options: compile options (``num_warps``, ``num_stages``, ``maxnreg`` …).
    """

    kernel: Any
    grid: tuple[int, int, int]
    arguments: Mapping[str, Buffer | Descriptor | Scalar]
    constants: Mapping[str, Any]
    options: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """The launches of one configuration, in order, and the scratch buffers they share."""

    launches: tuple[Launch, ...]
    scratch: Mapping[str, Scratch] = field(default_factory=dict)


class Kernel(ABC):
    """A tunable kernel for one shape and dtype. Subclasses are frozen dataclasses of shape + ``dtype``."""

    dtype: str

    @property
    @abstractmethod
    def name(self) -> str:
        """The task's name, for instance ``matmul-2048x2048x2048-bf16``."""

    @property
    @abstractmethod
    def flops(self) -> float:
        """Useful floating-point operations (a multiply-add counts two)."""

    @property
    @abstractmethod
    def bytes_moved(self) -> float:
        """Fewest bytes through device memory: every input read once, every output written once."""

    @property
    @abstractmethod
    def tolerance(self) -> float:
        """Largest accepted ‖out − ref‖∞ / scale, where scale is the reference's own (see ``check``)."""

    @abstractmethod
    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Fresh random inputs on the generator's device, by buffer name."""

    @abstractmethod
    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        """Uninitialised output tensors by buffer name."""

    @abstractmethod
    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        """The outputs in high precision (float32 or float64)."""

    @abstractmethod
    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        """The launches that compute the outputs under ``configuration`` on a device with ``sm_count`` SMs."""

    @abstractmethod
    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        """The vendor library's name and a call of it on the same inputs."""

    def warm_up(self, sm_count: int) -> None:  # noqa: B027 (most have nothing to do)
        """Whatever a compile worker does once before its first plan, so that no configuration is charged for it."""

    @property
    def torch_dtype(self) -> torch.dtype:
        """The torch dtype of inputs and outputs."""
        return DTYPES[self.dtype]
