"""Both run loops with a backend of chosen numbers, under a clock that advances a second at each reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np
import pytest

from harness.backends.base import measured
from harness.backends.pipeline import Pipeline, pipeline_of
from harness.evaluation import (
    Budget,
    Configuration,
    DeviceState,
    Evaluation,
    Measurement,
    Status,
)
from harness.rules import Limits, Rules
from harness.run import loop, overlapped
from harness.run.clock import Span, schedule
from harness.run.loop import run_loop
from harness.run.outcome import spent
from harness.run.overlapped import run_overlapped
from harness.run.successes import Successes
from harness.run.utilisation import utilisation
from search_spaces.parameter import Integer
from search_spaces.space import SearchSpace

SPACE = SearchSpace([Integer("i", 0, 19)])
STATE = DeviceState(1500, 40, 4)


def measurement(i: int) -> Measurement:
    """A measurement: 3 s to compile, 0.5 s to verify, i / 4 s to time; every fifth fails to compile."""
    if i % 5 == 4:
        return Measurement(Status.COMPILE_ERROR, compile_s=3.0, message=f"bad {i}", setup_s=0.1)
    return Measurement(
        Status.OK, (i + 1.0, i + 3.0), i + 2.0, i + 1.5, 3.0, 0.5, i / 4, "", STATE, alias=i % 2 == 1, setup_s=0.25
    )


class Fixed:
    """A backend that returns :func:`measurement` and records its calls."""

    task, space = "fixed__here", SPACE

    def __init__(self, workers: int = 1, charge_ask: bool = False) -> None:
        self.compile_workers, self.charge_ask = workers, charge_ask
        self.happened: list[Any] = []

    def start(self) -> None:
        self.happened.append("start")

    def measure(self, configurations: Sequence[Configuration]) -> list[Measurement]:
        self.happened.append([c["i"] for c in configurations])
        return [measurement(int(str(c["i"]))) for c in configurations]

    def measure_under(self, configurations: Sequence[Configuration], limits: Limits) -> list[Measurement]:
        self.happened.append(limits)
        return self.measure(configurations)

    def identity(self) -> Mapping[str, Any]:
        return {}

    environment = identity

    def reference(self) -> None:
        return None

    def close(self) -> None:
        pass


class Counting:
    """A strategy that asks for 0, 1, 2, … up to ``end``, and records asks, ``tell`` and ``start``."""

    def __init__(self, end: int = 20, first: int = 0) -> None:
        self.next, self.end = first, end
        self.asked: list[int] = []
        self.told: list[Evaluation] = []
        self.started: list[list[int]] = []

    def ask(self, n: int) -> Sequence[Configuration]:
        self.asked.append(n)
        first, self.next = self.next, min(self.next + n, self.end)
        return [{"i": i} for i in range(first, self.next)]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        self.told += evaluations

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        self.started.append([int(str(e.configuration["i"])) for e in evaluations])


@pytest.fixture(autouse=True)
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (loop, overlapped):
        ticks = count(1)
        monkeypatch.setattr(module, "perf_counter", lambda ticks=ticks: float(next(ticks)))


def ran(
    strategy: Counting, backend: Fixed, budget: Budget, batch: int = 1, logged: Sequence[Evaluation] = (), **more: Any
) -> tuple[str, list[Evaluation], list[int]]:
    """Run a loop; return how it ended, what was appended, and which evaluations were reported as progress."""
    appended: list[Evaluation] = []
    seen: list[int] = []
    ended = run_loop(
        strategy, backend, budget, batch, np.random.default_rng(0), logged, appended.extend,
        lambda e: seen.append(e.index), **more,
    )  # fmt: skip
    return ended, appended, seen


def test_every_number_of_an_evaluation_is_the_measurements_or_the_clocks() -> None:
    strategy, backend = Counting(), Fixed(workers=2)
    ended, log, seen = ran(strategy, backend, Budget(7), batch=3)
    assert ended == "budget" and seen == list(range(7)) and strategy.asked == [3, 3, 1]
    assert backend.happened == ["start", [0, 1, 2], [3, 4, 5], [6]]
    spans = schedule([measurement(i) for i in range(3)], 2, 0.0)
    spans += schedule([measurement(i) for i in range(3, 6)], 2, max(s.end_s for s in spans))
    spans += schedule([measurement(6)], 2, max(s.end_s for s in spans))
    for i, (e, span) in enumerate(zip(log, spans, strict=True)):
        m = measurement(i)
        assert (e.index, e.configuration, e.status, e.samples_ms) == (i, {"i": i}, m.status, m.samples_ms)
        assert (e.latency_ms, e.oracle_ms) == (m.latency_ms, m.oracle_ms)
        assert (e.compile_s, e.verify_s, e.benchmark_s) == (m.compile_s, m.verify_s, m.benchmark_s)
        assert (e.message, e.device_state, e.alias, e.setup_s) == (m.message, m.device_state, m.alias, m.setup_s)
        assert Span(e.clock_start_s, e.clock_end_s) == span
        assert (e.repaired, e.asked, e.asks_s) == (False, None, None)
        size = 1 if i == 6 else 3  # a second for the ask and one for the tell; five looks a round, one more at first
        assert (e.ask_s, e.tell_s) == (1 / size, 1 / size) and e.wall_s == (6 if i < 3 else 5) / size
    for told, e in zip(strategy.told, log, strict=True):
        assert (told.index, told.latency_ms, told.ask_s, told.tell_s) == (e.index, e.latency_ms, e.ask_s, 0.0)
        assert told.oracle_ms is None and told.wall_s is None


def test_the_start_of_a_device_is_in_no_evaluations_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(loop, "perf_counter", lambda: now[0])

    class Slow(Fixed):
        def start(self) -> None:
            now[0] += 30.0

        def measure(self, configurations: Sequence[Configuration]) -> list[Measurement]:
            now[0] += 4.0
            return super().measure(configurations)

    _, log, _ = ran(Counting(), Slow(), Budget(3))
    assert [e.wall_s for e in log] == [4.0, 4.0, 4.0]


def test_thinking_is_on_the_clock_where_it_is_charged_also_in_a_resumed_run() -> None:
    _, log, _ = ran(Counting(), Fixed(charge_ask=True), Budget(4), batch=2)
    batch = schedule([measurement(0), measurement(1)], 1, 1.0)  # the ask took a second
    assert [Span(e.clock_start_s, e.clock_end_s) for e in log[:2]] == batch
    assert log[2].clock_start_s == batch[1].end_s + 1.0 + 1.0, "a second to tell, another to ask"
    resumed = Counting()
    _, again, seen = ran(resumed, Fixed(charge_ask=True), Budget(6), batch=2, logged=log)
    assert seen == list(range(6)) and [e.index for e in again] == [4, 5] and strategy_knows(resumed) == list(range(6))
    assert again[0].clock_start_s == log[3].clock_end_s + 2.0
    part = Fixed()
    _, rest, _ = ran(Counting(), part, Budget(4), batch=2, logged=ran(Counting(), Fixed(), Budget(3), batch=2)[1])
    assert [e.index for e in rest] == [3] and [each for each in part.happened if each] == ["start", [3]]


def strategy_knows(strategy: Counting) -> list[int]:
    return [e.index for e in strategy.told]


def test_a_run_whose_log_is_whole_starts_no_device() -> None:
    _, log, _ = ran(Counting(), Fixed(), Budget(4), batch=2)
    backend = Fixed()
    ended, appended, seen = ran(Counting(), backend, Budget(4), batch=2, logged=log)
    assert (ended, appended, seen) == ("budget", [], [0, 1, 2, 3]) and "start" not in backend.happened
    backend = Fixed()
    overlapping(Counting(), backend, Budget(4), logged=overlapping(Counting(), Fixed(), Budget(4))[1])
    assert backend.happened == []


@pytest.mark.parametrize("seconds", [4.5, 4.6])
def test_seconds_end_a_run_when_they_are_reached(seconds: float) -> None:
    """The first evaluation takes 3.5 s, the second 3.75 s."""
    assert len(ran(Counting(), Fixed(), Budget(None, 3.5))[1]) == 1
    assert len(ran(Counting(), Fixed(), Budget(None, seconds))[1]) == 2
    assert [spent(Budget(2, 4.0), n, s) for n, s in ((1, 3.9), (2, 0.0), (1, 4.0), (3, 9.0))] == [
        False,
        True,
        True,
        True,
    ]
    assert not spent(Budget(None, None), 10**9, 1e9)


def test_what_is_given_comes_first_and_is_told_as_such() -> None:
    strategy = Counting(first=10)
    _, log, _ = ran(strategy, Fixed(), Budget(7), batch=3, start=[{"i": i} for i in (5, 6, 7, 8)])
    assert strategy.started == [[5, 6, 7], [8]] and strategy.asked == [3]
    assert [e.configuration["i"] for e in log] == [5, 6, 7, 8, 10, 11, 12]
    assert [e.ask_s for e in log] == [0.0] * 4 + [1 / 3] * 3


class Greedy(Counting):
    def ask(self, n: int) -> Sequence[Configuration]:
        return [{"i": i} for i in range(n + 1)]


def test_a_strategy_that_says_too_much_or_nothing() -> None:
    for run in (ran, overlapping):
        assert run(Counting(end=4), Fixed(), Budget(9))[0] == "exhausted"
        with pytest.raises(ValueError, match=r"Counting\.ask\(1\) returned nothing at the first ask"):
            run(Counting(end=0), Fixed(), Budget(9))
        greedy = Greedy()
        with pytest.raises(ValueError, match=r"Greedy\.ask\(1\) returned 2 configurations"):
            run(greedy, Fixed(), Budget(9))


def test_rules_go_by_what_was_told() -> None:
    rules = Rules(compile_factor=2.0, compile_after=2, sample_error=0.01)
    one, two = Limits(incumbent_ms=3.0, sample_error=0.01), Limits(6.0, 3.0, 0.01)
    for run, expected in ((ran, [Limits(), one, two]), (overlapping, [Limits(), Limits(), one])):
        backend = Fixed()
        run(Counting(first=1), backend, Budget(3), rules=rules)
        assert [each for each in backend.happened if isinstance(each, Limits)] == expected
    assert measured(Fixed(), [{"i": 0}], None) == [measurement(0)]
    without = Successes(None)
    without.tell([])
    assert without.limits() is None


def overlapping(
    strategy: Counting, backend: Fixed, budget: Budget, workers: int = 1, logged: Sequence[Evaluation] = (), **more: Any
) -> tuple[str, list[Evaluation], list[int]]:
    log = list(logged)
    seen: list[int] = []
    ended = run_overlapped(
        strategy, backend, budget, workers, np.random.default_rng(0), logged, log.extend,
        lambda e: seen.append(e.index), **more,
    )  # fmt: skip
    assert seen == [e.index for e in log] == list(range(len(log)))
    return ended, log, seen


def test_overlapped_by_hand() -> None:
    """Two workers compile for 3 s each; the second result waits until the device has timed the first."""
    strategy = Counting()
    ended, log, _ = overlapping(strategy, Fixed(), Budget(4), workers=2)
    assert ended == "budget" and [e.asked for e in log] == [0, 1, 2, 3]
    assert [Span(e.clock_start_s, e.clock_end_s) for e in log] == [
        Span(0.0, 3.5), Span(0.0, 4.25), Span(3.0, 7.0), Span(3.0, 8.25)
    ]  # fmt: skip
    assert [e.asks_s for e in log] == [(1.0, 1.0, 1.0, 1.0), (), (), ()] and [e.ask_s for e in log] == [1.0] * 4
    assert [e.tell_s for e in log] == [1.0] * 4 and [e.oracle_ms for e in log] == [1.5, 2.5, 3.5, 4.5]
    assert all(e.oracle_ms is None and e.tell_s == 0.0 for e in strategy.told)
    first, second = (e.wall_s for e in log[:2])
    assert first is not None and second == 3.0 and first > second


def test_overlapped_thinking_is_on_the_clock_where_it_is_charged() -> None:
    """One worker: 1 s to ask, 3 s to compile, half a second and more on the device, 1 s to tell."""
    _, log, _ = overlapping(Counting(), Fixed(charge_ask=True), Budget(2))
    assert [Span(e.clock_start_s, e.clock_end_s) for e in log] == [Span(1.0, 4.5), Span(5.0, 8.75)]


def test_overlapped_an_ask_that_returns_nothing_is_charged_like_any_other() -> None:
    charged: list[float] = []

    class Own(Fixed):
        def overlapped(self, workers: int, logged: Sequence[Evaluation]) -> Pipeline:
            made = pipeline_of(Fixed(), workers, logged)
            vars(made)["asked"] = charged.append
            return made

    strategy = Counting(end=2)
    ended, log, _ = overlapping(strategy, Own(), Budget(4))
    assert (ended, len(log), charged) == ("exhausted", 2, [1.0] * len(strategy.asked)) and len(charged) > 2


def test_overlapped_a_pipeline_is_closed_however_the_run_ends() -> None:
    closed: list[str] = []

    class Own(Fixed):
        def overlapped(self, workers: int, logged: Sequence[Evaluation]) -> Pipeline:
            made = pipeline_of(Fixed(), workers, logged)
            vars(made)["close"] = lambda: closed.append("closed")
            return made

    overlapping(Counting(), Own(), Budget(2))
    with pytest.raises(ValueError, match="nothing at the first ask"):
        overlapping(Counting(end=0), Own(), Budget(2))
    assert closed == ["closed", "closed"]


def test_overlapped_what_is_given_is_told_before_the_first_ask() -> None:
    strategy = Counting(first=10)
    _, log, _ = overlapping(strategy, Fixed(), Budget(5), workers=2, start=[{"i": 5}, {"i": 6}, {"i": 7}])
    assert strategy.started == [[5], [6], [7]] and [e.configuration["i"] for e in log] == [5, 6, 7, 10, 11]
    told = max(e.clock_end_s for e in log[:3])
    assert [e.clock_start_s for e in log[3:]] == [told, told], "the strategy is asked when it knows all of them"
    assert [e.ask_s for e in log] == [0.0, 0.0, 0.0, 1.0, 1.0]


def test_workers_are_busy_until_the_last_compile_begins() -> None:
    _, log, _ = ran(Counting(), Fixed(workers=2), Budget(4), batch=4)  # compiles 0-3 and 0-3, then 3-6 and 3-6
    assert utilisation(log, 2) == 1.0 and utilisation(log, 4) == 0.5
    assert utilisation(log[:2], 2) is None and utilisation([], 2) is None
    _, alone, _ = ran(Counting(), Fixed(), Budget(2))  # compiles 0-3 and 3.5-6.5
    assert utilisation(alone, 1) == pytest.approx(3.0 / 3.5)


def test_a_clock_by_hand_with_verification_and_more_workers_than_compiles() -> None:
    batch = [
        Measurement(Status.OK, compile_s=c, verify_s=v, benchmark_s=b) for c, v, b in ((4, 1, 2), (1, 2, 0), (2, 0, 3))
    ]
    assert schedule(batch, 8, 10.0) == [Span(10.0, 19.0), Span(10.0, 13.0), Span(10.0, 16.0)]
    assert schedule(batch[:1], 8, 10.0) == [Span(10.0, 17.0)]
