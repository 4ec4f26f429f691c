"""Configurations that come first because another task liked them, then a search that is told what became of them."""

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
from harness.strategies.source import SourceData
from search_spaces.space import SearchSpace

META = ("label", "chosen_on")
"""Keys of a strategy's YAML that are no arguments."""


class TriesFirst:
    """The first of a ranking, then a wrapped strategy.

    The tries end early where what they show contradicts the ranking (:mod:`~.agreement`). A batch is filled from the
    ranking. While tries are pending and none is left, an ask waits for them.

    Args:
        space: of the task.
        ranking: feasible configurations, the most promising first, with their expected slowdowns (of at least 1).
        tries: so many of them at most.
        then: what comes next; it is told the tries by its ``start``.
        guarded: tries may end early.
    """

    def __init__(
        self,
        space: SearchSpace,
        ranking: Iterable[tuple[Configuration, float]],
        tries: int,
        then: Strategy,
        *,
        guarded: bool = True,
    ) -> None:
        self._space = space
        self._then = then
        self._ranking = iter(list(ranking))
        self._tries = tries
        self._guarded = guarded
        self._pending: set[str] = set()
        self._told: list[Evaluation] = []
        self._given: set[str] = set()
        self._expected: dict[str, float] = {}
        self._contradicted = self._handed_over = False

    def ask(self, n: int) -> Sequence[Configuration]:
        """The next of the ranking, as long as they are tried; then what the wrapped strategy asks for."""
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
            self._pending.discard(self._space.key(evaluation.configuration))
            self._told.append(evaluation)
        tried = [
            (self._expected[key], each.latency_ms) for each in self._told if (key := self._key(each)) in self._expected
        ]
        self._contradicted = self._guarded and contradicted(tried)

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """What is given is not tried; the wrapped strategy is told."""
        self._given |= set(map(self._key, evaluations))
        self._told += evaluations

    def facts(self) -> Mapping[str, Any]:
        """How many were tried, and whether they contradicted the source."""
        inner = self._then.facts() if hasattr(self._then, "facts") else {}
        return {**inner, "source_tries": len(self._expected), "source_contradicted": self._contradicted}

    def _key(self, evaluation: Evaluation) -> str:
        return self._space.key(evaluation.configuration)

    def _next_tries(self, n: int) -> list[Configuration]:
        asked: list[Configuration] = []
        while len(asked) < n and (following := next(self._ranking, None)) is not None:
            configuration, slowdown = following
            key = self._space.key(configuration)
            if key not in self._given:
                self._expected[key] = slowdown
                self._pending.add(key)
                asked.append(configuration)
        return asked

    def _hand_over(self) -> None:
        self._handed_over = True
        if self._told:
            assert isinstance(self._then, Startable)
            self._then.start(self._told)
        self._told, self._ranking = [], iter(())


def check_sources(name: str, sources: Sequence[SourceData]) -> None:
    """Refuse to be built without sources.

    Raises:
        UserError: there are none.
    """
    if not sources:
        raise UserError(f"strategy {name}: source=null: expected source=PATH or source=sibling, from which it learns")


def wrapped(
    then: Mapping[str, Any] | None,
    space: SearchSpace,
    seed: np.random.SeedSequence,
    budget: Budget,
    sources: Sequence[SourceData],
) -> Strategy:
    """The strategy in ``strategy.then``, told of the sources too if it takes them.

    Raises:
        UserError: there is none, it cannot be built, or it cannot be told what it did not ask for.
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
