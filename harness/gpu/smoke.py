"""First thing to run on a new GPU machine: does every kind of every kernel compile, agree and run?

    python -m harness.gpu.smoke                       # all four kernels in bf16 and fp16, about a minute
    python -m harness.gpu.smoke softmax --per-value 4 --dtype fp16

Draws random configurations for every value of every structural (categorical) parameter. Prints a line per
configuration and exits with 1 if any gave a wrong result, a runtime error or a crash.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import sys
import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
import yaml

from harness.errors import UserError
from harness.evaluation import Configuration, Measurement, Status
from harness.gpu.device import AccelDevice, NoDevice, nvidia_smi, probe_device
from harness.gpu.jobs import Resample
from harness.gpu.session import Session, SessionOptions
from harness.resources import conf_directory
from kernels.base import Kernel
from search_spaces.parameter import Categorical
from search_spaces.space import SearchSpace

TASKS = ("matmul", "attention", "layernorm", "softmax")
ALARMING = (Status.WRONG_RESULT, Status.RUNTIME_ERROR, Status.WORKER_CRASH, Status.RUN_TIMEOUT)


def _load(target: str) -> Any:
    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)


def load_task(name: str, dtype: str, device: AccelDevice) -> tuple[Kernel, SearchSpace]:
    """Kernel and space of ``conf/task/<name>.yaml`` in another dtype, without Hydra."""
    document: Mapping[str, Any] = yaml.safe_load((conf_directory() / "task" / f"{name}.yaml").read_text())
    fields = {key: value for key, value in document["kernel"].items() if key != "_target_"}
    kernel: Kernel = _load(document["kernel"]["_target_"])(**{**fields, "dtype": dtype})
    shape = {field.name: getattr(kernel, field.name) for field in dataclasses.fields(kernel)}  # type: ignore[arg-type]
    space: SearchSpace = _load(document["space"]["_target_"])(**shape, device=device.limits())
    return kernel, space


def choose(space: SearchSpace, per_value: int, rng: np.random.Generator) -> list[Configuration]:
    """``per_value`` random configurations for every value of every categorical parameter, without repeats."""
    codes = space.codes()
    rows: set[int] = set()
    for index, parameter in enumerate(space.parameters):
        if isinstance(parameter, Categorical):
            for code in range(parameter.size):
                fitting = np.flatnonzero(codes[:, index] == code)
                rows.update(rng.choice(fitting, min(per_value, len(fitting)), replace=False).tolist())
    return [space.decode(codes[row]) for row in sorted(rows)]


def _roofline(kernel: Kernel, device: AccelDevice, latency_ms: float) -> float:
    if not device.peak_flops or not device.peak_bytes_per_s:
        return float("nan")
    floor_s = max(kernel.flops / device.peak_flops, kernel.bytes_moved / device.peak_bytes_per_s)
    return floor_s * 1e3 / latency_ms


def _line(kernel: Kernel, device: AccelDevice, configuration: Configuration, measurement: Measurement) -> str:
    values = " ".join(f"{name}={value}" for name, value in configuration.items())
    if measurement.latency_ms is None:
        return f"  {measurement.status:<17} {measurement.compile_s:5.1f} s  {values}\n      {measurement.message}"
    spread = (max(measurement.samples_ms) - min(measurement.samples_ms)) / measurement.latency_ms
    return (
        f"  {measurement.latency_ms:8.4f} ms {_roofline(kernel, device, measurement.latency_ms):4.0%} "
        f"{measurement.compile_s:5.1f} s  n={len(measurement.samples_ms):<2} spread {spread:4.0%} "
        f"verify {measurement.verify_s * 1e3:5.1f} ms bench {measurement.benchmark_s * 1e3:5.1f} ms  {values}"
    )


def smoke_task(name: str, dtype: str, device: AccelDevice, options: SessionOptions, per_value: int) -> list[Status]:
    """Measure and print one task; the statuses."""
    kernel, space = load_task(name, dtype, device)
    configurations = choose(space, per_value, np.random.default_rng(0))
    started = time.monotonic()
    statuses: list[Status] = []
    with Session(kernel, device, options) as session:
        print(f"{kernel.name}: {space.size} configurations, ready in {time.monotonic() - started:.1f} s", flush=True)
        for result in session.engine.evaluate(configurations):
            statuses.append(result.measurement.status)
            print(_line(kernel, device, result.configuration, result.measurement), flush=True)
        if session.started.vendor:
            vendor = session.worker.run(Resample(20))
            latency_ms = median(vendor.samples_ms) if vendor.samples_ms else float("nan")
            print(f"  {latency_ms:8.4f} ms {_roofline(kernel, device, latency_ms):4.0%}  {session.started.vendor}")
        if session.worker.restarts:
            print(f"  GPU process replaced {session.worker.restarts} times, {session.worker.restart_s:.1f} s")
    return statuses


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the smoke test; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.gpu.smoke", description=__doc__)
    parser.add_argument("tasks", nargs="*", default=list(TASKS))
    parser.add_argument("--dtype", action="append", help="default: bf16 and fp16")
    parser.add_argument("--per-value", type=int, default=2)
    parser.add_argument("--compile-timeout-s", type=float, default=10.0)
    given = parser.parse_args(arguments)
    try:
        device = probe_device()
    except NoDevice as error:
        print(f"no usable GPU: {error}", file=sys.stderr)
        return 2
    print(device)
    print(nvidia_smi())
    options = SessionOptions(compile_timeout_s=given.compile_timeout_s)
    statuses: list[Status] = []
    for name in given.tasks:
        for dtype in given.dtype or ["bf16", "fp16"]:
            try:
                statuses += smoke_task(name, dtype, device, options, given.per_value)
            except UserError as error:
                print(f"  {name} {dtype}: {error}", flush=True)
                statuses.append(Status.RUNTIME_ERROR)
    counts = {str(status): statuses.count(status) for status in Status if status in statuses}
    alarming = sum(status in ALARMING for status in statuses)
    print(f"{len(statuses)} configurations: {counts}{' — LOOK ABOVE' if alarming else ''}")
    return 1 if alarming else 0


if __name__ == "__main__":
    sys.exit(main())
