"""Try configurations that were good on another task first, then run a search that is told their outcomes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from harness.config.targets import check_strategy, declared_target, instantiate_target
from harness.errors import UserError
from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget, Startable, Strategy
from harness.strategies.common.agreement import contradicted
from harness.strategies.common.checks import check
from harness.strategies.common.draws import drawn
from harness.strategies.source import SourceData
from search_spaces.space import SearchSpace

DRAWS = 64
"""Number of draws by parameter in which a probe is sought."""
META = ("label", "chosen_on")
"""Keys of a strategy's YAML that are not arguments."""


class TriesFirst:
    """The first of a ranking, then a wrapped strategy.

    The tries end early if their outcomes contradict the ranking (:mod:`~.agreement`). To detect a wrong ranking, a
    random configuration, the probe, follows the first try: if it is faster, the tries end. A batch is filled from the
    ranking. While tries are pending and none is left, an ask waits for them.

    Args:
        space: the task's search space.
        ranking: feasible configurations, the most promising first, with their expected slowdowns (of at least 1).
        tries: most tries.
        then: the strategy that follows; it is told the tries and the probe through its ``start``.
        probe: a feasible configuration; ``None`` if there is none, and nothing ends the tries early.
    """

    def __init__(
        self,
        space: SearchSpace,
        ranking: Iterable[tuple[Configuration, float]],
        tries: int,
        then: Strategy,
        probe: Configuration | None,
    ) -> None:
        self._space = space
        self._then = then
        self._tries = tries
        self._guarded = probe is not None
        self._probe = None if probe is None or tries < 2 else space.key(probe)
        self._due = probe if self._probe is not None else None
        self._plan = iter(list(ranking))
        self._pending: set[str] = set()
        self._told: list[Evaluation] = []
        self._known: set[str] = set()
        self._expected: dict[str, float] = {}
        self._contradicted = self._handed_over = False

    def ask(self, n: int) -> Sequence[Configuration]:
        """The next tries of the ranking, then the asks of the wrapped strategy."""
        if not self._handed_over:
            asked = self._next_tries(n) if len(self._expected) < self._tries and not self._contradicted else []
            if asked or self._pending:
                return asked
            self._hand_over()
        return self._then.ask(n)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Remember outcomes of tries; the wrapped strategy learns them before its first ask."""
        if self._handed_over:
            self._then.tell(evaluations)
            return
        for evaluation in evaluations:
            self._pending.discard(self._key(evaluation))
            self._told.append(evaluation)
        if self._guarded:
            seen = {self._key(evaluation): evaluation.latency_ms for evaluation in self._told}
            tried = [(slowdown, seen[key]) for key, slowdown in self._expected.items() if key in seen]
            probe = None if self._probe is None else seen.get(self._probe)
            self._contradicted = contradicted(tried, probe)

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Given configurations are not tried; the wrapped strategy is told them."""
        self._known |= set(map(self._key, evaluations))
        self._told += evaluations

    def facts(self) -> Mapping[str, Any]:
        """The number of tries, and whether they contradicted the source."""
        inner = self._then.facts() if hasattr(self._then, "facts") else {}
        return {**inner, "source_tries": len(self._expected), "source_contradicted": self._contradicted}

    def _key(self, evaluation: Evaluation) -> str:
        return self._space.key(evaluation.configuration)

    def _next_tries(self, n: int) -> list[Configuration]:
        asked: list[Configuration] = []
        while len(asked) < n and (following := self._following()) is not None:
            configuration, slowdown = following
            key = self._space.key(configuration)
            if key not in self._known:
                self._known.add(key)
                self._pending.add(key)
                asked.append(configuration)
                if key != self._probe:
                    self._expected[key] = slowdown
        return asked

    def _following(self) -> tuple[Configuration, float] | None:
        """The next of the ranking, or after the first try the probe."""
        if self._due is not None and self._expected:
            probe, self._due = self._due, None
            return probe, 1.0
        return next(self._plan, None)

    def _hand_over(self) -> None:
        self._handed_over = True
        if self._told:
            assert isinstance(self._then, Startable)
            self._then.start(self._told)
        self._told, self._plan = [], iter(())


def probe_of(space: SearchSpace, seed: np.random.SeedSequence) -> Configuration:
    """A random configuration, each active parameter uniformly; uniform over configurations if constraints reject nearly
    all such draws."""
    rng = np.random.default_rng(seed)
    rows = drawn(space, rng, DRAWS)
    feasible = rows[space.feasible(rows)]
    return space.decode(feasible[0] if len(feasible) else space.sample_codes(rng, 1)[0])


def check_sources(name: str, sources: Sequence[SourceData]) -> None:
    """Refuse to build a strategy without sources.

    Raises:
        UserError: there are no sources.
    """
    if not sources:
        raise UserError(f"strategy {name}: source=null: expected source=PATH or source=sibling to learn from")


def wrapped(
    then: Mapping[str, Any] | None,
    space: SearchSpace,
    seed: np.random.SeedSequence,
    budget: Budget,
    sources: Sequence[SourceData],
) -> Strategy:
    """The strategy in ``strategy.then``, also given the sources if it accepts them.

    Raises:
        UserError: there is none, it cannot be built, or it does not accept given evaluations.
    """
    check(bool(then), "then", then, "a strategy: strategy@strategy.then=NAME")
    target = {name: value for name, value in (then or {}).items() if name not in META}
    takes = "sources" in inspect.signature(declared_target("strategy.then", target)).parameters
    more: dict[str, Any] = {"sources": sources} if takes else {}
    (child,) = seed.spawn(1)
    built = instantiate_target("strategy.then", target, check_strategy, space=space, seed=child, budget=budget, **more)
    if not isinstance(built, Startable) or not isinstance(built, Strategy):
        raise UserError(
            f"strategy.then._target_={target.get('_target_')}: cannot be told of evaluations that it did not ask for: "
            "expected a strategy with start(evaluations)"
        )
    return built
