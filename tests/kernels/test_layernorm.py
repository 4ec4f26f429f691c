"""Layer normalisation against a float64 reference, its space, and what Triton makes of it for sm_90."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kernels.execute import execute, relative_error
from kernels.layernorm import LayerNorm
from search_spaces.device import H100, DeviceLimits
from search_spaces.layernorm import layernorm_space
from search_spaces.space import SearchSpace
from tests.kernels.row_checks import (
    assert_pipelined_and_vectorised,
    assert_random_configurations_are_right,
    assert_recordable,
    error,
    one_of_each,
)

STRUCTURE = ("scheme", "statistics", "reduction", "early_parameters")
TASK = LayerNorm(8192, 4096)


def space_of(kernel: LayerNorm, device: DeviceLimits = H100) -> SearchSpace:
    return layernorm_space(kernel.rows, kernel.cols, kernel.dtype, device)


@pytest.mark.parametrize(
    ("rows", "cols", "dtype"),
    [
        (13, 781, "bf16"),
        (5, 1000, "fp16"),
        pytest.param(5, 1000, "bf16", marks=pytest.mark.slow),
        (13, 781, "fp32"),
    ],
)
def test_every_structure_matches_the_reference_on_irregular_shapes(rows, cols, dtype, device):
    kernel = LayerNorm(rows, cols, dtype)
    space = space_of(kernel, replace(H100, sm_count=2))
    configurations = list(one_of_each(space, STRUCTURE, seed=rows + cols))
    assert len(configurations) == 4 + 6 + 4
    for configuration in configurations:
        assert error(kernel, configuration, device) <= kernel.tolerance, configuration


@pytest.mark.filterwarnings("ignore:invalid value encountered in sqrt:RuntimeWarning")
def test_centred_and_welford_statistics_survive_a_large_mean(device):
    kernel = LayerNorm(3, 1300, "fp32")
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    inputs["x"] = inputs["x"] + 1e4
    exact = kernel.reference(inputs)["y"]
    space = space_of(kernel, replace(H100, sm_count=1))
    for configuration in one_of_each(space, STRUCTURE, seed=0):
        deviation = relative_error(execute(kernel, configuration, inputs, 1)["y"], exact)
        # E[x²] - E[x]² loses all but a few digits here; the others must not.
        assert (deviation < 5e-3) == (configuration["statistics"] != "moments"), (configuration, deviation)


def test_the_tolerance_tells_mistakes_from_rounding():
    kernel = LayerNorm(64, 2560, "bf16")
    inputs = kernel.inputs(torch.Generator().manual_seed(1))
    exact = kernel.reference(inputs)["y"]
    assert relative_error(exact.bfloat16(), exact) <= kernel.tolerance
    x, weight, bias = (inputs[name].double() for name in ("x", "weight", "bias"))
    mistakes = {
        "mean forgotten": x / x.std(1, keepdim=True) * weight + bias,
        "bias forgotten": exact - bias,
        "variance of a part of the row": (x - x.mean(1, keepdim=True)) / x[:, :512].std(1, keepdim=True) * weight
        + bias,
    }
    for mistake, output in mistakes.items():
        assert relative_error(output, exact) > kernel.tolerance, mistake


def test_the_space_is_a_recordable_size_without_aliases():
    assert_recordable(TASK, space_of(TASK))


def test_bytes_and_operations():
    assert TASK.bytes_moved == (2 * 8192 * 4096 + 2 * 4096) * 2
    assert TASK.flops == 7 * 8192 * 4096
    assert TASK.name == "layernorm-8192x4096-bf16"


@pytest.mark.slow
def test_compiles_for_sm_90_with_16_byte_accesses(tmp_path: Path):
    space = space_of(TASK)
    configurations = list(one_of_each(space, STRUCTURE, seed=3))
    # A row over so many threads that one row of weights cannot fill their vectors.
    configurations += [next(c for c in space.enumerate() if c["num_warps"] == 32 and c["scheme"] != "looped")]
    assert_pipelined_and_vectorised(TASK, configurations, tmp_path)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_random_configurations_on_the_gpu(dtype, device):
    kernel = LayerNorm(1027, 4096, dtype)
    assert_random_configurations_are_right(kernel, space_of(kernel), device)
