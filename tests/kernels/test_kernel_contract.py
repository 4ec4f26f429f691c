"""The contract that authors inherit: our own kernels fulfil it, and each clause fails for a kernel that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from harness.testing import KernelContract
from kernels.base import Buffers, Kernel
from kernels.cpu import CpuKernel
from kernels.softmax import Softmax
from kernels.stated import SMALL
from search_spaces.device import DeviceLimits
from search_spaces.parameter import Boolean, Ordinal
from search_spaces.softmax import softmax_space
from search_spaces.space import SearchSpace


@dataclass(frozen=True)
class Doubled(CpuKernel):
    """The kernel y = 2 x, whose subclasses break one clause each."""

    n: int = 9
    dtype: str = "fp32"

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        return {"x": torch.randn(self.n, generator=generator)}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        return {"y": 2 * inputs["x"].double()}

    def search_space(self, device: DeviceLimits) -> SearchSpace:
        del device
        return SearchSpace([Ordinal("block", (1, 4)), Boolean("added")])

    def bind(
        self, configuration: Mapping[str, Any], inputs: Buffers, outputs: Buffers, built: Path
    ) -> Callable[[], object]:
        del built
        x, y, block, added = inputs["x"], outputs["y"], configuration["block"], configuration["added"]

        def run() -> None:
            for at in range(0, self.n, block):
                part = x[at : at + block]
                y[at : at + block] = part + part if added else 2 * part

        return run


class Unread(Doubled):
    def search_space(self, device: DeviceLimits) -> SearchSpace:
        return SearchSpace([*super().search_space(device).parameters, Boolean("ignored")])


class WrongWhenAdded(Doubled):
    def bind(
        self, configuration: Mapping[str, Any], inputs: Buffers, outputs: Buffers, built: Path
    ) -> Callable[[], object]:
        run = super().bind(configuration, inputs, outputs, built)
        return (lambda: outputs["y"].zero_()) if configuration["added"] else run


class ForeignDraws(Doubled):
    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        del generator
        return {"x": torch.rand(self.n)}


class OtherShape(Doubled):
    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        return {"y": torch.empty(self.n + 1, device=device)}


class NothingFeasible(Doubled):
    def search_space(self, device: DeviceLimits) -> SearchSpace:
        return SearchSpace(super().search_space(device).parameters, ["block > 4"])


class BadName(Doubled):
    @property
    def name(self) -> str:
        return "a/b"


class TestDoubled(KernelContract):
    def kernels(self) -> Sequence[Kernel]:
        return [Doubled(), Doubled(1)]


# The interpreter computes rows past the last, all of them -inf, and drops them.
@pytest.mark.filterwarnings("ignore:(invalid value|divide by zero) encountered:RuntimeWarning")
class TestSoftmax(KernelContract):
    """A kernel whose space is a separate function."""

    choices = 8
    exempt: ClassVar[Mapping[str, str]] = {
        "test_every_choice_compiles": "tests/kernels/test_softmax.py compiles more of them"
    }

    def kernels(self) -> Sequence[Kernel]:
        return [Softmax(5, 300, "fp32")]

    def space(self, kernel: Kernel) -> SearchSpace:
        assert isinstance(kernel, Softmax)
        return softmax_space(kernel.rows, kernel.cols, kernel.dtype, SMALL)


@pytest.mark.parametrize(
    ("kernel", "clause", "says"),
    [
        (Unread(), "test_every_parameter_is_read", "ignored is never read"),
        (WrongWhenAdded(), "test_every_choice_computes_the_reference", "'added': True.*relative error"),
        (ForeignDraws(), "test_inputs_are_finite_and_the_seeds_own", "x differs from one call to the next"),
        (OtherShape(), "test_the_reference_has_the_shapes_of_the_outputs_and_is_more_precise", r"y has shape \[10\]"),
        (
            NothingFeasible(),
            "test_something_is_feasible_and_a_default_has_its_parameters",
            "no configuration is feasible",
        ),
        (BadName(), "test_its_name_bytes_and_operations_can_be_recorded", "it names a folder"),
    ],
)
def test_each_clause_fails_for_a_kernel_that_breaks_it(kernel: Kernel, clause: str, says: str) -> None:
    class Contract(KernelContract):
        def kernels(self) -> Sequence[Kernel]:
            return [kernel]

    with pytest.raises(AssertionError, match=says):
        getattr(Contract(), clause)()


@pytest.mark.parametrize(
    ("exempt", "says"),
    [
        ({"test_every_choice_compiles": "slow"}, "expected the reason"),
        ({"test_every_choice_flies": "no such test exists"}, "expected a test of KernelContract"),
    ],
)
def test_an_exemption_names_a_test_and_a_reason(exempt: dict[str, str], says: str) -> None:
    with pytest.raises(TypeError, match=says):
        type("Contract", (KernelContract,), {"exempt": exempt})
