"""Optuna studies as sources of a run."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from harness.config.source import Source
from harness.errors import UserError
from harness.evaluation import Status
from harness.run.source_files import observed

BLOCK, MODE = IntDistribution(16, 256), CategoricalDistribution(("a", "b"))


def storage(tmp_path: Path, **study: Any) -> Path:
    """Write a file with one study: three trials that count and two that do not."""
    path = tmp_path / "mine.db"
    made = optuna.create_study(storage=f"sqlite:///{path}", study_name="softmax-64", **study)
    for block, value, state in (
        (16, 0.5, TrialState.COMPLETE), (32, None, TrialState.FAIL), (64, None, TrialState.PRUNED),
        (128, float("inf"), TrialState.COMPLETE), (256, None, TrialState.RUNNING),
    ):  # fmt: skip
        values = None if value is None else [value] * len(made.directions)
        made.add_trial(create_trial(
            params={"block": block, "mode": "a"}, distributions={"block": BLOCK, "mode": MODE}, values=values,
            state=state,
        ))  # fmt: skip
    return path


def test_trials_are_observations(tmp_path: Path) -> None:
    (seen,) = observed(storage(tmp_path), Source(("mine.db",)), seed=0)
    assert seen.name == seen.facts.task == "softmax-64"
    assert [configuration["block"] for configuration in seen.configurations] == [16, 32, 128]
    assert seen.statuses == [Status.OK, Status.RUNTIME_ERROR, Status.RUNTIME_ERROR]
    assert seen.latencies_ms == [0.5, None, None]
    (first,) = observed(tmp_path / "mine.db", Source(("mine.db",), evaluations=1), seed=0)
    assert first.latencies_ms == [0.5]


@pytest.mark.parametrize(
    ("study", "words"),
    [
        ({"direction": "maximize"}, "study softmax-64: directions maximize: expected only minimize"),
        ({"directions": ["minimize", "minimize"]}, "directions minimize, minimize: expected only minimize"),
    ],
)
def test_other_objectives_are_refused(tmp_path: Path, study: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        observed(storage(tmp_path, **study), Source(("mine.db",)), seed=0)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ("no database", "file is not a database"),
        ("", "no such table"),
        ("create table mine(a)", "no such table"),
        ("create table studies(a)", "no such table"),
    ],
)
def test_what_is_no_storage_is_refused_in_a_line_and_left_as_it_is(tmp_path: Path, made: str, reason: str) -> None:
    path = tmp_path / "some.db"
    if made.startswith("create"):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(made)
    else:
        path.write_text(made)
    before = path.read_bytes()
    with pytest.raises(UserError, match=rf"some\.db: cannot be read \({reason}[^\n]*\): expected an Optuna storage"):
        observed(path, Source(("some.db",)), seed=0)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_storage_is_not_written_to_whatever_it_is_called(tmp_path: Path) -> None:
    path = storage(tmp_path).rename(tmp_path / "we?ird #%41 ü.db")
    path.chmod(0o444)
    before = path.read_bytes()
    assert observed(path, Source(("mine.db",)), seed=0)[0].latencies_ms == [0.5, None, None]
    assert path.read_bytes() == before


def test_a_storage_without_a_study_is_refused(tmp_path: Path) -> None:
    optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(UserError, match=r"empty\.db: contains no study: expected a study"):
        observed(tmp_path / "empty.db", Source(("empty.db",)), seed=0)
