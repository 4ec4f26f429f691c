"""The compiler for kernels that run on the CPU: it builds their files, if any."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from harness.evaluation import Configuration, Status
from harness.measure.jobs import CompiledLaunch, CompiledPlan, CompileOutcome
from harness.measure.messages import describe
from harness.measure.process import cpu_seconds
from kernels.cpu import CpuKernel

FOLDER = "folder"


@dataclass(frozen=True)
class CpuCompiler:
    """Builds each configuration in a folder of its own below ``cache``; no two are aliases."""

    kernel: CpuKernel
    cache: Path

    def prepare(self) -> None:
        """Nothing is shared between builds."""

    def compile(self, configuration: Configuration) -> CompileOutcome:
        """Build one configuration. Never raises an ``Exception``."""
        before = cpu_seconds()
        text = json.dumps([self.kernel.name, dict(configuration)], sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:32]
        folder = self.cache / f"{key}-{time.monotonic_ns()}"  # an interrupted build leaves its folder behind
        try:
            folder.mkdir(parents=True)
            self.kernel.build(configuration, folder)
        except Exception as error:
            status = Status.WORKER_CRASH if isinstance(error, MemoryError) else Status.COMPILE_ERROR
            spent = cpu_seconds() - before
            return CompileOutcome(status, spent, spent, message=describe(error))
        spent = cpu_seconds() - before
        plan = CompiledPlan((CompiledLaunch(key, {FOLDER: str(folder)}),), key)
        return CompileOutcome(Status.OK, spent, spent, plan)

    def abandoned(self, pid: int, outcome: CompileOutcome) -> None:
        """Nothing to do: a lost worker leaves nothing that affects others."""
