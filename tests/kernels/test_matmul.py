"""matmul against float64, for every schedule and way of moving tiles, on irregular shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from kernels.execute import execute, relative_error
from kernels.matmul import Matmul
from tests.kernels.bf16_dot import mend_bf16_dot
from tests.kernels.sm90 import reports

SM_COUNT = 3
BLOCKS = {"block_m": 32, "block_n": 64, "block_k": 32, "group_m": 2, "num_warps": 4, "num_stages": 2}
SCHEDULES: list[dict[str, Any]] = [
    {"schedule": "data_parallel"},
    {"schedule": "persistent", "ctas_per_sm": 1},
    {"schedule": "persistent", "ctas_per_sm": 2},
    {"schedule": "split_k", "split_k": 2},
    {"schedule": "split_k", "split_k": 4},
]
MOVES: list[dict[str, Any]] = [
    {"operand_load": "pointer"},
    {"operand_load": "descriptor", "store": "pointer"},
    {"operand_load": "descriptor", "store": "descriptor"},
]


@pytest.fixture(autouse=True)
def _bf16_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    mend_bf16_dot(monkeypatch)


def error_of(kernel: Matmul, configuration: dict[str, Any], device: torch.device) -> float:
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    output = execute(kernel, configuration, inputs, SM_COUNT)["c"]
    assert output.dtype == kernel.torch_dtype
    return relative_error(output, kernel.reference(inputs)["c"])


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_pointer_loads_mask_every_edge(schedule: dict[str, Any], dtype: str, device: torch.device) -> None:
    kernel = Matmul(67, 93, 130, dtype)
    assert error_of(kernel, {**BLOCKS, **schedule, "operand_load": "pointer"}, device) <= kernel.tolerance


@pytest.mark.parametrize("moves", MOVES[1:], ids=lambda m: "-".join(map(str, m.values())))
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_descriptors_clip_every_edge(
    schedule: dict[str, Any], moves: dict[str, Any], dtype: str, device: torch.device
) -> None:
    kernel = Matmul(67, 104, 136, dtype)  # rows of k and n elements: multiples of 16 bytes, not of a block
    assert error_of(kernel, {**BLOCKS, **schedule, **moves}, device) <= kernel.tolerance


@pytest.mark.parametrize("moves", MOVES, ids=lambda m: "-".join(map(str, m.values())))
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: "-".join(map(str, s.values())))
def test_unmasked_path_of_divisible_shapes(
    schedule: dict[str, Any], moves: dict[str, Any], device: torch.device
) -> None:
    kernel = Matmul(96, 128, 160)
    assert error_of(kernel, {**BLOCKS, **schedule, **moves}, device) <= kernel.tolerance


def test_a_slice_without_work_contributes_zeros(device: torch.device) -> None:
    kernel = Matmul(32, 64, 160)  # 5 blocks of k in 4 slices of 2: the last slice is empty
    configuration = {**BLOCKS, "schedule": "split_k", "split_k": 4, "operand_load": "pointer"}
    assert error_of(kernel, configuration, device) <= kernel.tolerance


def test_tolerance_rejects_a_dropped_block_of_k() -> None:
    kernel = Matmul(128, 128, 2048)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    exact = kernel.reference(inputs)["c"]
    short = kernel.reference({"a": inputs["a"][:, :-32], "b": inputs["b"][:-32]})["c"]
    assert relative_error(short, exact) > 8 * kernel.tolerance
    assert relative_error(exact.to(kernel.torch_dtype), exact) < kernel.tolerance


def test_what_the_kernel_states() -> None:
    kernel = Matmul(2048, 1024, 512, "fp16")
    assert kernel.name == "matmul-2048x1024x512-fp16"
    assert kernel.flops == 2 * 2048 * 1024 * 512
    assert kernel.bytes_moved == 2 * (2048 * 512 + 512 * 1024 + 2048 * 1024)


@pytest.mark.parametrize("shape", [(0, 8, 8, "bf16"), (8, 8, 8, "fp32"), (2**16, 2**16, 8, "bf16")])
def test_refuses_what_it_cannot_compute(shape: tuple[int, int, int, str]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Matmul(*shape)


@pytest.mark.slow
def test_compiles_for_hopper_with_its_tensor_cores_and_copy_engine(tmp_path: Path) -> None:
    tile = {"block_m": 128, "block_n": 128, "block_k": 64, "group_m": 8, "num_warps": 8, "num_stages": 3}
    chosen = [
        {**tile, **SCHEDULES[0], **MOVES[2]},
        {**tile, **SCHEDULES[1], **MOVES[0]},
        {**tile, **SCHEDULES[2], **MOVES[1]},
        {**tile, **SCHEDULES[4], **MOVES[1]},
    ]
    compiled = reports(Matmul(2048, 2048, 2048), chosen, tmp_path)
    assert [len(launches) for launches in compiled] == [1, 1, 1, 2]
    for configuration, (product, *_) in zip(chosen, compiled, strict=True):
        by_pointer = configuration["operand_load"] == "pointer"
        assert product["wgmma"] > 0
        assert (product["cp_async"] > 0) == by_pointer
        assert (product["tma_loads"] > 0) == (product["scratch_bytes"] > 0) == (not by_pointer)
        assert product["shared_bytes"] >= 3 * (128 + 128) * 64 * 2
    assert [product["tma_stores"] > 0 for product, *_ in compiled] == [True, False, False, False]


@pytest.mark.slow
def test_compiles_where_a_dimension_is_the_constant_one(tmp_path: Path) -> None:
    tile = {**BLOCKS, "operand_load": "pointer"}
    chosen = [{**tile, **schedule} for schedule in (SCHEDULES[1], SCHEDULES[3])]
    assert [len(launches) for launches in reports(Matmul(1, 1, 1), chosen, tmp_path)] == [1, 2]
