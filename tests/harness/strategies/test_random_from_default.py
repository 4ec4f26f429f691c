from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.config.compose import Composer
from harness.errors import UserError
from harness.run.execute import execute
from harness.strategies.base import Budget, Strategy
from harness.strategies.random import RandomSearch
from harness.strategies.random_from_default import RandomFromDefault
from harness.testing import StrategyContract, drive, spaces
from harness.testing.driver import evaluation, trace
from search_spaces.space import SearchSpace


def some_default(space: SearchSpace) -> dict[str, object]:
    return dict(space.sample(np.random.default_rng(11), 1)[0])


class TestRandomFromDefault(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return RandomFromDefault(space, seed, budget, default=some_default(space))


@pytest.mark.parametrize("made", [spaces.conditional, spaces.huge])
@pytest.mark.parametrize("batch", [1, 4])
def test_the_default_comes_first_and_then_what_random_search_draws(made: object, batch: int) -> None:
    space = made()  # type: ignore[operator]
    default = some_default(space)
    ours = RandomFromDefault(space, np.random.SeedSequence(0), Budget(), default=default)
    theirs = drive(RandomSearch(space, np.random.SeedSequence(0), Budget()), space, evaluations=30)
    others = [key for key in trace(theirs, space) if key != space.key(default)]
    done = trace(drive(ours, space, evaluations=20, batch=batch), space)
    assert done == [space.key(default), *others][:20]


def test_a_given_default_is_not_asked_again() -> None:
    space = spaces.conditional()
    default = some_default(space)
    strategy = RandomFromDefault(space, np.random.SeedSequence(0), Budget(), default=default)
    strategy.start([evaluation(0, default, 1.0)])
    assert space.key(default) not in trace(drive(strategy, space), space)


def test_its_yaml_takes_the_tasks_default(tmp_path: Path) -> None:
    task = [
        "task=softmax-512x65536-bf16",
        "strategy=random_from_default",
        "budget.evaluations=3",
        f"results={tmp_path}",
    ]
    sweep = Composer().expand(task)
    assert sweep.runs[0].strategy["default"]["num_warps"] == 8
    result = execute(sweep.runs[0], sweep.options)
    first = pq.read_table(result.path / "evaluations.parquet").slice(0, 1).to_pylist()[0]
    assert (first["config.num_warps"], first["config.scheme"]) == (16, "single_pass"), "the shape forbids eight warps"


def test_without_a_default_it_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="declares no default"):
        RandomFromDefault(spaces.plain(), np.random.SeedSequence(0), Budget())
