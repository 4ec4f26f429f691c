"""The spaces of matmul and attention: sizes, known rules, features, and a plan for every configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from kernels.attention import Attention
from kernels.base import Buffer, Kernel
from kernels.matmul import Matmul
from search_spaces.attention import attention_space
from search_spaces.device import H100, DeviceLimits
from search_spaces.errors import InvalidConfiguration
from search_spaces.matmul import matmul_space
from search_spaces.space import SearchSpace

TASKS = Path(__file__).parents[2] / "conf" / "task"
CASES: list[tuple[Kernel, SearchSpace]] = [
    (Matmul(2048, 2048, 2048), matmul_space(2048, 2048, 2048, "bf16")),
    (Attention(4, 16, 2048, 64), attention_space(4, 16, 2048, 64, True, "bf16")),
    (Attention(4, 16, 2048, 64, False), attention_space(4, 16, 2048, 64, False, "bf16")),
]
CASE_IDS = [kernel.name for kernel, _ in CASES]
TILE = {
    "operand_load": "pointer",
    "block_m": 128,
    "block_n": 128,
    "block_k": 64,
    "group_m": 8,
    "num_warps": 8,
    "num_stages": 3,
}


@pytest.mark.parametrize("space", [space for _, space in CASES[:2]], ids=CASE_IDS[:2])
def test_the_recorded_spaces_can_be_exhausted_in_minutes(space: SearchSpace) -> None:
    assert 3000 <= space.size <= 4000


@pytest.mark.parametrize(("kernel", "space"), CASES, ids=CASE_IDS)
def test_features_are_finite_where_active(kernel: Kernel, space: SearchSpace) -> None:
    codes = space.codes()
    values = space.feature_values(codes)
    assert values.shape == (space.size, len(space.features))
    conditional = {"split_waves", "persistent_waves"}
    for name, column in zip(space.features, values.T, strict=True):
        finite = np.isfinite(column)
        assert finite.all() or name in conditional, f"{kernel.name}: {name}"
        assert np.unique(column[finite]).size > 1 or name == "steps"
    schedules = np.array([configuration["schedule"] for configuration in space.enumerate()])
    persistent = list(space.features).index("persistent_waves")
    assert (np.isfinite(values[:, persistent]) == (schedules == "persistent")).all()


@pytest.mark.parametrize(("kernel", "space"), CASES, ids=CASE_IDS)
def test_every_configuration_has_a_plan_of_known_buffers(kernel: Kernel, space: SearchSpace) -> None:
    known = {"matmul": {"a", "b", "c"}, "attention": {"q", "k", "v", "o"}}[kernel.name.split("-")[0]]
    for configuration in space.enumerate():
        plan = kernel.plan(configuration, H100.sm_count)
        split = configuration["schedule"].startswith("split")
        assert len(plan.launches) == (2 if split else 1)
        assert bool(plan.scratch) == split
        for launch in plan.launches:
            named = {value.name for value in launch.arguments.values() if isinstance(value, Buffer)}
            assert named <= known | plan.scratch.keys()
            assert {*launch.arguments, *launch.constants} == set(launch.kernel.arg_names)
            assert min(launch.grid) >= 1


def test_a_persistent_program_has_a_second_tile() -> None:
    space = matmul_space(2048, 2048, 2048, "bf16")
    configuration = {**TILE, "schedule": "persistent", "ctas_per_sm": 1}
    space.validate(configuration)  # 256 tiles on 132 SMs
    with pytest.raises(InvalidConfiguration, match="ctas_per_sm"):
        space.validate({**configuration, "block_n": 256})


def test_descriptors_need_rows_of_whole_16_bytes() -> None:
    for n, k in ((130, 128), (128, 130)):
        space = matmul_space(4096, n, k, "bf16")
        assert {configuration["operand_load"] for configuration in space.enumerate()} == {"pointer"}


def test_tiles_are_no_larger_than_a_skinny_matrix_needs() -> None:
    skinny = list(matmul_space(100, 4096, 4096, "fp16").enumerate())
    assert {configuration["block_m"] for configuration in skinny} == {64, 128}
    assert {configuration["block_n"] for configuration in skinny} == {64, 128, 256}
    assert {c["group_m"] for c in skinny if c["block_m"] == 128} == {1}  # one row of tiles has one order
    assert {configuration["block_m"] for configuration in matmul_space(1, 4096, 4096, "fp16").enumerate()} == {64}


def test_many_slices_of_k_only_where_tiles_are_few() -> None:
    def slices(m: int, n: int, k: int) -> set[object]:
        return {configuration.get("split_k") for configuration in matmul_space(m, n, k, "fp16").enumerate()} - {None}

    assert slices(2048, 2048, 2048) == {2, 4}
    assert slices(512, 512, 8192) == {2, 4, 8, 16}
    space = matmul_space(512, 512, 8192, "fp16")
    for configuration in space.enumerate():
        if configuration.get("split_k") == 16:
            tiles = -(-512 // int(str(configuration["block_m"]))) * -(-512 // int(str(configuration["block_n"])))
            assert tiles * 8 < H100.sm_count


def test_every_slice_of_k_has_work() -> None:
    space = matmul_space(512, 512, 160, "fp16")  # 5 steps of 32: four slices of 2 would leave the last one idle
    assert {c["split_k"] for c in space.enumerate() if c["block_k"] == 32 and "split_k" in c} == {2}


def test_a_smaller_device_has_a_smaller_space() -> None:
    small = DeviceLimits(shared_memory_bytes=101_376)
    for full, cut in (
        (matmul_space(2048, 2048, 2048, "bf16"), matmul_space(2048, 2048, 2048, "bf16", small)),
        (CASES[1][1], attention_space(4, 16, 2048, 64, True, "bf16", small)),
    ):
        assert 0 < cut.size < full.size


def test_only_causal_attention_chooses_its_loop() -> None:
    assert "loop" in CASES[1][1].names
    assert "loop" not in CASES[2][1].names


@pytest.mark.parametrize("dtype", ["fp32", "int8"])
def test_unknown_dtype(dtype: str) -> None:
    with pytest.raises(ValueError, match=dtype):
        matmul_space(64, 64, 64, dtype)
    with pytest.raises(ValueError, match=dtype):
        attention_space(1, 1, 64, 64, True, dtype)


@pytest.mark.parametrize("path", sorted([*TASKS.glob("matmul-*"), *TASKS.glob("attention-*")]), ids=lambda p: p.stem)
def test_a_task_file_is_named_after_its_kernel(path: Path) -> None:
    kernels: dict[str, type[Any]] = {"matmul": Matmul, "attention": Attention}
    task = yaml.safe_load(path.read_text())
    (base, _) = task["defaults"]
    assert kernels[base](**task["kernel"]).name == path.stem.replace("-wide", "")
