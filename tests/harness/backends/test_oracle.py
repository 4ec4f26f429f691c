"""Live runs are judged by the complete recording of their task on their device, if there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness.backends.oracle as oracle_module
from harness.backends.live import LiveBackend
from harness.backends.oracle import Oracle, recorded_oracle
from harness.evaluation import Status
from harness.landscapes.landscape import read_landscape
from harness.measure.work import SessionOptions
from tests.harness.measure.fakes import FAKE, FakeKernel, fake_work, space
from tests.harness.toy import toy_space, write_toy


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(oracle_module, "recorded_landscapes", lambda: sorted(tmp_path.glob("*__*.parquet")))
    return tmp_path


def test_the_oracle_is_that_of_the_recording(library: Path) -> None:
    landscape = read_landscape(write_toy(library))
    found = recorded_oracle("toy-8x8-bf16", "toy", toy_space())
    ok = [i for i, status in enumerate(landscape.status) if status is Status.OK]
    assert len(found.latency_ms) == len(ok)
    for i in ok[:20]:
        assert found.latency_ms[toy_space().key(landscape.space.decode(landscape.codes[i]))] == landscape.oracle_ms[i]
    assert found.recording == {"landscape": "toy-8x8-bf16__toy", "landscape_sha256": landscape.sha256}


def test_no_recording_another_space_a_sample_or_a_damaged_file_is_none(library: Path) -> None:
    write_toy(library)
    assert recorded_oracle("toy-8x8-bf16", "h100", toy_space()) == Oracle()
    assert recorded_oracle("toy-8x8-bf16", "toy", space()) == Oracle()
    write_toy(library, coverage={"kind": "sample", "drawn": "uniformly"})
    assert recorded_oracle("toy-8x8-bf16", "toy", toy_space()) == Oracle()
    (library / "toy-8x8-bf16__toy.parquet").write_bytes(b"torn")
    assert recorded_oracle("toy-8x8-bf16", "toy", toy_space()) == Oracle()


@pytest.mark.slow
def test_a_run_sees_its_own_readings_and_is_judged_by_the_oracle(tmp_path: Path) -> None:
    known = Oracle({space(4, ("run_error",)).key({"size": 2, "fault": "none"}): 0.5}, {"landscape": "x"})
    options = SessionOptions(compile_workers=1, compile_timeout_s=5, run_timeout_s=5)
    kernel, work = FakeKernel(str(tmp_path)), fake_work(tmp_path)
    live = LiveBackend("fake-1-fp32", kernel, space(4, ("run_error",)), FAKE, options, work=work, oracle=known)
    try:
        measured = live.measure(
            [{"size": 2, "fault": "none"}, {"size": 3, "fault": "none"}, {"size": 2, "fault": "run_error"}]
        )
    finally:
        live.close()
    assert [m.latency_ms for m in measured] == [pytest.approx(0.02), pytest.approx(0.03), None]
    assert [m.oracle_ms for m in measured] == [0.5, pytest.approx(0.03), None]
    assert live.environment()["judged_by"] == {"landscape": "x"}
