"""attention's gradients against float64, for every structure, loop and order, on irregular sequence lengths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.config.compose import Composer
from harness.strategies.common.default import default_of
from kernels.attention_backward import AttentionBackward
from kernels.base import Buffer
from kernels.execute import execute, relative_error
from kernels.sdpa_backward import fastest_attention_backward
from search_spaces.attention_backward import attention_backward_space
from search_spaces.device import H100, DeviceLimits
from search_spaces.space import SearchSpace
from tests.kernels.bf16_dot import mend_bf16_dot
from tests.kernels.row_checks import assert_features_finite
from tests.kernels.sm90 import reports

GRADIENTS = ("dq", "dk", "dv")
STRUCTURES = ("two_launches", "concurrent", "both_parts")
LOOPS = ("fused", "split_causal")
ORDERS = ("rows_first", "heads_first")
OPTIONS = {"num_warps": 4, "num_stages": 3, "dq_warps": 4, "dq_stages": 3, "delta_rows": 32}
BLOCKS = {**OPTIONS, "block_m1": 16, "block_n1": 32, "block_m2": 64, "block_n2": 32}
NAMED = (AttentionBackward(2, 32, 2048, 128, True, "bf16"), AttentionBackward(8, 16, 512, 64, False, "fp16"))


@pytest.fixture(autouse=True)
def _bf16_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    mend_bf16_dot(monkeypatch)


def space_of(kernel: AttentionBackward, device: DeviceLimits = H100) -> SearchSpace:
    return attention_backward_space(*kernel.shape, kernel.causal, kernel.dtype, device)


def error_of(kernel: AttentionBackward, configuration: dict[str, Any], device: torch.device) -> float:
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    outputs = execute(kernel, {**BLOCKS, **configuration}, inputs, 2)
    exact = kernel.reference(inputs)
    assert tuple(outputs) == tuple(exact) == GRADIENTS
    assert all(gradient.dtype == kernel.torch_dtype for gradient in outputs.values())
    return max(relative_error(outputs[name], exact[name]) for name in GRADIENTS)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("dtype", ["bf16", pytest.param("fp16", marks=pytest.mark.slow)])
def test_causal(structure: str, loop: str, order: str, dtype: str, device: torch.device) -> None:
    kernel = AttentionBackward(1, 2, 77, 32, True, dtype)
    assert error_of(kernel, {"structure": structure, "loop": loop, "order": order}, device) <= kernel.tolerance


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("dtype", ["bf16", pytest.param("fp16", marks=pytest.mark.slow)])
def test_full(structure: str, order: str, dtype: str, device: torch.device) -> None:
    kernel = AttentionBackward(2, 1, 77, 32, False, dtype)
    assert error_of(kernel, {"structure": structure, "order": order}, device) <= kernel.tolerance


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_divisible_sequences_take_the_unmasked_path(structure: str, causal: bool, device: torch.device) -> None:
    kernel = AttentionBackward(1, 2, 64, 16, causal, "fp16")
    for blocks in ({}, {"block_m1": 32, "block_n1": 64, "block_m2": 32, "block_n2": 16}):
        for loop in LOOPS[: 1 + causal]:
            configuration = {**blocks, "structure": structure, "loop": loop, "order": "heads_first"}
            assert error_of(kernel, configuration, device) <= kernel.tolerance


def test_every_run_gives_the_same_bits(device: torch.device) -> None:
    kernel = AttentionBackward(1, 2, 77, 32, True, "fp16")
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    configuration = {**BLOCKS, "structure": "both_parts", "loop": "split_causal", "order": "rows_first"}
    first, second = (execute(kernel, configuration, inputs, 2) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in GRADIENTS)


@pytest.mark.parametrize("causal", [True, False])
def test_reference_is_torch_autograd(causal: bool) -> None:
    kernel = AttentionBackward(2, 3, 33, 16, causal)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    leaves = [inputs[name].double().requires_grad_() for name in "qkv"]
    o = torch.nn.functional.scaled_dot_product_attention(*leaves, is_causal=causal)
    assert relative_error(inputs["o"], o.detach()) < 0.03
    expected = torch.autograd.grad(o, leaves, inputs["do"].double())
    exact = kernel.reference({**inputs, "o": o.detach()})
    for name, gradient in zip(GRADIENTS, expected, strict=True):
        torch.testing.assert_close(exact[name], gradient, rtol=1e-5, atol=1e-5)  # lse is float32


@pytest.mark.parametrize("causal", [True, False])
def test_vendor_computes_the_gradients(causal: bool, device: torch.device) -> None:
    kernel = AttentionBackward(1, 2, 48, 32, causal, "fp16")
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    name, call = fastest_attention_backward(inputs["q"], inputs["k"], inputs["v"], inputs["do"], causal)
    assert name.startswith("scaled_dot_product_attention backward")
    exact = kernel.reference(inputs)
    for _ in range(2):  # what the forward saved outlives a call
        for gradient, expected in zip(call(), GRADIENTS, strict=False):
            assert relative_error(gradient, exact[expected]) <= 2 * kernel.tolerance


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_tolerance_rejects_a_lost_block(causal: bool, dtype: str) -> None:
    kernel = AttentionBackward(1, 2, 512, 64, causal, dtype)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    exact = kernel.reference(inputs)
    lost_queries = inputs["do"].clone()
    lost_queries[:, :, 128:160] = 0  # these queries then add nothing to dK and dV
    lost_keys = inputs["k"].clone()
    lost_keys[:, :, 128:160] = 0  # these keys then add nothing to dQ, and take their weight from no other
    without_queries = kernel.reference({**inputs, "do": lost_queries})
    assert relative_error(without_queries["dk"], exact["dk"]) > 10 * kernel.tolerance
    assert relative_error(without_queries["dv"], exact["dv"]) > 10 * kernel.tolerance
    assert relative_error(kernel.reference({**inputs, "k": lost_keys})["dq"], exact["dq"]) > 10 * kernel.tolerance
    for gradient in exact.values():
        assert relative_error(gradient.to(kernel.torch_dtype), gradient) < kernel.tolerance / 2


def test_what_the_kernel_states() -> None:
    causal, full = (AttentionBackward(4, 16, 2048, 64, causal) for causal in (True, False))
    assert causal.name == "attention_backward-4x16x2048x64-causal-bf16"
    assert full.name == "attention_backward-4x16x2048x64-full-bf16"
    assert full.flops == 10 * 64 * 2048**2 * 64
    assert causal.flops == pytest.approx(full.flops / 2, rel=1e-3)
    assert causal.bytes_moved == 8 * 2 * 64 * 2048 * 64 + 4 * 64 * 2048


@pytest.mark.parametrize("shape", [(1, 1, 8, 48), (1, 1, 8, 256), (1, 1, 0, 64), (2**12, 2**5, 2**10, 16)])
def test_refuses_what_it_cannot_compute(shape: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        AttentionBackward(*shape)
    with pytest.raises(ValueError, match="fp32"):
        AttentionBackward(1, 1, 64, 64, True, "fp32")


@pytest.mark.parametrize("kernel", NAMED, ids=lambda kernel: kernel.name)
def test_a_named_task_can_be_recorded(kernel: AttentionBackward) -> None:
    space = space_of(kernel)
    assert 1_500 <= space.size <= 3_500
    seen = set()
    for configuration in space.enumerate():
        plan = kernel.plan(configuration, H100.sm_count)
        assert len(plan.launches) == 2
        for launch in plan.launches:
            named = {value.name for value in launch.arguments.values() if isinstance(value, Buffer)}
            assert named <= {"q", "k", "v", "o", "do", "lse", *GRADIENTS, *plan.scratch}
            assert {*launch.arguments, *launch.constants} == set(launch.kernel.arg_names)
        seen.add(tuple((step.grid, *step.constants.items(), *step.options.items()) for step in plan.launches))
    assert len(seen) == space.size
    assert_features_finite(space)


def test_blocks_that_are_kept_consist_of_whole_blocks() -> None:
    for configuration in space_of(NAMED[0]).enumerate():
        kept = configuration.get("block_m2", configuration["block_n1"])
        assert int(str(configuration["block_n1"])) % int(str(configuration["block_m1"])) == 0
        assert int(str(kept)) % int(str(configuration["block_n2"])) == 0


def test_only_causal_attention_chooses_its_loop_and_a_smaller_device_has_a_smaller_space() -> None:
    assert "loop" in space_of(NAMED[0]).names
    assert "loop" not in space_of(NAMED[1]).names
    assert 0 < space_of(NAMED[0], DeviceLimits(shared_memory_bytes=101_376)).size < space_of(NAMED[0]).size
    with pytest.raises(ValueError, match="int8"):
        attention_backward_space(1, 1, 64, 64, True, "int8")


@pytest.mark.parametrize("seq", [64, 100, 4096])
@pytest.mark.parametrize("head_dim", [16, 64, 128])
def test_the_default_or_a_fallback_is_feasible(seq: int, head_dim: int) -> None:
    overrides = ["task=attention_backward", f"task.kernel.seq={seq}", f"task.kernel.head_dim={head_dim}"]
    task = Composer().compose(overrides).task
    assert task is not None
    space = space_of(AttentionBackward(2, 32, seq, head_dim))
    _, source = default_of(space, task.default, task.fallbacks)
    assert source == ("task.default" if seq > 64 else "task.fallbacks[0]")


@pytest.mark.slow
def test_random_configurations_are_right(device: torch.device) -> None:
    kernel = AttentionBackward(1, 2, 150, 16, True, "fp16")
    for configuration in space_of(kernel).sample(np.random.default_rng(0), 20):
        assert error_of(kernel, dict(configuration), device) <= kernel.tolerance, configuration


@pytest.mark.slow
def test_compiles_for_hopper_with_its_tensor_cores(tmp_path: Path) -> None:
    blocks = {"block_m1": 64, "block_n1": 128, "block_m2": 128, "block_n2": 64, "num_warps": 8, "num_stages": 3}
    chosen = [
        {**OPTIONS, **blocks, "structure": structure, "loop": loop, "order": "heads_first", "dq_warps": 8}
        for structure, loop in zip(STRUCTURES, ("split_causal", "fused", "split_causal"), strict=True)
    ]
    for configuration, launches in zip(chosen, reports(NAMED[0], chosen, tmp_path), strict=True):
        separate = configuration["structure"] == "two_launches"
        assert [launch["wgmma"] > 0 for launch in launches] == [separate, True]
        assert [launch["cp_async"] > 0 for launch in launches] == [separate, True]
        assert all(launch["shared_bytes"] <= H100.shared_memory_bytes for launch in launches)
