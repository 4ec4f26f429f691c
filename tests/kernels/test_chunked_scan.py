"""Mamba-2's chunk scan against float64, for every structure, diagonal and decay, with a short last chunk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.config.compose import Composer
from harness.strategies.common.default import default_of
from kernels.base import Buffer
from kernels.chunked_scan import ChunkedScan
from kernels.execute import execute, relative_error
from search_spaces.chunked_scan import chunked_scan_space
from search_spaces.device import H100, DeviceLimits
from search_spaces.space import SearchSpace
from tests.kernels.bf16_dot import mend_bf16_dot
from tests.kernels.row_checks import assert_features_finite
from tests.kernels.sm90 import reports

BLOCKS = {
    "cb_type": "float32",
    "cb_block_m": 32,
    "cb_block_n": 64,
    "heads_per_program": 2,
    "diagonal": "masked",
    "decay": "elementwise",
    "block_m": 32,
    "block_n": 32,
    "block_k": 32,
    "num_warps": 4,
    "num_stages": 3,
}
LOOPS: list[dict[str, Any]] = [
    {"diagonal": "masked"},
    {"diagonal": "split", "decay": "elementwise"},
    {"diagonal": "split", "decay": "factored"},
]
VARIANTS: list[dict[str, Any]] = [
    *({"structure": structure, **loop} for structure in ("stored", "recomputed") for loop in LOOPS),
    {"structure": "stored", "cb_type": "input"},
    {"structure": "kept", "heads_per_program": 1},
    {"structure": "kept", "heads_per_program": 2},
]
SMALL = (1, 90, 4, 32, 32, 2, 64)  # a last chunk of 26
NAMED = (ChunkedScan(4, 2048, 80, 64, 128, 1, 256), ChunkedScan(1, 4096, 128, 64, 128, 8, 128))


@pytest.fixture(autouse=True)
def _bf16_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    mend_bf16_dot(monkeypatch)


def space_of(kernel: ChunkedScan, device: DeviceLimits = H100) -> SearchSpace:
    sizes = (kernel.batch, kernel.seq, kernel.heads, kernel.head_dim, kernel.state, kernel.groups, kernel.chunk)
    return chunked_scan_space(*sizes, kernel.dtype, device)


def error_of(kernel: ChunkedScan, configuration: dict[str, Any], device: torch.device) -> float:
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    output = execute(kernel, {**BLOCKS, **configuration}, inputs, 2)["y"]
    assert output.dtype == kernel.torch_dtype
    return relative_error(output, kernel.reference(inputs)["y"])


@pytest.mark.parametrize(
    ("variant", "dtype"),
    [
        *((variant, "bf16") for variant in VARIANTS[::2]),  # whole chunks, below, have the other variants
        *(pytest.param(variant, "bf16", marks=pytest.mark.slow) for variant in VARIANTS[1::2]),
        *(pytest.param(variant, "fp16", marks=pytest.mark.slow) for variant in VARIANTS),
    ],
    ids=lambda v: "-".join(map(str, v.values())) if isinstance(v, dict) else v,
)
def test_a_short_last_chunk_is_masked(variant: dict[str, Any], dtype: str, device: torch.device) -> None:
    kernel = ChunkedScan(*SMALL, dtype)
    assert error_of(kernel, variant, device) <= kernel.tolerance


@pytest.mark.parametrize("variant", VARIANTS[1::2], ids=lambda v: "-".join(map(str, v.values())))
def test_whole_chunks_take_the_unmasked_path(variant: dict[str, Any], device: torch.device) -> None:
    kernel = ChunkedScan(1, 64, 2, 64, 32, 1, 64, "fp16")
    assert error_of(kernel, variant, device) <= kernel.tolerance


def recurrence(kernel: ChunkedScan, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """y from the state space model's recurrence, which starts every chunk from the given states; float64."""
    y = torch.empty(inputs["x"].shape, dtype=torch.float64)
    repeats = kernel.heads // kernel.groups
    x, dt, decay = (inputs[name].double() for name in ("x", "dt", "decay"))
    b, c = (inputs[name].double().repeat_interleave(repeats, 2) for name in ("b", "c"))
    for position in range(kernel.seq):
        chunk, inside = divmod(position, kernel.chunk)
        if inside == 0:
            state, before = inputs["states"][:, chunk].double(), torch.zeros_like(decay[:, :, 0])
        step = torch.exp(decay[:, :, position] - before)[..., None, None]
        before = decay[:, :, position]
        update = x[:, position, :, :, None] * b[:, position, :, None, :] * dt[:, :, position, None, None]
        state = state * step + update
        y[:, position] = (state * c[:, position, :, None, :]).sum(-1)
    return y


def test_reference_is_the_recurrence() -> None:
    kernel = ChunkedScan(2, 90, 4, 32, 32, 2, 64)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    torch.testing.assert_close(kernel.reference(inputs)["y"], recurrence(kernel, inputs))


def test_vendor_computes_the_scan(device: torch.device) -> None:
    kernel = ChunkedScan(*SMALL)
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    name, call = kernel.vendor(inputs)
    assert name == "torch (unfused)"
    assert call().dtype == kernel.torch_dtype
    assert relative_error(call(), kernel.reference(inputs)["y"]) <= kernel.tolerance


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_tolerance_rejects_a_lost_block(dtype: str) -> None:
    kernel = ChunkedScan(1, 512, 8, 64, 128, 1, 256, dtype)
    inputs = kernel.inputs(torch.Generator().manual_seed(0))
    exact = kernel.reference(inputs)["y"]
    lost_positions, lost_state = inputs["b"].clone(), inputs["states"].clone()
    lost_positions[:, 128:160] = 0  # these positions then add nothing to any
    lost_state[..., 32:64] = 0
    assert relative_error(kernel.reference({**inputs, "b": lost_positions})["y"], exact) > 10 * kernel.tolerance
    assert relative_error(kernel.reference({**inputs, "states": lost_state})["y"], exact) > 10 * kernel.tolerance
    assert relative_error(exact.to(kernel.torch_dtype), exact) < kernel.tolerance / 2


def test_what_the_kernel_states() -> None:
    kernel = ChunkedScan(2, 384, 8, 64, 128, 2, 256)
    assert kernel.name == "chunked_scan-2x384x8x64x128x2x256-bf16"
    pairs = 256 * 257 / 2 + 128 * 129 / 2
    assert kernel.flops == 2 * (2 * pairs * (2 * 128 + 8 * 64) + 2 * 384 * 8 * 64 * 128)
    x, b, states, dt = 2 * 384 * 8 * 64, 2 * 384 * 2 * 128, 2 * 2 * 8 * 64 * 128, 2 * 8 * 384
    assert kernel.bytes_moved == 2 * (2 * x + 2 * b + states) + 4 * 2 * dt
    shapes = {name: tuple(tensor.shape) for name, tensor in kernel.inputs(torch.Generator()).items()}
    assert shapes["states"] == (2, 2, 8, 64, 128) and shapes["decay"] == (2, 8, 384)


@pytest.mark.parametrize(
    "change",
    [{"dtype": "fp32"}, {"head_dim": 48}, {"state": 256}, {"chunk": 512}, {"seq": 0}, {"groups": 3}, {"seq": 2**24}],
    ids=str,
)
def test_refuses_what_it_cannot_compute(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        ChunkedScan(**{"batch": 1, "seq": 64, "heads": 4, "head_dim": 32, "state": 32, "groups": 2, **change})


@pytest.mark.parametrize("kernel", NAMED, ids=lambda kernel: kernel.name)
def test_a_named_task_can_be_recorded(kernel: ChunkedScan) -> None:
    space = space_of(kernel)
    assert 1_400 <= space.size <= 3_500
    seen = set()
    for configuration in space.enumerate():
        plan = kernel.plan(configuration, H100.sm_count)
        stored = configuration["structure"] == "stored"
        assert len(plan.launches) == 1 + stored and bool(plan.scratch) == stored
        for launch in plan.launches:
            named = {value.name for value in launch.arguments.values() if isinstance(value, Buffer)}
            assert named <= {"x", "b", "c", "dt", "decay", "states", "y", *plan.scratch}
            assert {*launch.arguments, *launch.constants} == set(launch.kernel.arg_names)
        steps = [(step.grid, *step.constants.items(), *step.options.items()) for step in plan.launches]
        seen.add((*steps, *(scratch.dtype for scratch in plan.scratch.values())))
    assert len(seen) == space.size
    assert_features_finite(space)


def test_a_programs_heads_are_of_one_group() -> None:
    space = space_of(ChunkedScan(1, 512, 24, 64, 128, 2))  # 12 heads in each group
    assert {configuration.get("heads_per_program") for configuration in space.enumerate()} == {None, 2, 4}


def test_a_chunk_of_one_block_is_not_split_and_a_smaller_device_has_a_smaller_space() -> None:
    for configuration in space_of(NAMED[1]).enumerate():
        assert configuration["block_m"] != 128 or configuration.get("diagonal") != "split"
    small = DeviceLimits(shared_memory_bytes=101_376)
    assert 0 < space_of(NAMED[0], small).size < space_of(NAMED[0]).size
    with pytest.raises(ValueError, match="int8"):
        chunked_scan_space(1, 64, 1, 64, 64, 1, 64, "int8")


@pytest.mark.parametrize(
    ("head_dim", "chunk"),
    [
        *((32, 128), (64, 64), (64, 128), (128, 256)),
        *(pytest.param(*sizes, marks=pytest.mark.slow) for sizes in ((32, 64), (32, 256), (64, 256), (128, 64))),
        pytest.param(128, 128, marks=pytest.mark.slow),
    ],
)
def test_the_default_or_a_fallback_is_feasible(head_dim: int, chunk: int) -> None:
    overrides = ["task=chunked_scan", f"task.kernel.head_dim={head_dim}", f"task.kernel.chunk={chunk}"]
    task = Composer().compose(overrides).task
    assert task is not None
    space = space_of(ChunkedScan(4, 2048, 80, head_dim, 128, 1, chunk))
    _, source = default_of(space, task.default, task.fallbacks)
    assert (source == "task.default") == (head_dim > 32 and chunk > 64)


@pytest.mark.slow
def test_random_configurations_are_right(device: torch.device) -> None:
    kernel = ChunkedScan(1, 200, 4, 64, 64, 1, 128, "fp16")
    for configuration in space_of(kernel).sample(np.random.default_rng(0), 20):
        assert error_of(kernel, dict(configuration), device) <= kernel.tolerance, configuration


@pytest.mark.slow
def test_compiles_for_hopper_with_its_tensor_cores(tmp_path: Path) -> None:
    blocks = {"block_m": 64, "block_n": 64, "block_k": 64, "cb_block_m": 128, "cb_block_n": 128}
    structures = ({"structure": "stored", **LOOPS[0]}, {"structure": "recomputed", **LOOPS[2]}, {"structure": "kept"})
    chosen = [{**BLOCKS, **blocks, **structure} for structure in structures]
    compiled = reports(NAMED[1], chosen, tmp_path)
    assert [len(launches) for launches in compiled] == [2, 1, 1]
    for launch in (launch for launches in compiled for launch in launches):
        assert launch["wgmma"] > 0 and launch["cp_async"] > 0
        assert launch["shared_bytes"] <= H100.shared_memory_bytes
