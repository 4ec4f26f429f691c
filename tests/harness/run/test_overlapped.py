"""The asynchronous run loop: order of events, budgets, resuming, and the strategy's view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.backends.live import LiveBackend
from harness.backends.pipeline import TraceDiverged
from harness.backends.replay import ReplayBackend
from harness.evaluation import Configuration, Evaluation, Status
from harness.landscapes.landscape import read_landscape
from harness.measure.work import SessionOptions
from harness.run.overlapped import run_overlapped
from harness.strategies.base import Budget, Strategy
from harness.strategies.genetic import Genetic
from harness.strategies.random import RandomSearch
from search_spaces.space import SearchSpace
from tests.harness.measure.fakes import FAKE, FakeKernel, fake_work, lines_of, space
from tests.harness.toy import write_toy


@pytest.fixture
def backend(tmp_path: Path) -> ReplayBackend:
    return ReplayBackend(read_landscape(write_toy(tmp_path)), np.random.SeedSequence(1))


def looped(
    strategy: Strategy,
    backend: ReplayBackend | LiveBackend,
    budget: Budget,
    workers: int = 4,
    logged: Sequence[Evaluation] = (),
    ahead: bool = False,
) -> tuple[str, list[Evaluation]]:
    log = list(logged)
    rng = np.random.default_rng(0)
    ended = run_overlapped(strategy, backend, budget, workers, rng, logged, log.extend, lambda _: None, ahead)
    return ended, log


def genetic(space: SearchSpace, seed: int = 0) -> Strategy:
    return Genetic(space, np.random.SeedSequence(seed), Budget(60), population=6)


class Watcher:
    """Random search that records what it was told before each of its asks."""

    def __init__(self, space: SearchSpace) -> None:
        self._search = RandomSearch(space, np.random.SeedSequence(0), Budget(60))
        self.told: list[Evaluation] = []
        self.known: list[int] = []

    def ask(self, n: int) -> Sequence[Configuration]:
        assert n == 1
        self.known.append(len(self.told))
        return self._search.ask(n)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        (evaluation,) = evaluations
        self.told.append(evaluation)


def without_thinking(log: Sequence[Evaluation]) -> list[Evaluation]:
    return [replace(e, ask_s=0.0, tell_s=0.0, wall_s=None, asks_s=tuple(0.0 for _ in e.asks_s or ())) for e in log]


def test_evaluations_overlap_and_each_ask_knows_all_that_is_complete(backend: ReplayBackend) -> None:
    strategy = Watcher(backend.space)
    ended, log = looped(strategy, backend, Budget(40))
    assert ended == "budget" and [e.index for e in log] == list(range(40))
    assert sorted(e.asked for e in log if e.asked is not None) == list(range(40))
    ends = [e.clock_end_s for e in log]
    assert ends == sorted(ends)
    by_ask = {e.asked: e for e in log}
    for number, known in enumerate(strategy.known):
        assert known == sum(end <= by_ask[number].clock_start_s for end in ends)
    for number in range(40):  # four workers: a compile starts when one is free, and not before
        start = by_ask[number].clock_start_s
        compiling = sum(e.clock_start_s < start < e.clock_start_s + e.compile_s for e in log)
        assert compiling <= 3 and (number < 4 or compiling == 3)


def test_the_log_says_between_which_tells_each_ask_was(backend: ReplayBackend) -> None:
    strategy = Watcher(backend.space)
    _, log = looped(strategy, backend, Budget(40))
    known = [told for told, evaluation in enumerate(log) for _ in evaluation.asks_s or ()]
    assert known == strategy.known


def test_the_oracle_stays_hidden(backend: ReplayBackend) -> None:
    strategy = Watcher(backend.space)
    _, log = looped(strategy, backend, Budget(20))
    assert all(e.oracle_ms is None for e in strategy.told) and any(e.oracle_ms is not None for e in log)


def test_no_ask_once_the_clock_has_reached_the_budget(backend: ReplayBackend) -> None:
    ended, log = looped(Watcher(backend.space), backend, Budget(None, 5.0))
    assert ended == "budget"
    assert max(e.clock_start_s for e in log) < 5.0 < max(e.clock_end_s for e in log)


def test_an_exhausted_strategy_ends_it(backend: ReplayBackend) -> None:
    ended, log = looped(RandomSearch(backend.space, np.random.SeedSequence(0), Budget(9)), backend, Budget(10**6))
    assert ended == "exhausted" and len(log) == backend.space.size


def test_a_strategy_that_waits_for_its_generation_is_asked_again(backend: ReplayBackend) -> None:
    class Generations:
        """A strategy that evaluates generations of three."""

        def __init__(self) -> None:
            self.left = list(backend.space.enumerate())
            self.pending, self.room = 0, 3

        def ask(self, n: int) -> Sequence[Configuration]:
            assert n == 1
            if not self.room:
                return []
            self.room -= 1
            self.pending += 1
            return [self.left.pop()]

        def tell(self, evaluations: Sequence[Evaluation]) -> None:
            self.pending -= len(evaluations)
            if not self.pending and not self.room:
                self.room = 3

    ended, log = looped(Generations(), backend, Budget(12), workers=8)
    assert ended == "budget" and len(log) == 12
    starts = sorted(e.clock_start_s for e in log)
    assert len(set(starts)) == 4 and starts[0] == starts[2] < starts[3]


@pytest.mark.parametrize("cut", [0, 1, 17, 39, 40])
@pytest.mark.parametrize("ahead", [False, True])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, cut: int, ahead: bool) -> None:
    landscape = read_landscape(write_toy(tmp_path))
    logs = []
    for logged in ([], None):
        backend = ReplayBackend(landscape, np.random.SeedSequence(1))
        before = logs[0][:cut] if logged is None else []
        logs.append(looped(genetic(backend.space), backend, Budget(40), logged=before, ahead=ahead)[1])
    assert without_thinking(logs[0]) == without_thinking(logs[1])


def test_a_resumed_run_whose_thinking_is_charged_follows_its_log(tmp_path: Path) -> None:
    landscape = read_landscape(write_toy(tmp_path))
    whole, resumed = (ReplayBackend(landscape, np.random.SeedSequence(1), charge_ask=True) for _ in range(2))
    _, log = looped(genetic(whole.space), whole, Budget(40))
    _, again = looped(genetic(resumed.space), resumed, Budget(40), logged=log[:20])
    assert again[:20] == log[:20] and len(again) == 40


def test_a_log_of_another_trace_is_noticed(backend: ReplayBackend) -> None:
    _, other = looped(genetic(backend.space, 1), backend, Budget(10))
    with pytest.raises(TraceDiverged, match="the log has"):
        looped(genetic(backend.space, 0), backend, Budget(10), logged=other)
    _, log = looped(genetic(backend.space, 0), backend, Budget(10))
    swapped = [replace(log[0], asked=log[1].asked, configuration=log[1].configuration), log[0], *log[2:]]
    with pytest.raises(TraceDiverged):
        looped(genetic(backend.space, 0), backend, Budget(10), logged=swapped)


def test_asking_ahead_knows_less_and_keeps_workers_busy(tmp_path: Path) -> None:
    landscape = read_landscape(write_toy(tmp_path))
    known = []
    for ahead in (False, True):
        strategy = Watcher(landscape.space)
        looped(strategy, ReplayBackend(landscape, np.random.SeedSequence(1)), Budget(40), ahead=ahead)
        known.append(strategy.known)
    assert all(early <= late for late, early in zip(*known, strict=True)) and known[0] != known[1]


OPTIONS = SessionOptions(compile_workers=3, compile_timeout_s=60, run_timeout_s=60)
SPACE = space(10, ("compile_error", "run_error"))


def live(folder: Path) -> LiveBackend:
    return LiveBackend("fake", FakeKernel(str(folder)), SPACE, FAKE, OPTIONS, work=fake_work(folder))


def test_a_live_run_is_resumed_without_measuring_again(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    backend = live(tmp_path / "a")
    try:
        _, log = looped(genetic(SPACE), backend, Budget(20), workers=3)
    finally:
        backend.close()
    assert len(log) == 20 and lines_of(tmp_path / "a", "compiled") == 20
    backend = live(tmp_path / "b")
    try:
        _, again = looped(genetic(SPACE), backend, Budget(20), workers=3, logged=log[:12])
    finally:
        backend.close()
    assert again[:12] == log[:12] and len(again) == 20
    assert lines_of(tmp_path / "b", "compiled") == 8
    assert all(e.clock_start_s >= log[11].clock_end_s for e in again[12:])
    assert len({SPACE.key(e.configuration) for e in again}) == 20


def test_a_live_run_goes_on_when_every_worker_was_lost_at_once(tmp_path: Path) -> None:
    every = space(4, ("compile_hang",))
    hangs = every.restricted(every.encode_many([c for c in every.enumerate() if c["fault"] == "compile_hang"]))
    options = SessionOptions(compile_workers=1, compile_timeout_s=0.2, run_timeout_s=5.0)
    backend = LiveBackend("fake", FakeKernel(str(tmp_path)), hangs, FAKE, options, work=fake_work(tmp_path))
    try:
        ended, log = looped(RandomSearch(hangs, np.random.SeedSequence(0), Budget(3)), backend, Budget(3), workers=1)
    finally:
        backend.close()
    assert (ended, len(log)) == ("budget", 3)
    assert {evaluation.status for evaluation in log} == {Status.COMPILE_TIMEOUT}
