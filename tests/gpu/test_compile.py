"""Ahead-of-time compiles for an H100, for real, on a machine without a GPU."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import CompiledKernel, make_backend
from triton.runtime.jit import create_function_from_signature

from harness.evaluation import Configuration, Status
from harness.gpu.compile import TritonCompiler
from harness.gpu.compile_pool import CompilePool
from harness.gpu.jobs import CompileOutcome
from harness.gpu.session import triton_environment
from harness.gpu.specialize import TRITON_NAMES, buffer_dtypes, launch_source, plan_dtypes
from kernels.base import Buffer, Launch
from tests.gpu.kernels_for_faults import AddOne

pytestmark = pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") == "1", reason="compiles, not the interpreter")

TIMEOUT_S = 6.0
TARGET = GPUTarget("cuda", 90, 32)
SOUND = {"fault": "none", "block": 128, "warps": 4}


def compiler(cache: Path) -> TritonCompiler:
    kernel = AddOne()
    return TritonCompiler(kernel, buffer_dtypes(kernel), 132, 90, 232_448, cache)


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[CompilePool]:
    cache = tmp_path / "cache"
    cache.mkdir()
    pool = CompilePool(compiler(cache), 2, timeout_s=TIMEOUT_S, logs=tmp_path, environment=triton_environment(cache))
    yield pool
    pool.close()


def run(pool: CompilePool, configurations: list[Configuration]) -> list[CompileOutcome]:
    for ticket, configuration in enumerate(configurations):
        pool.submit(ticket, configuration)
    done: dict[int, CompileOutcome] = {}
    while len(done) < len(configurations):
        wait(pool.connections, max(0.0, pool.deadline - time.monotonic()))
        done.update(pool.poll())
    return [done[ticket] for ticket in sorted(done)]


@triton.jit
def _many_kinds(
    a, b, n, odd, one, big, f, flag, nothing, wide: tl.int64, plain, loose, BLOCK: tl.constexpr,
    KIND: tl.constexpr = tl.float32,
):  # fmt: skip
    o = tl.arange(0, BLOCK)
    total = f + odd + one + big + flag + wide + plain + loose + (0 if nothing is None else 1)
    tl.store(b + o, (tl.load(a + o, mask=o < n) + total).to(KIND))


def jit_source(launch: Launch, dtypes: dict[str, str]) -> tuple[Any, Any, Any]:
    """Signature, constants and attributes as Triton's own JIT binder makes them from tensors."""
    torch_of = {name: dtype for dtype, name in TRITON_NAMES.items()}
    values = {
        name: torch.empty(64, dtype=torch_of[dtypes[value.name]]) if isinstance(value, Buffer) else value
        for name, value in launch.arguments.items()
    }
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


def test_specialised_like_the_jit() -> None:
    arguments = {
        "a": Buffer("a"), "b": Buffer("b"), "n": 64, "odd": 63, "one": 1, "big": 2**40, "f": 1.5, "flag": True,
        "nothing": None, "wide": 32, "plain": 0, "loose": -16,
    }  # fmt: skip
    launch = Launch(_many_kinds, (1, 1, 1), arguments, {"BLOCK": 64}, {"num_warps": 2})
    assert_like_jit(launch, {"a": "bf16", "b": "fp32"})


def test_do_not_specialize_like_the_jit() -> None:
    kernel = triton.jit(_many_kinds.fn, do_not_specialize=["n", "one"], do_not_specialize_on_alignment=["a", "wide"])
    arguments = {
        "a": Buffer("a"), "b": Buffer("b"), "n": 64, "odd": 16, "one": 1, "big": 1, "f": 0.0, "flag": False,
        "nothing": None, "wide": 32, "plain": 2**31, "loose": 2**63,
    }  # fmt: skip
    assert_like_jit(Launch(kernel, (1, 1, 1), arguments, {"BLOCK": 64}), {"a": "fp16", "b": "fp32"})


@pytest.mark.parametrize("change", [{"surplus": 1}, {"n": Buffer("x")}])
def test_arguments_that_do_not_fit_are_refused(change: dict[str, Any]) -> None:
    plan = AddOne().plan(SOUND, 132)
    launch = plan.launches[0]
    arguments = {**launch.arguments, **change}
    if "surplus" not in change:
        del arguments["x_ptr"]
    with pytest.raises(TypeError, match=r"no parameter named surplus|no value for parameter x_ptr"):
        launch_source(Launch(launch.kernel, launch.grid, arguments, launch.constants), {"x": "fp32", "y": "fp32"})


def test_dtypes_come_without_data() -> None:
    kernel = AddOne(n=10**12)  # 4 TB
    assert buffer_dtypes(kernel) == {"x": "fp32", "y": "fp32"}
    assert plan_dtypes(kernel.plan({**SOUND, "fault": "device_memory"}, 132), {})["huge"] == "fp32"


def test_faults_of_the_compiler_are_statuses_and_the_rest_compiles(pool: CompilePool) -> None:
    faults = ("ptxas", "shared_memory", "syntax", "segfault_in_worker", "slow_compile")
    outcomes = run(pool, [SOUND, *({**SOUND, "fault": fault} for fault in faults), {**SOUND, "warps": 2}])
    sound, ptxas, shared, syntax, segfault, slow, other = outcomes
    assert sound.status is Status.OK and other.status is Status.OK, (sound, other)
    assert sound.compiled and other.compiled and sound.compiled.fingerprint != other.compiled.fingerprint
    assert ptxas.status is Status.COMPILE_ERROR and "known instruction: 'no'" in ptxas.message
    assert "/tmp" not in ptxas.message
    assert shared.status is Status.OUT_OF_RESOURCES and "shared memory" in shared.message
    assert syntax.status is Status.COMPILE_ERROR and syntax.message
    assert segfault.status is Status.WORKER_CRASH and "SIGSEGV" in segfault.message
    assert slow.status is Status.COMPILE_TIMEOUT and slow.compile_s == TIMEOUT_S
    for outcome in outcomes:
        assert len(outcome.message) <= 500 and "\n" not in outcome.message


def test_what_failed_once_fails_again_at_the_same_charge(pool: CompilePool) -> None:
    """Configurations that differ in nothing that is compiled (a grid, say) share a failure too."""
    slow = {**SOUND, "fault": "slow_compile"}
    first = run(pool, [slow])[0]
    start = time.monotonic()
    second = run(pool, [slow])[0]
    assert time.monotonic() - start < TIMEOUT_S - 0.5
    assert (second.status, second.compile_s, second.message) == (first.status, first.compile_s, first.message)
    assert second.spent_s < 1.0


def test_cached_binary_is_charged_what_it_cost_first(pool: CompilePool) -> None:
    first, second = run(pool, [SOUND])[0], run(pool, [SOUND])[0]
    assert first.compiled == second.compiled
    assert second.compile_s == pytest.approx(first.compile_s, rel=0.5)
    assert second.spent_s < first.spent_s


def test_same_machine_code_has_the_same_fingerprint(pool: CompilePool) -> None:
    """Stages change nothing where there is no loop to pipeline; warps do; a longer input changes the grid."""
    base, stages, warps = run(pool, [SOUND, {**SOUND, "stages": 5}, {**SOUND, "warps": 1}])
    assert base.compiled and stages.compiled and warps.compiled
    assert base.compiled.fingerprint == stages.compiled.fingerprint
    assert base.compiled.launches[0].hash != stages.compiled.launches[0].hash
    assert base.compiled.fingerprint != warps.compiled.fingerprint


def test_workers_see_no_gpu_and_touch_no_driver(pool: CompilePool) -> None:
    run(pool, [SOUND])
    for pid in pool.pids:
        maps = Path(f"/proc/{pid}/maps").read_text()
        assert "libtriton" in maps
        assert "cuda_utils" not in maps and "libcuda.so" not in maps
        files = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
        assert not [file for file in files if file.startswith("/dev/nvidia")]
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"TRITON_INTERPRET=1" not in environment


def test_the_gpu_process_can_load_what_a_worker_compiled(pool: CompilePool) -> None:
    """Without a driver a binary cannot be launched, but source, metadata and machine code must fit together."""
    (outcome,) = run(pool, [SOUND])
    assert outcome.compiled is not None
    (binary,) = outcome.compiled.launches
    kernel = AddOne()
    plan = kernel.plan(SOUND, 132)
    source = launch_source(plan.launches[0], plan_dtypes(plan, buffer_dtypes(kernel)))
    loaded = CompiledKernel(source, dict(binary.files), binary.hash)
    assert loaded.kernel[:4] == b"\x7fELF"
    assert loaded.metadata.num_warps == 4 and loaded.hash == binary.hash
    assert not [name for name in binary.files if name.endswith((".ptx", ".ttir", ".llir"))]
