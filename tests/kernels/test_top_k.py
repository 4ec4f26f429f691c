"""top_k against a stable sort for every scheme, on irregular shapes and ties; its space; what Triton makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from kernels.base import Plan
from kernels.execute import execute, relative_error
from kernels.top_k import TopK
from search_spaces.device import H100, DeviceLimits
from search_spaces.space import SearchSpace
from search_spaces.top_k import top_k_space
from tests.kernels.fitting import assert_right_where_they_fit
from tests.kernels.row_checks import assert_features_finite
from tests.kernels.sm90 import reports

NAMED = sorted((Path(__file__).parents[2] / "conf" / "task").glob("top_k-*.yaml"))
SORT = {"num_warps": 1, "block_cols": 16, "num_stages": 2}
MERGE = {"merge_warps": 1}
SCHEMES: list[dict[str, Any]] = [
    {"scheme": "sort", "rows_per_program": 1, "skip": False, **SORT},
    {"scheme": "sort", "rows_per_program": 1, "skip": True, **SORT},
    {"scheme": "sort", "rows_per_program": 2, **SORT},
    {"scheme": "split_sort", "slices": 2, "rows_per_program": 1, "skip": True, **SORT, **MERGE},
    {"scheme": "split_sort", "slices": 4, "rows_per_program": 2, **SORT, **MERGE},
    {"scheme": "select", "slices": 1, "digit_bits": 1, "num_warps": 1, **MERGE},
    {"scheme": "select", "slices": 2, "digit_bits": 2, "num_warps": 1, **MERGE},
    {"scheme": "select", "slices": 4, "digit_bits": 4, "num_warps": 1, **MERGE},
]
IDS = ["-".join(map(str, (c["scheme"], *list(c.values())[1:3]))) for c in SCHEMES]
TIERS = [
    pytest.param(scheme, id=name, marks=pytest.mark.slow if i in (0, 4, 6) else ())
    for i, (scheme, name) in enumerate(zip(SCHEMES, IDS, strict=True))
]
"""Each scheme with its options, and in the slow tier further numbers of rows and slices."""


def kernel_of(path: Path) -> TopK:
    return TopK(**yaml.safe_load(path.read_text())["kernel"])


def space_of(kernel: TopK, device: DeviceLimits = H100) -> SearchSpace:
    return top_k_space(kernel.rows, kernel.cols, kernel.k, kernel.dtype, device)


def normal(kernel: TopK, device: torch.device) -> torch.Tensor:
    return kernel.inputs(torch.Generator(device).manual_seed(0))["x"]


def error_of(kernel: TopK, configuration: dict[str, Any], x: torch.Tensor) -> float:
    outputs = execute(kernel, configuration, {"x": x}, 2)
    assert (outputs["values"].dtype, outputs["indices"].dtype) == (kernel.torch_dtype, torch.int32)
    return max(relative_error(outputs[name], exact) for name, exact in kernel.reference({"x": x}).items())


@pytest.mark.parametrize("configuration", TIERS)
@pytest.mark.parametrize("dtype", ["bf16", pytest.param("fp16", marks=pytest.mark.slow)])
def test_every_scheme_is_exact_on_irregular_shapes(
    configuration: dict[str, Any], dtype: str, device: torch.device
) -> None:
    kernel = TopK(3, 71, 3, dtype)  # rows, columns and k that fill no tile
    assert error_of(kernel, configuration, normal(kernel, device)) <= kernel.tolerance


@pytest.mark.parametrize("configuration", (SCHEMES[1], SCHEMES[4], SCHEMES[7]), ids=(IDS[1], IDS[4], IDS[7]))
def test_equal_values_come_in_the_order_of_their_columns(configuration: dict[str, Any], device: torch.device) -> None:
    kernel = TopK(3, 64, 4, "fp16")
    x = torch.zeros(3, 64, dtype=torch.float16, device=device)
    x[0, 5::2] = -0.0  # a zero like the others
    x[1] = float("-inf")
    x[1, 40] = -1.0
    x[2, 60:] = 2.0
    assert error_of(kernel, configuration, x[:1].repeat(3, 1)) <= kernel.tolerance
    outputs = execute(kernel, configuration, {"x": x}, 2)
    assert outputs["indices"].tolist() == [[0, 1, 2, 3], [40, 0, 1, 2], [60, 61, 62, 63]]
    assert outputs["values"][1].tolist() == [-1.0, *[float("-inf")] * 3]


def test_a_slice_of_fewer_columns_than_k(device: torch.device) -> None:
    kernel = TopK(2, 33, 8)  # four slices of 16, 16, 1 and no columns
    for configuration in (SCHEMES[4], SCHEMES[7]):
        assert error_of(kernel, configuration, normal(kernel, device)) <= kernel.tolerance


def test_the_widest_row(device: torch.device) -> None:
    kernel = TopK(1, 2**16, 2)
    configuration = {"scheme": "select", "slices": 8, "digit_bits": 4, "num_warps": 4, **MERGE}
    x = torch.full((1, 2**16), -1.0, dtype=torch.bfloat16, device=device)
    x[0, -1] = 3.0
    assert error_of(kernel, configuration, x) <= kernel.tolerance


class Idle(TopK):
    """A plan that launches nothing."""

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        del configuration, sm_count
        return Plan(())


def test_what_is_not_written_shows() -> None:
    outputs = execute(Idle(2, 8, 3), {}, {"x": torch.zeros(2, 8)}, 1)
    assert outputs["values"].isnan().all()
    assert (outputs["indices"] == -1).all()


def test_the_tolerance_tells_a_lost_block() -> None:
    kernel = TopK(64, 4096, 8)
    x = normal(kernel, torch.device("cpu"))
    exact = kernel.reference({"x": x})
    short = kernel.reference({"x": torch.cat((torch.full_like(x[:, :128], -9.0), x[:, 128:]), dim=1)})
    for name in ("values", "indices"):
        assert relative_error(short[name], exact[name]) > 100 * max(kernel.tolerance, 1e-4)
    assert relative_error(exact["values"].to(kernel.torch_dtype), exact["values"]) == kernel.tolerance


def test_the_vendor_finds_the_same_values() -> None:
    kernel = TopK(5, 300, 7)
    x = normal(kernel, torch.device("cpu"))
    name, call = kernel.vendor({"x": x})
    assert name == "torch.topk"
    assert relative_error(call().values, kernel.reference({"x": x})["values"]) == 0


def test_what_the_kernel_states() -> None:
    kernel = TopK(2048, 32000, 50)
    assert kernel.name == "top_k-2048x32000-50-bf16"
    assert kernel.kept == 64
    assert kernel.flops == 2048 * 32000
    assert kernel.bytes_moved == 2 * 2048 * 32000 + (2 + 4) * 2048 * 50


@pytest.mark.parametrize("shape", [(0, 8, 2), (1, 1, 1), (1, 2**16 + 1, 2), (1, 8, 9), (1, 8, 2, "fp32")])
def test_refuses_what_it_cannot_compute(shape: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        TopK(*shape)


def test_unknown_dtype_of_a_space() -> None:
    with pytest.raises(ValueError, match="fp32"):
        top_k_space(8, 1024, 8, "fp32")


@pytest.mark.parametrize("path", NAMED, ids=lambda path: path.stem)
def test_a_named_space_is_a_recordable_size_without_aliases(path: Path) -> None:
    kernel = kernel_of(path)
    assert kernel.name == path.stem
    space = space_of(kernel)
    assert 1_500 <= space.size <= 3_500
    programs = set()
    for configuration in space.enumerate():
        plan = kernel.plan(configuration, H100.sm_count)
        assert len(plan.launches) == (1 if configuration["scheme"] == "sort" else 2)
        for launch in plan.launches:
            assert {*launch.arguments, *launch.constants} == set(launch.kernel.arg_names)
        programs.add(
            tuple(
                (step.kernel.fn.__name__, step.grid, *step.constants.values(), *step.options.values())
                for step in plan.launches
            )
        )
    assert len(programs) == space.size
    assert_features_finite(space)


def test_a_searched_slice_is_what_the_space_says() -> None:
    for cols in (2**15, 2**15 + 1, 50_257):
        space = top_k_space(4, cols, 8, "fp16")
        for configuration in space.enumerate():
            if configuration["scheme"] == "select":
                step = TopK(4, cols, 8).plan(configuration, 132).launches[0]
                assert (
                    step.constants["SLICE_PADDED"] * int(str(configuration["slices"])) == space.constants["padded_cols"]
                )


def test_slices_are_for_rows_of_several_blocks() -> None:
    space = top_k_space(64, 1024, 8, "bf16")
    assert {c["slices"] for c in space.enumerate() if c.get("block_cols") == 256 and "slices" in c} == {2}
    assert {c["block_cols"] for c in space.enumerate() if "block_cols" in c} == {128, 256, 512}


@pytest.mark.slow
def test_compiles_for_hopper_with_asynchronous_copies_and_registers_for_a_slice(tmp_path: Path) -> None:
    wide = {"num_warps": 2, "block_cols": 512, "num_stages": 3}  # eight keys, 16 bytes, a thread
    chosen = [
        {**SCHEMES[1], **wide},
        {**SCHEMES[3], **wide},
        {"scheme": "select", "slices": 8, "digit_bits": 2, "num_warps": 8, **MERGE},
    ]
    sort, split, select = reports(TopK(16, 50304, 50), chosen, tmp_path)
    assert [len(sort), len(split), len(select)] == [1, 2, 2]
    assert sort[0]["cp_async"] > 0 and split[0]["cp_async"] > 0
    assert "ld.global.v4.b32" in select[0]["ptx"]
    for launch in (*sort, *split, *select):
        assert launch["shared_bytes"] <= H100.shared_memory_bytes
        assert ".local" not in launch["ptx"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_random_configurations_on_the_gpu(dtype: str, device: torch.device) -> None:
    kernel = TopK(37, 50257, 50, dtype)
    x = normal(kernel, device)
    configurations = space_of(kernel).sample(np.random.default_rng(0), 12)  # 4 s a compile
    assert_right_where_they_fit(configurations, lambda c: error_of(kernel, dict(c), x), kernel.tolerance)
