"""Gaussian-copula Thompson sampling: draw every configuration's score from the sources' prediction, and take the
lowest.

Salinas, Shen & Perrone (2020), *A quantile-based approach for hyperparameter transfer learning*: latencies become the
normal scores of their ranks on each task; a regression on the sources' scores predicts mean and spread of a
configuration's score; each ask draws a score for every configuration and takes the lowest. The regression here is the
Gaussian process of ``conditional_gp`` instead of a network. As in the paper, nothing is learned from the task itself.

* **Failures** of a source count among its slowest tenth; failures here are skipped.
* **Batches**: a draw of all scores for each. **Conditions, constraints**: feasible configurations are scored, in spaces
  too large to list a fresh sample per ask.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from harness.strategies.common.checks import check
from harness.strategies.common.tries import check_sources
from harness.strategies.conditional_gp.gp import Priors
from harness.strategies.conditional_gp.source_mean import SourceMean
from harness.strategies.source import SourceData
from search_spaces.encoding import Codes, Encoding, Floats
from search_spaces.nearest import Visited
from search_spaces.space import SearchSpace


class CopulaThompson:
    """Thompson sampling from the sources' scores.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        sources: earlier tunings, with equal weights; at least one is required.
        drawn: configurations sampled per ask in spaces too large to list.
        max_listed: largest space that is listed.

    Raises:
        UserError: there is no source.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        sources: Sequence[SourceData] = (),
        drawn: int = 2_000,
        max_listed: int = 100_000,
    ) -> None:
        del budget
        check_sources("copula", sources)
        check(drawn >= 1, "drawn", drawn, "1 or more")
        self._space = space
        self._rng = np.random.default_rng(seed)
        self._encoding = Encoding(space)
        self._visited = Visited(space)
        self._drawn = drawn
        self._listed = space.enumerable and space.size <= max_listed
        self._means = [
            SourceMean(self._encoding, each, priors=Priors(), additive=True, smoothness=0.5)
            for each in sources
            if each.ranked
        ]
        self._law: tuple[Floats, Floats] | None = None

    def ask(self, n: int) -> Sequence[Configuration]:
        """The configurations with the lowest scores in ``n`` draws of all scores."""
        rows: list[Codes] = []
        while len(rows) < n and not self._visited.exhausted:
            codes, mean, spread = self._candidates()
            scores = self._rng.normal(mean, spread)
            for i in np.argsort(scores, kind="stable"):
                if codes[i] not in self._visited:
                    self._visited.add(codes[i])
                    rows.append(codes[i])
                    break
        return [self._space.decode(row) for row in rows]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Learns nothing."""

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Given configurations are not asked again."""
        for evaluation in evaluations:
            self._visited.add(self._space.encode(evaluation.configuration))

    def _candidates(self) -> tuple[Codes, Floats, Floats]:
        """Codes [N, d] with mean and spread of their scores [N]."""
        if not self._listed:
            codes = np.unique(self._space.sample_codes(self._rng, self._drawn), axis=0)
            return codes, *self._law_of(codes)
        codes = self._space.codes()
        if self._law is None:
            self._law = self._law_of(codes)
        return codes, *self._law

    def _law_of(self, codes: Codes) -> tuple[Floats, Floats]:
        points = self._encoding.points(codes)
        if not self._means:
            return np.zeros(len(codes)), np.ones(len(codes))
        means = np.array([mean(points) for mean in self._means])
        spreads = np.array([mean.spread(points) for mean in self._means])
        return means.mean(axis=0), np.sqrt((spreads**2).mean(axis=0))
