"""The contract as an author uses it: five lines inherit it, and each clause fails for a strategy that breaks it."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness.testing
from harness.evaluation import Configuration, Evaluation, Status
from harness.strategies.base import Budget, Strategy
from harness.strategies.random import RandomSearch
from harness.testing import StrategyContract, spaces
from search_spaces.space import SearchSpace
from tests.test_imports import imported

pytest_plugins = ["pytester"]


class TestMine(StrategyContract):
    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        return RandomSearch(space, seed, budget)


class Broken(RandomSearch):
    """Random search whose subclasses break one clause each."""

    def __init__(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> None:
        super().__init__(space, seed, budget)
        self.space, self.told = space, list[Evaluation]()

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        self.told += evaluations


class Repeats(Broken):
    def ask(self, n: int) -> Sequence[Configuration]:
        return [self.told[0].configuration] if self.told else super().ask(n)


class ProposesTheInfeasible(Broken):
    def ask(self, n: int) -> Sequence[Configuration]:
        return [{p.name: p.values[-1] for p in self.space.parameters} for _ in super().ask(n)]


class AsksTooMuch(Broken):
    def ask(self, n: int) -> Sequence[Configuration]:
        return super().ask(n + 1)


class AsksOneAtATime(Broken):
    def ask(self, n: int) -> Sequence[Configuration]:
        return super().ask(min(n, 1))


class EndsEarly(Broken):
    def ask(self, n: int) -> Sequence[Configuration]:
        return [] if len(self.told) > 6 else super().ask(n)


class CrashesAtTheEnd(Broken):
    def ask(self, n: int) -> Sequence[Configuration]:
        asked = super().ask(n)
        if not asked:
            raise StopIteration
        return asked


class NeedsTwoEvaluations(Broken):
    def ask(self, n: int) -> Sequence[Configuration]:
        asked = super().ask(n)
        return asked if len(self.told) + len(asked) > 1 else []


class CrashesOnFailures(Broken):
    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        super().tell(evaluations)
        sum(e.latency_ms for e in evaluations)  # type: ignore[misc]


class NeedsASuccess(Broken):
    """A strategy that survives failures only after a first success."""

    def ask(self, n: int) -> Sequence[Configuration]:
        if len(self.told) > 5:
            min(e.latency_ms for e in self.told if e.latency_ms is not None)
        return super().ask(n)


class DividesByTheSpread(Broken):
    def ask(self, n: int) -> Sequence[Configuration]:
        latencies = [e.latency_ms for e in self.told if e.latency_ms is not None]
        if len(latencies) > 1:
            assert max(latencies) > min(latencies)
        return super().ask(n)


class DrawsFromTheGlobalGenerator(Broken):
    def ask(self, n: int) -> Sequence[Configuration]:
        asked = list(super().ask(n + 1))
        return random.sample(asked, min(n, len(asked)))


class IgnoresItsSeed(Broken):
    def __init__(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> None:
        del seed
        super().__init__(space, np.random.SeedSequence(0), budget)


class RemembersAnotherRun(Broken):
    """A strategy of which every second instance skips a configuration, as if the previous one had left it a hint."""

    instances = count()

    def __init__(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> None:
        super().__init__(space, seed, budget)
        super().ask(next(self.instances) % 2)


class SkipsSlowKernels(Broken):
    """A strategy that takes another step after more than 10 ms, so that its trace depends on the unit."""

    def ask(self, n: int) -> Sequence[Configuration]:
        if self.told and (self.told[-1].latency_ms or 0) > 10.0:
            super().ask(1)
        return super().ask(n)


class ReadsNames(Broken):
    """A strategy that skips configurations whose first value is early in the alphabet."""

    def ask(self, n: int) -> Sequence[Configuration]:
        asked = super().ask(n)
        while asked and str(next(iter(asked[0].values()))) < "b":
            asked = super().ask(n)
        return asked


class WritesIntoWhatItIsTold(Broken):
    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        for evaluation in evaluations:
            evaluation.configuration["seen"] = True  # type: ignore[index]


class DoesNotPickle(Broken):
    def __init__(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> None:
        super().__init__(space, seed, budget)
        self.key = lambda evaluation: evaluation.latency_ms


class ForgetsWhenPickled(Broken):
    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["space"], np.random.SeedSequence(0), Budget())  # type: ignore[misc]


class KeepsEverything(Broken):
    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        super().tell(evaluations)
        self.kept = [*getattr(self, "kept", []), np.zeros(2**20, dtype=np.uint8)]


class IsSlow(Broken):
    def ask(self, n: int) -> Sequence[Configuration]:
        for _ in range(StrategyContract.ask_ceiling // 2):  # two lines each
            pass
        return super().ask(n)


class ProposesWhatIsPending(Broken):
    """A strategy that has nothing new to propose before it is told."""

    pending: Sequence[Configuration] = ()

    def ask(self, n: int) -> Sequence[Configuration]:
        self.pending = self.pending or super().ask(n)
        return self.pending

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        super().tell(evaluations)
        self.pending = ()


class ExpectsTheOrderAsked(Broken):
    def __init__(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> None:
        super().__init__(space, seed, budget)
        self.asked = list[Configuration]()

    def ask(self, n: int) -> Sequence[Configuration]:
        asked = super().ask(n)
        self.asked += asked
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        for evaluation in evaluations:
            assert dict(evaluation.configuration) == dict(self.asked.pop(0))


class RepeatsWhatWasGiven(Broken):
    given: Sequence[Evaluation] = ()

    def ask(self, n: int) -> Sequence[Configuration]:
        given, self.given = self.given[:n], self.given[n:]
        return [evaluation.configuration for evaluation in given] or super().ask(n)

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        self.given = evaluations


class DeclaresWhatIsNotSo(Broken):
    """A strategy that skips as many configurations as its budget has digits."""

    ignores_budget = True

    def __init__(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> None:
        super().__init__(space, seed, budget)
        super().ask(len(str(budget.evaluations)))


CONTRACT = StrategyContract
CLAUSES: list[tuple[type[Broken], Callable[..., None], dict[str, Any]]] = [
    (Repeats, CONTRACT.test_asks_are_feasible_and_unrepeated, {"space": spaces.plain}),
    (ProposesTheInfeasible, CONTRACT.test_asks_are_feasible_and_unrepeated, {"space": spaces.constrained}),
    (AsksTooMuch, CONTRACT.test_asks_are_feasible_and_unrepeated, {"space": spaces.plain}),
    (EndsEarly, CONTRACT.test_asks_are_feasible_and_unrepeated, {"space": spaces.permuted}),
    (AsksOneAtATime, CONTRACT.test_batches_are_full_until_the_end, {"batch": 3}),
    (NeedsTwoEvaluations, CONTRACT.test_a_budget_of_one, {}),
    (EndsEarly, CONTRACT.test_a_space_beyond_enumeration, {}),
    (CrashesAtTheEnd, CONTRACT.test_a_space_of_one_configuration_ends_cleanly, {}),
    (Repeats, CONTRACT.test_a_space_of_one_configuration_ends_cleanly, {}),
    (EndsEarly, CONTRACT.test_exhausting_a_space_visits_everything_once_and_finds_the_optimum, {"batch": 1}),
    (ProposesWhatIsPending, CONTRACT.test_asks_while_others_are_pending_are_unrepeated, {"workers": 2}),
    (ExpectsTheOrderAsked, CONTRACT.test_asks_while_others_are_pending_are_unrepeated, {"workers": 7}),
    (CrashesOnFailures, CONTRACT.test_pending_evaluations_may_fail, {}),
    (RemembersAnotherRun, CONTRACT.test_the_same_order_of_completion_gives_the_same_trace, {}),
    (ExpectsTheOrderAsked, CONTRACT.test_a_space_is_exhausted_with_some_pending, {}),
    *(
        (CrashesOnFailures, CONTRACT.test_each_kind_of_failure_is_survived, {"status": status})
        for status in Status
        if status is not Status.OK
    ),
    (NeedsASuccess, CONTRACT.test_a_space_in_which_everything_fails, {"batch": 1}),
    (DividesByTheSpread, CONTRACT.test_equal_latencies_are_survived, {}),
    (RepeatsWhatWasGiven, CONTRACT.test_what_was_given_is_not_asked_again, {"space": spaces.conditional}),
    (RepeatsWhatWasGiven, CONTRACT.test_what_was_given_is_not_asked_again_with_others_pending, {}),
    (RepeatsWhatWasGiven, CONTRACT.test_a_space_that_was_given_in_full_is_exhausted, {}),
    (DeclaresWhatIsNotSo, CONTRACT.test_a_strategy_that_declares_it_ignores_the_budget, {"batch": 1}),
    (RemembersAnotherRun, CONTRACT.test_the_same_given_evaluations_give_the_same_trace, {}),
    (DrawsFromTheGlobalGenerator, CONTRACT.test_same_seed_same_trace_whatever_the_global_generators_do, {"batch": 1}),
    (IgnoresItsSeed, CONTRACT.test_different_seeds_differ, {}),
    (RemembersAnotherRun, CONTRACT.test_a_recorded_run_resumes, {}),
    (SkipsSlowKernels, CONTRACT.test_the_unit_of_latency_does_not_matter, {}),
    (ReadsNames, CONTRACT.test_the_names_of_categories_do_not_matter, {}),
    (RemembersAnotherRun, CONTRACT.test_the_order_of_a_recorded_pool_does_not_matter, {}),
    (WritesIntoWhatItIsTold, CONTRACT.test_tell_leaves_its_arguments_alone, {}),
    (DoesNotPickle, CONTRACT.test_a_pickled_copy_goes_on_like_the_original, {"space": spaces.conditional}),
    (ForgetsWhenPickled, CONTRACT.test_a_pickled_copy_goes_on_like_the_original, {"space": spaces.huge}),
    (KeepsEverything, CONTRACT.test_memory_grows_by_little_an_evaluation, {}),
    (IsSlow, CONTRACT.test_asking_is_not_too_slow, {}),
]


@pytest.mark.parametrize(("broken", "clause", "arguments"), CLAUSES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_strategy_that_breaks_a_clause_fails_it(
    broken: type[Broken], clause: Callable[..., None], arguments: dict[str, Any]
) -> None:
    class Contract(StrategyContract):
        def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
            return broken(space, seed, budget)

    clause(TestMine(), **arguments)
    with pytest.raises((Exception, pytest.fail.Exception)):
        clause(Contract(), **arguments)


def test_every_clause_has_a_strategy_that_breaks_it() -> None:
    clauses = {name for name in vars(StrategyContract) if name.startswith("test_")}
    assert {clause.__name__ for _, clause, _ in CLAUSES} == clauses


EXEMPT = """
import pytest
from harness.strategies.random import RandomSearch
from harness.testing import StrategyContract

class TestExempt(StrategyContract):
    exempt = {"test_a_budget_of_one": "its library asks for two at least"}

    def factory(self, space, seed, budget):
        return RandomSearch(space, seed, budget)
"""


def test_an_exempted_test_is_skipped_with_its_reason(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(EXEMPT)
    result = pytester.runpytest_inprocess("-rs", "-k", "budget_of_one or equal_latencies", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*exempt: its library asks for two at least"])


@pytest.mark.parametrize(
    ("exempt", "says"),
    [
        ({"test_a_budget_of_one": ""}, "expected the reason"),
        ({"test_a_budget_of_one": "flaky"}, "expected the reason"),
        ({"test_a_budget_of_two": "no such test exists"}, "expected a test of StrategyContract"),
        ({"factory": "not a test at all"}, "expected a test of StrategyContract"),
    ],
)
def test_an_exemption_names_a_test_and_a_reason(exempt: dict[str, str], says: str) -> None:
    with pytest.raises(TypeError, match=says):
        type("Contract", (StrategyContract,), {"exempt": exempt})


def test_the_kit_needs_nothing_but_what_nearopt_installs_and_pytest() -> None:
    allowed = {"harness", "search_spaces", "numpy", "pytest", *sys.stdlib_module_names}
    for file in Path(harness.testing.__file__).parent.glob("*.py"):
        of_kernels = {"kernels", "torch"} if file.name == "kernel_contract.py" else set()
        assert {name.split(".")[0] for name, _ in imported(file)} <= allowed | of_kernels, file
