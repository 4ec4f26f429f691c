"""The GPU process's own logic, with host code in place of CUDA's clock, launcher and loader."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch
from triton.runtime.jit import JITFunction

from harness.evaluation import DeviceState, Status
from harness.measure.jobs import CompiledLaunch, CompiledPlan, Evaluate, Reply, Resample
from harness.measure.reference import Reference
from harness.measure.timing import Timing
from harness.measure.triton import runner as cuda_runner
from harness.measure.triton import sampler
from harness.measure.triton.nvml import describe_states
from harness.measure.triton.runner import CudaRunner
from harness.measure.triton.specialize import buffer_dtypes
from kernels.execute import relative_error
from tests.harness.measure import kernels_for_faults
from tests.harness.measure.fakes import FAKE
from tests.harness.measure.kernels_for_faults import AddOne

N = 4096


def numbers(pointer: int) -> torch.Tensor:
    return torch.frombuffer((ctypes.c_float * N).from_address(pointer), dtype=torch.float32)


class HostClock:
    """The device's clock: only launches advance it, so that a busy host has no effect."""

    now_us: ClassVar[int] = 0


class HostEvent:
    def __init__(self, **_: Any) -> None:
        self.at_us = 0

    def record(self) -> None:
        self.at_us = HostClock.now_us

    def elapsed_time(self, end: HostEvent) -> float:
        return (end.at_us - self.at_us) / 1e3


class HostGraph:
    """A substitute for a CUDA graph that keeps launches while capturing."""

    capturing: ClassVar[HostGraph | None] = None
    made: ClassVar[list[HostGraph]] = []

    def __init__(self) -> None:
        self.steps: list[Callable[[], None]] = []
        self.replays = 0
        HostGraph.made.append(self)

    def capture_begin(self) -> None:
        HostGraph.capturing = self

    def capture_end(self) -> None:
        HostGraph.capturing = None

    def replay(self) -> None:
        self.replays += 1
        for step in self.steps:
            step()


class HostKernel:
    """A substitute for Triton's CompiledKernel of ``_add_one``; ``hash`` names the fault."""

    launched: ClassVar[list[tuple[Any, ...]]] = []

    def __init__(self, _source: Any, _files: Any, hash: str) -> None:
        self.metadata = SimpleNamespace()
        self._fault = hash

    def __getitem__(self, grid: tuple[int, int, int]) -> Callable[..., None]:
        def run(x: int, y: int, n: int, fault: str, block: int, *, stream: int) -> None:
            if HostGraph.capturing is not None:
                HostGraph.capturing.steps.append(lambda: run(x, y, n, fault, block, stream=stream))
                return
            HostKernel.launched.append((grid, n, fault, block, stream))
            if self._fault == "raise":
                raise RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered")
            if self._fault == "memory":
                raise RuntimeError("Triton Error [CUDA]: out of memory")
            numbers(y).copy_(numbers(x) + 1)
            if self._fault == "wrong":
                numbers(y)[7] += 0.1
            shaken_us = 4 * (len(HostKernel.launched) % 3) if self._fault == "shaky" else 0
            HostClock.now_us += 200_000 if self._fault == "slow" else 10 + shaken_us

        return run


@pytest.fixture
def runner(request: pytest.FixtureRequest) -> CudaRunner:
    request.getfixturevalue("host")
    return started_runner(Timing(samples=4, max_samples=8))


def started_runner(timing: Timing) -> CudaRunner:
    kernel = AddOne(N)
    runner = CudaRunner(kernel, FAKE, buffer_dtypes(kernel), 7, timing, "cpu")
    runner.connect()
    started = runner.start()
    assert started.vendor == "torch.add" and started.versions["torch"] == torch.__version__
    return runner


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    HostKernel.launched.clear()
    HostGraph.made.clear()
    # Compiled, not interpreted, regardless of this process's environment.
    monkeypatch.setattr(kernels_for_faults, "_add_one", JITFunction(kernels_for_faults._add_one.fn))
    cuda = {
        "is_available": lambda: True,
        "current_stream": lambda: SimpleNamespace(cuda_stream=17),
        "synchronize": lambda: None,
        "empty_cache": lambda: None,
        "Event": HostEvent,
        "Stream": lambda _device: SimpleNamespace(cuda_stream=17),
        "set_stream": lambda _stream: None,
        "CUDAGraph": HostGraph,
    }
    for name, value in cuda.items():
        monkeypatch.setattr(torch.cuda, name, value)
    driver = SimpleNamespace(active=SimpleNamespace(get_current_target=lambda: None, launcher_cls=lambda *_: None))
    monkeypatch.setattr(cuda_runner.triton.runtime, "driver", driver)
    monkeypatch.setattr(cuda_runner, "CompiledKernel", HostKernel)
    monkeypatch.setattr(sampler, "FLUSH_BYTES", 2**16)


def evaluate(runner: CudaRunner, fault: str = "none", **configuration: Any) -> Reply:
    plan = CompiledPlan((CompiledLaunch(fault, {}),), fault)
    return runner.run(Evaluate({"fault": "none", "block": 128, "warps": 4, **configuration}, plan))


def test_sound_configuration_is_checked_and_timed(runner: CudaRunner) -> None:
    reply = evaluate(runner)
    assert reply.status is Status.OK, reply.message
    assert reply.samples_ms == (0.01,) * 4
    assert reply.verify_s > 0 and reply.benchmark_s > 0
    assert HostKernel.launched[0] == ((32, 1, 1), N, "none", 128, 17)
    assert len(HostKernel.launched) == 1 + 1 + len(reply.samples_ms)  # check, first look, samples
    assert not HostGraph.made and reply.device_state is None  # no NVML here


def test_samples_that_differ_are_added_to(runner: CudaRunner) -> None:
    reply = evaluate(runner, "shaky")
    assert len(reply.samples_ms) == 8 and set(reply.samples_ms) == {0.01, 0.014, 0.018}


@pytest.mark.usefixtures("host")
def test_graph_mode_times_replays_of_one_capture() -> None:
    reply = evaluate(started_runner(Timing(samples=4, max_samples=8, launch="graph")))
    assert reply.status is Status.OK, reply.message
    vendor, graph = HostGraph.made
    assert len(graph.steps) == 1 and graph.replays == 1 + len(reply.samples_ms)
    assert len(HostKernel.launched) == 1 + graph.replays  # the check is a direct launch
    assert vendor.replays == 0


@pytest.mark.usefixtures("host")
def test_the_vendor_is_timed_as_the_configurations_are() -> None:
    runner = started_runner(Timing(launch="graph"))
    reply = runner.run(Resample(samples=3))
    assert reply.status is Status.OK
    assert HostGraph.made[0].replays == 1 + 3  # one to warm up


@pytest.mark.usefixtures("host")
def test_a_failing_capture_is_a_status_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = started_runner(Timing(launch="graph"))

    def refuse(_graph: HostGraph) -> None:
        HostGraph.capturing = None
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(HostGraph, "capture_end", refuse)
    reply = evaluate(runner)
    assert reply.status is Status.RUNTIME_ERROR and "capturing" in reply.message


def test_device_state_is_the_worse_of_before_and_after(runner: CudaRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([DeviceState(1980, 40, 0x1), DeviceState(1755, 47, 0x4)])
    monkeypatch.setattr(runner._monitor, "read", lambda: next(readings))
    assert evaluate(runner).device_state == DeviceState(1755, 47, 0x5)
    assert describe_states([DeviceState(1755, 47, 0x5), DeviceState(1980, 40, 0x1)]) == (
        "SM clock 1755-1980 MHz, 40-47 °C; slow-downs of 2 measurements: sw_power_cap at 1"
    )
    assert describe_states([]) == ""


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("wrong", Status.WRONG_RESULT, "exceeds the tolerance 1e-05"),
        ("raise", Status.RUNTIME_ERROR, "illegal memory access"),
        ("memory", Status.OUT_OF_RESOURCES, "out of memory"),
    ],
)
def test_failures_are_statuses(runner: CudaRunner, fault: str, status: Status, words: str) -> None:
    reply = evaluate(runner, fault)
    assert reply.status is status and words in reply.message
    assert reply.samples_ms == () and reply.healthy
    assert evaluate(runner).status is Status.OK


def test_unwritten_output_is_wrong(runner: CudaRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    assert evaluate(runner).status is Status.OK  # so that the right numbers lie in the output
    monkeypatch.setattr(HostKernel, "__getitem__", lambda *_: lambda *_, **__: None)
    reply = evaluate(runner)
    assert reply.status is Status.WRONG_RESULT and "inf" in reply.message


def test_lost_context_is_unhealthy(runner: CudaRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch.cuda, "synchronize", broken)
    reply = evaluate(runner, "raise")
    assert reply.status is Status.RUNTIME_ERROR and not reply.healthy


def test_slow_configuration_is_looked_at_once(runner: CudaRunner) -> None:
    reply = evaluate(runner, "slow")
    assert reply.status is Status.OK and reply.samples_ms == (200.0,)


def test_device_memory_runs_out(runner: CudaRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(*_: Any, **__: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 16 TiB")

    with monkeypatch.context() as patch:
        patch.setattr(runner._scratch, "tensor", empty)
        plan = CompiledPlan((CompiledLaunch("none", {}),), "f")
        reply = runner.run(Evaluate({"fault": "device_memory", "block": 128, "warps": 4}, plan))
    assert reply.status is Status.OUT_OF_RESOURCES and "16 TiB" in reply.message and reply.healthy
    assert evaluate(runner).status is Status.OK


def test_resampling_loads_once_and_vendor(runner: CudaRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Resample(3, {"fault": "none", "block": 128, "warps": 4}, CompiledPlan((CompiledLaunch("none", {}),), "f"))
    assert len(runner.run(job).samples_ms) == 3
    monkeypatch.setattr(cuda_runner, "CompiledKernel", None)
    assert len(runner.run(job).samples_ms) == 3
    vendor = runner.run(Resample(5))
    assert vendor.status is Status.OK and len(vendor.samples_ms) == 5


def test_scratch_is_poisoned_and_shared(runner: CudaRunner) -> None:
    from kernels.base import Scratch

    need = Scratch((4, 4), torch.float32)
    first = runner._scratch.tensor(0, need)
    first.zero_()
    assert runner._scratch.tensor(0, need) is first and bool(first.isnan().all())
    assert runner._scratch.tensor(1, need) is not first


def test_reference_error_is_the_kernels_relative_error() -> None:
    generator = torch.Generator().manual_seed(0)
    exact = torch.randn(64, 64, generator=generator, dtype=torch.float64)
    output = (exact + 1e-3 * torch.randn(64, 64, generator=generator, dtype=torch.float64)).to(torch.bfloat16)
    reference = Reference({"y": exact})
    assert reference.error({"y": output}) == pytest.approx(relative_error(output, exact), rel=1e-5)
    output[3, 3] = float("nan")
    assert reference.error({"y": output}) == float("inf")
    output[3, 3] = float("-inf")
    assert reference.error({"y": output}) == float("inf")
    two = Reference({"a": exact, "b": exact})
    assert two.error({"a": exact, "b": exact + 1.0}) == pytest.approx(relative_error(exact + 1.0, exact), rel=1e-5)


def test_inputs_are_the_same_after_a_replacement(runner: CudaRunner) -> None:
    other = CudaRunner(runner.kernel, FAKE, runner.dtypes, 7, runner.timing, "cpu")
    other.connect()
    other.start()
    assert torch.equal(runner._inputs["x"], other._inputs["x"])
