from __future__ import annotations

import sys

import numpy as np
import pytest

from harness.errors import UserError
from harness.evaluation import Status
from harness.strategies.base import Budget, Strategy
from harness.strategies.catcma import CatCMA, Variables
from harness.strategies.random import RandomSearch
from harness.testing import StrategyContract, drive, spaces
from harness.testing.driver import evaluation, smooth_latency, trace
from search_spaces.parameter import Categorical, Integer, Ordinal
from search_spaces.space import SearchSpace

cmaes = pytest.importorskip("cmaes")


class TestCatCMA(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return CatCMA(space, seed, budget)


def stated_problem() -> SearchSpace:
    """Return a space so large that nothing is proposed twice in 80 evaluations, without conditions and constraints."""
    numbers = [Integer(f"n{i}", 1, 40) for i in range(10)]
    return SearchSpace([*numbers, *(Categorical(f"c{i}", tuple("abcde")) for i in range(3))])


@pytest.mark.parametrize("seed", range(3))
def test_the_trace_is_the_one_of_the_authors_code(seed: int) -> None:
    space = stated_problem()
    ours = drive(CatCMA(space, np.random.SeedSequence(seed), Budget()), space, evaluations=80)
    assert not any(each.repaired for each in ours)
    number = int(np.random.SeedSequence(seed).generate_state(1)[0])
    theirs = cmaes.CatCMAwM(z_space=[range(40)] * 10, c_space=[5] * 3, seed=number)
    expected: list[str] = []
    while len(expected) < 80:
        generation = []
        for _ in range(theirs.population_size):
            solution = theirs.ask()
            codes = np.array([*solution.z.astype(int), *solution.c.argmax(axis=1)], dtype=np.int32)
            configuration = space.decode(codes)
            generation.append((solution, smooth_latency(space, configuration)))
            expected.append(space.key(configuration))
        theirs.tell(generation)
    assert trace(ours, space) == expected[:80]


def test_it_beats_random_on_a_smooth_kernel() -> None:
    space = stated_problem()

    def best(strategy: Strategy) -> float:
        return min(e.latency_ms for e in drive(strategy, space, evaluations=120) if e.latency_ms is not None)

    ours = [best(CatCMA(space, np.random.SeedSequence(seed), Budget())) for seed in range(4)]
    assert np.mean(ours) < np.mean([best(RandomSearch(space, np.random.SeedSequence(s), Budget())) for s in range(8)])


@pytest.mark.parametrize("made", [spaces.conditional, spaces.permuted, spaces.plain, spaces.huge])
def test_a_sample_is_moved_to_what_was_evaluated_in_its_place(made: object) -> None:
    space = made()  # type: ignore[operator]
    variables = Variables(space.parameters)
    optimizer = cmaes.CatCMAwM(
        z_space=[range(n) for n in variables.steps] or None, c_space=variables.choices or None, seed=0
    )
    for configuration in space.sample(np.random.default_rng(0), 20):
        sample = optimizer.ask()
        before = variables.values(sample)
        after = variables.values(placed := variables.placed(sample, configuration))
        assert after == {**before, **configuration}
        if placed.z is not None:
            moved = placed.z != sample.z
            assert (placed._v_raw[moved] == placed.z[moved]).all()
            assert (placed._v_raw[~moved] == sample._v_raw[~moved]).all()


def test_what_has_two_values_is_a_category_and_what_has_one_no_variable() -> None:
    variables = Variables([Ordinal("a", (1, 2)), Ordinal("b", (1, 2, 4)), Ordinal("c", (7,)), Categorical("d", ("x",))])
    assert (variables.steps, variables.choices) == ([3], [2])


def test_failures_rank_behind_all_that_worked_and_given_ones_are_in_the_first_generation() -> None:
    space = spaces.plain()
    strategy = CatCMA(space, np.random.SeedSequence(0), Budget(), population=4)
    given = list({space.key(c): c for c in space.sample(np.random.default_rng(0), 9)}.values())[:3]
    outcomes = [2.0, Status.RUN_TIMEOUT, 1.0]
    strategy.start([evaluation(i, *pair) for i, pair in enumerate(zip(given, outcomes, strict=True))])
    assert [value for _, value in strategy._generation] == [2.0, float("inf"), 1.0]
    assert strategy._optimizer is not None and strategy._optimizer.generation == 0
    drive(strategy, space, evaluations=1)
    assert strategy._optimizer.generation == 1


@pytest.mark.parametrize(("argument", "said"), [({"population": 3}, "population=3"), ({"sigma": 0.0}, "sigma=0.0")])
def test_arguments_out_of_range_are_one_line(argument: dict[str, float], said: str) -> None:
    with pytest.raises(UserError, match=said):
        CatCMA(spaces.plain(), np.random.SeedSequence(0), Budget(), **argument)  # type: ignore[arg-type]


def test_a_missing_extra_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(UserError, match=r"pip install 'nearopt\[cmaes\]'"):
        CatCMA(spaces.plain(), np.random.SeedSequence(0), Budget())
