"""The tests that every kernel inherits. They need no GPU; if there is one, Triton kernels run on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

if not Path("/dev/nvidia0").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # Triton decides when a kernel is imported

import torch

from harness.evaluation import Status
from harness.measure.trial_compile import compiled, nvcc_found
from kernels import stated, trial
from kernels.base import Kernel
from kernels.cpu import CpuKernel
from kernels.cuda import CudaKernel
from search_spaces.choices import one_of_each
from search_spaces.space import SearchSpace

Configuration = Mapping[str, Any]


class KernelContract:
    """Tests of what measuring relies on. Subclass it, define :meth:`kernels`, and let pytest collect it.

    Attributes:
        choices: most configurations of a shape that are run and compiled: one for each combination of categories
            and booleans, then one for each value not seen yet.
        exempt: map from the names of tests that cannot hold to reasons.

    Raises (when subclassed):
        TypeError: ``exempt`` names an unknown test, or gives no reason.
    """

    choices: int = 24
    exempt: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        for name, reason in cls.exempt.items():
            if not name.startswith("test_") or not hasattr(KernelContract, name):
                raise TypeError(f"{cls.__name__}.exempt: {name}: expected a test of KernelContract")
            if len(reason.split()) < 3:
                raise TypeError(f"{cls.__name__}.exempt: {name}: {reason!r}: expected the reason why it cannot hold")

    @pytest.fixture(autouse=True)
    def _exempted(self, request: pytest.FixtureRequest) -> None:
        reason = self.exempt.get(request.function.__name__)
        if reason is not None:
            pytest.skip(f"exempt: {reason}")

    def kernels(self) -> Sequence[Kernel]:
        """Kernels on small shapes, including odd ones: no multiple of a block, one row, one column."""
        raise NotImplementedError

    def space(self, kernel: Kernel) -> SearchSpace:
        """The search space of a kernel; override this for kernels without a ``search_space``."""
        return stated.space_of(kernel)

    # -- what it states ----------------------------------------------------------------------------------------------

    def test_inputs_are_finite_and_the_seeds_own(self) -> None:
        self._none_of(stated.input_faults)

    def test_the_reference_has_the_shapes_of_the_outputs_and_is_more_precise(self) -> None:
        self._none_of(stated.reference_faults)

    def test_something_is_feasible_and_a_default_has_its_parameters(self) -> None:
        self._none_of(lambda kernel: stated.space_faults(kernel, self.space))

    def test_its_name_bytes_and_operations_can_be_recorded(self) -> None:
        self._none_of(stated.fact_faults)

    # -- what configurations do --------------------------------------------------------------------------------------

    def test_every_choice_computes_the_reference(self) -> None:
        """Runs in Triton's interpreter or on a GPU; CUDA C++ kernels run only on a GPU and are compiled here."""
        wrong = []
        for kernel, configuration in self._chosen():
            if isinstance(kernel, CudaKernel):
                pytest.skip("CUDA C++ has no interpreter: nearopt record checks results on a GPU")
            if (fault := trial.run_fault(kernel, configuration, self._device(kernel))) is not None:
                wrong.append(f"{kernel.name}: {dict(configuration)}: {fault}")
        assert not wrong, _listed(wrong)

    def test_every_parameter_is_read(self) -> None:
        """Otherwise equal kernels would count as different and be measured repeatedly."""
        for kernel in self.kernels():
            chosen = [configuration for _, configuration in self._chosen([kernel])]
            faults = trial.unread(kernel, self.space(kernel), chosen)
            assert not faults, _listed(faults)

    def test_every_choice_compiles(self) -> None:
        """Compiles in worker processes, for an H100 if there is no GPU; exceeding its resources is not a fault."""
        fine = (Status.OK, Status.OUT_OF_RESOURCES)
        for kernel in self.kernels():
            if isinstance(kernel, CpuKernel):
                pytest.skip("Python callables are not compiled ahead of time")
            if isinstance(kernel, CudaKernel) and not nvcc_found():
                pytest.skip("nvcc is not installed")
            chosen = [configuration for _, configuration in self._chosen([kernel])]
            wrong = [f"{configuration}: {outcome.message}" for configuration, outcome in compiled(kernel, chosen)
                     if outcome.status not in fine]  # fmt: skip
            assert not wrong, _listed([kernel.name, *wrong])

    # ----------------------------------------------------------------------------------------------------------------

    def _none_of(self, faults: Callable[[Kernel], list[str]]) -> None:
        found = [f"{kernel.name}: {fault}" for kernel in self.kernels() for fault in faults(kernel)]
        assert not found, _listed(found)

    def _chosen(self, kernels: Sequence[Kernel] | None = None) -> Iterator[tuple[Kernel, Configuration]]:
        for kernel in self.kernels() if kernels is None else kernels:
            space = self.space(kernel)
            yield from ((kernel, space.decode(row)) for row in one_of_each(space, self.choices))

    def _device(self, kernel: Kernel) -> torch.device:
        if isinstance(kernel, CpuKernel) or not torch.cuda.is_available():
            if (fault := trial.interpreter_fault(kernel, self.space(kernel))) is not None:
                pytest.fail(f"{fault}: import harness.testing before the kernel")
            return torch.device("cpu")
        return torch.device("cuda")


def _listed(faults: Sequence[str]) -> str:
    """The message of an assert, since pytest explains only asserts in test modules."""
    return "\n".join(faults)
