"""Helion's kernels on a real device behave as other tests assume."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import pytest
import torch

pytest.importorskip("helion", reason="Helion is not installed: pip install 'nearopt[helion]'")

from harness.backends.live import LiveBackend
from harness.backends.task import find_device
from harness.evaluation import Status
from harness.measure.work import SessionOptions
from harness.record.draws import DrawStream
from kernels.helion.attention import HelionAttention
from kernels.helion.base import HelionKernel
from kernels.helion.description import describe
from kernels.helion.layernorm import HelionLayerNorm
from kernels.helion.matmul import HelionMatmul
from kernels.helion.softmax import HelionSoftmax
from kernels.helion.target import Target

pytestmark = pytest.mark.gpu

KERNELS: tuple[HelionKernel, ...] = (
    HelionMatmul(1024, 1000, 777),
    HelionSoftmax(4096, 2560),
    HelionLayerNorm(2048, 4096),
    HelionAttention(2, 4, 1024, 64),
)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_the_pretended_device_gives_the_real_space(kernel: HelionKernel) -> None:
    major, minor = torch.cuda.get_device_capability()
    if 10 * major + minor != kernel.capability:
        pytest.skip(f"the kernels are bound for {kernel.capability}")
    inputs = tuple(kernel.inputs(torch.Generator("cuda")).values())
    kernel.program._bound_kernels.clear()
    real = describe(kernel.program.bind(inputs).config_spec)
    kernel.program._bound_kernels.clear()
    target = Target(torch.cuda.get_device_properties(0).multi_processor_count, kernel.capability)
    assert describe(kernel.bound(target).config_spec) == real


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_random_configurations_are_right_or_fail_as_they_should(kernel: HelionKernel) -> None:
    device = find_device()
    space = kernel.space(device.limits())
    backend = LiveBackend(kernel.name, kernel, space, device, SessionOptions())
    try:
        measured = backend.measure(space.sample(np.random.default_rng(0), 24))
    finally:
        backend.close()
    statuses = [measurement.status for measurement in measured]
    allowed = {Status.OK, Status.COMPILE_ERROR, Status.OUT_OF_RESOURCES, Status.COMPILE_TIMEOUT}
    assert set(statuses) <= allowed, [m.message for m in measured if m.status not in allowed]
    assert statuses.count(Status.OK) >= 6


@pytest.mark.skipif(version("helion") < "1.5", reason="Helion 1.4 makes descriptors on the device")
@pytest.mark.parametrize("kernel", KERNELS[1:], ids=lambda kernel: kernel.name)
def test_descriptors_made_on_the_host_give_right_results(kernel: HelionKernel) -> None:
    """The matmul here has no such descriptors, because its rows are not a multiple of 16 bytes."""
    device = find_device()
    space = kernel.space(device.limits())
    stream = DrawStream(space, np.random.SeedSequence(0))
    drawn = [draw for i in range(200) if (draw := stream[i]) is not None and draw.get("host_tensor_descriptors")]
    backend = LiveBackend(kernel.name, kernel, space, device, SessionOptions())
    try:
        measured = backend.measure(drawn[:24])
    finally:
        backend.close()
    statuses = [measurement.status for measurement in measured]
    assert not {Status.WRONG_RESULT, Status.RUNTIME_ERROR} & set(statuses), [m.message for m in measured]
    assert statuses.count(Status.OK) >= 12
