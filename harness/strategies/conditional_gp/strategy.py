"""Bayesian optimisation for kernel spaces: ask and tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial

import numpy as np

from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from harness.strategies.common.acquisition import argmax_shuffled
from harness.strategies.common.flat_arguments import flat_arguments
from harness.strategies.common.tournament import by_heuristic, by_work, rounds
from harness.strategies.conditional_gp.candidate_sources import (
    CandidateSource,
    ClimbedCandidates,
    ListedCandidates,
    Placing,
)
from harness.strategies.conditional_gp.grid_points import GridPoints
from harness.strategies.conditional_gp.initial import InitialDesign
from harness.strategies.conditional_gp.model import Model
from harness.strategies.conditional_gp.placed import Placed
from harness.strategies.conditional_gp.scored import FromCodes, ScoredEncoding
from harness.strategies.conditional_gp.settings import (
    AcquisitionSettings,
    CandidateSettings,
    CovarianceSettings,
    FitSettings,
    HeuristicSettings,
    StartSettings,
    TargetSettings,
)
from harness.strategies.conditional_gp.surrogate import Surrogate
from harness.system.seeds import shared_design
from search_spaces.encoding import Codes, Encoding, Floats
from search_spaces.nearest import Visited
from search_spaces.space import SearchSpace


class ConditionalGP:
    """A Gaussian process on latency, a second one on feasibility, log-EI over all candidates.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        start, heuristic, target, covariance, fit, acquisition, candidates: see :mod:`~.settings`. Their fields are the
            arguments.
    """

    ignores_budget = True

    @flat_arguments
    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        start: StartSettings,
        heuristic: HeuristicSettings,
        target: TargetSettings,
        covariance: CovarianceSettings,
        fit: FitSettings,
        acquisition: AcquisitionSettings,
        candidates: CandidateSettings,
    ) -> None:
        del budget
        listed = candidates.lists(space)
        self._space = space
        self._rng = np.random.default_rng(seed)
        self._candidates = candidates
        plain = Encoding(space, covariance.features, covariance.activity)
        scores, slope = by_heuristic(space, heuristic.heuristic), heuristic.heuristic_slope
        self._encoding: Placing = plain
        self._prior_mean: Callable[[Floats], Floats] | None = None
        if scores is not None and slope:
            scored = ScoredEncoding(plain, [FromCodes(scores)])
            self._encoding, self._prior_mean = scored, partial(scored.first_score, slope)
        self._visited = Visited(space)
        design = np.random.default_rng(shared_design(seed))
        self._design = InitialDesign(space, self._visited, design, start.draws)
        self._initial = start.evaluations(space, listed=listed, overlapping=False)
        self._overlapping_initial = start.evaluations(space, listed=listed, overlapping=True)
        self._tournament = rounds([(heuristic.heuristic_tournament, scores)])
        self._overlapping_tournament = self._tournament + rounds([(start.overlapping_tournament, by_work(space))])
        self._settings = (target, covariance, fit, acquisition)
        self._model = self._model_over(self._encoding)
        self._codes: list[Codes] = []
        self._latencies_ms: list[float | None] = []
        self._costs_s: list[float] = []
        self._pending: dict[bytes, Codes] = {}
        self._placed = Placed(self._encoding)

    def _model_over(self, encoding: Placing) -> Model:
        """Build a model over the points of an encoding."""
        target, covariance, fit, acquisition = self._settings
        listed = self._candidates.lists(self._space)
        return Model(
            partial(
                Surrogate,
                encoding.blocks,
                priors=covariance.priors_in(listed=listed),
                covariance=covariance,
                fit=fit,
                shifts=covariance.shifts_of(encoding.kinds),
            ),
            prior_mean=self._prior_mean,
            targets=partial(target.targets, listed=listed),
            impute=target.impute_failures,
            acquisition=acquisition,
            overlapping_cost_weight=acquisition.overlapping_weight(listed=listed),
            overlapping_pessimism=acquisition.pessimism(listed=listed),
            batch_pessimism=acquisition.pessimism_in_batch(listed=listed),
        )

    def ask(self, n: int) -> Sequence[Configuration]:
        """The ``n`` best candidates, each conditioned on pending evaluations; random ones at the start."""
        if self._visited.exhausted:
            return []
        initial = self._overlapping_initial if self._pending else self._initial
        rows = self._random(n) if len(self._codes) < initial else self._modelled(n)
        self._pending |= {row.tobytes(): row for row in rows}
        return [self._space.decode(row) for row in rows]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Remember the outcomes; all work happens in the next ask."""
        for evaluation in evaluations:
            self._codes.append(self._space.encode(evaluation.configuration))
            self._pending.pop(self._codes[-1].tobytes(), None)
            self._latencies_ms.append(evaluation.latency_ms)
            self._costs_s.append(evaluation.compile_s + evaluation.verify_s + evaluation.benchmark_s)

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Learn given evaluations like asked ones; they count among the initial evaluations."""
        for evaluation in evaluations:
            self._visited.add(self._space.encode(evaluation.configuration))
        self.tell(evaluations)

    def _random(self, n: int) -> list[Codes]:
        rows: list[Codes] = []
        tournament = self._overlapping_tournament if self._pending else self._tournament
        while len(rows) < n and not self._visited.exhausted:
            rows.append(self._design.draw(tournament))
            self._visited.add(rows[-1])
        return rows

    def _modelled(self, n: int) -> list[Codes]:
        if self._placed.encoding is not self._encoding:
            self._placed = Placed(self._encoding)
        observed = self._placed.points(self._codes)
        waiting = self._placed.points(list(self._pending.values())) if self._pending else observed[:0]
        self._model.learn(observed, self._latencies_ms, np.array(self._costs_s), waiting)
        candidates = self._source.candidates(self._incumbents(), self._score, len(self._codes), len(self._pending))
        self._model.over(candidates.grid)
        rows: list[Codes] = []
        while len(rows) < n:
            free = np.flatnonzero(candidates.free)
            if free.size == 0:
                break
            pick = int(free[argmax_shuffled(self._model.score()[free], self._rng)])
            if len(rows) + 1 < n:
                self._model.believe(pick, candidates.grid.points[pick])
            candidates.free[pick] = False
            self._visited.add(candidates.codes[pick])
            self._placed.add(candidates.codes[pick], candidates.grid.points[pick])
            rows.append(candidates.codes[pick])
        return rows + self._random(n - len(rows))

    def _score(self, grid: GridPoints) -> Floats:
        self._model.over(grid)
        return self._model.score()

    @cached_property
    def _source(self) -> CandidateSource:
        """The source of candidates, prepared on first use, since listing a space takes a moment."""
        return self._candidates_in(self._encoding)

    def _candidates_in(self, encoding: Placing) -> CandidateSource:
        if self._candidates.lists(self._space):
            return ListedCandidates(self._space, encoding, self._visited)
        size, starts = self._candidates.drawn, self._candidates.incumbents
        return ClimbedCandidates(self._space, encoding, self._visited, self._rng, size=size, starts=starts)

    def _incumbents(self) -> Codes:
        """The best configurations so far, [k, d]."""
        worked = [i for i, latency in enumerate(self._latencies_ms) if latency is not None]
        worked.sort(key=lambda i: self._latencies_ms[i] or 0.0)
        return np.array(self._codes)[worked[: self._candidates.incumbents]]
