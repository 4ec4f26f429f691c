"""The contract between the run loop and a search algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from harness.evaluation import Budget, Configuration, Evaluation

__all__ = ["Budget", "Startable", "Strategy", "ignores_budget"]


@runtime_checkable
class Strategy(Protocol):
    """A search algorithm behind ask and tell.

    Built by the run loop as ``cls(space=SearchSpace, seed=numpy.random.SeedSequence,
    budget=Budget, **arguments)``; ``arguments`` come from the strategy's YAML. It draws every
    random number from generators spawned from ``seed``: same seed, same trace. ``seed`` is the run's own, by task,
    device and class. Strategies that should begin with equal designs draw them from
    :func:`harness.system.seeds.shared_design` of it, which does not depend on the class.

    A strategy may also have ``facts() -> Mapping[str, Any]``: facts, in JSON types, about what it did besides
    asking. They are stored as ``strategy.json`` in the run's directory.

    ``ignores_budget = True`` on the class declares that its asks do not depend on the budget, in batches of any size
    that divides it. A finished run of such a strategy can be extended to a larger budget.
    """

    def ask(self, n: int) -> Sequence[Configuration]:
        """Propose up to ``n`` feasible configurations that were never asked before.

        Fewer than ``n`` means that the strategy is about to run out; none means that it has ended or, while
        evaluations are pending, that it waits for one of them; then it is asked again after the next tell.
        An asynchronous run asks for one at a time while others are pending, which must not be proposed again.
        A stand-in for an infeasible or visited proposal is a
        :class:`~harness.evaluation.RepairedConfiguration`.
        """
        ...

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Learn outcomes: those of the last ask in ask order; in an asynchronous run each one when it is complete.

        Failures are told like successes.
        """
        ...


@runtime_checkable
class Startable(Protocol):
    """A strategy that can begin with given configurations (``start=…``).

    Runs with ``start=…`` refuse other strategies, which accept only evaluations that they asked for.
    """

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Learn outcomes of configurations that it did not ask for and may not ask for again.

        Called before the first ask, once or several times, with distinct feasible configurations, including failures.
        """
        ...


def ignores_budget(strategy: object) -> bool:
    """Whether a strategy's class declares that its asks do not depend on the budget."""
    return getattr(strategy, "ignores_budget", False) is True
