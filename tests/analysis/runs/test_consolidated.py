"""The consolidated Parquet file agrees with the run directories and follows their changes."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.runs import consolidated, temporaries
from analysis.runs.contract import CONSOLIDATED, EVALUATIONS, REFERENCE
from analysis.runs.load import Study, load_study
from harness.errors import UserError
from harness.study.status import study_status
from tests.analysis.fabricate import evaluations, guided_order, landscape, random_order, write_run, write_study

TABLE = landscape(40)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(consolidated, "WORTH_IT", 4)
    tables = {"a-1": TABLE, "b-1": landscape(30, 1)}
    return write_study(tmp_path / "r", tables, {"random": random_order, "s": guided_order(1.0)}, 3, 8)


def same(one: Study, other: Study) -> None:
    pd.testing.assert_frame_equal(one.runs, other.runs)
    pd.testing.assert_frame_equal(one.evaluations, other.evaluations)
    pd.testing.assert_frame_equal(one.splits, other.splits)
    assert one.environment == other.environment and one.protocol == other.protocol


def test_it_is_written_and_says_the_same(results: Path) -> None:
    first = load_study([results])
    file = results / CONSOLIDATED
    written = file.stat().st_mtime_ns
    same(load_study([results]), first)
    assert file.stat().st_mtime_ns == written  # nothing changed, nothing is written
    same(load_study([results, results / "a-1"]), first)


def test_it_follows_the_run_directories(results: Path) -> None:
    load_study([results])
    write_run(results, "a-1", "s", 3, evaluations(TABLE, np.arange(8)), budget=8)
    shutil.rmtree(results / "b-1" / "random" / "seed-0")
    again = evaluations(TABLE, np.arange(8)[::-1])
    shutil.rmtree(results / "a-1" / "s" / "seed-1")
    write_run(results, "a-1", "s", 1, again, budget=8)
    found = load_study([results])
    (results / CONSOLIDATED).unlink()
    same(load_study([results]), found)
    assert len(found.runs) == 12
    run = found.runs.query("task == 'a-1' and strategy == 's' and seed == 1").index[0]
    own = found.evaluations[found.evaluations["run"] == run]
    np.testing.assert_array_equal(own["latency_ms"], again["latency_ms"])


def test_it_stands_for_run_directories_that_are_not_there(results: Path, tmp_path: Path) -> None:
    whole = load_study([results])
    committed = tmp_path / "committed"
    for task in ("a-1", "b-1"):
        (committed / task).mkdir(parents=True)
        shutil.copy(results / task / REFERENCE, committed / task)
    shutil.copy(results / CONSOLIDATED, committed)
    found = load_study([committed])
    pd.testing.assert_frame_equal(found.runs.drop(columns="path"), whole.runs.drop(columns="path"))
    pd.testing.assert_frame_equal(found.evaluations, whole.evaluations)
    assert set(found.references) == {"a-1", "b-1"}


def test_a_part_of_it_is_a_study_too(results: Path, tmp_path: Path) -> None:
    wanted = load_study([results / "a-1" / "s"])
    load_study([results])
    shutil.copytree(results, tmp_path / "c", ignore=shutil.ignore_patterns("seed-*"))
    for task in ("a-1", "b-1"):
        for label in ("random", "s"):
            (tmp_path / "c" / task / label).rmdir()
    found = load_study([tmp_path / "c" / "a-1" / "s"])
    pd.testing.assert_frame_equal(found.evaluations, wanted.evaluations)
    assert set(found.runs["strategy"]) == {"s"} and set(found.runs["task"]) == {"a-1"}
    both = load_study([tmp_path / "c" / "a-1" / "s", tmp_path / "c" / "b-1" / "s"])
    assert len(both.runs) == 6
    with pytest.raises(AnalysisError, match="no such file or directory"):
        load_study([tmp_path / "c" / "a-1" / "other"])


def test_few_runs_leave_no_file(tmp_path: Path) -> None:
    write_study(tmp_path, {"a-1": TABLE}, {"random": random_order}, 2, 5)
    load_study([tmp_path])
    assert not (tmp_path / CONSOLIDATED).exists()


def test_a_damaged_file_is_named(results: Path) -> None:
    load_study([results])
    (results / CONSOLIDATED).write_bytes(b"PAR1 nothing")
    again = r"consolidated\.parquet: damaged.*move it away: it is written again from the 12 run directories here"
    with pytest.raises(AnalysisError, match=again):
        load_study([results])


def test_a_damaged_run_is_left_out_and_told_and_its_row_is_kept(results: Path) -> None:
    """The row may be all that is left of the run, so it is kept, but it does not replace the run."""
    whole = load_study([results])
    (results / "a-1" / "s" / "seed-0" / EVALUATIONS).unlink()
    write_run(results, "b-1", "s", 3, evaluations(TABLE, np.arange(8)), budget=8)
    for _ in range(2):
        study = load_study([results])
        assert len(study.runs) == len(whole.runs)
        assert any("s on a-1: 1 of 3 runs are damaged (seed 0)" in said for said in study.account.sentences())
        assert "a-1/s/seed-0" in consolidated.read(results / CONSOLIDATED)[0]


FAST = {(0, ""), (12, "a-1"), (500, "a-1/s")}


@pytest.mark.parametrize(
    ("left", "part"),
    [
        pytest.param(left, part, marks=[] if (left, part) in FAST else pytest.mark.slow)
        for part in ("", "a-1", "a-1/s")
        for left in (0, 12, 500, -40)
    ],
)
def test_the_only_copy_of_its_runs_is_never_to_be_deleted(results: Path, tmp_path: Path, left: int, part: str) -> None:
    load_study([results])
    committed = tmp_path / "committed"
    (committed / part).mkdir(parents=True)
    file = committed / CONSOLIDATED
    file.write_bytes((results / CONSOLIDATED).read_bytes()[:left])
    before = file.read_bytes()
    asks = [lambda: load_study([committed / part]), lambda: consolidated.names(committed)]
    for ask in [*asks, lambda: study_status(committed)]:
        with pytest.raises((AnalysisError, UserError)) as refused:
            ask()
        said = str(refused.value)
        assert "consolidated.parquet: damaged" in said and "the only copy of its runs: keep it" in said
        assert not re.search("delete|remove|move it away|again", said) and "\n" not in said
    assert file.read_bytes() == before


def test_what_a_killed_process_left_beside_it_goes(results: Path) -> None:
    machine = temporaries.machine()
    names = [f".{CONSOLIDATED}.{machine}-{2**22 + 1}-0123abcd.tmp", f".{CONSOLIDATED}.4242"]
    for name in names:
        (results / name).write_text("half")
        os.utime(results / name, (0, 0))
    mine = results / f".{CONSOLIDATED}.{machine}-1-0123abcd.tmp"
    mine.write_text("half")
    load_study([results])
    assert [file.name for file in results.glob(".*")] == [mine.name]


def test_a_write_that_fails_leaves_nothing(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consolidated, "_table", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        load_study([results])
    assert not list(results.glob(".*")) and not (results / CONSOLIDATED).exists()


def test_an_empty_one_is_written_again_from_the_run_directories(results: Path) -> None:
    whole = load_study([results])
    (results / CONSOLIDATED).write_bytes(b"")
    same(load_study([results]), whole)
    assert len(consolidated.names(results)) == 12


def test_a_pipe_in_its_place_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / CONSOLIDATED)
    for ask in (lambda: load_study([tmp_path]), lambda: study_status(tmp_path)):
        with pytest.raises((AnalysisError, UserError), match="the only copy"):
            ask()
