"""Common base of walks over a space: memory, pending trials, and random starts.

A walk decides only after all asked neighbours of its position have been told. If more are asked than there are
trials, random configurations fill the batch; they are the next starting points, which the next restart would have
drawn anyway.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence

import numpy as np

from harness.evaluation import Configuration, Evaluation
from harness.strategies.common.proposals import Proposals
from search_spaces.enumeration import Codes
from search_spaces.space import SearchSpace


class Memory:
    """Latency in ms by configuration; infinity for failures and for configurations never told."""

    def __init__(self) -> None:
        self._values: dict[bytes, float] = {}

    def __getitem__(self, codes: Codes) -> float:
        return self._values.get(codes.tobytes(), math.inf)

    def __setitem__(self, codes: Codes, latency_ms: float | None) -> None:
        self._values[codes.tobytes()] = math.inf if latency_ms is None else latency_ms

    def best(self, rows: Sequence[Codes]) -> Codes:
        """The fastest of some rows; the first among ties."""
        return min(rows, key=self.__getitem__)


class Walk(ABC):
    """A restarted walk behind ask and tell; :meth:`step` decides where it goes.

    Attributes:
        trials: unvisited feasible rows to be asked next.
        starts: told random configurations from which no walk has started yet.
        pending: trials and starts that were asked but not told.
    """

    def __init__(self, space: SearchSpace, seed: np.random.SeedSequence) -> None:
        self.space = space
        self.rng = np.random.default_rng(seed)
        self.proposals = Proposals(space, self.rng)
        self.memory = Memory()
        self.trials: deque[Codes] = deque()
        self.starts: deque[Codes] = deque()
        self.pending: dict[bytes, bool] = {}

    @abstractmethod
    def step(self) -> None:
        """Decide the next trials from told outcomes; leaves ``trials`` empty if a random start is needed."""

    def ask(self, n: int) -> Sequence[Configuration]:
        """Up to ``n`` trials, then random starts; fewer when the space is exhausted."""
        if self.proposals.exhausted:  # nothing left to decide
            return []
        self.step()
        asked: list[Configuration] = []
        while len(asked) < n:
            trial = self.trials.popleft() if self.trials else None
            chosen = self.proposals.accept_random() if trial is None else self.proposals.accept_codes(trial)
            if chosen is None:
                break
            self.pending[self.space.encode(chosen).tobytes()] = trial is None
            asked.append(chosen)
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Remember the latencies."""
        for evaluation in evaluations:
            codes = self.space.encode(evaluation.configuration)
            self.memory[codes] = evaluation.latency_ms
            if self.pending.pop(codes.tobytes()):
                self.starts.append(codes)

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Start walks from given configurations like from random starts."""
        for evaluation in evaluations:
            codes = self.proposals.given(evaluation.configuration)
            self.memory[codes] = evaluation.latency_ms
            self.starts.append(codes)

    def waits_for(self, rows: Sequence[Codes]) -> bool:
        """Whether any of the rows was asked but not told."""
        return bool(self.pending) and any(row.tobytes() in self.pending for row in rows)

    def unvisited(self, rows: Codes) -> deque[Codes]:
        """The feasible unvisited rows among ``rows``, [n, d], in random order."""
        rows = rows[self.proposals.fresh(rows)] if len(rows) else rows
        return deque(self.rng.permutation(rows))
