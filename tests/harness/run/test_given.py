"""Runs that begin with given configurations: both loops, resuming, the record of them, and refusals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from harness.backends.live import LiveBackend
from harness.backends.replay import ReplayBackend
from harness.config.compose import Composer
from harness.errors import UserError
from harness.evaluation import Configuration, Evaluation
from harness.landscapes.landscape import read_landscape
from harness.run import contract
from harness.run.execute import execute
from harness.run.loop import run_loop
from harness.run.overlapped import run_overlapped
from harness.strategies.base import Budget, Strategy
from harness.strategies.genetic import Genetic
from harness.strategies.random import RandomSearch
from harness.system.digest import digest
from search_spaces.space import SearchSpace
from tests.harness.measure.fakes import lines_of
from tests.harness.run.test_overlapped import SPACE, live
from tests.harness.toy import write_toy
from tests.run_directory import content, faults

TASK = "toy-8x8-bf16__toy"
START: tuple[Configuration, ...] = (
    {"schedule": "split_k", "block": 32, "factor": 4, "order": (2, 0, 1)},
    {"schedule": "data_parallel", "block": 64, "order": (0, 1, 2)},
    {"schedule": "persistent", "block": 16, "ctas": 1, "order": (1, 0, 2)},
)


class Watched(RandomSearch):
    """A strategy that records how many configurations it was given, asked for and told."""

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space, np.random.SeedSequence(0), Budget())
        self.calls: list[tuple[str, int]] = []

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        self.calls.append(("start", len(evaluations)))
        super().start(evaluations)

    def ask(self, n: int) -> Sequence[Configuration]:
        self.calls.append(("ask", n))
        return super().ask(n)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        self.calls.append(("tell", len(evaluations)))


def replayed(tmp_path: Path) -> ReplayBackend:
    return ReplayBackend(read_landscape(write_toy(tmp_path)), np.random.SeedSequence(1))


def looped(
    strategy: Strategy, backend: ReplayBackend, evaluations: int, batch: int = 1, logged: Sequence[Evaluation] = ()
) -> list[Evaluation]:
    log = list(logged)
    rng = np.random.default_rng(0)
    run_loop(strategy, backend, Budget(evaluations), batch, rng, logged, log.extend, lambda _: None, START)
    return log


def overlapped(
    strategy: Strategy,
    backend: ReplayBackend | LiveBackend,
    evaluations: int,
    workers: int = 4,
    logged: Sequence[Evaluation] = (),
    ahead: bool = False,
    start: Sequence[Configuration] = START,
) -> list[Evaluation]:
    log = list(logged)
    how = (np.random.default_rng(0), logged, log.extend, lambda _: None, ahead, start)
    run_overlapped(strategy, backend, Budget(evaluations), workers, *how)
    return log


def genetic(space: SearchSpace) -> Strategy:
    return Genetic(space, np.random.SeedSequence(0), Budget(), population=6)


def same(log: Sequence[Evaluation]) -> list[Evaluation]:
    return [replace(e, ask_s=0.0, tell_s=0.0, wall_s=None, asks_s=tuple(0.0 for _ in e.asks_s or ())) for e in log]


@pytest.mark.parametrize(
    ("batch", "calls"),
    [
        (1, [("start", 1)] * 3 + [("ask", 1), ("tell", 1)] * 2),
        (2, [("start", 2), ("start", 1), ("ask", 2), ("tell", 2)]),
        (8, [("start", 3), ("ask", 2), ("tell", 2)]),
    ],
)
def test_what_is_given_comes_first_and_counts(tmp_path: Path, batch: int, calls: list[tuple[str, int]]) -> None:
    backend = replayed(tmp_path)
    strategy = Watched(backend.space)
    log = looped(strategy, backend, 5, batch)
    assert [e.configuration for e in log[:3]] == list(START) and len(log) == 5
    assert strategy.calls == calls
    assert [e.ask_s for e in log[:3]] == [0.0] * 3 and not any(e.repaired for e in log)


def test_a_budget_may_end_within_what_is_given(tmp_path: Path) -> None:
    for loop in (looped, overlapped):
        strategy = Watched((backend := replayed(tmp_path)).space)
        log = loop(strategy, backend, 2)
        assert len(log) == 2 and {call for call, _ in strategy.calls} == {"start"}


@pytest.mark.parametrize("batch", [1, 2, 7])
@pytest.mark.parametrize("cut", [0, 2, 3, 5, 20])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, batch: int, cut: int) -> None:
    backend = replayed(tmp_path)
    whole = looped(genetic(backend.space), backend, 20, batch)
    assert same(looped(genetic(backend.space), backend, 20, batch, whole[:cut])) == same(whole)


@pytest.mark.parametrize("ahead", [False, True])
def test_an_asynchronous_run_asks_once_all_that_was_given_is_told(tmp_path: Path, ahead: bool) -> None:
    strategy = Watched((backend := replayed(tmp_path)).space)
    log = overlapped(strategy, backend, 12, ahead=ahead)
    assert [call for call, _ in strategy.calls[:4]] == ["start", "start", "start", "ask"]
    assert [name for name, _ in strategy.calls].count("tell") == 9
    asked = {e.asked: e.configuration for e in log}
    assert [asked[i] for i in range(3)] == list(START) and len(log) == 12
    assert len({e.clock_start_s for e in log if e.asked is not None and e.asked < 3}) == 1, (
        "four workers take them at once"
    )


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("cut", [0, 1, 2, 3, 4, 20])
def test_a_resumed_asynchronous_run_is_the_uninterrupted_one(tmp_path: Path, workers: int, cut: int) -> None:
    backend = replayed(tmp_path)
    whole = overlapped(genetic(backend.space), backend, 20, workers)
    assert same(overlapped(genetic(backend.space), backend, 20, workers, whole[:cut])) == same(whole)


@pytest.mark.slow
def test_a_live_run_begins_with_it_too_and_measures_it_once(tmp_path: Path) -> None:
    start: list[Configuration] = [{"size": 3, "fault": "none"}, {"size": 4, "fault": "run_error"}]
    log: list[Evaluation] = []
    for folder, cut in (("a", 0), ("b", 3)):
        (tmp_path / folder).mkdir()
        backend = live(tmp_path / folder)
        try:
            log = overlapped(genetic(SPACE), backend, 8, 3, log[:cut], start=start)
        finally:
            backend.close()
        assert lines_of(tmp_path / folder, "compiled") == 8 - cut
    first = {e.asked: e for e in log}
    assert [first[i].configuration for i in (0, 1)] == start and [first[i].ok for i in (0, 1)] == [True, False]


# -- a run from its options ------------------------------------------------------------------------------------------


def listed(tmp_path: Path, configurations: Any = None) -> Path:
    file = tmp_path / "start.json"
    file.write_text(json.dumps([dict(each) for each in START] if configurations is None else configurations))
    return file


def run(tmp_path: Path, *overrides: str) -> Path:
    if not (path := tmp_path / f"{TASK}.parquet").exists():
        write_toy(tmp_path)
    one = Composer().single([
        f"backend.landscape={path}", f"results={tmp_path / 'results'}", "budget.evaluations=9", *overrides
    ])  # fmt: skip
    return execute(one.runs[0], one.options).path


@pytest.mark.parametrize("how", [["batch=2"], ["workers=3", "schedule=async"]])
def test_a_file_is_on_record_in_the_hash_and_in_the_log(tmp_path: Path, how: list[str]) -> None:
    path = run(tmp_path, "strategy=random", f"start={listed(tmp_path)}", *how)
    config = content(path / contract.CONFIG)
    plain = [{**each, "order": list(each["order"])} for each in START]  # type: ignore[call-overload]
    assert config["start"] == {"source": "file", "configurations": plain}
    names = [name for name in contract.DecidingDocument.__annotations__ if name in config]
    assert "start" in names and config["config_hash"] == digest({name: config[name] for name in names})
    assert faults(content(path / contract.CONFIG), "config.yaml") == []
    rows = pq.read_table(path / contract.EVALUATIONS).to_pylist()
    first = sorted(rows, key=lambda row: row["index"] if row["asked"] is None else row["asked"])[:3]
    assert [row["config.schedule"] for row in first] == [each["schedule"] for each in START] and len(rows) == 9
    assert execute_again(tmp_path, *how) == "skipped"


def execute_again(tmp_path: Path, *how: str) -> str:
    one = Composer().single([
        f"backend.landscape={tmp_path / f'{TASK}.parquet'}", f"results={tmp_path / 'results'}", "budget.evaluations=9",
        "strategy=random", f"start={tmp_path / 'start.json'}", *how,
    ])  # fmt: skip
    return execute(one.runs[0], one.options).ended


def test_without_it_config_yaml_says_nothing_of_it_and_another_run_is_refused(tmp_path: Path) -> None:
    path = run(tmp_path, "strategy=random")
    assert "start" not in yaml.safe_load((path / contract.CONFIG).read_text())
    with pytest.raises(UserError, match=r"holds a run of another configuration.*start was None, now {'source': 'file'"):
        run(tmp_path, "strategy=random", f"start={listed(tmp_path)}")


@pytest.mark.parametrize(
    ("configurations", "said"),
    [
        ([{"schedule": "split_k"}], r"\[0\]: parameter 'block' is active and has no value"),
        ([dict(START[1]), {**START[1], "block": 7}], r"\[1\]: block=7 is not among its values"),
        ([{**START[0], "block": 128, "factor": 8}], r"\[0\]: constraint 'block \* factor <= 512' is broken"),
        ([dict(START[1]), dict(START[1])], r"\[1\]: .* occurs twice"),
        ([{**START[1], "colour": "red"}], r"unknown parameter 'colour'"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_in_one_line(tmp_path: Path, configurations: Any, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        run(tmp_path, "strategy=random", f"start={listed(tmp_path, configurations)}")
    assert str(error.value).startswith(f"start={tmp_path / 'start.json'}: {TASK}: ") and "\n" not in str(error.value)
    assert not (tmp_path / "results" / TASK / "random").exists()


class Deaf:
    """A strategy without ``start``."""

    def __init__(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> None:
        self._search = RandomSearch(space, seed, budget)

    def ask(self, n: int) -> Sequence[Configuration]:
        return self._search.ask(n)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        self._search.tell(evaluations)


def test_a_strategy_that_cannot_be_given_any_is_refused_in_one_line(tmp_path: Path) -> None:
    deaf = f"strategy._target_={Deaf.__module__}.Deaf"
    with pytest.raises(UserError, match="strategy Deaf: Deaf cannot be given evaluations that it did not ask for"):
        run(tmp_path, deaf, f"start={listed(tmp_path)}")
    assert not (tmp_path / "results" / TASK / "Deaf").exists()
    assert (run(tmp_path, deaf) / contract.DONE).exists()


@pytest.mark.parametrize(
    ("start", "said"), [("default", "the task declares no default"), ("compiler", "no compiler suggests")]
)
def test_a_task_that_has_none_is_one_line(tmp_path: Path, start: str, said: str) -> None:
    with pytest.raises(UserError, match=f"start={start}: {TASK}: {said}"):
        run(tmp_path, "strategy=random", f"start={start}")


@pytest.mark.parametrize(
    ("task", "source"),
    [
        ("softmax-4096x2560-bf16", "task.default"),
        ("softmax-512x65536-bf16", "task.fallbacks[3]"),
        ("layernorm-32768x768-bf16", "task.fallbacks[0]"),
        ("matmul-128x4096x4096-bf16", "task.fallbacks[0]"),
        ("matmul-2048x2048x2048-bf16", "task.default"),
        ("attention-1x16x8192x64-full-fp16", "task.default"),
    ],
)
def test_a_tasks_default_or_the_fallback_of_its_shape(tmp_path: Path, task: str, source: str) -> None:
    one = Composer().single([f"task={task}", "start=default", "budget.evaluations=1", f"results={tmp_path}"])
    result = execute(one.runs[0], one.options)
    assert content(result.path / contract.CONFIG)["start"]["source"] == source
    assert result.evaluations == 1 and result.best_ms is not None


def test_a_default_that_a_sample_lacks_is_not_replaced(tmp_path: Path) -> None:
    one = Composer().single(["task=matmul-wide-2048x2048x2048-bf16", "start=default", f"results={tmp_path}"])
    with pytest.raises(UserError, match=r"task\.default: .* is not in the recorded sample"):
        execute(one.runs[0], one.options)
