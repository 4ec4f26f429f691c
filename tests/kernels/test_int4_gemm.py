"""int4_gemm against float64 for every structure, its space, and what Triton makes of it for sm_90."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kernels.execute import execute, relative_error
from kernels.int4_gemm import Int4Gemm
from search_spaces.device import H100, DeviceLimits
from search_spaces.int4_gemm import int4_gemm_space
from search_spaces.space import SearchSpace
from tests.kernels.bf16_dot import mend_bf16_arithmetic, mend_bf16_dot
from tests.kernels.fitting import assert_right_where_they_fit
from tests.kernels.row_checks import assert_features_finite
from tests.kernels.sm90 import reports

TASKS = (Int4Gemm(16, 8192, 28672), Int4Gemm(512, 14336, 4096))
IRREGULAR = Int4Gemm(19, 43, 384)
TILE: dict[str, Any] = {"block_m": 16, "block_n": 32, "block_k": 64, "num_warps": 4, "num_stages": 2}
SCHEDULES: list[dict[str, Any]] = [
    {"schedule": "data_parallel"},
    {"schedule": "persistent", "ctas_per_sm": 1},
    {"schedule": "split_k", "split_k": 4},  # of six steps: the last slice is empty
]
CHOICES = {
    "operands": ("activations_first", "weights_first"),
    "unpack": ("two_dots", "join"),
    "scaled": ("weights", "accumulator"),
}
FORMS: list[dict[str, Any]] = [dict(zip(CHOICES, chosen, strict=True)) for chosen in product(*CHOICES.values())]


def ident(configuration: dict[str, Any]) -> str:
    return "-".join(map(str, configuration.values()))


def space_of(kernel: Int4Gemm, device: DeviceLimits = H100) -> SearchSpace:
    return int4_gemm_space(kernel.m, kernel.n, kernel.k, kernel.group, kernel.dtype, device)


def error_of(kernel: Int4Gemm, configuration: dict[str, Any], device: torch.device) -> float:
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    output = execute(kernel, configuration, inputs, 3)["c"]
    assert output.dtype == kernel.torch_dtype
    return relative_error(output, kernel.reference(inputs)["c"])


@pytest.fixture(autouse=True)
def _bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    mend_bf16_dot(monkeypatch)
    mend_bf16_arithmetic(monkeypatch)


@pytest.mark.parametrize("form", FORMS, ids=ident)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=ident)
@pytest.mark.parametrize("dtype", ["bf16", pytest.param("fp16", marks=pytest.mark.slow)])
def test_every_structure_masks_every_edge(
    schedule: dict[str, Any], form: dict[str, Any], dtype: str, device: torch.device
) -> None:
    kernel = replace(IRREGULAR, dtype=dtype)
    assert error_of(kernel, {**TILE, **schedule, **form}, device) <= kernel.tolerance


@pytest.mark.parametrize("block_k", [64, 128])
@pytest.mark.parametrize("form", FORMS[::3], ids=ident)
def test_unmasked_path_and_blocks_of_a_whole_group(form: dict[str, Any], block_k: int, device: torch.device) -> None:
    kernel = Int4Gemm(16, 64, 256, dtype="fp16")
    configuration = {**TILE, **form, "schedule": "data_parallel", "block_k": block_k}
    assert error_of(kernel, configuration, device) <= kernel.tolerance


def test_reference_unpacks_what_the_layout_says() -> None:
    kernel = Int4Gemm(3, 2, 256)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    pairs = inputs["scales"].numpy().view(np.uint16).reshape(2, 2, 2)
    scale, zero = (torch.from_numpy(pairs[..., i].copy()).view(torch.bfloat16).double().numpy() for i in (0, 1))
    assert set(zero.ravel()) <= {6.0, 7.0, 8.0, 9.0}
    weights = np.zeros((2, 256))
    for row, column in product(range(2), range(256)):
        group, within = divmod(column, 128)
        byte = int(inputs["w"][row, 64 * group + within % 64])
        q = byte & 15 if within < 64 else byte >> 4
        weights[row, column] = (q - zero[group, row]) * scale[group, row]
    expected = inputs["a"].double() @ torch.from_numpy(weights).T
    torch.testing.assert_close(kernel.reference(inputs)["c"], expected)


def test_the_result_has_unit_variance() -> None:
    kernel = Int4Gemm(64, 256, 1024)
    exact = kernel.reference(kernel.inputs(torch.Generator().manual_seed(0)))["c"]
    assert float(exact.std()) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_tolerance_rejects_a_dropped_block_of_k(dtype: str) -> None:
    kernel = Int4Gemm(64, 128, 4096, dtype=dtype)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    exact = kernel.reference(inputs)["c"]
    short = inputs["a"].clone()
    short[:, -64:] = 0
    assert relative_error(kernel.reference({**inputs, "a": short})["c"], exact) > 8 * kernel.tolerance
    assert relative_error(exact.to(kernel.torch_dtype), exact) < kernel.tolerance / 2


def test_what_the_kernel_states() -> None:
    kernel = Int4Gemm(16, 256, 512, dtype="fp16")
    assert kernel.name == "int4_gemm-16x256x512-group128-fp16"
    assert kernel.flops == 2 * 16 * 256 * 512
    assert kernel.bytes_moved == 2 * 16 * (512 + 256) + 256 * 512 / 2 + 4 * 4 * 256


def test_the_vendors_dense_product_is_the_same_product() -> None:
    kernel = Int4Gemm(16, 64, 256, dtype="fp16")
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    name, call = kernel.vendor(inputs)
    assert name == "cuBLAS (fp16 weights)"
    assert relative_error(call(), kernel.reference(inputs)["c"]) <= kernel.tolerance


@pytest.mark.parametrize(
    "wrong", [{"dtype": "int8"}, {"group": 48}, {"m": 0}, {"k": 192}, {"n": 2**24, "m": 1}], ids=str
)
def test_refuses_what_it_cannot_compute(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Int4Gemm(**{"m": 8, "n": 64, "k": 256, **wrong})


@pytest.mark.parametrize("kernel", TASKS, ids=lambda kernel: kernel.name)
def test_the_named_spaces_can_be_recorded_and_hold_no_program_twice(kernel: Int4Gemm) -> None:
    space = space_of(kernel)
    assert 1_500 <= space.size <= 3_500
    assert_features_finite(space)
    programs = set()
    for configuration in space.enumerate():
        plan = kernel.plan(configuration, H100.sm_count)
        split = configuration["schedule"] == "split_k"
        assert len(plan.launches) == 1 + split and bool(plan.scratch) == split
        first = plan.launches[0]
        assert {*first.arguments, *first.constants} == set(first.kernel.arg_names)
        programs.add((first.grid, tuple(first.constants.items()), tuple(first.options.items())))
    assert len(programs) == space.size


def test_few_rows_take_small_tiles_and_many_rows_large_ones() -> None:
    few, many = ({c["block_m"] for c in space_of(kernel).enumerate()} for kernel in TASKS)
    assert few == {16} and many == {64, 128, 256}


def test_every_slice_of_k_has_work() -> None:
    space = int4_gemm_space(16, 1024, 384, 128, "bf16")  # three steps of 128
    assert {c["split_k"] for c in space.enumerate() if c["block_k"] == 128 and "split_k" in c} == {2}


def test_unknown_dtype() -> None:
    with pytest.raises(ValueError, match="fp32"):
        int4_gemm_space(16, 64, 128, 128, "fp32")


@pytest.mark.slow
def test_compiles_for_hopper_with_asynchronous_copies_and_tensor_cores(tmp_path: Path) -> None:
    few = {"block_m": 16, "block_n": 128, "block_k": 128, "num_warps": 4, "num_stages": 3}
    many = {"block_m": 128, "block_n": 128, "block_k": 64, "num_warps": 8, "num_stages": 3}
    for kernel, tile, schedule in ((TASKS[0], few, SCHEDULES[2]), (TASKS[1], many, SCHEDULES[1])):
        chosen = [{**tile, **schedule, **form} for form in FORMS[::3]]
        for configuration, (first, *rest) in zip(chosen, reports(kernel, chosen, tmp_path), strict=True):
            assert len(rest) == (schedule is SCHEDULES[2])
            hopper = kernel.m >= 64 or configuration["operands"] == "weights_first"
            assert (first["wgmma"] > 0) == hopper and ("mma.sync" in first["ptx"]) == (not hopper)
            assert first["cp_async"] > 0 and first["shared_bytes"] <= H100.shared_memory_bytes
            if configuration["scaled"] == "weights":  # else large tiles read scales again, in the accumulator's layout
                assert "ld.global" not in first["ptx"]  # all that is read in the loop is copied ahead


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
@pytest.mark.parametrize("m", [16, 250])
def test_random_configurations_on_the_gpu(m: int, dtype: str, device: torch.device) -> None:
    kernel = Int4Gemm(m, 4104, 2048, dtype=dtype)
    configurations = space_of(kernel).sample(np.random.default_rng(0), 40)
    assert_right_where_they_fit(configurations, lambda c: error_of(kernel, c, device), kernel.tolerance)
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    assert relative_error(kernel.vendor(inputs)[1](), kernel.reference(inputs)["c"]) <= 2 * kernel.tolerance
