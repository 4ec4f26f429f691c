"""No fault of a configuration reaches the caller, and the next result is correct."""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from harness.backends.live import LiveBackend
from harness.errors import UserError
from harness.evaluation import Measurement, Status
from harness.measure import folders
from harness.measure.folders import FOLDER_LOCK, FOLDER_PREFIX, remove_abandoned_folders, turn, turn_file
from harness.measure.work import SessionOptions
from tests.harness.measure.fakes import COMPILE_FAULTS, FAKE, RUN_FAULTS, FakeKernel, fake_work, space

EXPECTED = {
    "compile_error": Status.COMPILE_ERROR,
    "out_of_resources": Status.OUT_OF_RESOURCES,
    "compile_hang": Status.COMPILE_TIMEOUT,
    "compile_segfault": Status.WORKER_CRASH,
    "compile_exit": Status.WORKER_CRASH,
    "run_hang": Status.RUN_TIMEOUT,
    "run_kill": Status.WORKER_CRASH,
    "run_error": Status.RUNTIME_ERROR,
    "run_poison": Status.RUNTIME_ERROR,
    "wrong_result": Status.WRONG_RESULT,
}

COMPILE_TIMEOUT_S, RUN_TIMEOUT_S = 4.0, 5.0
"""Only what hangs takes so long: fakes compile and run in milliseconds, on a busy machine too."""


def backend(
    folder: Path,
    faults: tuple[str, ...] = (),
    workers: int = 2,
    share: bool = False,
    run_timeout_s: float = RUN_TIMEOUT_S,
    **work: object,
) -> LiveBackend:
    options = SessionOptions(
        compile_workers=workers,
        compile_timeout_s=COMPILE_TIMEOUT_S,
        run_timeout_s=run_timeout_s,
        share_device=share,
    )
    return LiveBackend(
        "fake-1-fp32", FakeKernel(str(folder)), space(8, faults), FAKE, options, work=fake_work(folder, **work)
    )


def lines(folder: Path, name: str) -> list[str]:
    file = folder / name
    return file.read_text().splitlines() if file.exists() else []


def check_right(measurement: Measurement, size: int) -> None:
    assert measurement.status is Status.OK, measurement.message
    assert measurement.latency_ms == pytest.approx(0.01 * size)
    assert measurement.oracle_ms == measurement.latency_ms
    assert measurement.samples_ms == pytest.approx((0.011 * size, 0.01 * size, 0.01 * size))
    assert (measurement.compile_s, measurement.verify_s, measurement.benchmark_s) == (0.25, 0.001, 0.002)
    assert measurement.message == ""


def test_every_fault_is_a_status_and_the_rest_is_right(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    live = backend(tmp_path, COMPILE_FAULTS + RUN_FAULTS)
    try:
        batch = [{"size": 1, "fault": "none"}]
        for i, fault in enumerate(COMPILE_FAULTS + RUN_FAULTS):
            batch += [{"size": 1, "fault": fault}, {"size": 2 + i % 7, "fault": "none"}]
        measurements = live.measure(batch)
    finally:
        live.close()
    assert len(measurements) == len(batch)
    for configuration, measurement in zip(batch, measurements, strict=True):
        if configuration["fault"] == "none":
            check_right(measurement, int(configuration["size"]))
        else:
            assert measurement.status is EXPECTED[str(configuration["fault"])], measurement
            assert measurement.latency_ms is None and measurement.oracle_ms is None
            assert measurement.samples_ms == ()
            assert measurement.message and "\n" not in measurement.message and len(measurement.message) <= 500
    assert "chatter" not in "".join(capfd.readouterr())


@pytest.mark.slow
@pytest.mark.parametrize("fault", COMPILE_FAULTS + RUN_FAULTS)
def test_one_at_a_time_with_one_worker(tmp_path: Path, fault: str) -> None:
    live = backend(tmp_path, (fault,), workers=1)
    try:
        check_right(live.measure([{"size": 3, "fault": "none"}])[0], 3)
        (measurement,) = live.measure([{"size": 3, "fault": fault}])
        assert measurement.status is EXPECTED[fault]
        check_right(live.measure([{"size": 4, "fault": "none"}])[0], 4)
    finally:
        live.close()


@pytest.mark.slow
def test_costs_and_messages_of_failures(tmp_path: Path) -> None:
    faults = ("compile_hang", "compile_segfault", "run_hang", "run_kill", "out_of_resources")
    live = backend(tmp_path, faults)
    start = time.monotonic()
    try:
        measured = dict(zip(faults, live.measure([{"size": 1, "fault": fault} for fault in faults]), strict=True))
    finally:
        live.close()
    elapsed_s = time.monotonic() - start
    assert measured["compile_hang"].compile_s == COMPILE_TIMEOUT_S  # charged the timeout exactly
    assert "longer than 4 s" in measured["compile_hang"].message
    assert "SIGSEGV" in measured["compile_segfault"].message
    assert "Assertion `layout' failed." in measured["compile_segfault"].message
    assert RUN_TIMEOUT_S <= measured["run_hang"].verify_s <= elapsed_s
    assert "longer than 5 s" in measured["run_hang"].message
    assert "SIGKILL" in measured["run_kill"].message
    assert measured["out_of_resources"].compile_s == 0.5
    assert len(lines(tmp_path, "abandoned")) == 2


def test_lost_processes_are_replaced_and_others_kept(tmp_path: Path) -> None:
    live = backend(tmp_path, ("run_kill", "compile_exit"))
    try:
        live.measure([{"size": 1, "fault": "run_kill"}])
        live.measure([{"size": 1, "fault": "none"}])
        assert len(lines(tmp_path, "gpu-start")) == 2
        live.measure([{"size": 2, "fault": "compile_exit"}, {"size": 2, "fault": "none"}])
        live.measure([{"size": 3, "fault": "none"}])
        assert len(lines(tmp_path, "gpu-start")) == 2
    finally:
        live.close()


def test_aliases_run_once_and_are_charged_in_full_and_set_up_stands_beside_the_costs(tmp_path: Path) -> None:
    live = backend(tmp_path, aliases=2, setup_s=0.5)
    try:
        measurements = live.measure([{"size": size, "fault": "none"} for size in range(1, 7)])
    finally:
        live.close()
    assert len(lines(tmp_path, "ran")) == 2
    assert len(lines(tmp_path, "compiled")) == 6
    assert {m.latency_ms for m in measurements[0::2]} == {measurements[0].latency_ms}
    assert all(m.benchmark_s == 0.002 and m.compile_s == 0.25 and m.verify_s == 0.001 for m in measurements)
    assert sorted(m.setup_s or 0.0 for m in measurements) == [0.0] * 4 + [0.5] * 2


def test_compiles_overlap_with_runs(tmp_path: Path) -> None:
    """The first run ends when the last of eight has begun to compile; serial compiles would never get there."""
    live = backend(tmp_path, run_timeout_s=60.0, until_compiled=8)
    try:
        measurements = live.measure([{"size": size, "fault": "none"} for size in range(1, 9)])
    finally:
        live.close()
    for size, measurement in enumerate(measurements, start=1):
        check_right(measurement, size)


def test_close_ends_every_process(tmp_path: Path) -> None:
    live = backend(tmp_path)
    live.measure([{"size": 1, "fault": "none"}])
    session = live._session
    assert session is not None
    pids = [session.worker.pid, *session.compile_pool.pids]
    live.close()
    live.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_folders_of_killed_sessions_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    abandoned, starting = (tmp_path / f"{FOLDER_PREFIX}{name}" for name in ("abandoned", "starting"))
    for folder in (abandoned, starting):
        (folder / "cache").mkdir(parents=True)
    (abandoned / FOLDER_LOCK).touch()
    live = backend(tmp_path)
    try:
        live.measure([{"size": 1, "fault": "none"}])
        assert not abandoned.exists() and starting.exists()
        mine = set(tmp_path.glob(f"{FOLDER_PREFIX}*")) - {starting}
        remove_abandoned_folders()
        assert len(mine) == 1 and all(folder.exists() for folder in mine), "in use"
    finally:
        live.close()
    assert list(tmp_path.glob(f"{FOLDER_PREFIX}*")) == [starting]


def test_a_folder_is_seen_by_other_sessions_only_once_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    opened = folders.open_for_all

    def with_another_session_starting(path: Path) -> IO[str]:
        file = opened(path)  # not locked yet
        monkeypatch.setattr(folders, "open_for_all", opened)
        remove_abandoned_folders()
        return file

    monkeypatch.setattr(folders, "open_for_all", with_another_session_starting)
    with folders.PrivateFolder() as made:
        assert made.path.exists()
        remove_abandoned_folders()
        assert made.path.exists()
    assert not made.path.exists()


def test_a_device_that_does_not_start_is_one_line(tmp_path: Path) -> None:
    live = backend(tmp_path, broken="CUDA driver version is insufficient\nfor CUDA runtime version")
    with pytest.raises(UserError, match="CUDA driver version is insufficient") as caught:
        live.measure([{"size": 1, "fault": "none"}])
    assert "\n" not in str(caught.value)
    live.close()


def test_second_session_on_the_device_is_refused(tmp_path: Path) -> None:
    first, second = backend(tmp_path), backend(tmp_path)
    try:
        first.measure([{"size": 1, "fault": "none"}])
        with pytest.raises(UserError, match=f"in use by another NearOpt process .pid {os.getpid()}"):
            second.measure([{"size": 1, "fault": "none"}])
        first.close()
        check_right(second.measure([{"size": 2, "fault": "none"}])[0], 2)
    finally:
        first.close()
        second.close()


def test_sessions_that_share_the_device_measure_in_turn(tmp_path: Path) -> None:
    together = [backend(tmp_path, share=True, alone=True, run_s=0.05) for _ in range(3)]
    batch = [{"size": size, "fault": "none"} for size in (1, 2, 3)]
    try:
        with ThreadPoolExecutor(len(together)) as threads:
            measured = list(threads.map(lambda live: live.measure(batch), together))
    finally:
        for live in together:
            live.close()
    for results in measured:  # each waited for the others, and is not charged for that
        for size, measurement in enumerate(results, start=1):
            check_right(measurement, size)


@pytest.mark.slow
def test_the_timeout_counts_from_when_the_device_is_ones_own(tmp_path: Path) -> None:
    live = backend(tmp_path, ("run_hang",), share=True, run_timeout_s=2.0)
    try:
        check_right(live.measure([{"size": 3, "fault": "none"}])[0], 3)
        with ThreadPoolExecutor(1) as threads, turn(turn_file(FAKE.uuid)):
            waiting = threads.submit(live.measure, [{"size": 4, "fault": "none"}])
            time.sleep(3.0)
            assert not waiting.done()
        check_right(waiting.result()[0], 4)
        (hung,) = live.measure([{"size": 1, "fault": "run_hang"}])
        assert hung.status is Status.RUN_TIMEOUT and hung.verify_s >= 2.0
        check_right(live.measure([{"size": 5, "fault": "none"}])[0], 5)  # the turn went with the killed process
    finally:
        live.close()


def test_a_session_that_does_not_share_is_alone(tmp_path: Path) -> None:
    shared, alone = backend(tmp_path, share=True), backend(tmp_path)
    try:
        shared.measure([{"size": 1, "fault": "none"}])
        with pytest.raises(UserError, match="in use by another NearOpt process"):
            alone.measure([{"size": 1, "fault": "none"}])
    finally:
        shared.close()
        alone.close()


def test_identity_and_environment_are_documents(tmp_path: Path) -> None:
    import json

    live = backend(tmp_path)
    identity = json.loads(json.dumps(live.identity()))
    assert identity["kind"] == "live" and identity["device"] == "Fake F100"
    assert len(identity["kernel_source_hash"]) == 64
    assert json.loads(json.dumps(live.environment()))["device"]["uuid"] == FAKE.uuid
    assert live.task == "fake-1-fp32__f100"
    assert live.measure([]) == []
