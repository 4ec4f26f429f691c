"""conv2d against float64 for every structure, on irregular shapes; its space; what Triton makes of it for sm_90."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from kernels.conv2d import Conv2d
from kernels.execute import execute, relative_error
from search_spaces.conv2d import conv2d_space
from search_spaces.device import H100, DeviceLimits
from search_spaces.space import SearchSpace
from tests.kernels.bf16_dot import mend_bf16_dot
from tests.kernels.fitting import assert_right_where_they_fit
from tests.kernels.row_checks import assert_features_finite
from tests.kernels.sm90 import reports

SM_COUNT = 1
TASKS = Path(__file__).parents[2] / "conf" / "task"
NAMED = sorted(TASKS.glob("conv2d-*.yaml"))
BLOCKS = {"block_m": 64, "block_n": 32, "block_k": 16, "group_m": 2, "num_warps": 4, "num_stages": 2}
STRUCTURES: list[dict[str, Any]] = [
    {"schedule": "data_parallel", "order": "taps_outer", "loop": "fused"},
    {"schedule": "data_parallel", "order": "taps_outer", "loop": "nested"},
    {"schedule": "data_parallel", "order": "channels_outer"},
    {"schedule": "persistent", "ctas_per_sm": 1, "order": "taps_outer"},
    {"schedule": "persistent", "ctas_per_sm": 2, "order": "channels_outer"},
    {"schedule": "split_k", "split_k": 2, "order": "taps_outer"},
    {"schedule": "split_k", "split_k": 4, "order": "channels_outer"},
]
STRUCTURE_IDS = ["-".join(map(str, structure.values())) for structure in STRUCTURES]


@pytest.fixture(autouse=True)
def _bf16_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    mend_bf16_dot(monkeypatch)


def kernel_of(path: Path) -> Conv2d:
    return Conv2d(**yaml.safe_load(path.read_text())["kernel"])


def space_of(kernel: Conv2d, device: DeviceLimits = H100) -> SearchSpace:
    shape = (kernel.batch, kernel.height, kernel.width, kernel.channels, kernel.filters)
    return conv2d_space(*shape, kernel.size, kernel.stride, kernel.padding, kernel.dtype, device)


def error_of(kernel: Conv2d, configuration: dict[str, Any], device: torch.device) -> float:
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    output = execute(kernel, {**BLOCKS, **configuration}, inputs, SM_COUNT)["y"]
    assert output.dtype == kernel.torch_dtype
    return relative_error(output, kernel.reference(inputs)["y"])


@pytest.mark.parametrize("weight_load", ["pointer", "descriptor"])
@pytest.mark.parametrize("structure", STRUCTURES, ids=STRUCTURE_IDS)
@pytest.mark.parametrize("dtype", ["bf16", pytest.param("fp16", marks=pytest.mark.slow)])
def test_every_structure_clips_every_edge(
    structure: dict[str, Any], weight_load: str, dtype: str, device: torch.device
) -> None:
    kernel = Conv2d(2, 3, 8, 24, 40, 2, 1, 1, dtype)  # 72 pixels, 40 filters, 24 channels: multiples of no block
    assert error_of(kernel, {**structure, "weight_load": weight_load}, device) <= kernel.tolerance


@pytest.mark.parametrize("structure", STRUCTURES[1:4], ids=STRUCTURE_IDS[1:4])
@pytest.mark.parametrize(
    "kernel",
    [
        Conv2d(1, 9, 8, 19, 32, 3, 2, 1, "fp16"),  # stride; rows of no whole 16 bytes
        Conv2d(3, 6, 5, 32, 16, 1, 1, 0, "fp16"),  # one tap, no padding
        Conv2d(1, 8, 11, 5, 32, 5, 3, 2),  # wide filters and strides, few channels
        Conv2d(4, 4, 4, 16, 64, 3, 1, 1),  # no edge but the image's
        Conv2d(4, 6, 6, 16, 32, 3, 1, 0),  # no edge at all
    ],
    ids=lambda kernel: kernel.name,
)
def test_other_geometries(kernel: Conv2d, structure: dict[str, Any], device: torch.device) -> None:
    assert error_of(kernel, {**structure, "weight_load": "pointer"}, device) <= kernel.tolerance


def test_a_slice_without_work_contributes_zeros(device: torch.device) -> None:
    kernel = Conv2d(1, 4, 4, 80, 32, 1, 1, 0)  # 5 blocks of channels in 4 slices of 2: the last slice is empty
    structure = {"schedule": "split_k", "split_k": 4, "order": "taps_outer", "weight_load": "pointer"}
    assert error_of(kernel, structure, device) <= kernel.tolerance


@pytest.mark.parametrize(("size", "stride", "padding"), [(3, 1, 1), (3, 2, 1), (1, 2, 0), (5, 2, 3)])
def test_the_reference_is_torch_convolution(size: int, stride: int, padding: int) -> None:
    kernel = Conv2d(2, 9, 8, 5, 7, size, stride, padding)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    x, w = (inputs[name].double().permute(0, 3, 1, 2) for name in "xw")
    expected = torch.nn.functional.conv2d(x, w, stride=stride, padding=padding).permute(0, 2, 3, 1)
    torch.testing.assert_close(kernel.reference(inputs)["y"], expected)


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_the_tolerance_tells_a_lost_block_from_rounding(dtype: str) -> None:
    kernel = Conv2d(2, 7, 7, 512, 64, 3, 1, 1, dtype)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    exact = kernel.reference(inputs)["y"]
    w = inputs["w"].clone()
    w[:, 2, 0, 32:64] = 0
    assert relative_error(kernel.reference({**inputs, "w": w})["y"], exact) > 5 * kernel.tolerance
    assert relative_error(exact.to(kernel.torch_dtype), exact) < kernel.tolerance


def test_the_vendor_computes_the_same() -> None:
    kernel = Conv2d(2, 9, 8, 8, 16, 3, 2, 1, "bf16")
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    name, call = kernel.vendor(inputs)
    assert name == "cuDNN"
    assert relative_error(call().permute(0, 2, 3, 1), kernel.reference(inputs)["y"]) <= kernel.tolerance
    assert not torch.backends.cudnn.benchmark


def test_what_the_kernel_states() -> None:
    kernel = Conv2d(4, 14, 12, 64, 128, 3, 2, 1, "fp16")
    assert kernel.name == "conv2d-4x14x12x64-128x3x3-s2p1-fp16"
    assert (kernel.out_height, kernel.out_width) == (7, 6)
    assert kernel.flops == 2 * (4 * 7 * 6) * 128 * 9 * 64
    assert kernel.bytes_moved == 2 * (4 * 14 * 12 * 64 + 128 * 9 * 64 + 4 * 7 * 6 * 128)


@pytest.mark.parametrize(
    "shape",
    [
        (1, 8, 8, 8, 8, 3, 1, 1, "fp32"),
        (0, 8, 8, 8, 8),
        (1, 8, 8, 8, 8, 3, 0),
        (1, 8, 8, 8, 8, 3, 1, -1),
        (1, 8, 2, 8, 8, 5, 1, 1),
        (2**8, 2**7, 2**7, 2**10, 8),
    ],
)
def test_refuses_what_it_cannot_compute(shape: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Conv2d(*shape)


def test_unknown_dtype_of_a_space() -> None:
    with pytest.raises(ValueError, match="int8"):
        conv2d_space(1, 8, 8, 8, 8, 3, 1, 1, "int8")


@pytest.mark.parametrize("path", NAMED, ids=lambda path: path.stem)
def test_a_named_space_is_a_recordable_size_without_aliases(path: Path) -> None:
    kernel = kernel_of(path)
    assert kernel.name == path.stem
    space = space_of(kernel)
    assert 1_500 <= space.size <= 3_500
    programs = set()
    for configuration in space.enumerate():
        plan = kernel.plan(configuration, H100.sm_count)
        assert len(plan.launches) == (2 if configuration["schedule"] == "split_k" else 1)
        for launch in plan.launches:
            assert {*launch.arguments, *launch.constants} == set(launch.kernel.arg_names)
        first = plan.launches[0]
        programs.add((first.grid, *first.constants.values(), *first.options.values()))
    assert len(programs) == space.size
    assert_features_finite(space)


def test_the_named_tasks_differ_in_what_their_structure_offers() -> None:
    few_tiles, many_tiles = (space_of(Conv2d(*shape)) for shape in ((32, 7, 7, 512, 512), (2, 64, 64, 320, 320)))

    def share(space: SearchSpace, schedule: str) -> float:
        return float(np.mean([configuration["schedule"] == schedule for configuration in space.enumerate()]))

    assert share(few_tiles, "split_k") > 0.4 > 0.1 > share(many_tiles, "split_k")
    assert share(many_tiles, "persistent") > 0.4 > 0.1 > share(few_tiles, "persistent")


def test_order_and_loop_only_where_there_is_a_choice() -> None:
    for kernel in (Conv2d(32, 14, 14, 1024, 256, 1, 1, 0), Conv2d(128, 56, 56, 32, 64)):
        assert all("order" not in c and "loop" not in c for c in space_of(kernel).enumerate())
    for configuration in space_of(Conv2d(32, 7, 7, 512, 512)).enumerate():
        nested_or_fused = configuration["order"] == "taps_outer" and configuration["schedule"] == "data_parallel"
        assert ("loop" in configuration) == nested_or_fused


def test_descriptors_need_rows_of_whole_16_bytes() -> None:
    assert {c["weight_load"] for c in space_of(Conv2d(32, 14, 14, 100, 256)).enumerate()} == {"pointer"}


def test_a_smaller_device_has_a_smaller_space() -> None:
    kernel = kernel_of(NAMED[0])
    assert 0 < space_of(kernel, DeviceLimits(shared_memory_bytes=101_376)).size < space_of(kernel).size


@pytest.mark.slow
def test_compiles_for_hopper_with_tensor_cores_and_16_byte_copies(tmp_path: Path) -> None:
    tile = {"block_m": 128, "block_n": 128, "block_k": 64, "group_m": 8, "num_warps": 8, "num_stages": 3}
    chosen = [
        {**tile, **structure, "weight_load": load}
        for structure, load in zip(STRUCTURES, ("pointer", "descriptor") * 4, strict=False)
    ]
    compiled = reports(Conv2d(2, 64, 64, 320, 320, dtype="fp16"), chosen, tmp_path)
    for configuration, launches in zip(chosen, compiled, strict=True):
        assert len(launches) == (2 if configuration["schedule"] == "split_k" else 1)
        product = launches[0]
        assert product["wgmma"] > 0
        assert product["cp_async"] > 0  # the gathered pixels, however the weights are loaded
        assert (product["tma_loads"] > 0) == (configuration["weight_load"] == "descriptor")
        assert product["shared_bytes"] >= 3 * (128 + 128) * 64 * 2


@pytest.mark.slow
def test_compiles_where_a_dimension_is_the_constant_one(tmp_path: Path) -> None:
    chosen = [{**BLOCKS, **STRUCTURES[i], "weight_load": "pointer"} for i in (1, 4, 5)]
    kernel = Conv2d(1, 1, 1, 1, 1, 1, 1, 0)
    assert [len(launches) for launches in reports(kernel, chosen, tmp_path)] == [1, 1, 2]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_random_configurations_on_the_gpu(dtype: str, device: torch.device) -> None:
    kernel = Conv2d(3, 23, 29, 200, 136, 3, 1, 1, dtype)
    configurations = space_of(kernel).sample(np.random.default_rng(0), 40)
    assert_right_where_they_fit(configurations, lambda c: error_of(kernel, dict(c), device), kernel.tolerance)
