"""Finding, reading and refusing run directories."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.errors import AnalysisError
from analysis.runs.load import load_study
from analysis.runs.state import State
from tests.analysis.fabricate import (
    evaluations,
    landscape,
    random_order,
    write_reference,
    write_run,
    write_study,
)

TABLE = landscape(30)
FRAME = evaluations(TABLE, np.arange(10))


def refused(*paths: Path) -> str:
    with pytest.raises(AnalysisError) as caught:
        load_study(list(paths))
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_runs_are_found_at_any_depth_and_once(tmp_path: Path) -> None:
    write_study(tmp_path / "x" / "study", {"k-1": TABLE}, {"random": random_order}, 11, 10)
    deep = load_study([tmp_path])
    twice = load_study([tmp_path / "x", tmp_path / "x" / "study" / "k-1" / "random", tmp_path])
    assert deep.runs["seed"].tolist() == list(range(11))  # 10 after 9, not after 1
    assert len(twice.runs) == 11
    assert twice.account.superseded == ()
    assert len(deep.evaluations) == 110
    assert set(deep.references) == {"k-1"}
    one = load_study([tmp_path / "x" / "study" / "k-1" / "random" / "seed-3"])
    assert one.runs["seed"].tolist() == [3]
    assert set(one.references) == {"k-1"}


def bomb(levels: int) -> str:
    """Return YAML for nested lists, each written once, that expand to 9 ** levels values."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for last, name in pairwise("abcdefghij"[:levels]):
        lines.append(f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]")
    return "".join(f"  {line}\n" for line in lines)


def test_aliases_stand_for_little_more_than_is_written(tmp_path: Path) -> None:
    write_run(tmp_path, "k-1", "s", 0, FRAME)
    config = tmp_path / "k-1" / "s" / "seed-0" / "config.yaml"
    text = config.read_text()
    assert "strategy:\n" in text
    config.write_text(text.replace("strategy:\n", f"strategy:\n{bomb(3)}"))
    assert len(load_study([tmp_path]).runs) == 1  # what YAML writers use for a list that occurs twice
    config.write_text(text.replace("strategy:\n", f"strategy:\n{bomb(9)}"))
    assert f"{config.parent}: config.yaml is not readable" in refused(tmp_path)
    config.write_text(text.replace("strategy:\n", "strategy:\n  a: &a [*a]\n"))
    assert f"{config.parent}: config.yaml is not readable" in refused(tmp_path)
    config.write_text(text + "deep: " + "[" * 3000 + "]" * 3000)
    assert f"{config}: damaged: nested " in refused(tmp_path)
    config.write_text("label: [")
    write_run(tmp_path, "k-1", "s", 1, FRAME)  # one that is readable, beside it
    assert load_study([tmp_path]).account.totals() == {State.DONE: 1, State.DAMAGED: 1}


@pytest.mark.parametrize("name", ["DONE", "config.yaml", "evaluations.parquet"])
def test_a_pipe_keeps_nobody_waiting(tmp_path: Path, name: str) -> None:
    write_run(tmp_path, "k-1", "s", 0, FRAME)
    file = tmp_path / "k-1" / "s" / "seed-0" / name
    file.unlink()
    os.mkfifo(file)
    assert f"1 damaged (the first: {file.parent}: {name} is not a file)" in refused(tmp_path)


def test_a_bomb_beside_a_recording_is_not_read(tmp_path: Path) -> None:
    write_run(tmp_path, "k-1", "s", 0, FRAME)
    write_reference(tmp_path, "k-1", TABLE)
    (tmp_path / "k-1" / "reference.yaml").write_text(bomb(9).replace("  ", ""))
    assert load_study([tmp_path]).facts["k-1"] == {}


def test_columns_of_a_run(tmp_path: Path) -> None:
    write_run(tmp_path, "soft-max-4x4__gpu", "s", 7, FRAME, budget=10)
    row = load_study([tmp_path]).runs.iloc[0]
    assert row[["task", "kernel", "strategy", "seed"]].tolist() == ["soft-max-4x4__gpu", "soft", "s", 7]
    assert row["budget_evaluations"] == row["evaluations"] == 10
    assert row["failures"] == (FRAME["status"] != "ok").sum()
    assert row["clock_s"] == pytest.approx(FRAME["clock_end_s"].iloc[-1])


def test_unfinished_runs_and_copies_are_counted(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "k-1", "s", 0, FRAME)
    write_run(tmp_path / "b", "k-1", "s", 0, FRAME)
    write_run(tmp_path / "a", "k-1", "s", 1, FRAME, done=False)
    aborted = write_run(tmp_path / "a", "k-1", "s", 2, FRAME) / "aborted-0"
    aborted.mkdir()
    (aborted / "config.yaml").write_text("task: [")
    study = load_study([tmp_path])
    assert len(study.runs) == 2
    assert study.account.totals() == {State.DONE: 2, State.INTERRUPTED: 1, State.SUPERSEDED: 2}
    a, b = (tmp_path / side / "k-1" / "s" / "seed-0" for side in "ab")
    assert [run.message for run in study.account.superseded] == [
        f"{b} is a copy of {a}", "aborted-0: files of an earlier attempt",
    ]  # fmt: skip


def test_nothing_to_load(tmp_path: Path) -> None:
    assert "no finished run" in refused(tmp_path)
    assert "no such file" in refused(tmp_path / "nowhere")
    write_run(tmp_path, "k-1", "s", 0, FRAME, done=False)
    assert "1 interrupted" in refused(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("config.yaml", "task: [", "seed-0: config.yaml is not readable"),
        ("config.yaml", "just text", "seed-0: config.yaml is not readable"),
        ("config.yaml", "{task: 3, strategy: {label: s}, seed: 0, budget: {}}", "seed-0: config.yaml says task '3'"),
        ("config.yaml", "{task: k-1, strategy: {}, seed: 0, budget: {}}", "strategy.label"),
        ("evaluations.parquet", "PAR1 not at all", "seed-0: evaluations.parquet is not readable"),
        ("evaluations.parquet", "", "seed-0: evaluations.parquet is not readable"),
        ("DONE", "{", "seed-0: DONE is not readable"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: str, word: str) -> None:
    directory = write_run(tmp_path, "k-1", "s", 0, FRAME)
    (directory / name).write_text(content)
    assert word in refused(tmp_path)


def test_truncated_or_missing_or_incomplete_tables_are_named(tmp_path: Path) -> None:
    directory = write_run(tmp_path, "k-1", "s", 0, FRAME)
    file = directory / "evaluations.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert "damaged" in refused(tmp_path)
    file.unlink()
    assert "DONE without evaluations.parquet" in refused(tmp_path)
    file.write_bytes(whole)
    pq.write_table(pq.read_table(file).drop_columns(["clock_end_s"]), file)
    assert "column clock_end_s is missing" in refused(tmp_path)
    file.write_bytes(whole)
    reference = directory.parent.parent / "reference.parquet"
    reference.write_bytes(whole[:100])
    assert "reference.parquet: damaged" in refused(tmp_path)


def test_contradictions_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "k-1", "s", 0, FRAME, budget=10)
    write_run(tmp_path / "b", "k-1", "s", 0, FRAME, budget=20)
    assert "budget.evaluations=20" in refused(tmp_path)
    write_run(tmp_path / "c", "k-1", "s", 1, FRAME, budget=20)
    assert "budget_evaluations=20" in refused(tmp_path / "a", tmp_path / "c")
    write_run(tmp_path / "d", "k-1", "s", 2, FRAME, budget=10, batch=4)
    assert "batch=4" in refused(tmp_path / "a", tmp_path / "d")


def test_two_recordings_of_one_task_are_refused(tmp_path: Path) -> None:
    write_reference(tmp_path / "a", "k-1", TABLE)
    write_reference(tmp_path / "b", "k-1", landscape(30, seed=9))
    write_run(tmp_path / "a", "k-1", "s", 0, FRAME)
    write_run(tmp_path / "b", "k-1", "s", 1, FRAME)
    assert "another recording" in refused(tmp_path)


def test_search_rows_of_a_sample_only_set_the_optimum(tmp_path: Path) -> None:
    from analysis.reference import difficulty
    from analysis.study.incumbents import optima

    table = landscape(30, failures=0.0)
    table.loc[:9, "origin"] = "search"
    table.loc[3, "oracle_ms"] = 0.001
    for coverage, n in (("sample", 20), ("exhaustive", 30)):
        write_reference(tmp_path / coverage, "k-1", table)
        write_run(tmp_path / coverage, "k-1", "s", 0, FRAME, reference={"coverage": coverage})
        study = load_study([tmp_path / coverage])
        t_star = optima(study).t_star_ms["k-1"]
        assert t_star == 0.001
        assert difficulty(study.references["k-1"], t_star, 0.05).n == n
