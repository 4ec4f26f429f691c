from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import yaml
from hydra.utils import get_class
from optuna.samplers import BaseSampler, TPESampler

from harness.evaluation import Configuration
from harness.strategies.base import Budget, Strategy
from harness.strategies.common.quiet import quiet
from harness.strategies.optuna_sampler import distributions, suggest
from harness.strategies.optuna_tpe import OptunaTPE
from harness.strategies.optuna_tpe_hierarchical import OptunaTPEHierarchical, TreeSampler, levels
from harness.testing import StrategyContract, drive, smooth_latency, spaces
from search_spaces.parameter import Boolean, Categorical, Integer
from search_spaces.space import SearchSpace


class TestOptunaTPEHierarchical(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return OptunaTPEHierarchical(space, seed, budget)


def unconditional_orders() -> SearchSpace:
    """Return a space with permutations and a single value, without a condition."""
    return SearchSpace([*spaces.permuted().parameters[:2], Integer("only", 3, 3), Integer("steps", 1, 9)])


@pytest.mark.parametrize("made", [spaces.plain, spaces.constrained, unconditional_orders])
@pytest.mark.parametrize("batch", [pytest.param(1, marks=pytest.mark.slow), 4])
@pytest.mark.parametrize("group", [False, True])
def test_without_conditions_the_trace_is_that_of_optunas_multivariate_tpe(
    made: Callable[[], SearchSpace], batch: int, group: bool
) -> None:
    space = made()
    theirs: Strategy = OptunaTPE(space, np.random.SeedSequence(5), Budget(), group=group)
    ours: Strategy = OptunaTPEHierarchical(space, np.random.SeedSequence(5), Budget())
    traces = [
        [dict(e.configuration) for e in drive(each, space, evaluations=40, batch=batch)] for each in (theirs, ours)
    ]
    assert traces[0] == traces[1]


def test_levels_follow_the_conditions() -> None:
    # scheme 0, tile 1, factor 2, atomic 3, groups 4 (hangs on atomic), prefetch 5, waves 6
    assert levels(spaces.conditional()) == [[0, 1], [2, 3, 5, 6], [4]]
    assert levels(spaces.plain()) == [[0, 1, 2, 3, 4]]


def test_each_level_is_drawn_at_once_and_only_what_is_active(monkeypatch: pytest.MonkeyPatch) -> None:
    space = spaces.conditional()
    drawn: list[set[str]] = []
    sample = TPESampler._sample

    def spy(self: TPESampler, study: Any, trial: Any, search_space: Any) -> Any:
        drawn.append(set(search_space))
        return sample(self, study, trial, search_space)

    monkeypatch.setattr(TPESampler, "_sample", spy)
    for fast in ("direct", "split", "persistent"):
        strategy = OptunaTPEHierarchical(space, np.random.SeedSequence(0), Budget())
        drive(strategy, space, lambda _, c, fast=fast: 1.0 + (c["scheme"] != fast), evaluations=25)  # type: ignore[misc]
    children = [{"prefetch"}, {"factor", "atomic"}, {"prefetch", "waves"}]
    assert drawn[0] == {"scheme", "tile"}
    assert all(names in (*children, {"scheme", "tile"}, {"groups"}) for names in drawn)
    assert all(names in drawn for names in children)
    assert all(drawn[i - 1] == {"factor", "atomic"} for i, names in enumerate(drawn) if names == {"groups"})


def test_the_children_of_a_branch_are_drawn_together_whatever_other_branches_have() -> None:
    """In branch a, x equal to z is fast; z is also active in branch c, so Optuna's groups separate the two."""
    letters = tuple("pqrs")
    space = SearchSpace(
        [
            Categorical("branch", ("a", "c")),
            Categorical("x", letters, active_when="branch == 'a'"),
            Categorical("z", letters, active_when="branch in ('a', 'c')"),
        ]
    )
    fast = [row for row in space.enumerate() if row.get("x") == row["z"]]
    slow = [row for row in space.enumerate() if row.get("x") != row["z"]]

    def equal(sampler: BaseSampler) -> float:
        study = optuna.create_study(sampler=sampler)
        study.add_trials([told(space, row, 1.0) for row in fast * 5] + [told(space, row, 2.0) for row in slow * 12])
        in_a = [row for row in (ask(study, space) for _ in range(100)) if row["branch"] == "a"]
        assert len(in_a) > 50
        return float(np.mean([row["x"] == row["z"] for row in in_a]))

    with quiet():
        theirs = equal(TPESampler(multivariate=True, group=True, constant_liar=False, seed=1))
        ours = equal(TreeSampler(space, constant_liar=False, seed=1))
    assert ours > 0.9
    assert theirs < 0.5


def told(space: SearchSpace, row: Configuration, value: float) -> optuna.trial.FrozenTrial:
    domains = {name: d for p in space.parameters if p.name in row for name, d in distributions(p).items()}
    params = {p.name: p.code_of[row[p.name]] if p.ordered else row[p.name] for p in space.parameters if p.name in row}
    return optuna.trial.create_trial(params=params, distributions=domains, value=value)


def ask(study: optuna.Study, space: SearchSpace) -> dict[str, Any]:
    trial = study.ask()
    row = {"branch": suggest(trial, "branch", *distributions(space.parameters[0]).values())}
    for parameter in space.parameters[1 if row["branch"] == "a" else 2 :]:
        row[parameter.name] = suggest(trial, parameter.name, *distributions(parameter).values())
    return row


def test_a_branch_that_no_trial_was_in_is_drawn_from() -> None:
    space = SearchSpace([Boolean("rare"), Integer("under", 0, 7, active_when="rare")])

    def seldom(space: SearchSpace, configuration: Configuration) -> float:
        return 1.0 + smooth_latency(space, configuration) * configuration["rare"]  # type: ignore[operator]

    strategy = OptunaTPEHierarchical(space, np.random.SeedSequence(0), Budget(), n_startup_trials=1)
    assert len(drive(strategy, space, seldom)) == space.size == 9


def test_yaml_holds_the_defaults() -> None:
    values = yaml.safe_load(Path("conf/strategy/optuna_tpe_hierarchical.yaml").read_text())
    signature = inspect.signature(get_class(values.pop("_target_")))
    assert values.pop("label") == "optuna_tpe_hierarchical"
    assert values == {p.name: p.default for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY}
