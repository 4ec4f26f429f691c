"""Compile one configuration of a kernel for sm_90, without a GPU, in a process of its own.

Usage: python -m tests.kernels.ahead_of_time MODULE CLASS KERNEL_ARGUMENTS_JSON, configurations as JSON lines on
standard input; prints a JSON line for each: seconds, shared bytes, PTX. A process, since the interpreter's
switch cannot be turned back once the kernels are imported.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from kernels.base import Buffer, Launch

POINTERS = {"bf16": "*bf16", "fp16": "*fp16", "fp32": "*fp32"}


def source(launch: Launch, dtype: str) -> ASTSource:
    """The launch as a source with 16-byte aligned pointers, as torch's allocator gives them."""
    names = launch.kernel.arg_names
    signature: dict[str, str] = {}
    for name in names:
        if name in launch.constants:
            signature[name] = "constexpr"
        else:
            value = launch.arguments[name]
            signature[name] = POINTERS[dtype] if isinstance(value, Buffer) else "fp32"
    constants = {(names.index(name),): value for name, value in launch.constants.items()}
    aligned = {(i,): [["tt.divisibility", 16]] for i, n in enumerate(names) if signature[n][0] == "*"}
    return ASTSource(fn=launch.kernel, signature=signature, constexprs=constants, attrs=aligned)


def compile_one(kernel: Any, configuration: dict[str, Any]) -> dict[str, Any]:
    (launch,) = kernel.plan(configuration, sm_count=132).launches
    started = time.process_time()
    compiled = triton.compile(
        source(launch, kernel.dtype), target=GPUTarget("cuda", 90, 32), options=dict(launch.options)
    )
    return {
        "seconds": time.process_time() - started,
        "shared": compiled.metadata.shared,
        "ptx": compiled.asm["ptx"],
        "ttgir": compiled.asm["ttgir"],
    }


if __name__ == "__main__":
    module, name, arguments = sys.argv[1:]
    kernel = getattr(importlib.import_module(module), name)(**json.loads(arguments))
    for line in sys.stdin:
        print(json.dumps(compile_one(kernel, json.loads(line))), flush=True)
