"""A finished run continues with a larger budget, or says why not, and loses nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from harness.backends.replay import ReplayBackend
from harness.config.compose import Composer
from harness.config.source import Source
from harness.errors import Busy, OtherRun, Unwritable, UserError
from harness.run import execute as execute_module
from harness.run import extension
from harness.run.execute import RunResult, execute
from harness.run.source_files import observed
from harness.run.state import State, run_state
from harness.system.lease import Lease
from harness.tuning.of_run import outcome_of_run
from tests.harness.toy import write_toy

MEASURED = {"ask_s", "tell_s", "wall_s", "clock_start_s", "clock_end_s"}
"""By a watch: of the same trace they differ between two runs."""


def run(
    folder: Path, evaluations: int | str, *more: str, results: str = "study", strategy: str = "random"
) -> RunResult:
    given = (
        f"backend.landscape={write_toy(folder)}",
        f"results={folder / results}",
        f"budget.evaluations={evaluations}",
    )
    asked = Composer().single([*given, f"strategy={strategy}", *more])
    return execute(asked.runs[0], asked.options)


def rows(result: RunResult) -> list[dict[str, Any]]:
    return list(pq.read_table(result.path / "evaluations.parquet").to_pylist())


def plain(result: RunResult) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in MEASURED} for row in rows(result)]


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@pytest.mark.parametrize("strategy", ["random", "pattern_search", "optuna_tpe", "genetic"])
def test_it_goes_on_as_if_it_had_had_the_larger_budget(
    tmp_path: Path, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = run(tmp_path, 12, strategy=strategy)
    first, measured = rows(short), []
    plainly = ReplayBackend.measure

    def counted(self: ReplayBackend, configurations: Any) -> Any:
        measured.extend(configurations)
        return plainly(self, configurations)

    monkeypatch.setattr(ReplayBackend, "measure", counted)
    longer = run(tmp_path, 30, strategy=strategy)
    assert (longer.path, longer.ended, longer.evaluations) == (short.path, "budget", 30)
    assert len(measured) == 18
    assert rows(longer)[:12] == first  # to the last digit of the clock
    whole = run(tmp_path, 30, strategy=strategy, results="whole")
    assert plain(longer) == plain(whole)
    said = [yaml.safe_load((of.path / "config.yaml").read_text()) for of in (longer, whole)]
    assert said[0] == said[1]
    assert run_state(longer.path) == (State.DONE, "")
    assert not list(longer.path.glob("aborted-*")) and not (longer.path / "evaluations.jsonl").exists()
    assert run(tmp_path, 30, strategy=strategy).ended == "skipped"


def test_seconds_and_no_limit_are_larger_too(tmp_path: Path) -> None:
    assert run(tmp_path, 5, "budget.seconds=1000").evaluations == 5
    assert run(tmp_path, 9, "budget.seconds=1000").evaluations == 9
    assert run(tmp_path, 9, "budget.seconds=2000").ended == "budget"
    assert run(tmp_path, 11).evaluations == 11


def test_a_whole_number_of_batches_goes_on(tmp_path: Path) -> None:
    run(tmp_path, 12, "batch=4")
    assert plain(run(tmp_path, 24, "batch=4")) == plain(run(tmp_path, 24, "batch=4", results="whole"))


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        ((10, "batch=4"), (20, "batch=4"), "its last batch may have been smaller than batch=4"),
        (
            (9, "workers=2", "schedule=async"),
            (12, "workers=2", "schedule=async"),
            "the last asks of an asynchronous run",
        ),
        ((9,), (8,), "budget.evaluations was 9, now 8"),
        ((9,), (20, "backend.noise=none"), "backend."),
        ((9, "budget.seconds=1000"), (20, "budget.seconds=10"), "budget.seconds was 1000"),
    ],
)
def test_others_are_refused_and_left_as_they_are(
    tmp_path: Path, first: tuple[Any, ...], then: tuple[Any, ...], said: str
) -> None:
    path = run(tmp_path, *first).path
    before = files(path)
    with pytest.raises(OtherRun, match=said):
        run(tmp_path, *then)
    assert files(path) == before


class Planner:
    """A strategy that does not say whether it ignores its budget."""

    def __init__(self, space: Any, seed: Any, budget: Any) -> None:
        del seed
        self._left = list(space.enumerate())[: budget.evaluations]

    def ask(self, n: int) -> Any:
        return [self._left.pop() for _ in range(min(n, len(self._left)))]

    def tell(self, evaluations: Any) -> None:
        """A strategy that learns nothing."""


def test_a_strategy_that_does_not_declare_it_says_why(tmp_path: Path) -> None:
    mine = (f"strategy._target_={__name__}.Planner", "strategy.label=planner")
    path = run(tmp_path, 5, *mine).path
    before = files(path)
    with pytest.raises(
        OtherRun, match=r"evaluations=5, which cannot be extended to .*=9: Planner does not declare"
    ) as caught:
        run(tmp_path, 9, *mine)
    assert files(path) == before and "\n" not in str(caught.value) and "choose another results=" in str(caught.value)


def test_an_interrupted_run_goes_on_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plainly, count = ReplayBackend.measure, [0]

    def stopped(self: ReplayBackend, configurations: Any) -> Any:
        count[0] += 1
        if count[0] == 7:
            raise KeyboardInterrupt
        return plainly(self, configurations)

    monkeypatch.setattr(ReplayBackend, "measure", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, 12)
    assert plain(run(tmp_path, 20)) == plain(run(tmp_path, 20, results="whole"))


@pytest.mark.parametrize("step", ["replacing", "unlink", "write_text"])
@pytest.mark.parametrize("then", [12, 20])
def test_stopped_on_the_way_either_command_goes_on(
    tmp_path: Path, step: str, then: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rows(run(tmp_path, 12))

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(*((Path, "unlink", stop) if step == "unlink" else (extension, step, stop)))
        run(tmp_path, 20)
    again = run(tmp_path, then)
    assert rows(again)[:12] == first
    assert len(rows(again)) == then and run_state(again.path) == (State.DONE, "")
    assert rows(run(tmp_path, 20))[:12] == first


def test_what_cannot_be_read_back_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run(tmp_path, 6).path
    before = files(path)
    monkeypatch.setattr(extension, "_evaluations", lambda *_: iter([1]))
    with pytest.raises(UserError, match="evaluations"):
        run(tmp_path, 9)
    assert files(path) == before


@pytest.mark.parametrize("step", ["replacing", "write_text"])
def test_a_full_disk_on_the_way_loses_nothing(tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run(tmp_path, 6).path
    before = pq.read_table(path / "evaluations.parquet").to_pylist()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path / "evaluations.jsonl"))

    with monkeypatch.context() as patched, pytest.raises(Unwritable, match="cannot be written") as caught:
        patched.setattr(extension, step, full)
        run(tmp_path, 9)
    assert "\n" not in str(caught.value)
    assert rows(run(tmp_path, 9))[:6] == before


def test_nobody_extends_a_run_that_another_process_is_at(tmp_path: Path) -> None:
    path = run(tmp_path, 6).path
    lease = Lease(path)
    try:
        with pytest.raises(Busy):
            run(tmp_path, 9)
    finally:
        lease.close()
    assert (path / "DONE").exists()


def test_a_run_that_another_process_extended_meanwhile_stays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, 6)
    plainly = execute_module.extend

    def late(*arguments: Any) -> None:
        monkeypatch.setattr(execute_module, "extend", plainly)
        assert run(tmp_path, 12).evaluations == 12
        plainly(*arguments)

    monkeypatch.setattr(execute_module, "extend", late)
    with pytest.raises(OtherRun, match=r"budget\.evaluations was 12, now 9"):
        run(tmp_path, 9)
    assert run(tmp_path, 12).ended == "skipped"


def test_stopped_again_it_is_known_by_its_log_and_not_by_the_smaller_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, plainly, count = run(tmp_path, 12).path, ReplayBackend.measure, [0]

    def stopped(self: ReplayBackend, configurations: Any) -> Any:
        count[0] += len(configurations)
        if count[0] == 4:
            raise KeyboardInterrupt
        return plainly(self, configurations)

    monkeypatch.setattr(ReplayBackend, "measure", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, 20)
    assert outcome_of_run(path).evaluations == len(observed(path, Source(("r",)), 0)[0].configurations) == 15
