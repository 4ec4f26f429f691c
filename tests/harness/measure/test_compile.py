"""Real ahead-of-time compiles for an H100 on a machine without a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from harness.evaluation import Configuration, Status
from harness.measure.compile_pool import CompilePool
from harness.measure.jobs import CompileOutcome
from harness.measure.session import triton_environment
from harness.measure.triton.compiler import TritonCompiler
from harness.measure.triton.specialize import buffer_dtypes, plan_dtypes
from tests.harness.measure import aot_checks
from tests.harness.measure.aot_checks import SOUND, in_clean_process
from tests.harness.measure.fakes import FAKE
from tests.harness.measure.kernel_tasks import DEVELOPMENT_KERNELS, TEST_KERNELS, covering, kernel_task
from tests.harness.measure.kernels_for_faults import AddOne

TIMEOUT_S = 300.0
"""Nothing that ends takes so long on any machine; what does not end is given :data:`SHORT_S`."""
SHORT_S = 1.5


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


def written(cache: Path) -> dict[Path, int]:
    """Return when Triton last wrote each of its files."""
    files = (path for path in cache.rglob("*") if path.is_file() and path.parent.name != "nearopt")
    return {path: path.stat().st_mtime_ns for path in files}


def cut_off(pool: CompilePool, configuration: Configuration) -> list[CompileOutcome]:
    """Compile with a limit of :data:`SHORT_S` and return the outcome."""
    pool.timeout_s = SHORT_S
    try:
        return run(pool, [configuration])
    finally:
        pool.timeout_s = TIMEOUT_S


def run(pool: CompilePool, configurations: list[Configuration]) -> list[CompileOutcome]:
    for ticket, configuration in enumerate(configurations):
        pool.submit(ticket, configuration)
    done: dict[int, CompileOutcome] = {}
    while len(done) < len(configurations):
        wait(pool.connections, max(0.0, pool.deadline - time.monotonic()))
        done.update(pool.poll())
    return [done[ticket] for ticket in sorted(done)]


@pytest.mark.parametrize(
    "check",
    [
        aot_checks.specialised_like_the_jit,
        aot_checks.descriptors_are_specialised_like_the_jit,
        aot_checks.do_not_specialize_like_the_jit,
        aot_checks.surplus_argument_is_refused,
        aot_checks.missing_argument_is_refused,
    ],
)
def test_source(check: Callable[[], None], tmp_path: Path) -> None:
    in_clean_process(check, tmp_path)


@pytest.mark.parametrize(
    "name", [*DEVELOPMENT_KERNELS, *(pytest.param(name, marks=pytest.mark.slow) for name in TEST_KERNELS)]
)
def test_kernels_are_specialised_like_the_jit(name: str, tmp_path: Path) -> None:
    kernel, space = kernel_task(name, "fp16", FAKE)
    configurations = covering(space, per_value=2)
    in_clean_process(partial(aot_checks.every_kernel_is_specialised_like_the_jit, kernel, configurations), tmp_path)


def test_dtypes_come_without_data() -> None:
    kernel = AddOne(n=10**12)  # 4 TB
    assert buffer_dtypes(kernel) == {"x": "fp32", "y": "fp32"}
    assert plan_dtypes(kernel.plan({**SOUND, "fault": "device_memory"}, 132), {})["huge"] == "fp32"


def test_faults_of_the_compiler_are_statuses_and_the_rest_compiles(pool: CompilePool) -> None:
    faults = ("ptxas", "shared_memory", "syntax", "segfault_in_worker")
    outcomes = run(pool, [SOUND, *({**SOUND, "fault": fault} for fault in faults)])
    sound, ptxas, shared, syntax, segfault = outcomes
    (slow,) = cut_off(pool, {**SOUND, "fault": "slow_compile"})
    (other,) = run(pool, [{**SOUND, "warps": 2}])
    outcomes += [slow, other]
    assert sound.status is Status.OK and other.status is Status.OK, (sound, other)
    assert sound.compiled and other.compiled and sound.compiled.fingerprint != other.compiled.fingerprint
    assert ptxas.status is Status.COMPILE_ERROR and "known instruction: 'no'" in ptxas.message
    assert "/tmp" not in ptxas.message
    assert shared.status is Status.OUT_OF_RESOURCES and "shared memory" in shared.message
    assert syntax.status is Status.COMPILE_ERROR and syntax.message
    assert segfault.status is Status.WORKER_CRASH and "SIGSEGV" in segfault.message
    assert slow.status is Status.COMPILE_TIMEOUT and slow.compile_s == SHORT_S
    for outcome in outcomes:
        assert len(outcome.message) <= 500 and "\n" not in outcome.message


def test_what_failed_once_fails_again_at_the_same_charge(pool: CompilePool) -> None:
    """Configurations that differ only in what is not compiled, such as a grid, share failures too."""
    slow = {**SOUND, "fault": "slow_compile"}
    (first,) = cut_off(pool, slow)
    pids, pool.timeout_s = pool.pids, 60.0  # not reached: nothing is compiled
    (second,) = run(pool, [slow])
    assert (second.status, second.compile_s, second.message) == (first.status, first.compile_s, first.message)
    assert first.status is Status.COMPILE_TIMEOUT and pool.pids == pids, "no worker was lost over it again"


def test_cached_binary_is_charged_what_it_cost_first(pool: CompilePool, tmp_path: Path) -> None:
    (first,) = run(pool, [SOUND])
    (cost,) = (tmp_path / "cache/nearopt").glob("cost-*")
    cost.write_text("1234.5")
    files = written(tmp_path / "cache")
    (second,) = run(pool, [SOUND])
    assert first.compiled == second.compiled
    assert 1234.5 <= second.compile_s < 2 * 1234.5 and second.spent_s < 1234.5
    assert len(files) > 3 and written(tmp_path / "cache") == files, "nothing was compiled again"


def test_same_machine_code_has_the_same_fingerprint(pool: CompilePool) -> None:
    """Stages change nothing without a loop to pipeline; warps change the code; a longer input changes the grid."""
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


def test_the_gpu_process_can_load_what_a_worker_compiled(pool: CompilePool, tmp_path: Path) -> None:
    (outcome,) = run(pool, [SOUND])
    assert outcome.compiled is not None
    in_clean_process(partial(aot_checks.compiled_plan_loads, outcome.compiled), tmp_path)
