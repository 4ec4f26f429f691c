"""Gradients of layer normalisation against float64, their space, and what Triton makes of them for sm_90."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from kernels.execute import execute, relative_error
from kernels.layernorm_backward import EPSILON, LayerNormBackward
from search_spaces.device import H100, DeviceLimits
from search_spaces.layernorm_backward import layernorm_backward_space
from search_spaces.space import SearchSpace
from tests.kernels.plan_checks import (
    assert_random_plans_are_right,
    assert_recordable_plans,
    default_source,
    worst_error,
)
from tests.kernels.row_checks import narrow_accesses, one_of_each
from tests.kernels.sm90 import reports

STRUCTURE = ("scheme", "hold_weight", "dx_rows")
NARROW, WIDE = TASKS = (LayerNormBackward(32768, 768), LayerNormBackward(2048, 12288, "fp16"))
# Smaller than any value of the space: odd shapes of several tiles, groups and slabs stay quick in the interpreter.
SMALL = {"num_warps": 4, "num_stages": 1, "fold_rows": 4, "fold_cols": 64}
SUMS = {"scheme": "separate", "slabs": 3, "sum_rows": 4, "sum_cols": 64}
STRUCTURES: list[dict[str, Any]] = [
    {"scheme": "persistent", "tile_rows": 1, "ctas_per_sm": 2, "hold_weight": True},
    {"scheme": "persistent", "tile_rows": 2, "ctas_per_sm": 1, "hold_weight": False, "num_stages": 2},
    {"scheme": "grouped", "tile_rows": 2, "group_rows": 8, "hold_weight": True, "num_stages": 2},
    {"scheme": "grouped", "tile_rows": 4, "group_rows": 4, "hold_weight": False},
    {**SUMS, "tile_rows": 1, "dx_rows": "whole"},
    {**SUMS, "tile_rows": 4, "dx_rows": "blocks", "block_cols": 128},
]


def space_of(kernel: LayerNormBackward, device: DeviceLimits = H100) -> SearchSpace:
    return layernorm_backward_space(kernel.rows, kernel.cols, kernel.dtype, device)


@pytest.mark.parametrize(("rows", "cols", "dtype"), [(21, 390, "bf16"), (16, 256, "fp16")])
@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: "-".join(map(str, s.values())))
def test_every_structure_matches_the_reference_on_irregular_shapes(rows, cols, dtype, structure, device):
    kernel = LayerNormBackward(rows, cols, dtype)
    inputs = kernel.inputs(torch.Generator(device).manual_seed(rows))
    outputs = execute(kernel, {**SMALL, **structure}, inputs, sm_count=3)
    exact = kernel.reference(inputs)
    eps = torch.finfo(kernel.torch_dtype).eps
    for name in ("dx", "dweight", "dbias"):
        assert relative_error(outputs[name], exact[name]) <= kernel.tolerance, name
        torch.testing.assert_close(outputs[name].double(), exact[name], rtol=eps, atol=1e-5)


@pytest.mark.slow
def test_one_configuration_of_every_structure_of_the_space(device):
    kernel = LayerNormBackward(120, 1032)  # eight slabs of 16 rows, and a block of 1,024 columns and another
    configurations = list(one_of_each(space_of(kernel, replace(H100, sm_count=2)), STRUCTURE, seed=0))
    assert len(configurations) == 2 + 2 + 2
    for configuration in configurations:
        assert worst_error(kernel, configuration, device) <= kernel.tolerance, configuration


def test_the_reference_is_what_autograd_finds():
    kernel = LayerNormBackward(13, 70)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    x, weight = (inputs[name].double().requires_grad_() for name in ("x", "weight"))
    bias = torch.zeros_like(weight).requires_grad_()
    torch.nn.functional.layer_norm(x, (70,), weight, bias, EPSILON).backward(inputs["dy"].double())
    exact = kernel.reference(inputs)
    for name, tensor in (("dx", x), ("dweight", weight), ("dbias", bias)):
        torch.testing.assert_close(exact[name], tensor.grad, rtol=1e-5, atol=1e-5)


def test_the_tolerance_tells_lost_sums_from_rounding():
    kernel = LayerNormBackward(4096, 192)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    exact = kernel.reference(inputs)
    for name, value in exact.items():
        assert relative_error(value.bfloat16(), value) <= kernel.tolerance, name
    # The sums of the smallest group that the space has, of two mistakes in dx, and of a sum that forgot the mean.
    short = kernel.reference({**inputs, "dy": torch.cat([inputs["dy"][:-16], torch.zeros_like(inputs["dy"][:16])])})
    assert relative_error(short["dweight"], exact["dweight"]) > 2 * kernel.tolerance
    assert relative_error(short["dbias"], exact["dbias"]) > 2 * kernel.tolerance
    unweighted = kernel.reference({**inputs, "weight": torch.ones_like(inputs["weight"])})
    assert relative_error(unweighted["dx"], exact["dx"]) > 2 * kernel.tolerance
    uncentred = kernel.reference({**inputs, "mean": torch.zeros_like(inputs["mean"])})
    assert relative_error(uncentred["dweight"], exact["dweight"]) > 2 * kernel.tolerance


@pytest.mark.parametrize("kernel", TASKS, ids=lambda kernel: kernel.name)
def test_the_space_is_a_recordable_size_without_aliases(kernel):
    assert_recordable_plans(kernel, space_of(kernel))


def test_a_narrow_row_has_no_blocks_and_a_wide_one_many():
    blocks = {kernel: sum("block_cols" in c for c in space_of(kernel).enumerate()) for kernel in TASKS}
    assert blocks[NARROW] == 0
    assert blocks[WIDE] > space_of(WIDE).size / 2


def test_programs_leave_as_many_partial_sums_as_the_last_launch_folds():
    for kernel in TASKS:
        for configuration in one_of_each(space_of(kernel), ("scheme", "ctas_per_sm", "group_rows", "slabs"), seed=1):
            *_, first, fold = kernel.plan(configuration, H100.sm_count).launches
            parts = first.grid[1] if configuration["scheme"] == "separate" else first.grid[0]
            assert first.constants["PARTS"] == fold.constants["PARTS"] == parts


@pytest.mark.parametrize(
    ("rows", "cols", "source"),
    [
        (32768, 768, "task.default"),
        (8192, 4096, "task.default"),
        (4096, 5120, "task.fallbacks[0]"),
        (2048, 12288, "task.fallbacks[1]"),
    ],
)
def test_a_default_for_every_width(rows, cols, source):
    kernel = LayerNormBackward(rows, cols)
    assert default_source(kernel, space_of(kernel)) == source


def test_what_the_kernel_states():
    assert NARROW.name == "layernorm_backward-32768x768-bf16"
    assert NARROW.bytes_moved == (3 * 32768 * 768 + 3 * 768) * 2 + 8 * 32768
    assert NARROW.flops == 13 * 32768 * 768


@pytest.mark.parametrize("shape", [(0, 8, "bf16"), (8, 0, "bf16"), (8, 8, "fp32")])
def test_refuses_what_it_cannot_compute(shape):
    with pytest.raises(ValueError, match="expected"):
        LayerNormBackward(*shape)


def test_torchs_backward_gives_the_same_gradients(device):
    kernel = LayerNormBackward(9, 300)
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    # Statistics in fp32 beside inputs in 16 bits are the GPU's alone.
    given = inputs if device.type == "cuda" else {name: value.double() for name, value in inputs.items()}
    _, call = kernel.vendor(given)
    for output, exact in zip(call(), kernel.reference(inputs).values(), strict=True):
        assert relative_error(output, exact) <= 2 * kernel.tolerance


@pytest.mark.slow
@pytest.mark.parametrize("kernel", TASKS, ids=lambda kernel: kernel.name)
def test_compiles_for_sm_90_with_16_byte_accesses(kernel, tmp_path: Path):
    configurations = list(one_of_each(space_of(kernel), (*STRUCTURE, "num_stages"), seed=3))
    for configuration, compiled in zip(configurations, reports(kernel, configurations, tmp_path), strict=True):
        assert len(compiled) == (3 if configuration["scheme"] == "separate" else 2)
        assert (compiled[0]["cp_async"] > 0) == (configuration.get("num_stages", 1) > 1), configuration
        for launch in compiled[:-1]:
            wide = [line for line in launch["ptx"].splitlines() if "global" in line and ".v4.b32" in line]
            assert wide, configuration
            assert launch["shared_bytes"] <= H100.shared_memory_bytes
        # What comes in pieces are a mean and a rstd for each row; no tile is.
        assert all(".b16" not in access for access in narrow_accesses(compiled[0]["ptx"])), configuration


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
@pytest.mark.parametrize(("rows", "cols"), [(8195, 768), (517, 12288), (1027, 1601)])
def test_random_configurations_on_the_gpu(rows, cols, dtype, device):
    kernel = LayerNormBackward(rows, cols, dtype)
    assert_random_plans_are_right(kernel, space_of(kernel), device)
