"""The run loop: budgets, batches, repairs, resuming."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.backends.pipeline import TraceDiverged
from harness.backends.replay import ReplayBackend
from harness.evaluation import Configuration, Evaluation, Status
from harness.landscapes.landscape import read_landscape
from harness.run.loop import run_loop
from harness.strategies.base import Budget, Strategy
from harness.strategies.random import RandomSearch
from search_spaces.space import SearchSpace
from tests.harness.toy import write_toy


@pytest.fixture
def backend(tmp_path: Path) -> ReplayBackend:
    return ReplayBackend(read_landscape(write_toy(tmp_path)), np.random.SeedSequence(1))


def looped(
    strategy: Strategy, backend: ReplayBackend, budget: Budget, batch: int = 1, logged: Sequence[Evaluation] = ()
) -> tuple[str, list[Evaluation]]:
    log = list(logged)
    rng = np.random.default_rng(0)
    ended = run_loop(strategy, backend, budget, batch, rng, logged, log.extend, lambda _: None)
    return ended, log


def random_search(space: SearchSpace, seed: int = 0) -> Strategy:
    return RandomSearch(space=space, seed=np.random.SeedSequence(seed), budget=Budget(10))


class Scripted:
    """A strategy that asks for given configurations and remembers what it was told."""

    def __init__(self, script: Sequence[Configuration]) -> None:
        self.script = list(script)
        self.told: list[Evaluation] = []

    def ask(self, n: int) -> list[Configuration]:
        asked, self.script = self.script[:n], self.script[n:]
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        self.told += evaluations


def without_thinking(log: Sequence[Evaluation]) -> list[Evaluation]:
    return [replace(evaluation, ask_s=0.0, tell_s=0.0, wall_s=None) for evaluation in log]


@pytest.mark.parametrize("batch", [1, 7])
def test_the_budget_ends_it_to_the_evaluation(backend: ReplayBackend, batch: int) -> None:
    ended, log = looped(random_search(backend.space), backend, Budget(30), batch)
    assert ended == "budget"
    assert [evaluation.index for evaluation in log] == list(range(30))


def test_seconds_end_it_once_the_clock_has_reached_them(backend: ReplayBackend) -> None:
    ended, log = looped(random_search(backend.space), backend, Budget(None, 20.0))
    assert ended == "budget"
    assert log[-2].clock_end_s < 20.0 <= log[-1].clock_end_s


def test_an_exhausted_strategy_ends_it(backend: ReplayBackend) -> None:
    ended, log = looped(random_search(backend.space), backend, Budget(10**6))
    assert ended == "exhausted"
    assert len({backend.space.key(evaluation.configuration) for evaluation in log}) == backend.space.size


def test_the_clock_adds_recorded_costs(backend: ReplayBackend) -> None:
    _, log = looped(random_search(backend.space), backend, Budget(50))
    costs = np.cumsum([e.compile_s + e.verify_s + e.benchmark_s for e in log])
    assert [e.clock_end_s for e in log] == pytest.approx(costs.tolist())
    assert [e.clock_start_s for e in log] == pytest.approx([0.0, *costs[:-1].tolist()])


def test_thinking_is_charged_on_request(backend: ReplayBackend) -> None:
    backend.charge_ask = True
    _, log = looped(random_search(backend.space), backend, Budget(20))
    spent = sum(e.compile_s + e.verify_s + e.benchmark_s + e.ask_s + e.tell_s for e in log)
    assert log[-1].clock_end_s + log[-1].tell_s == pytest.approx(spent)


def test_the_oracle_stays_hidden_from_the_strategy(backend: ReplayBackend) -> None:
    strategy = Scripted(list(backend.space.enumerate())[:40])
    _, log = looped(strategy, backend, Budget(40))
    assert any(evaluation.oracle_ms is not None for evaluation in log)
    assert all(evaluation.oracle_ms is None for evaluation in strategy.told)
    assert [e.latency_ms for e in strategy.told] == [e.latency_ms for e in log]


def test_infeasible_and_repeated_proposals_are_repaired_and_counted(backend: ReplayBackend) -> None:
    good = next(iter(backend.space.enumerate()))
    broken = {**good, "block": 48, "factor": 3}
    strategy = Scripted([good, good, broken])
    _, log = looped(strategy, backend, Budget(3))
    assert [evaluation.repaired for evaluation in log] == [False, True, True]
    assert len({backend.space.key(evaluation.configuration) for evaluation in log}) == 3
    assert log[0].configuration == good
    changed = [name for name in good if log[1].configuration.get(name) != good[name]]
    assert len(changed) == 1


def test_failures_are_told_with_their_status_and_cost(backend: ReplayBackend) -> None:
    _, log = looped(random_search(backend.space), backend, Budget(10**6))
    failed = [evaluation for evaluation in log if not evaluation.ok]
    assert {evaluation.status for evaluation in failed} > {Status.COMPILE_ERROR, Status.RUN_TIMEOUT}
    assert all(e.latency_ms is None and e.message and e.compile_s > 0 for e in failed)


@pytest.mark.parametrize(("batch", "cut"), [(1, 0), (1, 13), (6, 12), (6, 15), (6, 30)])
def test_a_resumed_run_is_the_uninterrupted_one(backend: ReplayBackend, tmp_path: Path, batch: int, cut: int) -> None:
    _, whole = looped(random_search(backend.space), backend, Budget(30), batch)
    again = ReplayBackend(read_landscape(write_toy(tmp_path)), np.random.SeedSequence(1))
    _, resumed = looped(random_search(again.space), again, Budget(30), batch, whole[:cut])
    assert without_thinking(resumed) == without_thinking(whole)
    assert resumed[: cut // batch * batch] == whole[: cut // batch * batch]


def test_a_log_of_another_trace_is_noticed(backend: ReplayBackend) -> None:
    _, other = looped(random_search(backend.space, 1), backend, Budget(10))
    with pytest.raises(TraceDiverged, match="evaluation 0"):
        looped(random_search(backend.space, 0), backend, Budget(10), logged=other)


def test_too_many_proposals_are_an_error(backend: ReplayBackend) -> None:
    configurations = list(backend.space.enumerate())
    strategy = Scripted(configurations)
    greedy: Callable[[int], list[Configuration]] = lambda n: configurations[: n + 1]  # noqa: E731
    strategy.ask = greedy  # type: ignore[method-assign]
    with pytest.raises(ValueError, match=r"ask\(1\) returned 2"):
        looped(strategy, backend, Budget(3))
