"""Optuna's samplers, selected by configuration. GPSampler's asks take 0.3 s, so it models only once or twice here."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hydra.utils import instantiate
from optuna.samplers import BruteForceSampler, GPSampler, GridSampler, NSGAIISampler, RandomSampler
from optuna.trial import TrialState

from harness.config.compose import Composer
from harness.evaluation import Status
from harness.run.execute import execute
from harness.strategies.base import Budget, Strategy
from harness.strategies.optuna_sampler import OptunaSampler
from harness.testing import StrategyContract, drive, spaces
from harness.testing.driver import trace
from search_spaces.parameter import Categorical, Ordinal
from search_spaces.space import SearchSpace
from tests.harness.toy import write_toy

BATCHES = pytest.mark.parametrize("batch", [1, 8])


class TestOptunaNSGA2(StrategyContract):
    """With a population of five, the third generation has begun when most tests end."""

    asks = 15

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return OptunaSampler(space, seed, budget, sampler=partial(NSGAIISampler, population_size=5), flat=True)


class TestOptunaGP(StrategyContract):
    asks = 5
    startup = 4

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        sampler = partial(GPSampler, n_startup_trials=self.startup)
        return OptunaSampler(space, seed, budget, sampler=sampler, flat=True, log_latency=True)

    @pytest.mark.slow
    @BATCHES
    def test_exhausting_a_space_visits_everything_once_and_finds_the_optimum(self, batch: int) -> None:
        super().test_exhausting_a_space_visits_everything_once_and_finds_the_optimum(batch)

    @pytest.mark.slow
    @pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
    def test_each_kind_of_failure_is_survived(self, status: Status) -> None:
        super().test_each_kind_of_failure_is_survived(status)


@pytest.mark.slow
class TestOptunaGPModelling(TestOptunaGP):
    asks = 14
    startup = 10


def test_generations_go_on_through_repairs() -> None:
    """A repaired proposal stays in its generation; otherwise every generation would remain the first."""
    space = spaces.constrained()
    sampler = partial(NSGAIISampler, population_size=5)
    strategy = OptunaSampler(space, np.random.SeedSequence(0), Budget(), sampler=sampler, flat=True)
    done = drive(strategy, space, evaluations=20)
    assert sum(e.repaired for e in done) >= 3
    told = [t for t in strategy._study.trials if t.state == TrialState.COMPLETE]
    assert [t.system_attrs["NSGAIISampler:generation"] for t in told] == [i // 5 for i in range(20)]


@pytest.mark.parametrize("flat", [False, True])
def test_flat_suggests_every_parameter_always(flat: bool) -> None:
    space = spaces.conditional()
    strategy = OptunaSampler(space, np.random.SeedSequence(0), Budget(), sampler=RandomSampler, flat=flat)
    done = drive(strategy, space, evaluations=30)
    assert any(e.repaired for e in done)
    told = [t for t in strategy._study.trials if t.state == TrialState.COMPLETE]
    assert all((set(t.params) == set(space.names)) == flat for t in told)
    for t, e in zip(told, done, strict=True):
        codes = space.encode(e.configuration)
        for i, name in enumerate(space.names):
            if codes[i] >= 0 and space.parameters[i].ordered:
                assert t.params[name] == codes[i]


def test_log_latency_is_relative_to_the_first_success() -> None:
    space = spaces.plain()
    answers: list[float | Status] = [Status.RUN_TIMEOUT, 3.0, 1.5, 6.0]
    outcomes = iter(answers)
    strategy = OptunaSampler(space, np.random.SeedSequence(0), Budget(), sampler=RandomSampler, log_latency=True)
    drive(strategy, space, lambda *_: next(outcomes), evaluations=4)
    values = [t.value for t in strategy._study.trials if t.state == TrialState.COMPLETE]
    assert values == [np.inf, 0.0, round(np.log(0.5), 9), round(np.log(2.0), 9)]


@pytest.mark.parametrize(
    ("name", "kind"), [("optuna_gp", GPSampler), ("optuna_nsga2", NSGAIISampler)], ids=["gp", "nsga2"]
)
def test_yaml_makes_the_sampler(name: str, kind: type[Any]) -> None:
    values = yaml.safe_load(Path(f"conf/strategy/{name}.yaml").read_text())
    del values["label"]
    made = instantiate({**values, "_partial_": True, "_convert_": "all"})
    strategy = made(space=spaces.conditional(), seed=np.random.SeedSequence(0), budget=Budget())
    assert isinstance(strategy._study.sampler, kind)
    assert len(drive(strategy, spaces.conditional(), evaluations=4)) == 4


def test_a_sampler_that_stops_its_study_ends_the_run() -> None:
    space = SearchSpace([Ordinal("a", (1, 2)), Categorical("b", ("x", "y"))])
    for sampler in (BruteForceSampler, partial(GridSampler, {"a": [0, 1], "b": ["x", "y"]})):
        for batch in (1, 3):
            strategy = OptunaSampler(space, np.random.SeedSequence(1), Budget(25), sampler=sampler)
            visited = trace(drive(strategy, space, evaluations=25, batch=batch), space)
            assert len(visited) == len(set(visited)) == 4


class StopsAfterThree(RandomSampler):
    def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
        super().after_trial(study, trial, state, values)
        if trial.number == 2:
            study.stop()


@pytest.mark.parametrize(("budget", "ended", "evaluations"), [(3, "budget", 3), (50, "exhausted", 3)])
def test_a_run_ends_as_exhausted_when_its_sampler_stops(
    tmp_path: Path, budget: int, ended: str, evaluations: int
) -> None:
    overrides = [
        f"backend.landscape={write_toy(tmp_path)}", f"results={tmp_path / 'study'}", "strategy=optuna_sampler",
        f"strategy.sampler={__name__}.StopsAfterThree", f"budget.evaluations={budget}",
    ]  # fmt: skip
    asked = Composer().single(overrides)
    result = execute(asked.runs[0], asked.options)
    assert (result.ended, result.evaluations) == (ended, evaluations)
