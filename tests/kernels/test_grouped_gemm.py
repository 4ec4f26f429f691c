"""Grouped products against float64 for every structure on irregular shapes, their space, and sm_90's code."""

from __future__ import annotations

import math
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
from kernels.execute import execute, relative_error
from kernels.grouped_gemm import GroupedGemm
from search_spaces.device import H100
from search_spaces.grouped_gemm import group_offsets, grouped_gemm_space
from search_spaces.space import SearchSpace
from tests.kernels.bf16_dot import mend_bf16_dot
from tests.kernels.row_checks import assert_features_finite
from tests.kernels.sm90 import reports

SM_COUNT = 3
BLOCKS = {"block_m": 16, "block_n": 32, "block_k": 32, "group_m": 2, "num_warps": 4, "num_stages": 2}
SCHEDULES: list[dict[str, Any]] = [
    {"schedule": "data_parallel", "tile_map": "in_kernel"},
    {"schedule": "data_parallel", "tile_map": "precomputed"},
    {"schedule": "persistent", "ctas_per_sm": 1, "tile_map": "in_kernel"},
    {"schedule": "persistent", "ctas_per_sm": 2, "tile_map": "precomputed"},
    {"schedule": "split_k", "split_k": 2},
    {"schedule": "split_k", "split_k": 4},
]
LOADS: list[dict[str, Any]] = [
    {"weight_load": "pointer"},
    {"weight_load": "descriptor", "token_load": "pointer"},
    {"weight_load": "descriptor", "token_load": "descriptor"},
]
NAMED = [GroupedGemm(4096, 8, 3584, 4096), GroupedGemm(128, 8, 3072, 4096)]


def named(values: Mapping[str, Any]) -> str:
    return "-".join(map(str, values.values()))


def space_of(kernel: GroupedGemm) -> SearchSpace:
    return grouped_gemm_space(kernel.tokens, kernel.experts, kernel.n, kernel.k, kernel.dtype)


@pytest.fixture(autouse=True)
def _bf16_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    mend_bf16_dot(monkeypatch)


def error_of(kernel: GroupedGemm, configuration: Mapping[str, Any], device: torch.device) -> float:
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    output = execute(kernel, configuration, inputs, SM_COUNT)["y"]
    assert output.dtype == kernel.torch_dtype
    return relative_error(output, kernel.reference(inputs)["y"])


def assert_right(shape: tuple[int, int, int, int], configuration: Mapping[str, Any], device: torch.device) -> None:
    """Both dtypes are tested on a GPU; the interpreter is slow, so it tests one of them."""
    dtypes = ("bf16", "fp16") if device.type == "cuda" else ("bf16" if "ctas_per_sm" in configuration else "fp16",)
    for dtype in dtypes:
        kernel = GroupedGemm(*shape, dtype)
        assert error_of(kernel, {**BLOCKS, **configuration}, device) <= kernel.tolerance


@pytest.mark.parametrize("schedule", SCHEDULES[:5], ids=named)
def test_pointer_loads_mask_every_edge(schedule: dict[str, Any], device: torch.device) -> None:
    assert_right((21, 3, 37, 40), {**schedule, **LOADS[0]}, device)


@pytest.mark.parametrize(("schedule", "loads"), list(zip(SCHEDULES[1:4], LOADS[1:] * 2, strict=False)))
def test_descriptors_clip_every_edge(schedule: dict[str, Any], loads: dict[str, Any], device: torch.device) -> None:
    # rows of k and n elements: multiples of 16 bytes, not of a block
    assert_right((21, 3, 24, 40), {**schedule, **loads}, device)


@pytest.mark.slow
@pytest.mark.parametrize("loads", LOADS, ids=named)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=named)
def test_every_structure_on_an_irregular_and_a_divisible_shape(
    schedule: dict[str, Any], loads: dict[str, Any], device: torch.device
) -> None:
    assert_right((61, 5, 40, 136), {**schedule, **loads}, device)
    assert_right((50, 3, 64, 64), {**schedule, **loads, "group_m": 1}, device)


def test_experts_without_tokens_get_no_tile(device: torch.device) -> None:
    sizes = np.diff(group_offsets(3, 8))
    assert (sizes == 0).any() and sizes.max() > 0
    for schedule in SCHEDULES[:2]:
        assert_right((3, 8, 32, 32), {**schedule, **LOADS[0], "group_m": 1}, device)


def test_groups_other_than_those_of_the_shape_are_right_too(device: torch.device) -> None:
    """The host's count of tiles is right for any routing with the same sum."""
    kernel = GroupedGemm(21, 4, 32, 32, "fp16")
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    for bounds in ((0, 0, 21, 21, 21), (0, 1, 2, 3, 21)):
        other = {**inputs, "offsets": torch.tensor(bounds, dtype=torch.int32, device=device)}
        output = execute(kernel, {**BLOCKS, **SCHEDULES[1], **LOADS[0]}, other, SM_COUNT)["y"]
        assert relative_error(output, kernel.reference(other)["y"]) <= kernel.tolerance


def test_tolerance_rejects_a_dropped_block_of_k_and_another_experts_weights() -> None:
    kernel = GroupedGemm(64, 4, 64, 4096)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    exact = kernel.reference(inputs)["y"]
    x, w = inputs["x"], inputs["w"]
    short = kernel.reference({**inputs, "x": x[:, :-32], "w": w[:, :-32]})["y"]
    assert relative_error(short, exact) > 5 * kernel.tolerance
    shifted = {**inputs, "offsets": inputs["offsets"] + torch.tensor([0, 1, 0, 0, 0], dtype=torch.int32)}
    assert relative_error(kernel.reference(shifted)["y"], exact) > 20 * kernel.tolerance
    assert relative_error(exact.to(kernel.torch_dtype), exact) < kernel.tolerance


def test_groups_are_uneven_and_hold_every_token() -> None:
    for tokens, experts in ((4096, 8), (128, 8), (3, 7), (8192, 128)):
        offsets = group_offsets(tokens, experts)
        assert offsets[0] == 0 and offsets[-1] == tokens and len(offsets) == experts + 1
        assert (np.diff(offsets) >= 0).all()
    sizes = np.diff(group_offsets(8192, 128))
    assert 4 < sizes.max() / sizes.min() < 9


def test_what_the_kernel_states() -> None:
    kernel = GroupedGemm(4, 8, 64, 32, "fp16")
    busy = len(set(group_offsets(4, 8))) - 1
    assert busy < 8
    assert kernel.name == "grouped_gemm-4x8x64x32-fp16"
    assert kernel.flops == 2 * 4 * 64 * 32
    assert kernel.bytes_moved == 2 * (4 * 32 + busy * 32 * 64 + 4 * 64) + 4 * 9


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_the_vendors_product_is_within_the_tolerance(dtype: str, device: torch.device) -> None:
    kernel = GroupedGemm(6, 16, 64, 64, dtype)
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    _, call = kernel.vendor(inputs)
    assert relative_error(call(), kernel.reference(inputs)["y"]) <= kernel.tolerance


@pytest.mark.parametrize(
    ("shape", "field"),
    [
        ((0, 8, 8, 8, "bf16"), "shape=0x8x8x8"),
        ((8, 8, 8, 8, "fp32"), "dtype=fp32"),
        ((8, 2048, 8, 8, "bf16"), "experts=2048"),
        ((8, 8, 2**16, 2**16, "bf16"), "below 2\\^31"),
    ],
)
def test_refuses_what_it_cannot_compute(shape: tuple[int, int, int, int, str], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        GroupedGemm(*shape)


@pytest.mark.parametrize("kernel", NAMED, ids=lambda kernel: kernel.name)
def test_the_named_spaces_are_recordable(kernel: GroupedGemm) -> None:
    """The space takes some minutes to record, without duplicate launches; features are finite, buffers known."""
    space = space_of(kernel)
    assert 1_500 <= space.size <= 3_500
    assert_features_finite(space)
    seen = set()
    for configuration in space.enumerate():
        plan = kernel.plan(configuration, H100.sm_count)
        mapped, split = configuration.get("tile_map") == "precomputed", configuration["schedule"] == "split_k"
        assert len(plan.launches) == 1 + mapped + split
        product = plan.launches[mapped]
        options = tuple(product.options.values())
        seen.add((product.kernel.fn.__name__, product.grid, *product.constants.values(), options))
    assert len(seen) == space.size


@pytest.mark.parametrize("kernel", NAMED, ids=lambda kernel: kernel.name)
def test_a_named_task_is_what_it_is_called_and_its_default_is_feasible(kernel: GroupedGemm) -> None:
    task = Composer().compose([f"task={kernel.name}"]).task
    assert task is not None and task.name == kernel.name
    configuration, _ = default_of(space_of(kernel), task.default, task.fallbacks)
    assert len(kernel.plan(configuration, H100.sm_count).launches) == 1


def test_a_default_for_other_shapes() -> None:
    task = Composer().compose(["task=grouped_gemm", "task.kernel.tokens=64", "task.kernel.dtype=fp16"]).task
    assert task is not None and task.name == "grouped_gemm-64x8x3584x4096-fp16"
    for shape in (
        (1, 1, 64, 64),
        (7, 64, 2048, 2048),
        (600, 64, 1408, 2048),
        (32768, 128, 1536, 2048),
        (61, 5, 45, 70),
    ):
        assert default_of(grouped_gemm_space(*shape, "bf16"), task.default, task.fallbacks)


def test_a_tile_is_no_larger_than_the_largest_group_needs() -> None:
    few = list(space_of(NAMED[1]).enumerate())
    assert {configuration["block_m"] for configuration in few} == {16, 32}
    many = list(space_of(NAMED[0]).enumerate())
    assert {configuration["block_m"] for configuration in many} == {64, 128, 256}


def test_a_smaller_device_has_a_smaller_space() -> None:
    small = grouped_gemm_space(4096, 8, 3584, 4096, "bf16", replace(H100, shared_memory_bytes=101_376))
    assert 0 < small.size < space_of(NAMED[0]).size


def test_unknown_dtype() -> None:
    with pytest.raises(ValueError, match="int8"):
        grouped_gemm_space(64, 8, 64, 64, "int8")


@pytest.mark.slow
def test_compiles_for_hopper(tmp_path: Path) -> None:
    tile = {"block_m": 128, "block_n": 128, "block_k": 64, "group_m": 16, "num_warps": 8, "num_stages": 3}
    chosen = [{**tile, **SCHEDULES[1 + i], **loads} for i, loads in enumerate(LOADS)]
    for configuration, launches in zip(chosen, reports(NAMED[0], chosen, tmp_path), strict=True):
        product = launches[-1]
        assert product["wgmma"] > 0, configuration
        assert (product["cp_async"] > 0) == (configuration.get("token_load") != "descriptor")
        assert (product["tma_loads"] > 0) == (configuration["weight_load"] == "descriptor")
        assert not re.findall(r"st\.global(?!\.v4\.b32)\S*", product["ptx"])
    small = {**tile, "block_m": 16, "block_k": 128, "num_warps": 4, "group_m": 1}
    ((product, _),) = reports(NAMED[1], [{**small, **SCHEDULES[4], **LOADS[0]}], tmp_path)
    assert product["wgmma"] == 0 and "mma.sync" in product["ptx"]
    assert product["shared_bytes"] >= math.prod((2, 16 + 128, 128, 2))


@pytest.mark.slow
def test_compiles_where_a_dimension_is_the_constant_one(tmp_path: Path) -> None:
    chosen = [{**BLOCKS, **LOADS[0], **schedule} for schedule in SCHEDULES[:5]]
    assert [len(launches) for launches in reports(GroupedGemm(1, 1, 1, 1), chosen, tmp_path)] == [1, 2, 1, 2, 2]


@pytest.mark.slow
def test_random_configurations_are_right(device: torch.device) -> None:
    kernel = GroupedGemm(100, 4, 256, 256)
    space = space_of(kernel)
    for configuration in space.sample(np.random.default_rng(0), 12):
        assert error_of(kernel, configuration, device) <= kernel.tolerance, configuration
