from __future__ import annotations

import math
import re

import numpy as np
import pytest
from optuna.samplers._tpe.sampler import default_gamma
from optuna.trial import TrialState

from harness.errors import UserError
from harness.evaluation import Status
from harness.strategies.base import Budget, Strategy
from harness.strategies.optuna_tpe import OptunaTPE, good_of
from harness.strategies.random import RandomSearch
from harness.testing import StrategyContract, drive, spaces
from harness.testing.driver import trace
from search_spaces.space import SearchSpace


class TestOptunaTPE(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return OptunaTPE(space, seed, budget)


def test_failures_are_modelled_as_the_worst() -> None:
    space = spaces.plain()
    strategy = OptunaTPE(space, np.random.SeedSequence(0), Budget())
    drive(strategy, space, lambda *_: Status.RUN_TIMEOUT, evaluations=4)
    values = [t.value for t in strategy._study.trials if t.state == TrialState.COMPLETE]
    assert values == [math.inf] * 4


def test_repairs_are_told_as_what_was_evaluated() -> None:
    space = spaces.constrained()
    strategy = OptunaTPE(space, np.random.SeedSequence(0), Budget())
    done = drive(strategy, space, evaluations=20)
    assert any(e.repaired for e in done)
    told = [t for t in strategy._study.trials if t.state == TrialState.COMPLETE]
    by_value = {t.value: t.params for t in told}
    assert len(told) == 20
    for e in done:
        codes = space.encode(e.configuration)
        assert list(by_value[e.latency_ms].values()) == codes.tolist()


def test_inactive_parameters_are_not_suggested() -> None:
    space = spaces.conditional()
    strategy = OptunaTPE(space, np.random.SeedSequence(0), Budget())
    drive(strategy, space, evaluations=20)
    for t in strategy._study.trials:
        assert ("factor" in t.params) == (t.params["scheme"] == "split")
        assert ("groups" in t.params) == (t.params.get("atomic") is False)


@pytest.mark.slow
def test_it_beats_random_on_a_smooth_kernel() -> None:
    space = spaces.plain()

    def best(strategy: Strategy) -> float:
        return min(e.latency_ms for e in drive(strategy, space, evaluations=40) if e.latency_ms is not None)

    seeds = [np.random.SeedSequence(s) for s in range(8)]
    ours = np.mean([best(OptunaTPE(space, seed, Budget())) for seed in seeds])
    assert ours < np.mean([best(RandomSearch(space, seed, Budget())) for seed in seeds])


def test_the_share_of_good_trials_is_optunas_gamma() -> None:
    assert [good_of(0.1, n) for n in range(1, 400)] == [default_gamma(n) for n in range(1, 400)]
    space = spaces.conditional()
    own, same, other = (
        trace(drive(OptunaTPE(space, np.random.SeedSequence(1), Budget(), good=good), space, evaluations=20), space)
        for good in (None, 0.1, 0.4)
    )
    assert own == same != other
    for wrong in (0.0, 1.0):
        with pytest.raises(UserError, match=re.escape(f"good={wrong}: expected a share")):
            OptunaTPE(space, np.random.SeedSequence(1), Budget(), good=wrong)
