"""What is derived for a kernel that states only the necessary; each derived part can be stated instead."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pytest
import torch

from kernels.base import Buffers, Plan
from kernels.execute import relative_error
from kernels.simple import SimpleKernel


@dataclass(frozen=True)
class RowSum(SimpleKernel):
    """A kernel that sums each row and marks the rows with a positive sum."""

    rows: int = 5
    cols: int = 7
    causal: bool = False
    scale: float = 0.5
    dtype: str = "bf16"

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        x = torch.randn(self.rows, self.cols, generator=generator, device=generator.device)
        return {"x": x.to(self.torch_dtype)}

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        total = inputs["x"].double().sum(1)
        return {"y": total, "positive": total > 0}

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        del configuration, sm_count
        return Plan(())


@dataclass(frozen=True)
class ThroughNumpy(RowSum):
    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        return {"y": torch.from_numpy(inputs["x"].float().numpy().sum(1))}


def test_the_name_is_the_class_and_its_fields() -> None:
    assert RowSum().name == "row_sum-5x7-no_causal-0.5-bf16"
    assert RowSum(512, 1000, causal=True, dtype="fp32").name == "row_sum-512x1000-causal-0.5-fp32"


def test_outputs_are_those_of_the_reference_in_the_kernels_dtype() -> None:
    outputs = RowSum().outputs(torch.device("cpu"))
    assert {name: (list(t.shape), t.dtype) for name, t in outputs.items()} == {
        "y": ([5], torch.bfloat16),
        "positive": ([5], torch.bool),
    }
    assert ThroughNumpy().outputs(torch.device("cpu"))["y"].shape == (5,)


def test_bytes_are_those_of_inputs_and_outputs() -> None:
    assert RowSum().bytes_moved == 5 * 7 * 2 + 5 * 2 + 5
    assert ThroughNumpy(dtype="fp32").bytes_moved == 5 * 7 * 4 + 5 * 4
    assert RowSum().flops == 0


def test_shapes_are_found_without_computing_what_no_memory_holds() -> None:
    kernel = RowSum(rows=2**20, cols=2**20)
    assert kernel.bytes_moved == 2.0**41 + 2.0**21 + 2.0**20
    assert kernel.outputs(torch.device("meta"))["y"].shape == (2**20,)


@pytest.mark.parametrize("dtype", ["bf16", "fp16", "fp32"])
def test_the_tolerance_tells_rounding_from_a_lost_element(dtype: str) -> None:
    kernel = RowSum(rows=33, cols=129, dtype=dtype)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    exact = kernel.reference(inputs)["y"]
    assert relative_error(exact.to(kernel.torch_dtype), exact) <= kernel.tolerance
    lost = {"x": inputs["x"].clone()}
    lost["x"][3] = 0
    assert relative_error(kernel.reference(lost)["y"], exact) > kernel.tolerance


def test_it_is_a_value_that_processes_exchange_whatever_was_derived_before() -> None:
    kernel, asked = RowSum(), RowSum()
    assert asked.bytes_moved > 0
    assert kernel == asked and hash(kernel) == hash(asked) and asdict(kernel) == asdict(asked)
    assert pickle.loads(pickle.dumps(asked)).bytes_moved == asked.bytes_moved


def test_no_library_is_named() -> None:
    with pytest.raises(NotImplementedError, match="RowSum"):
        RowSum().vendor({})
