"""The contract in the fast tier: of tests that differ in one parameter only, a few; the slow tier has all of them."""

from __future__ import annotations

from collections import defaultdict

import pytest

from harness.testing import StrategyContract

FAST = {
    "test_batches_are_full_until_the_end": {"3"},
    "test_exhausting_a_space_visits_everything_once_and_finds_the_optimum": {"1"},
    "test_asks_while_others_are_pending_are_unrepeated": {"7"},
    "test_each_kind_of_failure_is_survived": {"run_timeout"},
    "test_a_space_in_which_everything_fails": {"4"},
    "test_what_was_given_is_not_asked_again": {"conditional", "huge"},
    "test_same_seed_same_trace_whatever_the_global_generators_do": {"3"},
    "test_a_strategy_that_declares_it_ignores_the_budget": {"1"},
    "test_a_pickled_copy_goes_on_like_the_original": {"conditional"},
}
"""The tests of the contract with parameters, and the parameters of the fast tier.

Other tests of the contract cover further ones: a resumed run asks one by one, pending evaluations fail to compile, and
a given one is wrong.
"""

FEW = {
    "test_asks_are_feasible_and_unrepeated",
    "test_batches_are_full_until_the_end",
    "test_a_space_of_one_configuration_ends_cleanly",
    "test_asks_while_others_are_pending_are_unrepeated",
    "test_each_kind_of_failure_is_survived",
    "test_same_seed_same_trace_whatever_the_global_generators_do",
    "test_a_recorded_run_resumes",
}
"""The tests of the contract that the fast tier has of :data:`DEAR` strategies."""
DEAR = {
    "TestAx",
    "TestBatches",
    "TestBotorchMixed",
    "TestBotorchMixedForLonger",
    "TestConditionalGPWithoutImputation",
    "TestConditionalGPOverSamples",
    "TestConditionalGPBySeconds",
    "TestOptunaGP",
    "TestOptunaNSGA2",
    "TestOptunaTPEHierarchical",
    "TestTrustRegionThatBeginsAgain",
}
"""Classes whose tests are dear, and variants of a strategy of which the fast tier has the rest."""


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    kinds: dict[tuple[type, str], dict[str, pytest.Function]] = defaultdict(dict)
    for item in items:
        if isinstance(item, pytest.Function) and item.cls is not None and issubclass(item.cls, StrategyContract):
            of_contract = hasattr(StrategyContract, item.originalname)
            if item.cls.__name__ in DEAR and of_contract and item.originalname not in FEW:
                item.add_marker(pytest.mark.slow)
            slow = item.get_closest_marker("slow") is not None
            if item.originalname in FAST and hasattr(item, "callspec") and not slow:
                kinds[item.cls, item.originalname][item.callspec.id] = item
    for (_, name), tests in kinds.items():
        fast = FAST[name] & tests.keys()
        for parameter, item in tests.items():
            if fast and parameter not in fast:
                item.add_marker(pytest.mark.slow)
