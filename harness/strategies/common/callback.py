"""Adapt a search that owns its loop to ask and tell.

Libraries such as Helion and Kernel Tuner call back for every measurement. Their search runs in a greenlet: it is
suspended inside its callback until the run loop has measured what it requests, and ends with the strategy.
Nothing runs in parallel, so the same seed gives the same trace.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest import mock

import numpy as np
from greenlet import GreenletExit, getcurrent, greenlet
from numpy.random import default_rng

from harness.evaluation import Configuration, Evaluation
from harness.strategies.common.proposals import Proposals, without_inactive
from search_spaces.space import SearchSpace

Measure = Callable[[Sequence[Mapping[str, Any]]], list[Evaluation]]
"""Evaluations of proposals, in their order. A proposal that was measured before is answered from memory; one that is
infeasible is answered with the evaluation of its repair."""


PATIENCE = 10_000
"""Number of consecutive requests for known configurations after which a search counts as circling."""


class GlobalGenerators:
    """Python's and numpy's global generators, and those made without a seed, for one search.

    Libraries draw from them regardless of their seed, and so may the caller or the next run in this process.
    """

    def __init__(self, seed: np.random.SeedSequence) -> None:
        python, numpy = seed.generate_state(2)
        self._fresh = seed.spawn(1)[0]
        self._python = random.Random(int(python)).getstate()
        self._numpy = np.random.RandomState(int(numpy)).get_state()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Inside the block, the global generators continue from the end of the previous block."""
        outer_python, outer_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (what libraries use)
        random.setstate(self._python)
        np.random.set_state(self._numpy)  # noqa: NPY002
        try:
            with mock.patch.object(np.random, "default_rng", self._default_rng):
                yield
        finally:
            self._python, self._numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
            random.setstate(outer_python)
            np.random.set_state(outer_numpy)  # noqa: NPY002

    def _default_rng(self, seed: Any = None) -> np.random.Generator:
        """``np.random.default_rng``, which would draw its own seed from the operating system."""
        return default_rng(self._fresh.spawn(1)[0] if seed is None else seed)


class Requests:
    """The requests of a search, and their answers.

    The search's frames hold this and never the greenlet that they run in: such a cycle would never be collected.

    Attributes:
        waiting: accepted configurations that the run loop has not been given yet.
        measured: proposals that reached the run loop.
        remembered: proposals that had been measured before (re-timings, repeats).
    """

    def __init__(self, space: SearchSpace, rng: np.random.Generator) -> None:
        self._space = space
        self._proposals = Proposals(space, rng)
        self._keys: dict[tuple[tuple[str, Any], ...], str] = {}
        self._told: dict[str, Evaluation] = {}
        self._circles = 0
        self.waiting: deque[Configuration] = deque()
        self.measured = self.remembered = 0

    def measure(self, proposals: Sequence[Mapping[str, Any]]) -> list[Evaluation]:
        """Suspend the search until all proposals are answered."""
        before = self.measured
        keys = [self._key(proposal) for proposal in proposals]
        self._circles = self._circles + 1 if self.measured == before else 0
        if self._circles > (0 if self._proposals.exhausted else PATIENCE):
            raise GreenletExit  # which no library catches
        while any(key not in self._told for key in keys):
            getcurrent().parent.switch()
        return [self._told[key] for key in keys]

    def answer(self, evaluation: Evaluation) -> None:
        """Keep an evaluation for the search."""
        self._told[self._space.key(evaluation.configuration)] = evaluation

    def given(self, evaluation: Evaluation) -> None:
        """Keep an evaluation that the search did not ask for; if the search asks for it later, the answer comes from
        memory."""
        configuration = evaluation.configuration
        self._proposals.given(configuration)
        self._keys[_identity(configuration)] = self._space.key(configuration)
        self.answer(evaluation)

    def _key(self, proposal: Mapping[str, Any]) -> str:
        """The key of the evaluation that answers the proposal."""
        kept = without_inactive(self._space, proposal)
        identity = _identity(kept)
        if identity in self._keys:
            self.remembered += 1
            return self._keys[identity]
        accepted = self._proposals.accept(kept)
        if accepted is None:
            raise GreenletExit
        self.measured += 1
        self.waiting.append(accepted)
        key = self._keys[identity] = self._space.key(accepted)
        return key


def _identity(configuration: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in configuration.items())


class CallbackStrategy:
    """Ask and tell around a search that owns its loop.

    The search's requests are served in its own order, as many at a time as the run loop asks for; it continues when all
    of a request is answered. The strategy ends when the search returns, when nothing unvisited is left, or when
    the search circles. ``ask`` raises its exceptions. It accepts given evaluations only if its library does;
    then a subclass defines ``start``.

    Args:
        space: the search space.
        seed: seed of the search's global generators, and of ties between repairs.
        search: the search; it gets :data:`Measure` and calls it until it ends.
        surroundings: context that is entered whenever the search runs and left while it is suspended.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        search: Callable[[Measure], object],
        surroundings: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        globals_seed, repair_seed = seed.spawn(2)
        self._generators = GlobalGenerators(globals_seed)
        self._requests = requests = Requests(space, np.random.default_rng(repair_seed))
        self._surroundings = surroundings
        self._pending = 0
        self._search = greenlet(lambda: search(requests.measure))

    def ask(self, n: int) -> Sequence[Configuration]:
        """Up to ``n`` configurations that the search waits for; none when it has ended."""
        waiting = self._requests.waiting
        if not waiting and not self._pending and not self._search.dead:
            self._search.parent = getcurrent()
            with self._generators.installed(), self._surroundings():
                self._search.switch()
        asked = [waiting.popleft() for _ in range(min(n, len(waiting)))]
        self._pending += len(asked)
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Keep the answers for the search, which sees them when its whole request is answered."""
        for evaluation in evaluations:
            self._requests.answer(evaluation)
        self._pending -= len(evaluations)

    def facts(self) -> dict[str, Any]:
        """How many requests were measured, and how many answered from memory."""
        return {"measured": self._requests.measured, "remembered": self._requests.remembered}
