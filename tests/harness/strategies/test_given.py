"""Each library receives evaluations that it did not ask for into its model or among its members."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from optuna.samplers import GPSampler, NSGAIISampler
from optuna.trial import TrialState

from harness.errors import UserError
from harness.evaluation import Evaluation, Status
from harness.strategies.ax import Ax
from harness.strategies.base import Budget, Startable
from harness.strategies.botorch_mixed import BotorchMixed
from harness.strategies.conditional_gp import ConditionalGP
from harness.strategies.differential_evolution import DifferentialEvolution
from harness.strategies.genetic import Genetic
from harness.strategies.lfbo import LFBO
from harness.strategies.local_search import LocalSearch
from harness.strategies.optuna_sampler import OptunaSampler, numbers_of
from harness.strategies.optuna_tpe import OptunaTPE
from harness.strategies.pattern_search import PatternSearch
from harness.testing import drive, spaces
from harness.testing.driver import evaluation, smooth_latency, trace
from search_spaces.space import SearchSpace

SEED = np.random.SeedSequence(0)


def given(space: SearchSpace, n: int = 3) -> list[Evaluation]:
    """Return different configurations, the second of which failed."""
    drawn = {space.key(c): c for c in space.sample(np.random.default_rng(2), 10 * n)}
    outcomes = [Status.RUN_TIMEOUT if i == 1 else smooth_latency(space, c) for i, c in enumerate(drawn.values())]
    return [evaluation(i, c, o) for i, (c, o) in enumerate(zip(drawn.values(), outcomes, strict=True))][:n]


@pytest.mark.parametrize(
    ("sampler", "flat"),
    [(None, False), (partial(NSGAIISampler, population_size=5), True), (partial(GPSampler, n_startup_trials=3), True)],
    ids=["tpe", "nsga2", "gp"],
)
@pytest.mark.parametrize("made", [spaces.conditional, spaces.permuted])
def test_optuna_has_them_as_trials_with_what_its_samplers_note(
    sampler: Callable[..., object] | None, flat: bool, made: Callable[[], SearchSpace]
) -> None:
    space = made()
    strategy = (
        OptunaTPE(space, SEED, Budget())
        if sampler is None
        else OptunaSampler(space, SEED, Budget(), sampler=sampler, flat=flat)  # type: ignore[arg-type]
    )
    told = given(space)
    strategy.start(told)
    trials = [trial for trial in strategy._study.trials if trial.state is TrialState.COMPLETE]
    assert [trial.value for trial in trials] == [e.latency_ms if e.ok else math.inf for e in told]
    for trial, each in zip(trials, told, strict=True):
        params = {
            name: number
            for parameter in space.parameters
            if parameter.name in each.configuration
            for name, number in zip(
                strategy._domains[parameter.name],
                numbers_of(parameter, each.configuration[parameter.name]),
                strict=True,
            )
        }
        assert params.items() <= trial.params.items()
        assert len(trial.params) == (sum(map(len, strategy._domains.values())) if flat else len(params))
    if isinstance(strategy._study.sampler, NSGAIISampler):
        assert all(any("generation" in key for key in trial.system_attrs) for trial in trials), "they are parents"
    assert len(drive(strategy, space, evaluations=6)) == 6


def test_ax_attaches_them() -> None:
    space = spaces.conditional()
    strategy = Ax(space, SEED, Budget())
    strategy.start(given(space))
    trials = strategy._client._experiment.trials
    assert [trial.status.name for trial in trials.values()] == ["COMPLETED", "ABANDONED", "COMPLETED"]


def test_models_count_them_among_their_initial_evaluations() -> None:
    space = spaces.plain()
    for strategy in (
        LFBO(space, SEED, Budget(), initial=3),
        BotorchMixed(space, SEED, Budget(), initial=3),
    ):
        strategy.start(given(space))
        assert [space.decode(row) for row in strategy._told] == [e.configuration for e in given(space)]
        assert len(strategy._latencies_ms) == strategy._initial and not strategy._pending
    gp = ConditionalGP(space, SEED, Budget())
    gp.start(given(space))
    assert len(gp._codes) == 3 and gp._latencies_ms[1] is None and not gp._pending


def test_walks_start_from_them() -> None:
    space = spaces.conditional()
    told = given(space, 1)
    strategy = LocalSearch(space, SEED, Budget())
    strategy.start(told)
    around = {space.key(space.decode(row)) for row in space.neighbour_codes(space.encode(told[0].configuration))}
    assert set(trace(drive(strategy, space, evaluations=3), space)) <= around
    pattern = PatternSearch(space, SEED, Budget(), initial=2, copies=1)
    pattern.start(given(space, 2))
    drive(pattern, space, evaluations=1)
    assert not pattern.starts, "the two of them are its first round"


def test_populations_have_them_as_members() -> None:
    space = spaces.conditional()
    genetic = Genetic(space, SEED, Budget(), population=3)
    genetic.start(given(space))
    members = [space.encode(e.configuration).tolist() for e in given(space)]
    assert sorted(codes.tolist() for _, codes in genetic._parents) == sorted(members)
    evolution = DifferentialEvolution(space, SEED, Budget(), population=4)
    evolution.start(given(space))
    assert [codes.tolist() for codes in evolution._members] == members
    assert evolution._latencies_ms[1] == math.inf and not evolution._targets


def test_smac_has_them_in_its_history() -> None:
    pytest.importorskip("smac")
    from harness.strategies.smac import SMAC

    space = spaces.plain()
    strategy = SMAC(space, SEED, Budget(20))
    strategy.start(given(space))
    drive(strategy, space, evaluations=6)
    history = list(strategy._facade.runhistory.items())
    assert [value.status.name for _, value in history[:3]] == ["SUCCESS", "CRASHED", "SUCCESS"]
    assert len({key.seed for key, _ in history}) == 1, "it asks under the seed that they were told under"


def test_kernel_tuner_takes_none() -> None:
    from harness.strategies.kernel_tuner import KernelTuner

    assert not issubclass(KernelTuner, Startable)


@pytest.mark.parametrize(
    ("algorithm", "options"),
    [("RandomSearch", {"count": 40}), ("LFBOTreeSearch", {}), ("DifferentialEvolutionSearch", {"population_size": 8})],
)
def test_helion_begins_its_population_with_them(algorithm: str, options: dict[str, int]) -> None:
    pytest.importorskip("helion")
    from harness.strategies.helion import HelionSearch

    space = spaces.conditional()
    strategy = HelionSearch(space, SEED, Budget(), algorithm=algorithm, options=options)
    strategy.start(given(space))
    strategy.ask(1)
    assert strategy.facts()["remembered"] >= 3, "the search has asked for them, and was answered from memory"
    plain = HelionSearch(space, SEED, Budget(), algorithm=algorithm, options=options)
    plain.ask(1)
    assert plain.facts()["remembered"] < strategy.facts()["remembered"]


@pytest.mark.parametrize("task", ["helion_softmax-16384x2560-bf16", "helion_matmul-2048x2048x2048-bf16"])
def test_helion_s_own_default_and_its_compiler_s_seeds(task: str) -> None:
    pytest.importorskip("helion")
    from harness.landscapes.landscape import read_landscape
    from harness.landscapes.library import find_landscape
    from harness.strategies.common.default import default_of
    from harness.strategies.helion.seeds import helion_compiler_seeds
    from search_spaces.helion import description_of, helion_space

    recording = read_landscape(find_landscape(task, None)).space
    description = description_of(recording)
    assert description is not None
    whole = helion_space(description)
    default, source = default_of(whole, {})
    assert source == "helion" and whole.contains(default) and default["num_stages"] == 1
    seeds = helion_compiler_seeds(whole)
    assert [whole.contains(seed) for seed in seeds] == [True] * len(description["seeds"])
    with pytest.raises(UserError, match=r"Helion's default: .* is not in the recorded sample"):
        default_of(recording, {})
