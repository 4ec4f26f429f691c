"""Softmax against a float64 reference, its space, and what Triton makes of it for sm_90."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kernels.execute import execute, relative_error
from kernels.softmax import Softmax
from search_spaces.device import H100, DeviceLimits
from search_spaces.softmax import softmax_space
from search_spaces.space import SearchSpace
from tests.kernels.row_checks import (
    assert_pipelined_and_vectorised,
    assert_random_configurations_are_right,
    assert_recordable,
    error,
    one_of_each,
)

STRUCTURE = ("scheme", "passes", "reduction")
# The interpreter computes rows past the last, all of them -inf, and drops them.
pytestmark = pytest.mark.filterwarnings("ignore:(invalid value|divide by zero) encountered:RuntimeWarning")
TASKS = (Softmax(4096, 2560), Softmax(16384, 2560))


def space_of(kernel: Softmax, device: DeviceLimits = H100) -> SearchSpace:
    return softmax_space(kernel.rows, kernel.cols, kernel.dtype, device)


@pytest.mark.parametrize(
    ("rows", "cols", "dtype"),
    [
        (13, 781, "bf16"),
        (5, 1000, "fp32"),
        *(pytest.param(13, 781, dtype, marks=pytest.mark.slow) for dtype in ("fp16", "fp32")),
        *(pytest.param(5, 1000, dtype, marks=pytest.mark.slow) for dtype in ("bf16", "fp16")),
    ],
)
def test_every_structure_matches_the_reference_on_irregular_shapes(rows, cols, dtype, device):
    kernel = Softmax(rows, cols, dtype)
    space = space_of(kernel, replace(H100, sm_count=2))
    configurations = list(one_of_each(space, STRUCTURE, seed=rows + cols))
    assert len(configurations) == 1 + 4 + 1
    for configuration in configurations:
        assert error(kernel, configuration, device) <= kernel.tolerance, configuration


def test_large_logits_do_not_overflow(device):
    kernel = Softmax(3, 520, "fp32")
    x = torch.randn(3, 520, generator=torch.Generator(device).manual_seed(0), device=device) * 1e4
    space = space_of(kernel, replace(H100, sm_count=1))
    for configuration in one_of_each(space, STRUCTURE, seed=0):
        output = execute(kernel, configuration, {"x": x}, 1)["y"]
        assert relative_error(output, kernel.reference({"x": x})["y"]) < 1e-5, configuration


def test_the_tolerance_tells_a_lost_block_from_rounding():
    kernel = Softmax(64, 2560, "bf16")
    inputs = kernel.inputs(torch.Generator().manual_seed(1))
    exact = kernel.reference(inputs)["y"]
    assert relative_error(exact.bfloat16(), exact) <= kernel.tolerance
    lost = torch.softmax(inputs["x"].double()[:, :-256], dim=1)
    assert relative_error(torch.nn.functional.pad(lost, (0, 256)), exact) > kernel.tolerance


@pytest.mark.parametrize("kernel", TASKS, ids=lambda kernel: kernel.name)
def test_the_space_is_a_recordable_size_without_aliases(kernel):
    assert_recordable(kernel, space_of(kernel))


def test_bytes_and_operations():
    kernel = Softmax(4096, 2560)
    assert kernel.bytes_moved == 2 * 4096 * 2560 * 2
    assert kernel.flops == 5 * 4096 * 2560
    assert kernel.name == "softmax-4096x2560-bf16"


@pytest.mark.slow
def test_compiles_for_sm_90_with_16_byte_accesses(tmp_path: Path):
    kernel = TASKS[0]
    configurations = list(one_of_each(space_of(kernel), (*STRUCTURE, "num_stages"), seed=3))
    assert_pipelined_and_vectorised(kernel, configurations, tmp_path)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_random_configurations_on_the_gpu(dtype, device):
    kernel = Softmax(1027, 2560, dtype)
    assert_random_configurations_are_right(kernel, space_of(kernel), device)
