"""Checks that need compiled kernels in the process: the test process itself may have imported Triton's interpreter.

Run by ``in_clean_process``.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import CompiledKernel, make_backend
from triton.runtime.jit import create_function_from_signature

from harness.evaluation import Configuration
from harness.measure.jobs import CompiledPlan
from harness.measure.process import WorkerProcess
from harness.measure.triton.specialize import TRITON_NAMES, buffer_dtypes, launch_source, plan_dtypes
from kernels.base import Buffer, Descriptor, Kernel, Launch
from tests.harness.measure.kernels_for_faults import AddOne

TARGET = GPUTarget("cuda", 90, 32)
SOUND = {"fault": "none", "block": 128, "warps": 4}


def in_clean_process(check: Callable[[], None], folder: Path) -> None:
    """Run ``check`` in a worker, where kernels are compiled; raise its errors here."""
    process = WorkerProcess(_serve, check, folder / "check.log")
    failure = process.connection.recv()
    process.kill()
    assert failure is None, failure


def _serve(connection: Connection, check: Callable[[], None]) -> None:
    try:
        check()
    except BaseException:
        connection.send(traceback.format_exc())
    else:
        connection.send(None)


@triton.jit
def _many_kinds(
    a, b, n, odd, one, big, f, flag, nothing, wide: tl.int64, plain, loose, BLOCK: tl.constexpr,
    KIND: tl.constexpr = tl.float32,
):  # fmt: skip
    o = tl.arange(0, BLOCK)
    total = f + odd + one + big + flag + wide + plain + loose + (0 if nothing is None else 1)
    tl.store(b + o, (tl.load(a + o, mask=o < n) + total).to(KIND))


def jit_source(launch: Launch, dtypes: dict[str, str]) -> tuple[Any, Any, Any]:
    """Return signature, constants and attributes as Triton's own JIT binder derives them from tensors."""
    torch_of = {name: dtype for dtype, name in TRITON_NAMES.items()}

    def passed(value: Any) -> Any:
        if isinstance(value, Descriptor):
            return value.of(torch.empty(64, dtype=torch_of[dtypes[value.buffer.name]]))
        return torch.empty(64, dtype=torch_of[dtypes[value.name]]) if isinstance(value, Buffer) else value

    values = {name: passed(value) for name, value in launch.arguments.items()}
    backend = make_backend(TARGET)
    binder = create_function_from_signature(launch.kernel.signature, launch.kernel.params, backend)
    kwargs = {**launch.options, "debug": False, "instrumentation_mode": ""}
    bound, specialization, options = binder(**values, **launch.constants, **kwargs)
    _, signature, constants, attributes = launch.kernel._pack_args(backend, kwargs, bound, specialization, options)
    return signature, constants, {key: value for key, value in attributes.items() if value}


def assert_like_jit(launch: Launch, dtypes: dict[str, str]) -> None:
    source = launch_source(launch, dtypes)
    signature, constants, attributes = jit_source(launch, dtypes)
    assert source.signature == signature
    assert source.constants == constants
    assert source.attrs == attributes


def specialised_like_the_jit() -> None:
    arguments = {
        "a": Buffer("a"), "b": Buffer("b"), "n": 64, "odd": 63, "one": 1, "big": 2**40, "f": 1.5, "flag": True,
        "nothing": None, "wide": 32, "plain": 0, "loose": -16,
    }  # fmt: skip
    launch = Launch(_many_kinds, (1, 1, 1), arguments, {"BLOCK": 64}, {"num_warps": 2})
    assert_like_jit(launch, {"a": "bf16", "b": "fp32"})


@triton.jit
def _copies(x, y):
    y.store([0, 0], x.load([0, 0]))


def descriptors_are_specialised_like_the_jit() -> None:
    x = Descriptor(Buffer("x"), (256, 64), (64, 1), (16, 32))
    y = Descriptor(Buffer("y"), (128, 64), (64, 1), (16, 32))
    launch = Launch(_copies, (1, 1, 1), {"x": x, "y": y}, {}, {"num_warps": 4})
    assert_like_jit(launch, {"x": "bf16", "y": "bf16"})
    source = launch_source(launch, {"x": "bf16", "y": "bf16"})
    assert source.signature["x"] == "tensordesc<bf16[16, 32]>"
    compiled = triton.compile(source, target=TARGET, options={"num_warps": 4})
    assert len(compiled.metadata.tensordesc_meta) == 2


def do_not_specialize_like_the_jit() -> None:
    kernel = triton.jit(_many_kinds.fn, do_not_specialize=["n", "one"], do_not_specialize_on_alignment=["a", "wide"])
    arguments = {
        "a": Buffer("a"), "b": Buffer("b"), "n": 64, "odd": 16, "one": 1, "big": 1, "f": 0.0, "flag": False,
        "nothing": None, "wide": 32, "plain": 2**31, "loose": 2**63,
    }  # fmt: skip
    assert_like_jit(Launch(kernel, (1, 1, 1), arguments, {"BLOCK": 64}), {"a": "fp16", "b": "fp32"})


def surplus_argument_is_refused() -> None:
    launch = AddOne().plan(SOUND, 132).launches[0]
    surplus = Launch(launch.kernel, launch.grid, {**launch.arguments, "surplus": 1}, launch.constants)
    with pytest.raises(TypeError, match="no parameter named surplus"):
        launch_source(surplus, {"x": "fp32", "y": "fp32"})


def missing_argument_is_refused() -> None:
    launch = AddOne().plan(SOUND, 132).launches[0]
    given = {name: value for name, value in launch.arguments.items() if name != "x_ptr"}
    with pytest.raises(TypeError, match="no value for parameter x_ptr"):
        launch_source(Launch(launch.kernel, launch.grid, given, launch.constants), {"x": "fp32", "y": "fp32"})


def compiled_plan_loads(compiled: CompiledPlan) -> None:
    """Without a driver a binary cannot be launched, but source, metadata and machine code must be consistent."""
    (binary,) = compiled.launches
    kernel = AddOne()
    plan = kernel.plan(SOUND, 132)
    source = launch_source(plan.launches[0], plan_dtypes(plan, buffer_dtypes(kernel)))
    loaded = CompiledKernel(source, dict(binary.files), binary.hash)
    assert loaded.kernel[:4] == b"\x7fELF"
    assert loaded.metadata.num_warps == 4 and loaded.hash == binary.hash
    assert not [name for name in binary.files if name.endswith((".ptx", ".ttir", ".llir"))]


def every_kernel_is_specialised_like_the_jit(kernel: Kernel, configurations: list[Configuration]) -> None:
    dtypes = buffer_dtypes(kernel)
    for configuration in configurations:
        plan = kernel.plan(configuration, 132)
        for launch in plan.launches:
            assert_like_jit(launch, plan_dtypes(plan, dtypes))
