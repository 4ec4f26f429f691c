"""Compile CUDA C++ ahead of time with nvcc, without a GPU."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.evaluation import Configuration, Status
from harness.measure.cuda.launching import CUBIN, function_of, threads
from harness.measure.device import AccelDevice
from harness.measure.jobs import CompiledLaunch, CompiledPlan, CompileOutcome
from harness.measure.messages import describe
from harness.measure.process import cpu_seconds
from kernels.base import Buffer, Launch
from kernels.cuda import CudaKernel

_STATIC = re.compile(r"(\d+) bytes smem")
_REGISTERS = re.compile(r"Used (\d+) registers")
_TOO_MUCH = re.compile(r"uses too much shared data")


class OutOfResources(Exception):
    """A launch needs more resources than the device gives a block."""


class NvccFailed(Exception):
    """nvcc refused the source; the message is what it printed."""


def find_nvcc() -> str:
    """nvcc on ``PATH``, or in ``CUDA_HOME``.

    Raises:
        UserError: nvcc is not found.
    """
    home = Path(os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH") or "/usr/local/cuda") / "bin" / "nvcc"
    nvcc = shutil.which("nvcc") or (str(home) if home.exists() else None)
    if nvcc is None:
        raise UserError("nvcc: not found: kernels in CUDA C++ need the CUDA toolkit, on PATH or in CUDA_HOME")
    return nvcc


@dataclass(frozen=True)
class NvccCompiler:
    """Compiles configurations of one kernel for one device; each different source once per cache.

    Attributes:
        kernel: the kernel whose plans are compiled.
        device: the target.
        cache: folder of cubins, private to the run.
        nvcc: the compiler.
    """

    kernel: CudaKernel
    device: AccelDevice
    cache: Path
    nvcc: str

    def prepare(self) -> None:
        """Nothing to do: nvcc is a separate process, so that there is nothing to warm up."""

    def compile(self, configuration: Configuration) -> CompileOutcome:
        """Compile every launch of the configuration's plan. Never raises an ``Exception``."""
        before = cpu_seconds()
        charged = 0.0
        try:
            plan = self.kernel.plan(configuration, self.device.sm_count)
            compiled = []
            for launch in plan.launches:
                binary, cost_s = self._compiled(launch)
                compiled.append(binary)
                charged += cost_s
            calls = [_calling(launch) for launch in plan.launches]
            fingerprint = _digest([binary.hash for binary in compiled], calls, str(plan.scratch))
        except OutOfResources as error:
            return self._failed(Status.OUT_OF_RESOURCES, error, before)
        except Exception as error:
            full = isinstance(error, OSError | MemoryError)
            return self._failed(Status.WORKER_CRASH if full else Status.COMPILE_ERROR, error, before)
        spent = cpu_seconds() - before
        return CompileOutcome(Status.OK, max(charged, spent), spent, CompiledPlan(tuple(compiled), fingerprint))

    def _failed(self, status: Status, error: Exception, before: float) -> CompileOutcome:
        spent = cpu_seconds() - before
        return CompileOutcome(status, spent, spent, message=describe(error))

    def abandoned(self, pid: int, outcome: CompileOutcome) -> None:
        """Nothing to do: a lost worker's half-written files have their own names."""

    def _compiled(self, launch: Launch) -> tuple[CompiledLaunch, float]:
        """The launch's machine code, and the CPU seconds that its first compile took."""
        function = function_of(launch)
        options = [f"-D{name}={_macro(value)}" for name, value in sorted(launch.constants.items())]
        if "maxrregcount" in launch.options:
            options.append(f"-maxrregcount={launch.options['maxrregcount']}")
        folder = self.cache / f"cuda-{_digest(function.source, function.name, options)}"
        if not (folder / "cost").exists():
            self._build(function.source, options, folder)
        report = (folder / "report").read_text(encoding="utf-8")
        self._check_resources(launch, report)
        code = (folder / "code.cubin").read_bytes()
        identity = _digest(hashlib.sha256(code).hexdigest(), function.name, dict(launch.options))
        cost_s = float((folder / "cost").read_text(encoding="utf-8"))
        return CompiledLaunch(identity, {CUBIN: str(folder / "code.cubin")}), cost_s

    def _build(self, source: str, options: list[str], folder: Path) -> None:
        before = cpu_seconds()
        temporary = folder.with_name(f"{folder.name}.{os.getpid()}")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        (temporary / "code.cu").write_text(source, encoding="utf-8")
        command = [self.nvcc, "-cubin", f"-arch=sm_{self.device.capability}", "-O3", "-Xptxas", "-v", *options]
        done = subprocess.run(
            [*command, "-o", "code.cubin", "code.cu"], cwd=temporary, capture_output=True, text=True, check=False
        )
        if done.returncode and _TOO_MUCH.search(done.stderr):
            raise OutOfResources(done.stderr)
        if done.returncode:
            raise NvccFailed(done.stderr or done.stdout)
        (temporary / "report").write_text(done.stderr + done.stdout, encoding="utf-8")
        (temporary / "cost").write_text(repr(cpu_seconds() - before), encoding="utf-8")
        try:
            temporary.rename(folder)
        except OSError:  # another worker was first
            shutil.rmtree(temporary, ignore_errors=True)

    def _check_resources(self, launch: Launch, report: str) -> None:
        block = math.prod(threads(launch.options))
        if block > self.device.max_threads_per_block:
            raise OutOfResources(f"{block} threads exceed the {self.device.max_threads_per_block} of a block")
        shared = launch.options.get("shared_bytes", 0) + max(map(int, _STATIC.findall(report)), default=0)
        if shared > self.device.shared_memory_bytes:
            raise OutOfResources(f"{shared} bytes of shared memory exceed {self.device.shared_memory_bytes}")
        registers = block * max(map(int, _REGISTERS.findall(report)), default=0)
        if registers > self.device.registers_per_sm:
            raise OutOfResources(f"{registers} registers exceed the {self.device.registers_per_sm} of a multiprocessor")


def _macro(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _calling(launch: Launch) -> list[object]:
    arguments = [value.name if isinstance(value, Buffer) else repr(value) for value in launch.arguments.values()]
    return [list(launch.grid), arguments]


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]
