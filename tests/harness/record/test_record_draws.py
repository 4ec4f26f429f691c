"""Independent draws on a fake device are the same in any number of sessions, counted singly and measured once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.errors import UserError
from harness.evaluation import Configuration, Status
from harness.landscapes.landscape import read_landscape
from harness.measure.device import AccelDevice
from harness.measure.engine import Engine, Result
from harness.measure.work import SessionOptions
from harness.record import draws as record_draws
from harness.record.draws import BLOCK, DrawStream, UniformParameters, drawn_so_far
from harness.record.facts import LOG_SUFFIX, Recording, RecordOptions
from harness.record.log import read_log
from harness.record.progress import RecordingProgress
from harness.record.recorder import record
from harness.record.retime import Retiming
from harness.record.tasks import RecordRequest
from harness.testing.spaces import conditional
from search_spaces.parameter import Categorical, Ordinal
from search_spaces.space import SearchSpace
from tests.harness.measure.fakes import FAKE, SECOND, FakeKernel, fake_work
from tests.harness.measure.killed import kill_while_recording, results_of_torn

OPTIONS = SessionOptions(compile_workers=2, compile_timeout_s=5.0, run_timeout_s=5.0, seed=3)
SPACE = SearchSpace([Ordinal("size", tuple(range(1, 31))), Categorical("fault", ("none",))], ["size <= 27"])
"""One draw in ten is outside."""


def recording_of(
    folder: Path, options: RecordOptions, space: SearchSpace = SPACE, beside: tuple[AccelDevice, ...] = ()
) -> Recording:
    return Recording(
        task="fake-1-fp32",
        kernel=FakeKernel(str(folder)),
        space=space,
        out=folder / "a__f100.parquet",
        device=FAKE,
        beside=beside,
        options=options,
        command="test",
    )


def make(
    folder: Path,
    draws: int,
    beside: tuple[AccelDevice, ...] = (),
    deadline_s: float | None = None,
    finish: bool = False,
    work: dict[str, float] | None = None,
    **retiming: float,
) -> RecordingProgress:
    options = RecordOptions(OPTIONS, Retiming(**retiming), deadline_s=deadline_s, draws=draws, finish=finish)  # type: ignore[arg-type]
    return record(recording_of(folder, options, beside=beside), work=fake_work(folder, **(work or {})))


def expected(n: int) -> list[int | None]:
    """Return the sizes that the recordings here draw; ``None`` outside of the space."""
    order_seed, _ = np.random.SeedSequence(OPTIONS.seed).spawn(2)
    stream = DrawStream(SPACE, order_seed)
    made = [stream[i] for i in range(n)]
    return [None if draw is None else int(str(draw["size"])) for draw in made]


def ran(folder: Path) -> list[str]:
    return [line.split(" ", 1)[1] for line in (folder / "ran").read_text().splitlines()]


def test_every_draw_counts_and_none_is_measured_twice(tmp_path: Path) -> None:
    progress = make(tmp_path, 60)
    draws = expected(60)
    assert (progress.done, progress.total) == (60, 60)
    table = pq.read_table(tmp_path / "a__f100.parquet").to_pandas()
    inside = Counter(size for size in draws if size is not None)
    assert dict(zip(table["config.size"], table["draws"], strict=True)) == inside
    assert max(inside.values()) > 1 and draws.count(None) > 1  # otherwise the test shows nothing
    assert [draws.index(size) for size in table["config.size"]] == table["first_draw"].to_list()
    assert len(ran(tmp_path)) == len(set(ran(tmp_path))) == len(inside)
    coverage = read_landscape(tmp_path / "a__f100.parquet").metadata["coverage"]
    assert (coverage["kind"], coverage["how"], coverage["draws"]) == ("sample", "by_parameter", 60)
    assert coverage["outside"] == draws.count(None) == 60 - table["draws"].sum()
    assert coverage["drawn"].startswith("by parameter, each active parameter uniformly, seed 3: 60 independent draws")
    assert set(table["origin"]) == {"by_parameter"}


def test_a_later_sitting_goes_on_where_the_log_stopped(tmp_path: Path) -> None:
    """The draws are the same in several sessions, on other cards, and in one session."""
    pieces, whole = tmp_path / "pieces", tmp_path / "whole"
    for folder in (pieces, whole):
        folder.mkdir()
    first = make(pieces, 1000, deadline_s=0.0)
    assert first.landscape is None and "run the same command again" in first.report()
    for n, beside in ((7, ()), (25, (SECOND,)), (60, ())):
        assert make(pieces, n, beside).done == n
    make(whole, 60)
    read = [pq.read_table(folder / "a__f100.parquet").to_pandas() for folder in (pieces, whole)]
    columns = ["config.size", "draws", "first_draw"]
    one, other = (table[columns].sort_values("config.size").reset_index(drop=True) for table in read)
    assert one.equals(other)
    assert len(ran(pieces)) == len(set(ran(pieces)))
    logs = [drawn_so_far(read_log(folder / f"a__f100.parquet{LOG_SUFFIX}")) for folder in (pieces, whole)]
    assert logs[0] == logs[1]


def test_more_draws_are_retimed_again(tmp_path: Path) -> None:
    make(tmp_path, 5, factor=1000.0)
    make(tmp_path, 60, factor=1000.0)
    table = pq.read_table(tmp_path / "a__f100.parquet").to_pandas()
    assert table["oracle_ms"].to_numpy() == pytest.approx(0.009 * table["config.size"])
    log = read_log(tmp_path / f"a__f100.parquet{LOG_SUFFIX}")
    assert log.retimed is not None and len(log.retimed) == len(table)
    before = (tmp_path / "resampled").read_text()
    make(tmp_path, 60)  # nothing new: no process starts
    assert (tmp_path / "resampled").read_text() == before


def test_what_is_there_at_the_deadline_can_be_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = chain([0.0] * 20, repeat(float("inf")))  # read once a draw
    monkeypatch.setattr(record_draws, "monotonic", lambda: next(clock))
    progress = make(tmp_path, 1_000_000, deadline_s=60.0, finish=True)
    assert progress.landscape is not None
    draws = read_landscape(progress.landscape).metadata["coverage"]["draws"]
    assert draws == 20
    monkeypatch.undo()
    table = pq.read_table(progress.landscape).to_pandas()
    inside = [size for size in expected(draws) if size is not None]
    assert dict(zip(table["config.size"], table["draws"], strict=True)) == Counter(inside)
    again = make(tmp_path, draws + 10)
    assert again.landscape is not None
    assert read_landscape(again.landscape).metadata["coverage"]["draws"] == draws + 10


def test_a_user_who_interrupts_gets_no_landscape_even_after_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evaluations under way are lost then, so the draws in the log have gaps."""
    evaluate = Engine.evaluate

    def interrupted(self: Engine, configurations: Iterable[Configuration]) -> Iterator[Result]:
        for count, result in enumerate(evaluate(self, configurations)):
            yield result
            if count == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr(Engine, "evaluate", interrupted)
    nothing = make(tmp_path, 60, deadline_s=1e-9, finish=True)
    assert nothing.landscape is None and nothing.done == 0
    stopped = make(tmp_path, 60, deadline_s=60.0, finish=True)
    assert stopped.landscape is None and stopped.done < 60
    monkeypatch.undo()
    assert make(tmp_path, 60).landscape is not None


KILLED = """
import sys
from pathlib import Path
from tests.harness.record.test_record_draws import make
make(Path(sys.argv[1]), 200, work={"run_s": 0.1})
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_killed_recording_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    log = tmp_path / f"a__f100.parquet{LOG_SUFFIX}"
    kill_while_recording(KILLED, [str(tmp_path)], log, after=8)
    kept = results_of_torn(log)
    make(tmp_path, 60)
    content = read_log(log)
    assert all(content.results[key] == value for key, value in kept.items())
    found = drawn_so_far(content)
    inside = [size for size in expected(60) if size is not None]
    assert found.draws >= 60 and sum(found.times.values()) >= len(inside)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    keys = [line["key"] for line in lines if line["kind"] == "result"]
    assert len(keys) == len(set(keys))


def test_a_gap_ends_what_is_counted(tmp_path: Path) -> None:
    """After a kill, a later draw may be known and an earlier one may not."""
    make(tmp_path, 30)
    content = read_log(tmp_path / f"a__f100.parquet{LOG_SUFFIX}")
    del content.draws[10]
    assert drawn_so_far(content).draws == 10


def test_draws_and_a_uniform_sample_are_two_recordings(tmp_path: Path) -> None:
    make(tmp_path, 30, deadline_s=0.0)
    with pytest.raises(UserError, match=r"drawn=by_parameter: this recording has None"):
        record(recording_of(tmp_path, RecordOptions(OPTIONS)), work=fake_work(tmp_path))


@pytest.mark.slow
def test_a_draw_does_not_depend_on_those_before_it() -> None:
    seed = np.random.SeedSequence(5).spawn(3)[2]
    one, other = DrawStream(conditional(), seed), DrawStream(conditional(), seed)
    forward = [one[i] for i in range(3 * BLOCK)]
    assert [other[i] for i in reversed(range(3 * BLOCK))] == forward[::-1]
    assert forward != [DrawStream(conditional(), np.random.SeedSequence(6))[i] for i in range(3 * BLOCK)]


@pytest.mark.slow
def test_each_parameter_is_uniform_where_it_is_active() -> None:
    """Branches with many and with few configurations are drawn equally often: chi-squared test of every parameter."""
    space = conditional()
    rows = UniformParameters(space).codes(range(4000))
    for i, parameter in enumerate(space.parameters):
        active = rows[space.active(i, rows), i]
        counts = np.bincount(active, minlength=parameter.size)
        statistic = float(((counts - counts.mean()) ** 2 / counts.mean()).sum())
        assert statistic < parameter.size - 1 + 5 * np.sqrt(2 * max(parameter.size - 1, 1)), parameter.name


def test_failures_are_draws_too(tmp_path: Path) -> None:
    space = SearchSpace([Ordinal("size", tuple(range(1, 31))), Categorical("fault", ("none", "compile_error"))])
    record(recording_of(tmp_path, RecordOptions(OPTIONS, draws=40), space), work=fake_work(tmp_path))
    landscape = read_landscape(tmp_path / "a__f100.parquet")
    assert landscape.searchable.all() and not landscape.exhaustive
    assert set(landscape.status) == {Status.OK, Status.COMPILE_ERROR}
    assert landscape.metadata["coverage"]["outside"] == 0


def test_bad_requests_are_one_clear_line() -> None:
    with pytest.raises(UserError, match=r"--draws 0: expected 1 or more"):
        RecordRequest(draws=0)
    with pytest.raises(UserError, match=r"--limit 5: cannot be combined with --draws"):
        RecordRequest(draws=5, limit=5)
    with pytest.raises(UserError, match=r"--finish: needs --draws N and --deadline-s S"):
        RecordRequest(draws=5, finish=True)
