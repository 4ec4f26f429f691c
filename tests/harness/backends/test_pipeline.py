"""Overlapping evaluations: the simulated clock against schedules computed by hand, and real processes."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.statistics.random_simulation import simulate
from harness.backends.cost_clock import Booked, CostClock
from harness.backends.live import LiveBackend
from harness.backends.pipeline import Completed, Pipeline, SimulatedPipeline
from harness.evaluation import Configuration, Measurement, Status
from harness.measure.work import SessionOptions
from tests.harness.measure.fakes import FAKE, FakeKernel, fake_work, space

Costs = tuple[float, float]


def of_costs(costs: Mapping[str, Costs]) -> Any:
    def measure(configuration: Configuration, _limits: object) -> Measurement:
        compile_s, device_s = costs[str(configuration["name"])]
        status = Status.OK if device_s else Status.COMPILE_ERROR
        return Measurement(status, compile_s=compile_s, benchmark_s=device_s)

    return measure


def run_all(pipeline: Pipeline, names: list[str]) -> list[Completed]:
    """Submit a configuration whenever a worker is free, until all are complete."""
    left, done, ticket = list(names), [], 0
    while True:
        if (completed := pipeline.completed()) is not None:
            done.append(completed)
        elif left and pipeline.free:
            pipeline.submit(ticket, {"name": left.pop(0)})
            ticket += 1
        elif len(done) < len(names):
            pipeline.wait(for_worker=bool(left))
        else:
            return done


def spans(done: list[Completed]) -> dict[int, tuple[float, float]]:
    return {completed.ticket: (completed.start_s, completed.end_s) for completed in done}


def test_a_worker_takes_the_next_when_it_is_free_and_the_device_the_first_that_compiled() -> None:
    costs = {"long": (5.0, 1.0), "short": (1.0, 3.0), "broken": (1.0, 0.0), "last": (2.0, 1.0)}
    done = run_all(SimulatedPipeline(2, of_costs(costs), {}, charge=False), ["long", "short", "broken", "last"])
    assert [completed.ticket for completed in done] == [2, 1, 3, 0]
    # the second worker: short 0-1, broken 1-2, last 2-4; the device: short 1-4, last 4-5, long 5-6
    assert spans(done) == {0: (0.0, 6.0), 1: (0.0, 4.0), 2: (1.0, 2.0), 3: (2.0, 5.0)}


def test_what_is_compiled_at_once_is_measured_in_the_order_asked() -> None:
    costs = dict.fromkeys("abc", (1.0, 1.0))
    done = run_all(SimulatedPipeline(3, of_costs(costs), {}, charge=False), ["a", "b", "c"])
    assert spans(done) == {0: (0.0, 2.0), 1: (0.0, 3.0), 2: (0.0, 4.0)}


def test_one_worker_compiles_while_the_device_measures() -> None:
    done = run_all(SimulatedPipeline(1, of_costs({"a": (1.0, 2.0), "b": (1.0, 2.0)}), {}, charge=False), ["a", "b"])
    assert spans(done) == {0: (0.0, 3.0), 1: (1.0, 5.0)}


@pytest.mark.parametrize("workers", [1, 3])
def test_nothing_is_compiled_far_ahead_of_the_device(workers: int) -> None:
    costs = {str(i): (0.01, 1.0) for i in range(20)}
    done = run_all(SimulatedPipeline(workers, of_costs(costs), {}, charge=False), list(costs))
    for completed in done:
        begun = sum(other.start_s <= completed.start_s < other.end_s for other in done)
        assert begun <= 2 * workers + 1
    assert max(completed.end_s for completed in done) == pytest.approx(20.01), "the device never waits for a compile"


@pytest.mark.parametrize("charge", [True, False])
def test_thinking_moves_the_clock_where_it_is_charged_and_stops_nobody(charge: bool) -> None:
    pipeline = SimulatedPipeline(2, of_costs({"a": (1.0, 1.0), "b": (1.0, 1.0)}), {}, charge)
    pipeline.submit(0, {"name": "a"})
    pipeline.asked(5.0)
    pipeline.submit(1, {"name": "b"})
    pipeline.wait(for_worker=False)
    first = pipeline.completed()
    assert first is not None and (first.ticket, first.end_s) == (0, 2.0)
    assert pipeline.now_s == (5.0 if charge else 2.0)


def test_what_is_known_is_not_measured_again() -> None:
    pipeline = SimulatedPipeline(1, of_costs({}), {0: Measurement(Status.OK, compile_s=2.0, benchmark_s=1.0)}, False)
    assert spans(run_all(pipeline, ["unheard of"])) == {0: (0.0, 3.0)}


@pytest.mark.parametrize("workers", [1, 4, 16])
def test_the_clock_is_that_of_the_exact_baseline(workers: int) -> None:
    """Evaluations end as in the simulation of ``analysis``, where a failure, which is no hit, ends in its turn."""
    rng = np.random.default_rng(workers)
    compile_s, device_s = rng.exponential(1.0, 60), rng.exponential(0.02, 60) * (rng.random(60) < 0.9)
    (searched,) = [simulate(compile_s, device_s, 60, 1, np.random.default_rng(1), workers)]
    costs = {str(i): (float(compile_s[i]), float(device_s[i])) for i in range(60)}
    done = run_all(SimulatedPipeline(workers, of_costs(costs), {}, False), list(map(str, searched.asked[0])))
    ends = {int(searched.asked[0][completed.ticket]): completed.end_s for completed in done}
    worked = [(row, end) for row, end in zip(searched.rows[0], searched.end_s[0], strict=True) if device_s[row] > 0]
    assert [ends[int(row)] for row, _ in worked] == pytest.approx([end for _, end in worked])
    assert max(ends.values()) == pytest.approx(searched.end_s.max())


OPTIONS = SessionOptions(compile_workers=3, compile_timeout_s=60, run_timeout_s=60)


@pytest.mark.slow
def test_real_processes_overlap_and_lose_nothing(tmp_path: Path) -> None:
    searched = space(8, ("compile_error", "compile_exit", "run_error"))
    backend = LiveBackend("fake", FakeKernel(str(tmp_path)), searched, FAKE, OPTIONS, work=fake_work(tmp_path))
    configurations = list(searched.enumerate())
    try:
        pipeline = backend.overlapped(3, [])
        done: list[Completed] = []
        ticket = most = 0
        while len(done) < len(configurations):
            if (completed := pipeline.completed()) is not None:
                done.append(completed)
            elif ticket < len(configurations) and pipeline.free:
                pipeline.submit(ticket, configurations[ticket])
                ticket += 1
                most = max(most, ticket - len(done))
            else:
                pipeline.wait(for_worker=ticket < len(configurations))
        pipeline.close()
    finally:
        backend.close()
    assert sorted(completed.ticket for completed in done) == list(range(len(configurations)))
    assert most >= 3, "as many are under way as there are workers"
    for completed in done:
        fault = configurations[completed.ticket]["fault"]
        expected = {"none": Status.OK, "compile_error": Status.COMPILE_ERROR, "compile_exit": Status.WORKER_CRASH,
                    "run_error": Status.RUNTIME_ERROR}[str(fault)]  # fmt: skip
        assert completed.measurement.status is expected
        assert 0.0 <= completed.start_s <= completed.end_s


def test_the_clock_of_real_events_is_the_simulated_one_where_they_come_in_its_order() -> None:
    rng = np.random.default_rng(5)
    measured = [
        Measurement(Status.OK, compile_s=float(c), benchmark_s=float(d))
        for c, d in zip(rng.exponential(1.0, 40), rng.exponential(0.05, 40), strict=True)
    ]
    simulated = SimulatedPipeline(
        3, lambda configuration, _: measured[int(str(configuration["name"]))], {}, charge=True
    )
    clock = CostClock(3, charge=True)
    events: list[tuple[float, int, int]] = []
    done, ticket, ends = 0, 0, []
    while done < len(measured):
        if (completed := simulated.completed()) is not None:
            while events and events[0][0] <= completed.end_s:
                _, _, number = heapq.heappop(events)
                clock.compiled(number, measured[number].compile_s)
            ends.append((completed.end_s, clock.completed(completed.ticket, completed.measurement).end_s))
            simulated.told(0.01)
            clock.told(0.01)
            done += 1
        elif ticket < len(measured) and simulated.free:
            while events and events[0][0] <= simulated.now_s:
                _, _, number = heapq.heappop(events)
                clock.compiled(number, measured[number].compile_s)
            simulated.asked(0.02)
            clock.asked(0.02, ahead=False)
            heapq.heappush(events, (simulated.now_s + measured[ticket].compile_s, ticket, ticket))
            simulated.submit(ticket, {"name": str(ticket)})
            clock.began(ticket)
            ticket += 1
        else:
            simulated.wait(for_worker=ticket < len(measured))
    assert [other for _, other in ends] == pytest.approx([end for end, _ in ends])


def test_a_swap_on_a_crowded_host_delays_nothing_on_the_cost_clock() -> None:
    clock = CostClock(2, charge=True)
    for ticket in (0, 1):
        clock.asked(0.1, ahead=False)
        clock.began(ticket)
    device = {
        0: Measurement(Status.OK, compile_s=9.0, benchmark_s=1.0),
        1: Measurement(Status.OK, compile_s=2.0, benchmark_s=1.0),
    }
    # the long compile really ended first, and was first on the device
    clock.compiled(0, 9.0)
    clock.compiled(1, 2.0)
    late = clock.completed(0, device[0])
    clock.told(0.1)
    early = clock.completed(1, device[1])
    assert (late.end_s, early.end_s) == pytest.approx((10.1, 3.2))
    clock.asked(0.1, ahead=False)  # the worker that is free at 2.2 s does not wait for what is told at 10.1 s
    clock.began(2)
    clock.compiled(2, 1.0)
    assert clock.completed(2, device[1]).start_s == pytest.approx(2.3)


def test_a_job_takes_the_first_gap_that_is_long_enough() -> None:
    device = Booked()
    assert device.take(0.0, 1.0) == 1.0
    assert device.take(3.0, 1.0) == 4.0
    assert device.take(0.5, 2.0) == 3.0  # from 1 to 3: fills the gap
    assert device.take(2.0, 0.5) == 4.5
    assert device.take(9.0, 0.0) == 9.0
    # against a search on a fine grid
    rng = np.random.default_rng(5)
    device, taken = Booked(), np.zeros(4000, dtype=bool)
    for release, length in zip(rng.integers(0, 1500, 60), rng.integers(1, 40, 60), strict=True):
        start = next(t for t in range(release, len(taken)) if not taken[t : t + length].any())
        taken[start : start + length] = True
        assert device.take(float(release), float(length)) == start + length
