"""Compile every launch of configurations of a kernel for sm_90, without a GPU, in a process of its own.

Usage: python -m tests.kernels.sm90 MODULE CLASS ARGUMENTS_JSON, configurations as JSON lines on standard input;
prints one JSON line for each: per launch, what the binary uses. A process, since the interpreter's switch cannot
be turned back once kernels are imported. Integers are specialised as Triton's JIT does.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from kernels.base import Buffer, Kernel, Launch, Plan

POINTERS = {"torch.bfloat16": "*bf16", "torch.float16": "*fp16", "torch.float32": "*fp32"}
ALIGNED = [["tt.divisibility", 16]]


def source(launch: Launch, plan: Plan, kernel: Kernel) -> ASTSource:
    """The launch as Triton's JIT would specialise it: aligned pointers, integers 1 and multiples of 16."""
    signature: dict[str, str] = {}
    constants: dict[tuple[int, ...], Any] = {}
    attributes: dict[tuple[int, ...], Any] = {}
    for index, name in enumerate(launch.kernel.arg_names):
        value = launch.arguments.get(name)
        if name in launch.constants or (isinstance(value, int) and value == 1):
            signature[name] = "constexpr"
            constants[(index,)] = launch.constants.get(name, value)
        elif isinstance(value, Buffer):
            scratch = plan.scratch.get(value.name)
            signature[name] = POINTERS[str(scratch.dtype if scratch else kernel.torch_dtype)]
            attributes[(index,)] = ALIGNED
        else:
            signature[name] = "fp32" if isinstance(value, float) else "i32"
            if isinstance(value, int) and value % 16 == 0:
                attributes[(index,)] = ALIGNED
    return ASTSource(fn=launch.kernel, signature=signature, constexprs=constants, attrs=attributes)


def compile_plan(kernel: Kernel, configuration: dict[str, Any]) -> list[dict[str, int]]:
    """Per launch: shared memory and descriptor scratch in bytes, and counts of instructions in the PTX."""
    plan = kernel.plan(configuration, sm_count=132)
    report = []
    for launch in plan.launches:
        compiled = triton.compile(
            source(launch, plan, kernel), target=GPUTarget("cuda", 90, 32), options=dict(launch.options)
        )
        ptx = compiled.asm["ptx"]
        report.append(
            {
                "shared_bytes": compiled.metadata.shared,
                "scratch_bytes": compiled.metadata.global_scratch_size,
                "wgmma": ptx.count("wgmma.mma_async"),
                "cp_async": ptx.count("cp.async.cg"),
                "tma_loads": ptx.count("cp.async.bulk.tensor.2d.shared"),
                "tma_stores": ptx.count("cp.async.bulk.tensor.2d.global"),
            }
        )
    return report


def reports(kernel: Kernel, configurations: list[dict[str, Any]], cache: Path) -> list[list[dict[str, int]]]:
    """``compile_plan`` of each configuration, from one process outside the interpreter with an empty cache."""
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    name = type(kernel)
    answer = subprocess.run(
        [sys.executable, "-m", "tests.kernels.sm90", name.__module__, name.__name__, json.dumps(vars(kernel))],
        input="\n".join(map(json.dumps, configurations)),
        env={**environment, "TRITON_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return [json.loads(line) for line in answer.stdout.splitlines()]


if __name__ == "__main__":
    module, name, arguments = sys.argv[1:]
    kernel = getattr(importlib.import_module(module), name)(**json.loads(arguments))
    for line in sys.stdin:
        print(json.dumps(compile_plan(kernel, json.loads(line))), flush=True)
