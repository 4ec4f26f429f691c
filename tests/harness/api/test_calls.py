"""``from harness import tune, replay, sweep``: the docstrings' examples, and calls equal the command line's runs."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest

import harness
import harness.api.calls
from harness import replay, sweep
from harness.errors import UserError

TASK = "softmax-4096x2560-bf16"
LANDSCAPE = Path(__file__).resolve().parents[3] / f"experiments/landscapes/{TASK}__h100.parquet"


@pytest.mark.parametrize("module", [harness, harness.api.calls], ids=lambda module: module.__name__)
def test_the_examples_of_the_docstrings(module: Any, tmp_path: Path) -> None:
    told = doctest.testmod(module, extraglobs={"results": tmp_path / "results", "landscape": LANDSCAPE})
    assert told.attempted >= 3
    assert told.failed == 0


def test_a_call_is_the_run_of_the_same_overrides(tmp_path: Path) -> None:
    from harness.config.compose import Composer
    from harness.study.sweep import run_alone

    called = replay(TASK, "optuna_tpe", seed=3, evaluations=12, results=tmp_path / "called")
    words = [f"task={TASK}", "strategy=optuna_tpe", "seed=3", "budget.evaluations=12", f"results={tmp_path / 'typed'}"]
    one = Composer().single(words)
    typed = run_alone(one.runs[0], one.options)
    assert (typed.path / "config.yaml").read_text() == (called.path / "config.yaml").read_text()
    traces = [pd.read_parquet(path / "evaluations.parquet") for path in (typed.path, called.path)]
    assert traces[0]["latency_ms"].equals(traces[1]["latency_ms"])


def test_a_sampler_that_exists_is_copied_and_seeded(tmp_path: Path) -> None:
    sampler = optuna.samplers.TPESampler(n_startup_trials=4)
    first = replay(TASK, sampler, evaluations=12, results=tmp_path / "a").evaluations
    again = replay(TASK, sampler, evaluations=12, results=tmp_path / "b").evaluations
    other = replay(TASK, sampler, seed=1, evaluations=12, results=tmp_path / "b").evaluations
    assert first["latency_ms"].tolist() == again["latency_ms"].tolist() != other["latency_ms"].tolist()


def test_another_sampler_under_one_label_is_refused(tmp_path: Path) -> None:
    replay(TASK, optuna.samplers.TPESampler(n_startup_trials=4), evaluations=6, results=tmp_path)
    replay(TASK, optuna.samplers.TPESampler(n_startup_trials=4), evaluations=6, results=tmp_path)
    with pytest.raises(UserError, match="object_sha256"):
        replay(TASK, optuna.samplers.TPESampler(n_startup_trials=5), evaluations=6, results=tmp_path)


def test_a_study_gets_the_trials_in_ms(tmp_path: Path) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler())
    run = replay(TASK, study, evaluations=10, results=tmp_path)
    assert [trial.value for trial in study.trials if trial.value is not None] == [
        value for value in run.evaluations["latency_ms"] if value == value
    ]
    assert study.best_value == run.evaluations["latency_ms"].min()
    with pytest.raises(UserError, match="has 10 trials: expected an empty study"):
        replay(TASK, study, evaluations=10, results=tmp_path)


def test_a_study_that_maximises_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="directions maximize: expected one direction, minimize"):
        replay(TASK, optuna.create_study(direction="maximize"), results=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("strategy", [3, object()])
def test_what_is_no_strategy_is_refused(strategy: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected a name, a class"):
        replay(TASK, strategy, results=tmp_path)


def test_a_name_that_is_no_strategy_gets_the_near_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="optuna_tpe"):
        replay(TASK, "optuna_tp", results=tmp_path)


def test_a_sweep_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to run: expected at least one task"):
        sweep([], ["random"], results=tmp_path)


def test_a_dry_run_starts_and_writes_nothing(tmp_path: Path) -> None:
    for call in (replay, sweep):
        with pytest.raises(UserError, match="dry_run=true: not supported here"):
            call(TASK, "random", evaluations=3, results=tmp_path / "r", overrides=["dry_run=true"])
    assert not (tmp_path / "r").exists()


def test_a_folders_name_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / r"it's\here"
    assert replay(TASK, "random", evaluations=2, results=folder).path.is_relative_to(folder)


@pytest.mark.slow
def test_a_sweep_is_a_row_per_run(tmp_path: Path) -> None:
    runs = sweep(TASK, ["random", optuna.samplers.QMCSampler], 2, evaluations=8, results=tmp_path)
    assert runs["ended"].tolist() == ["budget"] * 4
    assert runs[["strategy", "seed"]].to_numpy().tolist() == [
        ["random", 0], ["random", 1], ["QMCSampler", 0], ["QMCSampler", 1],
    ]  # fmt: skip
    again = sweep(TASK, ["random", optuna.samplers.QMCSampler], 2, evaluations=8, results=tmp_path)
    assert again["ended"].tolist() == ["skipped"] * 4
