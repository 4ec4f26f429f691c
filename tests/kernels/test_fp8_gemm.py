"""Block-scaled fp8 products against float64 for every structure on irregular shapes, their space, and sm_90's code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.config.compose import Composer
from harness.strategies.common.default import default_of
from kernels.block_scales import dequantised, quantised
from kernels.execute import execute, relative_error
from kernels.fp8_gemm import Fp8Gemm
from search_spaces.device import H100
from search_spaces.fp8_gemm import fp8_gemm_space
from search_spaces.space import SearchSpace
from tests.kernels.bf16_dot import mend_bf16_dot
from tests.kernels.row_checks import assert_features_finite
from tests.kernels.sm90 import reports

SM_COUNT = 3
BLOCKS = {"block_m": 16, "block_n": 64, "block_k": 64, "group_m": 2, "num_warps": 4, "num_stages": 2}
SCHEDULES: list[dict[str, Any]] = [
    {"schedule": "data_parallel"},
    {"schedule": "persistent", "ctas_per_sm": 1},
    {"schedule": "split_k", "split_k": 2},
]
LOADS: list[dict[str, Any]] = [{"operand_load": "pointer"}, {"operand_load": "descriptor"}]
SCALINGS: list[dict[str, Any]] = [
    {"scaling": "product", "scale_load": "in_step"},
    {"scaling": "product", "scale_load": "ahead"},
    {"scaling": "operands"},
]
WIDE = {"block_n": 256, "block_m": 16, "group_m": 1}
NAMED = [Fp8Gemm(4096, 4096, 7168), Fp8Gemm(64, 7168, 16384)]


def named(values: Mapping[str, Any]) -> str:
    return "-".join(map(str, values.values()))


def space_of(kernel: Fp8Gemm) -> SearchSpace:
    return fp8_gemm_space(kernel.m, kernel.n, kernel.k, kernel.dtype)


@pytest.fixture(autouse=True)
def _bf16_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    mend_bf16_dot(monkeypatch)


def error_of(kernel: Fp8Gemm, configuration: Mapping[str, Any], device: torch.device) -> float:
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    output = execute(kernel, configuration, inputs, SM_COUNT)["c"]
    assert output.dtype == kernel.torch_dtype
    return relative_error(output, kernel.reference(inputs)["c"])


def assert_right(shape: tuple[int, int, int], configuration: Mapping[str, Any], device: torch.device) -> None:
    """Both output types are tested on a GPU; the interpreter is slow, so it tests one of them."""
    dtypes = ("bf16", "fp16") if device.type == "cuda" else ("bf16" if "ctas_per_sm" in configuration else "fp16",)
    for dtype in dtypes:
        kernel = Fp8Gemm(*shape, dtype)
        assert error_of(kernel, {**BLOCKS, **configuration}, device) <= kernel.tolerance


@pytest.mark.parametrize("scaling", SCALINGS, ids=named)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=named)
def test_pointer_loads_mask_every_edge(schedule: dict[str, Any], scaling: dict[str, Any], device: torch.device) -> None:
    assert_right((19, 135, 203), {**schedule, **LOADS[0], **scaling}, device)


@pytest.mark.parametrize(("schedule", "scaling"), list(zip(SCHEDULES, SCALINGS, strict=True)))
def test_descriptors_clip_every_edge(schedule: dict[str, Any], scaling: dict[str, Any], device: torch.device) -> None:
    assert_right((19, 135, 208), {**schedule, **LOADS[1], **scaling}, device)  # rows of k bytes: multiples of 16


@pytest.mark.parametrize("scaling", SCALINGS, ids=named)
def test_a_tile_of_two_blocks_of_w_has_two_scales(scaling: dict[str, Any], device: torch.device) -> None:
    assert_right((16, 256, 256), {**SCHEDULES[0], **LOADS[0], **scaling, **WIDE, "block_k": 128}, device)
    assert_right((5, 200, 130), {**SCHEDULES[1], **LOADS[0], **scaling, **WIDE}, device)


@pytest.mark.slow
@pytest.mark.parametrize("scaling", SCALINGS, ids=named)
@pytest.mark.parametrize("loads", LOADS, ids=named)
@pytest.mark.parametrize("schedule", [*SCHEDULES, {"schedule": "split_k", "split_k": 4}], ids=named)
def test_every_structure_on_an_irregular_and_a_divisible_shape(
    schedule: dict[str, Any], loads: dict[str, Any], scaling: dict[str, Any], device: torch.device
) -> None:
    assert_right((37, 200, 336), {**schedule, **loads, **scaling}, device)
    assert_right((32, 128, 384), {**schedule, **loads, **scaling, "block_k": 128, "group_m": 1}, device)


@pytest.mark.parametrize("scaling", SCALINGS[1:], ids=named)
def test_a_slice_without_work_contributes_zeros(scaling: dict[str, Any], device: torch.device) -> None:
    # 5 steps of k in 4 slices of 2: the last slice is empty, and begins past the last scale
    assert_right((16, 64, 320), {"schedule": "split_k", "split_k": 4, **LOADS[0], **scaling}, device)


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_tolerance_tells_a_lost_group_and_misplaced_scales_from_rounding(dtype: str) -> None:
    kernel = Fp8Gemm(64, 256, 4096, dtype)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    exact = kernel.reference(inputs)["c"]
    lost = {**inputs, "a_scales": torch.cat([inputs["a_scales"][:-1], torch.zeros(1, 64)])}
    assert relative_error(kernel.reference(lost)["c"], exact) > 4 * kernel.tolerance
    for name, axis in (("a_scales", 0), ("a_scales", 1), ("w_scales", 0), ("w_scales", 1)):
        turned = {**inputs, name: inputs[name].roll(1, axis)}
        assert relative_error(kernel.reference(turned)["c"], exact) > 8 * kernel.tolerance
    assert relative_error(exact.to(kernel.torch_dtype), exact) < 0.4 * kernel.tolerance


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_tolerance_passes_rounded_operands(dtype: str) -> None:
    kernel = Fp8Gemm(256, 512, 1024, dtype)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    a = dequantised(inputs["a"], inputs["a_scales"].T).to(kernel.torch_dtype).float()
    w = dequantised(inputs["w"], inputs["w_scales"]).to(kernel.torch_dtype).float()
    assert relative_error((a @ w.T).to(kernel.torch_dtype), kernel.reference(inputs)["c"]) < kernel.tolerance


def test_quantised_values_have_the_stated_deviation_and_use_the_range() -> None:
    values, scales = quantised((256, 384), (2, 3), 0.5, torch.Generator().manual_seed(0))
    assert values.dtype == torch.float8_e4m3fn and scales.dtype == torch.float32
    assert 250 < float(values.float().abs().max()) <= 448
    meant = dequantised(values, scales)
    assert meant.shape == (256, 384) and 0.4 < float(meant.std()) < 0.6
    block = values[128:, 128:256].double() * float(scales[1, 1])
    assert torch.equal(meant[128:, 128:256], block)


def test_c_has_a_variance_of_about_one() -> None:
    kernel = Fp8Gemm(64, 256, 512)
    c = kernel.reference(kernel.inputs(torch.Generator().manual_seed(0)))["c"]
    assert 0.7 < float(c.square().mean()) < 1.5


def test_what_the_kernel_states() -> None:
    kernel = Fp8Gemm(100, 200, 300, "fp16")
    assert kernel.name == "fp8_gemm-100x200x300-fp16"
    assert kernel.flops == 2 * 100 * 200 * 300
    assert kernel.bytes_moved == 100 * 300 + 200 * 300 + 4 * (3 * 100 + 2 * 3) + 2 * 100 * 200


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_the_vendors_product_is_within_the_tolerance(dtype: str, device: torch.device) -> None:
    kernel = Fp8Gemm(16, 256, 384, dtype)
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    name, call = kernel.vendor(inputs)
    assert "cuBLAS" in name
    assert relative_error(call(), kernel.reference(inputs)["c"]) <= kernel.tolerance


@pytest.mark.parametrize(
    ("shape", "field"),
    [
        ((0, 8, 8, "bf16"), "shape=0x8x8"),
        ((8, 8, 8, "fp32"), "dtype=fp32"),
        ((2**16, 2**16, 8, "bf16"), "below 2\\^31"),
    ],
)
def test_refuses_what_it_cannot_compute(shape: tuple[int, int, int, str], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Fp8Gemm(*shape)


@pytest.mark.parametrize("kernel", NAMED, ids=lambda kernel: kernel.name)
def test_the_named_spaces_are_recordable(kernel: Fp8Gemm) -> None:
    """The space takes some minutes to record, without duplicate launches, and features are finite."""
    space = space_of(kernel)
    assert 1_500 <= space.size <= 3_500
    assert_features_finite(space)
    seen = set()
    for configuration in space.enumerate():
        plan = kernel.plan(configuration, H100.sm_count)
        assert len(plan.launches) == (2 if configuration["schedule"] == "split_k" else 1)
        product = plan.launches[0]
        options = tuple(product.options.values())
        seen.add((product.kernel.fn.__name__, product.grid, *product.constants.values(), options))
    assert len(seen) == space.size


@pytest.mark.parametrize("kernel", NAMED, ids=lambda kernel: kernel.name)
def test_a_named_task_is_what_it_is_called_and_its_default_is_feasible(kernel: Fp8Gemm) -> None:
    task = Composer().compose([f"task={kernel.name}"]).task
    assert task is not None and task.name == kernel.name
    configuration, _ = default_of(space_of(kernel), task.default, task.fallbacks)
    assert len(kernel.plan(configuration, H100.sm_count).launches) == 1


def test_a_default_for_other_shapes() -> None:
    task = Composer().compose(["task=fp8_gemm", "task.kernel.m=64", "task.kernel.dtype=fp16"]).task
    assert task is not None and task.name == "fp8_gemm-64x4096x7168-fp16"
    for shape in ((1, 1, 16), (1, 576, 7168), (61, 45, 70), (16384, 24576, 1536), (4096, 7168, 2048)):
        assert default_of(fp8_gemm_space(*shape, "bf16"), task.default, task.fallbacks)


def test_scaled_operands_are_for_tiles_of_few_rows() -> None:
    for kernel in NAMED:
        rows = {c["block_m"] for c in space_of(kernel).enumerate() if c["scaling"] == "operands"}
        assert rows and max(map(int, map(str, rows))) == 64


def test_a_smaller_device_has_a_smaller_space() -> None:
    small = fp8_gemm_space(4096, 4096, 7168, "bf16", replace(H100, shared_memory_bytes=101_376))
    assert 0 < small.size < space_of(NAMED[0]).size


def test_unknown_dtype() -> None:
    with pytest.raises(ValueError, match="fp32"):
        fp8_gemm_space(64, 64, 64, "fp32")


@pytest.mark.slow
def test_compiles_for_hopper_with_its_fp8_tensor_cores(tmp_path: Path) -> None:
    tile = {"block_m": 64, "block_n": 128, "block_k": 128, "group_m": 1, "num_warps": 4, "num_stages": 3}
    chosen = [{**tile, **SCHEDULES[i], **LOADS[i % 2], **scaling} for i, scaling in enumerate(SCALINGS)]
    for configuration, launches in zip(chosen, reports(NAMED[1], chosen, tmp_path), strict=True):
        product = launches[0]
        by_pointer = configuration["operand_load"] == "pointer"
        instruction = "f32.bf16.bf16" if configuration["scaling"] == "operands" else "f32.e4m3.e4m3"
        assert re.findall(rf"wgmma\.mma_async\S*{instruction}", product["ptx"]), configuration
        assert (product["cp_async"] > 0) == by_pointer
        assert (product["tma_loads"] > 0) == (not by_pointer)
        assert not re.findall(r"st\.global(?!\.v4\.b32)\S*", product["ptx"])
        assert product["shared_bytes"] >= 2 * (64 + 128) * 128
    small = {**tile, "block_m": 16, **SCHEDULES[0], **LOADS[0], **SCALINGS[1]}
    ((product,),) = reports(NAMED[1], [small], tmp_path)
    # Triton widens fp8 to fp16, exactly, for tiles of fewer rows than wgmma takes.
    assert product["wgmma"] == 0 and re.findall(r"mma\.sync\S*f32\.f16\.f16", product["ptx"])


@pytest.mark.slow
def test_compiles_where_a_dimension_is_the_constant_one(tmp_path: Path) -> None:
    chosen = [{**BLOCKS, **LOADS[0], **SCALINGS[i % 2], **schedule} for i, schedule in enumerate(SCHEDULES)]
    assert [len(launches) for launches in reports(Fp8Gemm(1, 1, 1), chosen, tmp_path)] == [1, 1, 2]


@pytest.mark.slow
def test_random_configurations_are_right(device: torch.device) -> None:
    kernel = Fp8Gemm(100, 300, 512)
    space = space_of(kernel)
    for configuration in space.sample(np.random.default_rng(0), 12):
        assert error_of(kernel, configuration, device) <= kernel.tolerance, configuration
