"""Compile every launch of a kernel's configurations for sm_90, without a GPU, in another process.

Usage: python -m tests.kernels.sm90 MODULE CLASS ARGUMENTS_JSON, with configurations as JSON lines on standard input. It
prints one JSON line for each, with the PTX and the used bytes of every launch. It needs its own process, because the
interpreter cannot be switched off once kernels are imported. Launches are specialised as in a live run.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget

from harness.measure.triton.specialize import buffer_dtypes, launch_source, plan_dtypes
from kernels.base import Kernel

ROOT = Path(__file__).parents[2]
INSTRUCTIONS = {
    "wgmma": "wgmma.mma_async",
    "cp_async": "cp.async.cg",
    "tma_loads": "cp.async.bulk.tensor.2d.shared",
    "tma_stores": "cp.async.bulk.tensor.2d.global",
}


def compile_plan(kernel: Kernel, configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return for each launch its PTX, counts of characteristic instructions, and shared and scratch memory in bytes."""
    plan = kernel.plan(configuration, sm_count=132)
    dtypes = plan_dtypes(plan, buffer_dtypes(kernel))
    report = []
    for launch in plan.launches:
        source = launch_source(launch, dtypes)
        binary = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=dict(launch.options))
        ptx = binary.asm["ptx"]
        counts = {name: ptx.count(instruction) for name, instruction in INSTRUCTIONS.items()}
        bytes_used = {
            "shared_bytes": binary.metadata.shared,
            "scratch_bytes": binary.metadata.global_scratch_size,
        }
        report.append({"ptx": ptx, **counts, **bytes_used})
    return report


def reports(kernel: Kernel, configurations: Sequence[Mapping[str, Any]], cache: Path) -> list[list[dict[str, Any]]]:
    """Run ``compile_plan`` on each configuration in one process outside the interpreter, with an empty cache."""
    # Helion's searches, which other tests of this process may have run, have Triton keep binaries alone
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TRITON_")}
    fields = json.dumps(asdict(kernel))  # type: ignore[call-overload]
    answer = subprocess.run(
        [sys.executable, "-m", "tests.kernels.sm90", type(kernel).__module__, type(kernel).__name__, fields],
        input="\n".join(json.dumps(dict(configuration)) for configuration in configurations),
        env={**environment, "TRITON_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=500,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    compiled = [json.loads(line) for line in answer.stdout.splitlines()]
    assert len(compiled) == len(configurations)
    return compiled


if __name__ == "__main__":
    module, name, arguments = sys.argv[1:]
    made = getattr(importlib.import_module(module), name)(**json.loads(arguments))
    for line in sys.stdin:
        print(json.dumps(compile_plan(made, json.loads(line))), flush=True)
