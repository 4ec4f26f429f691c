"""A device and a compiler that live on the CPU and fail on demand, behind the real supervisor."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from harness.evaluation import Configuration, DeviceState, Status
from harness.measure.device import VISIBLE_DEVICES, AccelDevice
from harness.measure.jobs import CompiledLaunch, CompiledPlan, CompileOutcome, Evaluate, Job, Reply, Started
from harness.measure.work import SessionOptions
from kernels.base import Buffers, Kernel, Plan
from search_spaces.parameter import Categorical, Ordinal
from search_spaces.space import SearchSpace

FAKE = AccelDevice(
    name="Fake F100", slug="f100", capability=90, sm_count=132, shared_memory_bytes=232_448, l2_bytes=0,
    memory_bytes=0, peak_flops=1e12, peak_bytes_per_s=1e12, uuid="GPU-fake",
)  # fmt: skip

SECOND, SLOWER = replace(FAKE, uuid="GPU-second"), 1.02
"""A sibling, and how much slower it is."""

COMPILE_FAULTS = ("compile_error", "out_of_resources", "compile_hang", "compile_segfault", "compile_exit")
RUN_FAULTS = ("run_hang", "run_kill", "run_error", "run_poison", "wrong_result")


def space(sizes: int = 8, faults: tuple[str, ...] = ()) -> SearchSpace:
    """Return the space ``sizes`` × (no fault + faults)."""
    return SearchSpace(
        [Ordinal("size", tuple(range(1, sizes + 1))), Categorical("fault", ("none", *faults))],
    )


@dataclass(frozen=True)
class FakeKernel(Kernel):
    """A kernel that fulfils the contract but is never run. ``folder`` collects what the fakes report to the tests."""

    folder: str
    dtype: str = "fp32"

    @property
    def name(self) -> str:
        return "fake-1-fp32"

    @property
    def flops(self) -> float:
        return 1e6

    @property
    def bytes_moved(self) -> float:
        return 1e6

    @property
    def tolerance(self) -> float:
        return 1e-6

    def inputs(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def outputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def reference(self, inputs: Buffers) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def vendor(self, inputs: Buffers) -> tuple[str, Callable[[], Any]]:
        raise NotImplementedError

    def plan(self, configuration: Mapping[str, Any], sm_count: int) -> Plan:
        raise NotImplementedError


def note(folder: Path, name: str, configuration: Configuration | None = None) -> None:
    """Append a line to a file of the test's folder, the only way for processes to report to a test."""
    with (folder / name).open("a") as file:
        file.write(f"{os.getpid()} {dict(configuration or {})}\n")


def lines_of(folder: Path, name: str) -> int:
    """Count the lines that :func:`note` appended."""
    file = folder / name
    return file.read_text().count("\n") if file.exists() else 0


@dataclass(frozen=True)
class FakeCompiler:
    """A compiler that takes ``compile_s`` wall seconds; equal sizes modulo ``aliases`` give equal binaries."""

    folder: Path
    compile_s: float = 0.0
    aliases: int = 1_000_000

    def prepare(self) -> None:
        note(self.folder, "compile-start")

    def compile(self, configuration: Configuration) -> CompileOutcome:
        note(self.folder, "compiled", configuration)
        print("compiler chatter that must not reach the terminal", flush=True)
        fault = configuration["fault"]
        if fault == "compile_hang":
            time.sleep(600)
        if fault == "compile_segfault":
            print("Assertion `layout' failed.", flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        if fault == "compile_exit":
            os._exit(3)
        if fault == "compile_error":
            raise RuntimeError("PassManager::run failed")
        if fault == "out_of_resources":
            return CompileOutcome(Status.OUT_OF_RESOURCES, 0.5, 0.5, message="shared memory")
        time.sleep(self.compile_s)
        size = int(str(configuration["size"]))
        plan = CompiledPlan((CompiledLaunch("h", {}),), f"{fault}-{size % self.aliases}")
        return CompileOutcome(Status.OK, 0.25, 0.25, plan)

    def abandoned(self, pid: int, outcome: CompileOutcome) -> None:
        note(self.folder, "abandoned", {"pid": pid, "status": str(outcome.status)})


@dataclass
class FakeRunner:
    """A runner whose latency is ``size`` hundredths of a ms, a little lower when re-sampled; faults by name."""

    folder: Path
    run_s: float = 0.0
    vendor: str = "fakelib"
    broken: str = ""
    alone: bool = False
    """Whether a second job at the same time, of whatever session, is an error."""
    uuid: str = ""
    factor: float = 1.0
    """Of all latencies: no two devices are alike."""
    until_compiled: int = 0
    """A run lasts until so many compiles have begun, of whatever configuration."""
    in_step: int = 0
    """The first so many runs on each of two devices wait for those on the other."""
    runs: int = 1_000_000
    """A process hangs after so many."""
    setup_s: float = 0.0
    """What every run says it took to warm up."""
    begun: int = 0

    def connect(self) -> None:
        note(self.folder, "connected")

    def start(self) -> Started:
        note(self.folder, "gpu-start")
        if self.broken:
            raise RuntimeError(self.broken)
        return Started(self.vendor, {"fake": "1"})

    def run(self, job: Job) -> Reply:
        if not isinstance(job, Evaluate):
            note(self.folder, "resampled", job.configuration)
            size = 1.5 if job.configuration is None else float(str(job.configuration["size"]))
            return Reply(Status.OK, (0.009 * size * self.factor,) * job.samples)
        note(self.folder, "ran", job.configuration)
        note(self.folder, f"ran-on-{self.uuid}", {"visible": os.environ.get(VISIBLE_DEVICES, "")})
        if self.alone:
            try:
                (self.folder / "on-device").mkdir()
            except FileExistsError:
                return Reply(Status.RUNTIME_ERROR, message="two jobs at once")
        self.begun += 1
        if self.begun > self.runs:
            time.sleep(600)
        while self.begun <= self.in_step and self._slowest() < self.begun - 1:
            time.sleep(0.01)
        time.sleep(self.run_s)
        while self.until_compiled and lines_of(self.folder, "compiled") < self.until_compiled:
            time.sleep(0.01)
        if self.alone:
            (self.folder / "on-device").rmdir()
        fault = job.configuration["fault"]
        if fault == "run_hang":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # only SIGKILL ends a stuck process
            time.sleep(600)
        if fault == "run_kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "run_poison":
            return Reply(Status.RUNTIME_ERROR, message="illegal memory access", healthy=False)
        if fault == "run_error":
            return Reply(Status.RUNTIME_ERROR, message="launch failed")
        if fault == "wrong_result":
            return Reply(Status.WRONG_RESULT, message="relative error 1")
        latency = 0.01 * float(str(job.configuration["size"])) * self.factor
        state = DeviceState(1980 - int(str(job.configuration["size"])), 40, 0x4)
        samples_ms = (latency * 1.1, latency, latency)
        return Reply(Status.OK, samples_ms, 0.001, 0.002, device_state=state, setup_s=self.setup_s)

    def _slowest(self) -> int:
        """The number of runs begun on the device with the fewest."""
        return min(lines_of(self.folder, f"ran-on-{device.uuid}") for device in (FAKE, SECOND))


def fake_work(folder: Path, **fields: Any) -> Callable[..., Any]:
    """Return a ``MakeWork`` of fakes; ``compile_*`` and ``aliases`` go to the compiler, the rest to the runner."""
    compiler = {name: fields.pop(name) for name in ("compile_s", "aliases") if name in fields}

    def work(_kernel: Kernel, device: AccelDevice, options: SessionOptions, _cache: Path) -> Any:
        note(folder, "input-seeds", {"seed": options.seed})
        runner = FakeRunner(folder, uuid=device.uuid, factor=SLOWER if device == SECOND else 1.0, **fields)
        return FakeCompiler(folder, **compiler), runner

    return work
