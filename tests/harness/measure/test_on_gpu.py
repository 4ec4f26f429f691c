"""Faults caused on a real GPU: the status, the time lost, and a correct next result."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.backends.live import LiveBackend
from harness.backends.task import find_device
from harness.evaluation import Configuration, Measurement, Status
from harness.landscapes.landscape import read_landscape
from harness.measure.work import SessionOptions
from harness.record.facts import LOG_SUFFIX, Recording, RecordOptions
from harness.record.progress import RecordingProgress
from harness.record.recorder import record
from search_spaces.parameter import Categorical, Ordinal
from search_spaces.space import SearchSpace
from tests.harness.measure.devices import has_device
from tests.harness.measure.kernel_tasks import KERNELS, covering, kernel_task
from tests.harness.measure.kernels_for_faults import AddOne, faulty_space
from tests.harness.measure.killed import check_resumed, kill_while_recording, results_of_torn

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not has_device(), reason="no NVIDIA device")]

SOUND = {"fault": "none", "block": 128, "warps": 4}
OPTIONS = SessionOptions(compile_workers=4, compile_timeout_s=5.0, run_timeout_s=5.0)
EXPECTED = {
    "slow_compile": (Status.COMPILE_TIMEOUT, "longer than 5 s"),
    "ptxas": (Status.COMPILE_ERROR, "ptxas"),
    "shared_memory": (Status.OUT_OF_RESOURCES, "shared memory"),
    "syntax": (Status.COMPILE_ERROR, ""),
    "segfault_in_worker": (Status.WORKER_CRASH, "SIGSEGV"),
    "forever": (Status.RUN_TIMEOUT, "longer than 5 s"),
    "illegal": (Status.RUNTIME_ERROR, "illegal memory access"),
    "wrong": (Status.WRONG_RESULT, "exceeds the tolerance"),
    "nan": (Status.WRONG_RESULT, "inf"),
    "unwritten": (Status.WRONG_RESULT, "inf"),
    "device_memory": (Status.OUT_OF_RESOURCES, "out of memory"),
    "kill_gpu_process": (Status.WORKER_CRASH, "SIGKILL"),
}


@pytest.fixture(scope="module")
def live() -> Iterator[LiveBackend]:
    kernel = AddOne(1 << 22)
    backend = LiveBackend(kernel.name, kernel, faulty_space(), find_device(), OPTIONS)
    yield backend
    backend.close()


def check_sound(measurement: Measurement) -> None:
    assert measurement.status is Status.OK, measurement.message
    assert measurement.latency_ms is not None
    # 33.5 MB there and back: 10 µs at 3.35 TB/s; anything from a slow small block to the L2's help is plausible
    assert 0.005 < measurement.latency_ms < 0.2
    assert len(measurement.samples_ms) >= 5
    assert measurement.compile_s > 0 and measurement.verify_s > 0 and measurement.benchmark_s > 0


def test_sound(live: LiveBackend) -> None:
    configurations: list[Configuration] = [{**SOUND, "block": b, "warps": w} for b in (128, 256) for w in (1, 2, 4)]
    for measurement in live.measure(configurations):
        check_sound(measurement)


@pytest.mark.parametrize("fault", EXPECTED)
def test_fault_and_what_follows(live: LiveBackend, fault: str) -> None:
    start = time.monotonic()
    (broken,) = live.measure([{**SOUND, "fault": fault}])
    lost = time.monotonic() - start
    status, words = EXPECTED[fault]
    assert broken.status is status, broken
    assert words in broken.message and "\n" not in broken.message
    assert broken.latency_ms is None
    # a block of its own, so that the result after the fault is measured and no alias of an earlier one
    number = list(EXPECTED).index(fault)
    after: Configuration = {**SOUND, "block": 512 << number % 4, "warps": 1 << number // 4}
    start = time.monotonic()
    (sound,) = live.measure([after])
    print(f"{fault}: {broken.status}, {lost:.1f} s, then {time.monotonic() - start:.1f} s: {broken.message}")
    check_sound(sound)
    assert lost < 40


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
@pytest.mark.parametrize("name", KERNELS)
def test_every_structure_of_every_kernel(live: LiveBackend, name: str, dtype: str) -> None:
    """Run this first on a new GPU: a kernel may be slow or too large, but must not be wrong or crash."""
    live.close()  # a device has one session at a time
    device = find_device()
    kernel, space = kernel_task(name, dtype, device)
    backend = LiveBackend(kernel.name, kernel, space, device)
    configurations = covering(space, per_value=2)
    try:
        measurements = backend.measure(configurations)
    finally:
        backend.close()
    harmless = {Status.OK, Status.OUT_OF_RESOURCES, Status.COMPILE_TIMEOUT, Status.COMPILE_ERROR}
    for configuration, measurement in zip(configurations, measurements, strict=True):
        assert measurement.status in harmless, (configuration, measurement)
    assert sum(measurement.status is Status.OK for measurement in measurements) > len(measurements) / 2


def test_compile_workers_hold_no_device(live: LiveBackend) -> None:
    live.measure([{**SOUND, "block": 64, "warps": 1}])
    session = live._session
    assert session is not None
    for pid in session.compile_pool.pids:
        links = [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
        assert not [link for link in links if str(link).startswith("/dev/nvidia")]


def recording(kernel: AddOne, space: SearchSpace, out: Path) -> Recording:
    return Recording(
        task=kernel.name, kernel=kernel, space=space, out=out, device=find_device(), options=RecordOptions(OPTIONS)
    )


def test_recording_survives_and_is_right(live: LiveBackend, tmp_path: Path) -> None:
    live.close()  # a device has one job at a time
    faults = ("illegal", "wrong", "ptxas", "kill_gpu_process")
    out = tmp_path / "addone__gpu.parquet"
    kernel = AddOne(1 << 22)
    print(record(recording(kernel, faulty_space(faults), out)).report())
    landscape = read_landscape(out)
    for row, status in zip(landscape.codes, landscape.status, strict=True):
        fault = landscape.space.decode(row)["fault"]
        allowed = {Status.OK if fault == "none" else EXPECTED[str(fault)][0]}
        if fault == "illegal":
            allowed.add(Status.RUN_TIMEOUT)  # seen on an H100: the driver may take over 5 s to report it
        assert status in allowed
    assert landscape.metadata["vendor"]["latency_ms"] > 0


def record_add_one(out: Path) -> RecordingProgress:
    """Record 112 configurations, half of them wrong and half aliases; also called by a process that is killed."""
    space = SearchSpace(
        [
            Categorical("fault", ("none", "wrong")),
            Ordinal("block", (64, 128, 256, 512, 1024, 2048, 4096), scale="log2"),
            Ordinal("warps", (1, 2, 4, 8), scale="log2"),
            Ordinal("stages", (1, 2)),
        ]
    )
    return record(recording(AddOne(1 << 22), space, out))


KILLED = """
import sys
from pathlib import Path
from tests.harness.measure.test_on_gpu import record_add_one
record_add_one(Path(sys.argv[1]))
"""


def test_parent_killed_and_resumed(live: LiveBackend, tmp_path: Path) -> None:
    live.close()
    out = tmp_path / "addone__gpu.parquet"
    log = Path(f"{out}{LOG_SUFFIX}")
    kill_while_recording(KILLED, [str(out)], log, after=15)
    kept = results_of_torn(log)
    assert 15 <= len(kept) < 112
    start = time.monotonic()
    recording = record_add_one(out)
    print(f"killed after {len(kept)} of 112, the rest in {time.monotonic() - start:.1f} s")
    assert recording.landscape == out and recording.done == 112
    check_resumed(log, kept, 112)
    landscape = read_landscape(out)
    for row, status in zip(landscape.codes, landscape.status, strict=True):
        fault = landscape.space.decode(row)["fault"]
        assert status is (Status.OK if fault == "none" else Status.WRONG_RESULT)


def test_a_second_session_is_refused(live: LiveBackend, tmp_path: Path) -> None:
    live.measure([{**SOUND, "block": 64, "warps": 2}])
    out = tmp_path / "second__gpu.parquet"
    command = [sys.executable, "-m", "harness.cli", "record", "task=softmax", "--limit", "1", "-o", str(out)]
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    (line,) = [line for line in second.stderr.splitlines() if line.startswith("nearopt: ")]  # torch may warn
    assert find_device().uuid in line and "in use by another NearOpt process" in line
    assert not out.exists()
    check_sound(live.measure([{**SOUND, "block": 64, "warps": 8}])[0])  # the first one is none the worse
