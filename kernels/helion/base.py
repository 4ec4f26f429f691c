"""What the Helion kernels share: a program, its arguments, and plans out of generated code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any, ClassVar

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from kernels.base import Kernel, Plan
from kernels.helion import helion
from kernels.helion.description import describe
from kernels.helion.generated import Document, generated_plan, record_calls
from kernels.helion.target import Target, visible
from search_spaces.device import DeviceLimits
from search_spaces.helion import helion_config, helion_space
from search_spaces.helion import pinned as pin
from search_spaces.space import SearchSpace

UNPICKLED = ("_bounds", "_fake_mode", "fake_inputs")


class HelionKernel(Kernel):
    """A kernel whose code Helion generates.

    Mixed into the hand-written kernel of the same problem, from which it takes inputs, reference, tolerance and
    vendor. ``program`` is a ``helion.kernel`` that gets the inputs in their order and returns the outputs in theirs.

    Attributes:
        capability: the compute capability that code is generated for, 90 for 9.0.
    """

    program: ClassVar[Any]
    capability: int

    @property
    def name(self) -> str:
        return f"helion_{super().name}"  # type: ignore[safe-super]

    def space(self, device: DeviceLimits, pinned: Sequence[str] = ()) -> SearchSpace:
        """What Helion tunes of this kernel on a device, but for the keys that are pinned to Helion's defaults.

        Raises:
            ValueError: a key that cannot be pinned, or that the kernel does not have.
        """
        target = Target(device.sm_count, self.capability)
        with visible(target):
            description = describe(self.bound(target).config_spec)
        return helion_space(pin(description, pinned) if pinned else description)

    def warm_up(self, sm_count: int) -> None:
        self.bound(Target(sm_count, self.capability))

    def bound(self, target: Target) -> Any:
        """Helion's ``BoundKernel`` for a device that need not be here; binding takes about a second."""
        if target not in self._bounds:
            with visible(target):
                self._bounds[target] = self.program.bind(tuple(self.fake_inputs.values()))
        return self._bounds[target]

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        target = Target(sm_count, self.capability)
        config = helion_config(configuration)
        identity = json.dumps([self.name, sm_count, self.capability, version("helion"), config], sort_keys=True)

        def generate() -> str:
            with visible(target):
                code: str = self.bound(target).to_triton_code(helion.Config(**config))
            return code

        def launches(module: Any) -> Document:
            outputs = tuple(self.outputs(torch.device("meta")))
            with visible(target), self._fake_mode:
                return record_calls(getattr(module, self.program.name), self.fake_inputs, outputs)

        return generated_plan(identity, generate, launches)

    # Not fields: they are no part of the task, and do not travel to workers.

    @cached_property
    def _bounds(self) -> dict[Target, Any]:
        return {}

    @cached_property
    def _fake_mode(self) -> FakeTensorMode:
        return FakeTensorMode()

    @cached_property
    def fake_inputs(self) -> dict[str, torch.Tensor]:
        """The inputs' shapes, dtypes and strides, as if on the device; no storage."""
        with visible(Target()), self._fake_mode:
            made = self.inputs(torch.Generator("cpu"))
            return {
                name: torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="cuda")
                for name, tensor in made.items()
            }

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in UNPICKLED}
