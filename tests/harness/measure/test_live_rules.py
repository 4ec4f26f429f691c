"""Rules with real compiles and real samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.backends.live import LiveBackend
from harness.evaluation import Measurement, Status
from harness.measure.timing import Timing
from harness.measure.work import SessionOptions
from harness.rules import COMPILED_TOO_LONG, Limits
from tests.harness.measure.cpu.test_cpu_kernels import backend as cpu_backend
from tests.harness.measure.fakes import FAKE, FakeKernel, fake_work, lines_of, space

AMPLE_S = 300.0
"""Nothing that ends takes so long on any machine."""
OPTIONS = SessionOptions(compile_workers=2, compile_timeout_s=AMPLE_S, run_timeout_s=AMPLE_S)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveBackend]:
    """Charge 0.25 s for each compile."""
    searched = space(8, ("compile_hang", "out_of_resources"))
    backend = LiveBackend("fake", FakeKernel(str(tmp_path)), searched, FAKE, OPTIONS, work=fake_work(tmp_path))
    yield backend
    backend.close()


def check_ended(measurement: Measurement, limit_s: float) -> None:
    assert measurement == Measurement(Status.COMPILE_TIMEOUT, compile_s=limit_s, message=COMPILED_TOO_LONG)


def test_a_compile_ends_at_its_limit_by_the_clock_or_by_what_it_is_charged(live: LiveBackend, tmp_path: Path) -> None:
    hangs, fits = {"size": 1, "fault": "compile_hang"}, {"size": 2, "fault": "none"}
    (ended,) = live.measure_under([hangs], Limits(compile_s=0.5))
    check_ended(ended, 0.5)
    (charged,) = live.measure_under([fits], Limits(compile_s=0.2))
    check_ended(charged, 0.2)
    (too_big,) = live.measure_under([{"size": 3, "fault": "out_of_resources"}], Limits(compile_s=0.2))
    check_ended(too_big, 0.2)
    (measured,) = live.measure_under([fits], Limits(compile_s=AMPLE_S / 2))  # not remembered as a failure
    assert measured.status is Status.OK and measured.compile_s == 0.25
    assert lines_of(tmp_path, "abandoned") == 0


def test_each_configuration_has_limits_of_its_own_where_evaluations_overlap(live: LiveBackend) -> None:
    pipeline = live.overlapped(2, [])
    done = {}
    try:
        for ticket, limit_s in enumerate([0.2, AMPLE_S, 0.1]):
            while not pipeline.free:
                pipeline.wait(for_worker=True)
            pipeline.submit(ticket, {"size": ticket + 1, "fault": "none"}, Limits(compile_s=limit_s))
        while len(done) < 3:
            if (completed := pipeline.completed()) is None:
                pipeline.wait(for_worker=False)
            else:
                done[completed.ticket] = completed
    finally:
        pipeline.close()
    check_ended(done[0].measurement, 0.2)
    check_ended(done[2].measurement, 0.1)
    assert done[1].measurement.status is Status.OK
    assert [done[t].end_s - done[t].start_s for t in (0, 2)] == pytest.approx([0.2, 0.1])


class Tape:
    """Return the samples of a sequence; the first is the look."""

    def __init__(self, samples: list[float]) -> None:
        self.left, self.calls = list(samples), 0

    def __call__(self, n: int) -> list[float]:
        self.calls += 1
        taken, self.left = self.left[:n], self.left[n:]
        assert len(taken) == n
        return taken


def test_samples_are_those_without_the_test_up_to_where_it_ends() -> None:
    rng, limits, shorter = np.random.default_rng(0), Limits(incumbent_ms=0.1, sample_error=0.01), 0
    for _ in range(300):
        centre = rng.uniform(0.09, 0.12)
        tape = (centre * rng.normal(1, 0.05, 200)).tolist()
        whole = Timing().collect(Tape(tape), 0.1)
        under = Timing().collect(taking := Tape(tape), 0.1, limits=limits)
        assert under == whole[: limits.samples_taken(whole)]
        assert taking.calls <= 2 + len(under)
        shorter += len(under) < len(whole)
    assert 50 < shorter < 300
    assert len(Timing().collect(Tape([0.2] * 99), 0.1, limits=limits)) == 8
    assert Timing().collect(Tape([0.2] * 99), None, limits=limits) == [0.2] * 8  # the limits know their own incumbent


@pytest.mark.slow
def test_a_kernel_that_is_slower_than_the_incumbent_gets_eight_samples() -> None:
    live = cpu_backend(timing=Timing(samples=30, max_samples=30, budget_s=600.0), compile_timeout_s=AMPLE_S)
    try:
        (without, under, faster) = (
            live.measure_under([{"sleep": sleep, "fault": "none"}], Limits(incumbent_ms=ms, sample_error=0.01))[0]
            for sleep, ms in ((1, None), (2, 0.5), (3, 1e6))
        )
    finally:
        live.close()
    assert [len(one.samples_ms) for one in (without, under, faster)] == [30, 8, 30]
