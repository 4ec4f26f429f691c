"""The tests that every strategy inherits."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from harness.evaluation import Configuration, Status
from harness.strategies.base import Budget, Startable, Strategy, ignores_budget
from harness.testing import spaces
from harness.testing.driver import drive, evaluation, overlap, smooth_latency, trace
from harness.testing.resources import ask_lines, kept_bytes
from search_spaces.space import SearchSpace

FAILURES = tuple(status for status in Status if status is not Status.OK)
SPACES: tuple[Callable[[], SearchSpace], ...] = (
    spaces.plain,
    spaces.constrained,
    spaces.conditional,
    spaces.permuted,
)


class StrategyContract:
    """Tests of what the run loop relies on. Subclass it, define :meth:`factory`, and let pytest collect it.

    Attributes:
        asks: number of evaluations per test that needs no more; lower it for slow strategies.
        ends_early: whether the search may end before the budget and the space are spent (libraries that own their
            loop may stop at any time); their asks until then must still be valid.
        ask_ceiling: lines of Python that the median ask and tell may execute, libraries included; random search needs
            about 20. Seconds depend on the machine: ``nearopt profile`` measures them.
        kept_ceiling: most bytes that a strategy may keep per evaluation (see
            :func:`~harness.testing.resources.kept_bytes`).
        exempt: map from the names of tests that cannot hold to reasons, such as a limitation of a library.

    Raises (when subclassed):
        TypeError: ``exempt`` names an unknown test, or gives no reason.
    """

    asks: int = 30
    ends_early: bool = False
    ask_ceiling: int = 100_000
    kept_ceiling: float = 128 * 1024
    exempt: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        for name, reason in cls.exempt.items():
            if not name.startswith("test_") or not hasattr(StrategyContract, name):
                raise TypeError(f"{cls.__name__}.exempt: {name}: expected a test of StrategyContract")
            if len(reason.split()) < 3:
                raise TypeError(f"{cls.__name__}.exempt: {name}: {reason!r}: expected the reason why it cannot hold")

    @pytest.fixture(autouse=True)
    def _exempted(self, request: pytest.FixtureRequest) -> None:
        reason = self.exempt.get(request.function.__name__)
        if reason is not None:
            pytest.skip(f"exempt: {reason}")

    def factory(self, space: SearchSpace, seed: np.random.SeedSequence, budget: Budget) -> Strategy:
        """Build the strategy under test."""
        raise NotImplementedError

    def build(self, space: SearchSpace, seed: int = 0, evaluations: int | None = None) -> Strategy:
        """The strategy under test for an integer seed."""
        return self.factory(space, np.random.SeedSequence(seed), Budget(evaluations=evaluations or self.asks))

    def _check_length(self, done: Sequence[object], expected: int) -> None:
        assert len(done) == expected or (self.ends_early and 0 < len(done) < expected)

    # -- what is asked -----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("space", SPACES)
    def test_asks_are_feasible_and_unrepeated(self, space: Callable[[], SearchSpace]) -> None:
        made = space()
        done = drive(self.build(made), made, evaluations=self.asks)
        self._check_length(done, min(self.asks, made.size))

    @pytest.mark.parametrize("batch", [1, 3, 8])
    def test_batches_are_full_until_the_end(self, batch: int) -> None:
        space = spaces.conditional()
        strategy = self.build(space)
        asked = strategy.ask(batch)
        assert len(asked) == batch
        assert len({space.key(configuration) for configuration in asked}) == batch
        strategy.tell([evaluation(i, c, smooth_latency(space, c)) for i, c in enumerate(asked)])
        self._check_length(strategy.ask(2), 2)

    def test_a_budget_of_one(self) -> None:
        space = spaces.conditional()
        assert len(drive(self.build(space, evaluations=1), space, evaluations=1)) == 1

    def test_a_space_beyond_enumeration(self) -> None:
        space = spaces.huge()
        asks = min(self.asks, 8)
        self._check_length(drive(self.build(space), space, evaluations=asks), asks)

    # -- the end -----------------------------------------------------------------------------------------------------

    def test_a_space_of_one_configuration_ends_cleanly(self) -> None:
        space = spaces.single()
        strategy = self.build(space)
        assert len(drive(strategy, space)) == 1
        assert list(strategy.ask(1)) == []
        assert list(strategy.ask(3)) == []

    @pytest.mark.parametrize("batch", [1, 8])
    def test_exhausting_a_space_visits_everything_once_and_finds_the_optimum(self, batch: int) -> None:
        space = spaces.conditional()
        done = drive(self.build(space, evaluations=space.size + 1), space, batch=batch)
        self._check_length(done, space.size)
        if self.ends_early:
            return
        best = min(smooth_latency(space, configuration) for configuration in space.enumerate())
        assert min(e.latency_ms for e in done if e.latency_ms is not None) == best

    # -- asks while others are pending -------------------------------------------------------------------------------

    @pytest.mark.parametrize("workers", [2, 7])
    def test_asks_while_others_are_pending_are_unrepeated(self, workers: int) -> None:
        space = spaces.conditional()
        asks = min(self.asks, 20)
        done = overlap(self.build(space), space, evaluations=asks, workers=workers)
        self._check_length(done, min(asks, space.size))

    def test_pending_evaluations_may_fail(self) -> None:
        def every_third(space: SearchSpace, configuration: Configuration) -> float | Status:
            code = int(space.encode(configuration).sum())
            return Status.COMPILE_ERROR if code % 3 == 0 else smooth_latency(space, configuration)

        space = spaces.constrained()
        asks = min(self.asks, 15)
        self._check_length(overlap(self.build(space), space, every_third, evaluations=asks), min(asks, space.size))

    def test_the_same_order_of_completion_gives_the_same_trace(self) -> None:
        """An interrupted asynchronous run can be rebuilt from its log."""
        space = spaces.conditional()
        asks = min(self.asks, 20)
        runs = [overlap(self.build(space, 3), space, evaluations=asks, order=5) for _ in range(2)]
        assert trace(runs[0], space) == trace(runs[1], space)

    def test_a_space_is_exhausted_with_some_pending(self) -> None:
        space = spaces.plain()
        done = overlap(self.build(space, evaluations=space.size + 1), space, evaluations=self.asks, workers=3)
        self._check_length(done, min(self.asks, space.size))
        single = spaces.single()
        assert len(overlap(self.build(single), single, workers=3)) == 1

    # -- failures ----------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("status", FAILURES)
    def test_each_kind_of_failure_is_survived(self, status: Status) -> None:
        def every_third(space: SearchSpace, configuration: Configuration) -> float | Status:
            code = int(space.encode(configuration).sum())
            return status if code % 3 == 0 else smooth_latency(space, configuration)

        space = spaces.conditional()
        asks = min(self.asks, 15)
        self._check_length(drive(self.build(space), space, every_third, evaluations=asks), asks)

    @pytest.mark.parametrize("batch", [1, 4])
    def test_a_space_in_which_everything_fails(self, batch: int) -> None:
        space = spaces.conditional()
        done = drive(self.build(space), space, lambda *_: Status.COMPILE_ERROR, evaluations=self.asks, batch=batch)
        self._check_length(done, min(self.asks, space.size))

    def test_equal_latencies_are_survived(self) -> None:
        space = spaces.plain()
        self._check_length(drive(self.build(space), space, lambda *_: 1.0, evaluations=self.asks), self.asks)

    # -- given evaluations: runs with start=… ------------------------------------------------------------------------

    def build_given(self, space: SearchSpace, given: Sequence[Configuration], seed: int = 0) -> Strategy:
        """The strategy under test, given configurations that it did not ask for, of which the second failed."""
        strategy = self.build(space, seed)
        if not isinstance(strategy, Startable):
            pytest.skip("it has no start(evaluations): a run with start=… refuses it in one line")
        outcomes = [Status.WRONG_RESULT if i == 1 else smooth_latency(space, each) for i, each in enumerate(given)]
        strategy.start([evaluation(i, *pair) for i, pair in enumerate(zip(given, outcomes, strict=True))])
        return strategy

    @pytest.mark.parametrize("space", [*SPACES, spaces.huge])
    def test_what_was_given_is_not_asked_again(self, space: Callable[[], SearchSpace]) -> None:
        made = space()
        given = _some(made, 2)
        strategy, asks = self.build_given(made, given), min(self.asks, 12)
        done = drive(strategy, made, evaluations=asks)
        self._check_length(done, asks)
        assert not set(trace(done, made)) & {made.key(configuration) for configuration in given}

    def test_what_was_given_is_not_asked_again_with_others_pending(self) -> None:
        space = spaces.conditional()
        given = _some(space, 2)
        done = overlap(self.build_given(space, given), space, evaluations=min(self.asks, 12), workers=3)
        assert not set(trace(done, space)) & {space.key(configuration) for configuration in given}

    def test_a_space_that_was_given_in_full_is_exhausted(self) -> None:
        space = spaces.single()
        assert list(self.build_given(space, list(space.enumerate())).ask(1)) == []

    def test_the_same_given_evaluations_give_the_same_trace(self) -> None:
        space = spaces.conditional()
        given = _some(space, 2)
        runs = [drive(self.build_given(space, given, 3), space, evaluations=min(self.asks, 12)) for _ in range(2)]
        assert trace(runs[0], space) == trace(runs[1], space)

    # -- determinism -------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("batch", [1, 3])
    def test_same_seed_same_trace_whatever_the_global_generators_do(self, batch: int) -> None:
        traces = []
        for state in (1, 2):
            random.seed(state)
            np.random.seed(state)  # noqa: NPY002 (a strategy must not depend on it)
            space = spaces.conditional()
            traces.append(trace(drive(self.build(space, 7), space, evaluations=self.asks, batch=batch), space))
        assert traces[0] == traces[1]

    def test_different_seeds_differ(self) -> None:
        space = spaces.plain()
        runs = [drive(self.build(space, seed), space, evaluations=self.asks) for seed in range(3)]
        assert len({tuple(trace(run, space)) for run in runs}) == 3

    def test_a_recorded_run_resumes(self) -> None:
        """The log holds plain mappings; replaying it must lead to the same asks and continue."""
        space = spaces.constrained()
        recorded = drive(self.build(space), space, evaluations=self.asks)
        strategy = self.build(space)
        for past in recorded:
            (asked,) = strategy.ask(1)
            assert dict(asked) == dict(past.configuration)
            strategy.tell([replace(past, configuration=dict(past.configuration))])

    @pytest.mark.parametrize("batch", [1, 4])
    def test_a_strategy_that_declares_it_ignores_the_budget(self, batch: int) -> None:
        """Its asks are the same with a larger budget, so that a finished run can be extended."""
        space = spaces.conditional()
        if not ignores_budget(type(self.build(space))):
            pytest.skip("it does not declare ignores_budget: a run of it is not extended")
        asks = min(self.asks, 12)
        budgets = (Budget(evaluations=asks), Budget(evaluations=10 * asks), Budget(seconds=1.0))
        built = [self.factory(space, np.random.SeedSequence(3), budget) for budget in budgets]
        first, *others = [trace(drive(each, space, evaluations=asks, batch=batch), space) for each in built]
        assert others == [first, first]

    # -- invariances -------------------------------------------------------------------------------------------------

    def test_the_unit_of_latency_does_not_matter(self) -> None:
        space = spaces.conditional()

        def microseconds(space: SearchSpace, configuration: Configuration) -> float:
            return 1000.0 * smooth_latency(space, configuration)

        in_ms = trace(drive(self.build(space), space, evaluations=self.asks), space)
        in_us = trace(drive(self.build(space), space, microseconds, evaluations=self.asks), space)
        assert in_ms == in_us

    def test_the_names_of_categories_do_not_matter(self) -> None:
        traces = []
        for names in (("direct", "split", "persistent"), ("zeta", "alpha", "mid")):
            space = spaces.conditional(names)
            run = drive(self.build(space), space, evaluations=self.asks)
            traces.append([space.encode(done.configuration).tolist() for done in run])
        assert traces[0] == traces[1]

    def test_the_order_of_a_recorded_pool_does_not_matter(self) -> None:
        space = spaces.plain()
        rows = space.codes()[::3]
        traces = []
        for order in (np.arange(len(rows)), np.random.default_rng(1).permutation(len(rows))):
            restricted = space.restricted(rows[order])
            traces.append(trace(drive(self.build(restricted), restricted, evaluations=self.asks), restricted))
        assert traces[0] == traces[1]

    def test_tell_leaves_its_arguments_alone(self) -> None:
        space = spaces.conditional()
        strategy = self.build(space)
        told: list[Any] = [evaluation(i, dict(c), 1.0 + i) for i, c in enumerate(strategy.ask(3))]
        before = [replace(e, configuration=dict(e.configuration)) for e in told]
        strategy.tell(told)
        strategy.ask(1)
        assert told == before

    # -- resources ---------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("space", [spaces.conditional, spaces.huge])
    def test_a_pickled_copy_goes_on_like_the_original(self, space: Callable[[], SearchSpace]) -> None:
        made = space()
        strategy, half = self.build(made), max(1, min(self.asks, 16) // 2)
        begun = drive(strategy, made, evaluations=half)
        copy = pickle.loads(pickle.dumps(strategy))
        rest = [trace(drive(each, made, evaluations=half), made) for each in (strategy, copy)]
        assert rest[0] == rest[1]
        assert not set(rest[0]) & set(trace(begun, made))

    def test_memory_grows_by_little_an_evaluation(self) -> None:
        kept = kept_bytes(self.build, spaces.plain(), self.asks)
        assert kept <= self.kept_ceiling, f"{kept:.0f} bytes are kept per evaluation"

    def test_asking_is_not_too_slow(self) -> None:
        space = spaces.plain()
        lines = ask_lines(self.build(space), space, self.asks)
        assert lines <= self.ask_ceiling, f"an ask and its tell execute {lines:.0f} lines of Python"


def _some(space: SearchSpace, n: int) -> Sequence[Configuration]:
    """``n`` different configurations."""
    drawn = space.sample(np.random.default_rng(5), 10 * n)
    return list({space.key(configuration): configuration for configuration in drawn}.values())[:n]
