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
    device and class. Strategies that are to begin with equal designs draw those from
    :func:`harness.system.seeds.shared_design` of it, which leaves the class out.

    A strategy may also have ``facts() -> Mapping[str, Any]``: an account, in JSON's types, of what it did beside
    asking. It is kept as ``strategy.json`` in the run's directory.

    ``ignores_budget = True`` on the class declares that it asks the same whatever the budget is, in batches of any size
    that divides it. A finished run of such a strategy can go on to a larger budget.
    """

    def ask(self, n: int) -> Sequence[Configuration]:
        """Propose up to ``n`` feasible configurations that were never asked before.

        Fewer than ``n`` means that the strategy is about to run out; none means that it has ended, or, while
        evaluations are pending, that it waits for one of them: then it is asked again after the next tell.
        An asynchronous run asks for one at a time while others are pending, which are not to be proposed again.
        A stand-in for an infeasible or visited proposal is a
        :class:`~harness.evaluation.RepairedConfiguration`.
        """
        ...

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Learn outcomes: those of the last ask in ask order; in an asynchronous run each alone when it is complete.

        Failures are told like successes.
        """
        ...


@runtime_checkable
class Startable(Protocol):
    """What a strategy has beside :class:`Strategy` if a run may begin with given configurations (``start=…``).

    One that has not is refused there: it cannot be given what it did not ask for.
    """

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Learn outcomes of configurations that it did not ask for and may not ask for again.

        Called before the first ask, once or several times, with distinct feasible configurations; failures among them.
        """
        ...


def ignores_budget(strategy: object) -> bool:
    """Whether a strategy's class declares that its asks do not depend on the budget."""
    return getattr(strategy, "ignores_budget", False) is True
