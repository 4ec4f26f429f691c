"""attention against float64, for every schedule, loop and way of loading, on irregular sequence lengths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from kernels.attention import Attention
from kernels.execute import execute, relative_error
from tests.kernels.bf16_dot import mend_bf16_dot
from tests.kernels.sm90 import reports

SM_COUNT = 2
BLOCKS = {"block_m": 32, "block_n": 16, "num_warps": 4, "num_stages": 2}
SCHEDULES: list[dict[str, Any]] = [
    {"schedule": "per_block"},
    {"schedule": "persistent", "ctas_per_sm": 1},
    {"schedule": "persistent", "ctas_per_sm": 2},
    {"schedule": "split_kv", "split_kv": 2},
    {"schedule": "split_kv", "split_kv": 4},
]
TIERS = [
    pytest.param(schedule, id="-".join(map(str, schedule.values())), marks=pytest.mark.slow if i in (1, 4) else ())
    for i, schedule in enumerate(SCHEDULES)
]
"""Each kind of schedule, and in the slow tier a second number of programs or parts."""


@pytest.fixture(autouse=True)
def _bf16_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    mend_bf16_dot(monkeypatch)


def error_of(kernel: Attention, configuration: dict[str, Any], device: torch.device) -> float:
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    output = execute(kernel, {**BLOCKS, **configuration}, inputs, SM_COUNT)["o"]
    assert output.dtype == kernel.torch_dtype
    return relative_error(output, kernel.reference(inputs)["o"])


@pytest.mark.parametrize("kv_load", ["pointer", "descriptor"])
@pytest.mark.parametrize("loop", ["fused", "split_causal"])
@pytest.mark.parametrize("schedule", TIERS)
@pytest.mark.parametrize("dtype", ["bf16", pytest.param("fp16", marks=pytest.mark.slow)])
def test_causal(schedule: dict[str, Any], loop: str, kv_load: str, dtype: str, device: torch.device) -> None:
    kernel = Attention(1, 2, 77, 64, True, dtype)
    configuration = {**schedule, "loop": loop, "kv_load": kv_load, "order": "heads_first"}
    assert error_of(kernel, configuration, device) <= kernel.tolerance


@pytest.mark.parametrize("kv_load", ["pointer", "descriptor"])
@pytest.mark.parametrize("schedule", TIERS)
@pytest.mark.parametrize("dtype", ["bf16", pytest.param("fp16", marks=pytest.mark.slow)])
def test_full(schedule: dict[str, Any], kv_load: str, dtype: str, device: torch.device) -> None:
    kernel = Attention(1, 2, 77, 64, False, dtype)
    configuration = {**schedule, "kv_load": kv_load, "order": "rows_first"}
    assert error_of(kernel, configuration, device) <= kernel.tolerance


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("order", ["rows_first", "heads_first"])
@pytest.mark.parametrize(
    "blocks", [(32, 16), *(pytest.param(blocks, marks=pytest.mark.slow) for blocks in ((16, 32), (16, 16)))], ids=str
)
def test_divisible_sequences_take_the_unmasked_path(
    blocks: tuple[int, int], order: str, causal: bool, device: torch.device
) -> None:
    kernel = Attention(2, 1, 64, 32, causal, "fp16")
    for kv_load in ("pointer", "descriptor"):
        for loop in ("fused", "split_causal")[: 1 + causal]:
            configuration = {
                "schedule": "per_block",
                "loop": loop,
                "kv_load": kv_load,
                "order": order,
                "block_m": blocks[0],
                "block_n": blocks[1],
            }
            assert error_of(kernel, configuration, device) <= kernel.tolerance


@pytest.mark.parametrize("causal", [True, False])
def test_reference_is_torch_attention(causal: bool) -> None:
    kernel = Attention(2, 3, 33, 16, causal)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    q, k, v = (inputs[name].double() for name in "qkv")
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
    torch.testing.assert_close(kernel.reference(inputs)["o"], expected)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_tolerance_rejects_dropped_keys(causal: bool, dtype: str) -> None:
    kernel = Attention(1, 2, 512, 64, causal, dtype)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    exact = kernel.reference(inputs)["o"]
    key = inputs["k"].clone()
    key[:, :, 128:160] = 0  # takes their weight from the rows that look at them
    assert relative_error(kernel.reference({**inputs, "k": key})["o"], exact) > 10 * kernel.tolerance
    assert relative_error(exact.to(kernel.torch_dtype), exact) < kernel.tolerance / 2


def test_what_the_kernel_states() -> None:
    causal, full = (Attention(4, 16, 2048, 64, causal) for causal in (True, False))
    assert causal.name == "attention-4x16x2048x64-causal-bf16"
    assert full.name == "attention-4x16x2048x64-full-bf16"
    assert full.flops == 4 * 64 * 2048**2 * 64
    assert causal.flops == pytest.approx(full.flops / 2, rel=1e-3)
    assert causal.bytes_moved == 4 * 2 * 64 * 2048 * 64


@pytest.mark.parametrize("shape", [(1, 1, 8, 48), (1, 1, 0, 64), (2**12, 2**5, 2**10, 16)])
def test_refuses_what_it_cannot_compute(shape: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Attention(*shape)


@pytest.mark.slow
def test_compiles_for_hopper_with_its_tensor_cores_and_copy_engine(tmp_path: Path) -> None:
    blocks = {"block_m": 128, "block_n": 64, "num_warps": 8, "num_stages": 2, "order": "heads_first"}
    chosen = [
        {**blocks, **SCHEDULES[0], "loop": "fused", "kv_load": "pointer"},
        {**blocks, **SCHEDULES[2], "loop": "split_causal", "kv_load": "descriptor"},
        {**blocks, **SCHEDULES[3], "loop": "split_causal", "kv_load": "pointer"},
    ]
    compiled = reports(Attention(4, 16, 2048, 64), chosen, tmp_path)
    assert [len(launches) for launches in compiled] == [1, 1, 2]
    for configuration, (attend, *_) in zip(chosen, compiled, strict=True):
        by_pointer = configuration["kv_load"] == "pointer"
        assert attend["wgmma"] > 0
        assert (attend["cp_async"] > 0) == by_pointer
        assert (attend["tma_loads"] > 0) == (attend["scratch_bytes"] > 0) == (not by_pointer)


@pytest.mark.slow
def test_compiles_where_a_dimension_is_the_constant_one(tmp_path: Path) -> None:
    blocks = {**BLOCKS, "loop": "split_causal", "kv_load": "pointer", "order": "rows_first"}
    chosen = [{**blocks, **schedule} for schedule in (SCHEDULES[1], SCHEDULES[3])]
    assert [len(launches) for launches in reports(Attention(1, 1, 1, 16), chosen, tmp_path)] == [1, 2]
