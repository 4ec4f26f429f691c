"""Helion's kernels: generated code against the references on irregular shapes; plans that need no device."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import triton.language as tl
from torch._inductor.runtime import triton_compat

pytest.importorskip("helion", reason="Helion is not installed: pip install 'nearopt[helion]'")

from kernels.base import Buffer, Descriptor
from kernels.execute import execute, relative_error
from kernels.helion.attention import HelionAttention
from kernels.helion.base import HelionKernel
from kernels.helion.generated import code_folder, record_calls
from kernels.helion.layernorm import HelionLayerNorm
from kernels.helion.matmul import HelionMatmul
from kernels.helion.softmax import HelionSoftmax
from kernels.helion.target import Target, visible
from search_spaces.device import DeviceLimits

DEVICE = DeviceLimits(sm_count=2)
KERNELS: tuple[HelionKernel, ...] = (
    HelionMatmul(70, 90, 50, "fp16"),
    HelionSoftmax(9, 300, "fp32"),
    HelionLayerNorm(7, 200, "fp32"),
    HelionAttention(1, 2, 100, 32, dtype="fp16"),
)
# The interpreter computes masked rows too, all of them -inf, and drops them.
pytestmark = pytest.mark.filterwarnings("ignore:(invalid value|divide by zero) encountered:RuntimeWarning")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


def coarse(kernel: HelionKernel, pid_type: str) -> Iterator[dict[str, Any]]:
    """Draw configurations with few programs and no tensor descriptors, since the interpreter is slow and lacks them."""
    space = kernel.space(DEVICE)
    plain = {p.name: "pointer" for p in space.parameters if p.name.startswith("indexing_")}
    for drawn in space.sample(np.random.default_rng(0), 500):
        candidate = space.canonicalize({**drawn, **plain, "pid_type": pid_type, "num_sm_multiplier": 1})
        blocks = [value for name, value in candidate.items() if name.startswith("block_") and value > 1]
        if min(blocks, default=1) >= 4 and space.contains(candidate):
            yield candidate


@pytest.mark.parametrize("pid_type", ["flat", "persistent_interleaved"])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name.partition("-")[0])
def test_generated_code_matches_the_reference_on_irregular_shapes(
    kernel: HelionKernel, pid_type: str, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    if device.type == "cpu":
        monkeypatch.setattr(triton_compat, "libdevice", tl)  # the interpreter has no library of the device's
    inputs = kernel.inputs(torch.Generator(device).manual_seed(0))
    exact = kernel.reference(inputs)
    configurations = coarse(kernel, pid_type)
    for _ in range(2):
        configuration = next(configurations)
        outputs = execute(kernel, configuration, inputs, DEVICE.sm_count)
        for name, expected in exact.items():
            assert relative_error(outputs[name], expected) <= kernel.tolerance, configuration


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name.partition("-")[0])
def test_a_plan_names_the_kernel_s_own_buffers(kernel: HelionKernel) -> None:
    plan = kernel.plan(next(coarse(kernel, "flat")), DEVICE.sm_count)
    (launch,) = plan.launches
    used = {value.name for value in launch.arguments.values() if isinstance(value, Buffer)}
    names = set(kernel.inputs(torch.Generator())) | set(kernel.outputs(torch.device("meta")))
    assert used == names
    assert not plan.scratch


@pytest.mark.skipif(version("helion") < "1.5", reason="Helion 1.4 makes descriptors on the device")
def test_descriptors_made_on_the_host_are_arguments() -> None:
    kernel = HelionMatmul(64, 128, 64, "fp16")
    configuration = next(coarse(kernel, "flat"))
    access = {name: "tensor_descriptor" for name in configuration if name.startswith("indexing_")}
    space = kernel.space(DEVICE)
    made = space.canonicalize({**configuration, **access, "host_tensor_descriptors": True})
    blocks = [int(str(made[f"block_size_{i}"])) for i in range(3)]
    (launch,) = kernel.plan(made, DEVICE.sm_count).launches
    found = {value.buffer.name: value for value in launch.arguments.values() if isinstance(value, Descriptor)}
    assert "c" in found  # Helion takes pointers where a block is too narrow for a descriptor
    assert found["c"].shape == (64, 128) and found["c"].strides == (128, 1)
    assert sorted(found["c"].block) == sorted(blocks[:2])
    on_device = space.canonicalize({**made, "host_tensor_descriptors": False})
    (launch,) = kernel.plan(on_device, DEVICE.sm_count).launches
    assert not [value for value in launch.arguments.values() if isinstance(value, Descriptor)]


def test_a_plan_is_generated_once_and_then_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU process must not generate code next to a measurement."""
    kernel = HelionMatmul(64, 64, 64, "fp16")
    configuration = next(coarse(kernel, "flat"))
    before = kernel.plan(configuration, 2)
    fresh = pickle.loads(pickle.dumps(kernel))
    monkeypatch.setattr(HelionKernel, "bound", lambda *_: pytest.fail("generated again"))
    after = fresh.plan(configuration, 2)
    assert [launch.constants for launch in after.launches] == [launch.constants for launch in before.launches]
    assert len(list(code_folder().glob("*.py"))) == 1


def test_persistent_programs_fill_the_target_device() -> None:
    kernel = HelionMatmul(2048, 2048, 2048)
    configuration = next(coarse(kernel, "persistent_interleaved"))
    assert kernel.plan(configuration, 132).launches[0].grid == (132, 1, 1)
    assert kernel.plan(configuration, 7).launches[0].grid == (7, 1, 1)


def test_nothing_of_the_pretended_device_stays() -> None:
    before = (torch.cuda.is_available(), torch.version.cuda)
    with visible(Target(sm_count=3, capability=100)):
        assert torch.cuda.get_device_capability() == (10, 0)
        assert torch.cuda.get_device_properties(0).multi_processor_count == 3
    assert (torch.cuda.is_available(), torch.version.cuda) == before


def test_scratch_and_parts_of_tensors() -> None:
    x = torch.empty(4, 4, device="meta")

    class Kernel:
        __name__ = "kernel"

    def host(x: torch.Tensor, *, _launcher: Any) -> torch.Tensor:
        out, partial = torch.empty_like(x), torch.empty(2, 4, device="meta")
        _launcher(Kernel(), (2,), x.view(16), partial, 3, num_warps=4, ptx_options=None)
        _launcher(Kernel(), (1, 2), partial, out, num_warps=8)
        return out

    recorded = record_calls(host, {"x": x}, ("y",))
    assert recorded["scratch"] == {"scratch_0": ([2, 4], "float32")}
    assert recorded["calls"][0]["arguments"] == [("buffer", "x"), ("buffer", "scratch_0"), ("scalar", 3)]
    assert recorded["calls"][0]["options"] == {"num_warps": 4}
    assert recorded["calls"][1]["arguments"] == [("buffer", "scratch_0"), ("buffer", "y")]

    def part(x: torch.Tensor, *, _launcher: Any) -> torch.Tensor:
        _launcher(Kernel(), (1,), x[1:], num_warps=4)
        return x

    with pytest.raises(ValueError, match="part of x"):
        record_calls(part, {"x": x}, ("x",))


def test_a_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="causal=True"):
        HelionAttention(1, 1, 64, 64, causal=True)
