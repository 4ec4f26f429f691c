from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from harness.errors import UserError
from harness.evaluation import Status
from harness.strategies.base import Budget, Strategy
from harness.strategies.common.proposals import without_inactive
from harness.strategies.random import RandomSearch
from harness.strategies.smac import SMAC
from harness.testing import StrategyContract, drive, spaces
from search_spaces.parameter import Categorical, Integer
from search_spaces.space import SearchSpace

pytest.importorskip("smac")

from ConfigSpace.util import generate_grid
from smac import HyperparameterOptimizationFacade

from harness.strategies.smac.space import ConfigSpace


class TestSMAC(StrategyContract):
    asks = 12
    exempt: ClassVar = {"test_a_pickled_copy_goes_on_like_the_original": "SMAC's intensifier holds a generator"}

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return SMAC(space, seed, budget)


def either() -> SearchSpace:
    """The space has a condition that no conjunction expresses."""
    return SearchSpace(
        [Integer("a", 1, 3), Integer("b", 1, 3), Categorical("mode", ("x", "y"), "a == 1 or b == 1")],
        constraints=("a + b < 6",),
    )


@pytest.mark.parametrize("made", [spaces.conditional, spaces.constrained, spaces.plain])
def test_conditions_and_constraints_are_translated_exactly(made: object) -> None:
    space = made()  # type: ignore[operator]
    tree = ConfigSpace(space)
    listed = {space.key(tree.read(each)) for each in generate_grid(tree.configspace)}
    assert listed == {space.key(configuration) for configuration in space.enumerate()}


@pytest.mark.parametrize("made", [spaces.conditional, spaces.permuted, spaces.plain, spaces.huge, either])
def test_configurations_go_to_config_space_and_back(made: object) -> None:
    space = made()  # type: ignore[operator]
    tree = ConfigSpace(space)
    for configuration in space.sample(np.random.default_rng(0), 20):
        written = tree.write(configuration, {})
        assert written is not None
        assert without_inactive(space, tree.read(written)) == configuration


def test_repairs_are_told_as_what_was_evaluated() -> None:
    space = spaces.constrained()
    restricted = space.restricted(space.codes()[::2])
    strategy = SMAC(restricted, np.random.SeedSequence(0), Budget(20))
    done = drive(strategy, restricted, evaluations=20)
    assert any(e.repaired for e in done)
    history = strategy._facade.runhistory
    told = [history.get_config(key.config_id) for key, value in history.items() if value.status.name == "SUCCESS"]
    assert [strategy._tree.read(each) for each in told] != []
    keys = {space.key(strategy._tree.read(each)) for each in told}
    assert keys <= {space.key(e.configuration) for e in done}


def test_failures_cost_what_the_slowest_success_does() -> None:
    space = spaces.plain()
    strategy = SMAC(space, np.random.SeedSequence(0), Budget(8))
    outcomes = iter([Status.RUN_TIMEOUT, 2.0, Status.WRONG_RESULT, 6.0, 4.0])
    drive(strategy, space, lambda *_: next(outcomes), evaluations=5)
    told = [(value.status.name, value.cost) for value in strategy._facade.runhistory.values()]
    assert told == [("CRASHED", 3.0), ("SUCCESS", 1.0), ("CRASHED", 3.0), ("SUCCESS", 3.0), ("SUCCESS", 2.0)]


def test_it_beats_random_on_a_smooth_kernel() -> None:
    space = spaces.plain()

    def best(strategy: Strategy) -> float:
        return min(e.latency_ms for e in drive(strategy, space, evaluations=40) if e.latency_ms is not None)

    ours = np.mean([best(SMAC(space, np.random.SeedSequence(seed), Budget(40))) for seed in range(4)])
    assert ours < np.mean([best(RandomSearch(space, np.random.SeedSequence(seed), Budget(40))) for seed in range(12)])


def test_the_forest_is_the_facades_own() -> None:
    strategy = SMAC(spaces.conditional(), np.random.SeedSequence(0), Budget())
    ours = strategy._facade._model
    theirs = HyperparameterOptimizationFacade.get_model(strategy._facade.scenario)
    assert {name for name, value in theirs.meta.items() if ours.meta[name] != value} == {"max_leaf_nodes", "n_jobs"}


@pytest.mark.slow
def test_the_trace_does_not_depend_on_the_hashes_of_strings() -> None:
    script = (
        "import numpy as np; from harness.strategies.base import Budget; from harness.strategies.smac import SMAC;"
        "from harness.testing import drive, spaces; space = spaces.conditional();"
        "strategy = SMAC(space, np.random.SeedSequence(5), Budget(14));"
        "print([space.key(e.configuration) for e in drive(strategy, space, evaluations=14, batch=2)])"
    )
    traces = {
        subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "77")
    }
    assert len(traces) == 1


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    drive(SMAC(spaces.conditional(), np.random.SeedSequence(0), Budget(8)), spaces.conditional(), evaluations=8)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "harness.strategies.smac.search", raising=False)
    monkeypatch.setitem(sys.modules, "smac", None)
    with pytest.raises(UserError, match=r"pip install 'nearopt\[smac\]'"):
        SMAC(spaces.plain(), np.random.SeedSequence(0), Budget())
