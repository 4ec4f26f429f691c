"""Runs whose hopeless evaluations end early: their logs, their costs, and how they are resumed and distinguished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from harness.backends.replay import ReplayBackend
from harness.config.compose import Composer
from harness.errors import UserError
from harness.evaluation import Evaluation, Status
from harness.landscapes.landscape import read_landscape
from harness.landscapes.write import write_landscape
from harness.rules import COMPILED_TOO_LONG, Rules
from harness.run import contract
from harness.run.execute import execute
from harness.run.loop import run_loop
from harness.run.overlapped import run_overlapped
from harness.strategies.base import Budget
from harness.strategies.genetic import Genetic
from harness.system.digest import digest
from tests.harness.toy import METADATA, toy_columns, toy_space, write_toy

RULES = Rules(compile_factor=1.3, compile_quantile=0.6, compile_after=3, sample_error=0.1)
SIZES = {"one": 1, "batches": 5, "async": 1}
HOW = tuple(SIZES)


@pytest.fixture
def landscape_file(tmp_path: Path) -> Path:
    """Write the toy with 30 samples of each configuration, so that sampling can end early."""
    space = toy_space()
    columns = toy_columns(space)
    rng = np.random.default_rng(5)
    for row, samples in enumerate(columns["samples_ms"]):
        if samples:
            columns["samples_ms"][row] = (columns["oracle_ms"][row] * rng.normal(1, 0.02, 30)).tolist()
            columns["latency_ms"][row] = float(np.median(columns["samples_ms"][row]))
    write_landscape(tmp_path / "toy-8x8-bf16__toy.parquet", space, columns, METADATA)
    return tmp_path / "toy-8x8-bf16__toy.parquet"


@pytest.fixture
def backend(landscape_file: Path) -> ReplayBackend:
    return ReplayBackend(read_landscape(landscape_file), np.random.SeedSequence(1))


def looped(
    backend: ReplayBackend, how: str, rules: Rules | None = RULES, logged: Sequence[Evaluation] = ()
) -> list[Evaluation]:
    log, budget, rng = list(logged), Budget(60), np.random.default_rng(0)
    strategy = Genetic(backend.space, np.random.SeedSequence(3), budget, population=6)
    rest = (rng, logged, log.extend, lambda _: None)
    if how == "async":
        run_overlapped(strategy, backend, budget, 4, *rest, rules=rules)
    else:
        run_loop(strategy, backend, budget, SIZES[how], *rest, rules=rules)
    return [replace(e, ask_s=0, tell_s=0, wall_s=None, asks_s=tuple(0.0 for _ in e.asks_s or ())) for e in log]


@pytest.mark.parametrize("how", HOW)
def test_each_is_within_the_limits_of_what_was_told_before_it_began(backend: ReplayBackend, how: str) -> None:
    log = looped(backend, how)
    ended = 0
    for number, one in enumerate(log):
        told = log[: number // SIZES[how] * SIZES[how]]
        if how == "async":
            told = [e for e in log if e.clock_end_s <= one.clock_start_s]
        limits = RULES.limits(sorted((e.latency_ms, e.compile_s) for e in told if e.latency_ms is not None))
        (without,) = backend.measure([one.configuration])
        if without.compile_s > limits.compile_s:
            ended += 1
            assert (one.status, one.message) == (Status.COMPILE_TIMEOUT, COMPILED_TOO_LONG)
            assert (one.compile_s, one.verify_s, one.benchmark_s) == (limits.compile_s, 0.0, 0.0)
            assert one.latency_ms is None and one.oracle_ms is None and one.samples_ms == ()
        elif without.latency_ms is None:
            assert (one.status, one.benchmark_s) == (without.status, without.benchmark_s)
        else:
            taken = limits.samples_taken(without.samples_ms)
            assert one.samples_ms == without.samples_ms[:taken]  # the same stream, as far as it goes
            assert one.latency_ms == float(np.median(one.samples_ms)) and one.oracle_ms == without.oracle_ms
            assert one.benchmark_s == pytest.approx(without.benchmark_s * (1 + taken) / (1 + len(without.samples_ms)))
    fewer = sum(0 < len(one.samples_ms) < 30 for one in log)
    assert ended > 3 and fewer > 10


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kept", [23, *(pytest.param(kept, marks=pytest.mark.slow) for kept in (1, 59))])
def test_an_interrupted_run_goes_on_as_it_would_have(backend: ReplayBackend, how: str, kept: int) -> None:
    whole = looped(backend, how)
    assert looped(backend, how, logged=whole[:kept]) == whole


@pytest.mark.parametrize("how", HOW)
def test_rules_that_never_end_anything_change_nothing(backend: ReplayBackend, how: str) -> None:
    assert looped(backend, how, Rules(compile_factor=1e6, sample_error=1e-12)) == looped(backend, how, None)


def test_without_noise_a_reading_is_true_and_costs_as_many_samples_as_it_takes(landscape_file: Path) -> None:
    exact = ReplayBackend(read_landscape(landscape_file), np.random.SeedSequence(1), "none")
    log = looped(exact, "one", Rules(sample_error=0.01))
    costs = {round(one.benchmark_s, 6) for one in log if one.latency_ms is not None}
    assert costs == {0.05, round(0.05 * 9 / 31, 6)}
    assert all(one.samples_ms == (one.oracle_ms,) for one in log if one.latency_ms is not None)


def run(folder: Path, landscape: Path, *overrides: str) -> Path:
    given = [f"backend.landscape={landscape}", f"results={folder}", "budget.evaluations=20", *overrides]
    one = Composer().single(given)
    return execute(one.runs[0], one.options).path


def test_rules_are_in_the_hash_and_their_absence_is_in_none(tmp_path: Path, landscape_file: Path) -> None:
    plain, under = (
        yaml.safe_load((run(tmp_path / name, landscape_file, f"rules={name}") / contract.CONFIG).read_text())
        for name in ("none", "hopeless")
    )
    said = ("task", "strategy", "seed", "streams", "budget", "batch", "backend")
    assert "rules" not in plain and plain["config_hash"] == digest({name: plain[name] for name in said})
    assert under["rules"] == {"compile_factor": 3.0, "compile_quantile": 0.5, "compile_after": 5, "sample_error": 0.01}
    assert under["config_hash"] == digest({name: under[name] for name in (*said, "rules")})
    assert {name: under[name] for name in said} == {name: plain[name] for name in said}


def test_a_directory_is_of_runs_with_rules_or_without(tmp_path: Path, landscape_file: Path) -> None:
    run(tmp_path / "r", landscape_file)
    with pytest.raises(UserError, match=r"rules was none, now \{'compile_factor': 2.0"):
        run(tmp_path / "r", landscape_file, "rules.compile_factor=2")


def test_a_backend_that_ends_nothing_is_refused_with_rules(tmp_path: Path) -> None:
    one = Composer().single([f"results={tmp_path / 'r'}", "rules.sample_error=0.01"])
    path = write_toy(tmp_path)
    config = replace(one.runs[0], backend={"_target_": f"{__name__}.unending", "landscape": str(path)})
    with pytest.raises(UserError) as error:
        execute(config, one.options)
    assert str(error.value).startswith(f"rules.sample_error=0.01: {__name__}.unending cannot end evaluations early")
    assert not (tmp_path / "r").exists()
    assert execute(replace(config, rules=None), one.options).evaluations == 100


class Unending:
    """A replay that cannot end anything early."""

    def __init__(self, replay: ReplayBackend) -> None:
        self._replay = replay

    def __getattr__(self, name: str) -> object:
        if name == "measure_under":
            raise AttributeError(name)
        return getattr(self._replay, name)


def unending(task: None, seed: np.random.SeedSequence, landscape: str) -> Unending:
    assert task is None
    return Unending(ReplayBackend(read_landscape(Path(landscape)), seed))
