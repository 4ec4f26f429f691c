"""Compile one configuration ahead of time, without a driver or a CUDA context.

The binaries land in Triton's disk cache; the GPU process loads them from there. Costs are kept beside
them, so that a configuration whose binary is already there is charged what its first compile cost.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import make_backend
from triton.runtime.errors import OutOfResources

from harness.evaluation import Configuration, Status
from harness.measure.jobs import CompiledLaunch, CompiledPlan, CompileOutcome
from harness.measure.messages import describe
from harness.measure.process import cpu_seconds
from harness.measure.triton.specialize import argument_values, launch_source, plan_dtypes
from kernels.base import Kernel, Launch, Plan

_RESOURCE_WORDS = ("too much shared data", "out of resource", "shared memory size")


def failure_status(error: BaseException) -> Status:
    """``out_of_resources`` if the compiler says so; file and memory errors belong to the worker."""
    if isinstance(error, OSError | MemoryError):
        return Status.WORKER_CRASH
    text = str(error)
    if isinstance(error, OutOfResources) or any(words in text for words in _RESOURCE_WORDS):
        return Status.OUT_OF_RESOURCES
    return Status.COMPILE_ERROR


def _digest(*parts: object) -> str:
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32]


def _write(path: Path, text: str) -> None:
    """Write atomically: another worker may be reading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class TritonCompiler:
    """Compiles configurations of one kernel for one target.

    Attributes:
        kernel: whose plans are compiled.
        dtypes: Triton's element type by buffer name (:func:`harness.measure.triton.specialize.buffer_dtypes`).
        sm_count, capability, shared_memory_bytes: of the target device.
        cache: Triton's cache directory, private to the run.
    """

    kernel: Kernel
    dtypes: Mapping[str, str]
    sm_count: int
    capability: int
    shared_memory_bytes: int
    cache: Path

    @property
    def target(self) -> GPUTarget:
        """The target of the binaries."""
        return GPUTarget("cuda", self.capability, 32)

    def prepare(self) -> None:
        """Do the work of a first compile once per worker, so that no configuration is charged for it."""
        if os.environ.get("TRITON_INTERPRET") == "1":
            raise RuntimeError("TRITON_INTERPRET=1: kernels cannot be compiled in the interpreter")
        from triton.runtime.cache import triton_key

        triton_key()
        backend = make_backend(self.target)
        backend.hash()
        backend.parse_options({}).hash()
        self.kernel.warm_up(self.sm_count)

    def compile(self, configuration: Configuration) -> CompileOutcome:
        """Compile every launch of the configuration's plan. Never raises an ``Exception``."""
        before = cpu_seconds()
        try:
            plan = self.kernel.plan(configuration, self.sm_count)
            dtypes = plan_dtypes(plan, self.dtypes)
            sources = [launch_source(launch, dtypes) for launch in plan.launches]
            keys = [
                _digest(source.hash(), sorted(launch.options.items()))
                for source, launch in zip(sources, plan.launches, strict=True)
            ]
        except Exception as error:
            spent = cpu_seconds() - before
            return CompileOutcome(Status.COMPILE_ERROR, spent, spent, message=describe(error))

        plan_key = _digest(*keys)
        known = _read(self._failed(plan_key))
        if known is not None:
            status, charged, message = json.loads(known)
            return CompileOutcome(Status(status), charged, cpu_seconds() - before, message=message)

        _write(self._current(os.getpid()), plan_key)
        outcome = self._compile(plan, sources, keys, before, cpu_seconds() - before)
        if outcome.status in (Status.COMPILE_ERROR, Status.OUT_OF_RESOURCES):
            self._remember(plan_key, outcome)
        return outcome

    def _compile(
        self, plan: Plan, sources: list[Any], keys: list[str], before: float, planned: float
    ) -> CompileOutcome:
        """Compile a plan; ``planned`` is the CPU seconds spent on making it, a part of the cost if code is
        generated."""
        charged = planned
        compiled: list[CompiledLaunch] = []
        binaries: list[object] = []
        try:
            for launch, source, key in zip(plan.launches, sources, keys, strict=True):
                self._check_options(launch)
                first = _read(self._cost(key))
                start = cpu_seconds()
                binary = triton.compile(source, target=self.target, options=dict(launch.options))
                cost = cpu_seconds() - start
                if first is None:
                    _write(self._cost(key), repr(cost))
                charged += cost if first is None else float(first)
                self._check_resources(binary)
                compiled.append(CompiledLaunch(binary.hash, dict(binary.metadata_group)))
                binaries.append(_binary_identity(binary))
        except Exception as error:
            spent = cpu_seconds() - before
            charged = max(charged, spent)
            return CompileOutcome(failure_status(error), charged, spent, message=describe(error))
        fingerprint = _digest(*binaries, *(_calling(launch) for launch in plan.launches), plan.scratch)
        return CompileOutcome(Status.OK, charged, cpu_seconds() - before, CompiledPlan(tuple(compiled), fingerprint))

    def _check_options(self, launch: Launch) -> None:
        known = vars(make_backend(self.target).parse_options({}))
        for name in launch.options:
            if name not in known:
                raise KeyError(f"{name}: Triton has no such compile option")

    def _check_resources(self, binary: Any) -> None:
        if binary.metadata.shared > self.shared_memory_bytes:
            raise OutOfResources(binary.metadata.shared, self.shared_memory_bytes, "shared memory")

    def abandoned(self, pid: int, outcome: CompileOutcome) -> None:
        """Record that worker ``pid`` was lost during its compile (called by the parent)."""
        key = _read(self._current(pid))
        if key is not None:
            self._remember(key, outcome)

    def _remember(self, plan_key: str, outcome: CompileOutcome) -> None:
        document = json.dumps([outcome.status, outcome.compile_s, outcome.message])
        _write(self._failed(plan_key), document)

    def _current(self, pid: int) -> Path:
        return self.cache / "nearopt" / f"current-{pid}"

    def _failed(self, plan_key: str) -> Path:
        return self.cache / "nearopt" / f"failed-{plan_key}"

    def _cost(self, key: str) -> Path:
        return self.cache / "nearopt" / f"cost-{key}"


def _calling(launch: Launch) -> str:
    """How a launch is called: grid and run-time arguments (constants are part of the binary)."""
    values = argument_values(launch)
    arguments = {name: values[name] for name in values if name in launch.arguments}
    return f"{launch.grid}{arguments}"


def _binary_identity(binary: Any) -> str:
    """Machine code and all metadata that its launch uses."""
    metadata = binary.metadata
    how = [
        getattr(metadata, name, None)
        for name in ("num_warps", "num_ctas", "shared", "global_scratch_size", "launch_cooperative_grid",
                     "launch_pdl")
    ]  # fmt: skip
    return _digest(hashlib.sha256(binary.kernel).hexdigest(), how)
