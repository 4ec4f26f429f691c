"""Bayesian optimisation for kernel spaces: ask and tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from harness.evaluation import Configuration, Evaluation
from harness.strategies.base import Budget
from harness.strategies.common.acquisition import argmax_shuffled
from harness.strategies.common.checks import check
from harness.strategies.conditional_gp.covariance import SMOOTHNESS
from harness.strategies.conditional_gp.gp import Priors
from harness.strategies.conditional_gp.grid_points import GridPoints
from harness.strategies.conditional_gp.initial import InitialDesign
from harness.strategies.conditional_gp.latency_levels import level_targets
from harness.strategies.conditional_gp.model import Ingredients, Model, Reference
from harness.strategies.conditional_gp.pool import Candidates, Drawn, Listed, Pool
from harness.strategies.conditional_gp.surrogate import Fitting
from harness.strategies.conditional_gp.targets import Targets, Transform, targets
from search_spaces.encoding import Activity, Codes, Encoding, Floats
from search_spaces.nearest import Visited
from search_spaces.space import SearchSpace

WIDE = (0.0, 2.0)
"""Prior of length scales where the space cannot be listed: such a space has parameters that do nothing."""


class ConditionalGP:
    """A Gaussian process on latency, a second one on feasibility, log-EI over all candidates.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        initial: random evaluations before the model is asked.
        stratified: spread them evenly over the branches of the conditions; see :class:`InitialDesign`.
        transform, clip_quantile, clip_slope, failure_quantile: see :func:`targets`.
        impute_failures: give failures a target; otherwise the latency model ignores them.
        feasibility, reference, cost_weight: see :class:`Ingredients`.
        additive: one-dimensional terms in the kernel beside the product.
        smoothness: nu of the Matérn functions: 0.5, 1.5 or 2.5.
        features: use the derived features that the space declares.
        activity: how inactive parameters are placed: ``arc`` or ``impute``.
        priors: by name, (location, spread) of the log hyperparameters; see :class:`Priors`. In spaces that are too
            large to list the default of ``lengthscale`` is :data:`WIDE`.
        refit_growth, iterations, max_points: see :class:`Fitting`.
        max_listed: score every configuration of spaces up to this size; beyond, climb: see :class:`Drawn`.
        drawn: samples an ask in spaces that are too large to list.
        resolution: in those, latencies this close are one level; see :func:`level_targets`. 0: targets as in others.
        incumbents: so many of the best configurations, and of the samples, are climbed from.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        initial: int = 5,
        stratified: bool = True,
        transform: Transform = "rank",
        clip_quantile: float | None = None,
        clip_slope: float = 0.0,
        impute_failures: bool = True,
        failure_quantile: float = 0.5,
        feasibility: bool = True,
        additive: bool = True,
        smoothness: float = 0.5,
        features: bool = True,
        reference: Reference = "posterior",
        cost_weight: float = 0.0,
        activity: Activity = "arc",
        priors: Mapping[str, Sequence[float]] | None = None,
        refit_growth: float = 1.2,
        iterations: int = 50,
        max_points: int = 256,
        max_listed: int = 100_000,
        drawn: int = 2_000,
        resolution: float = 0.01,
        incumbents: int = 5,
    ) -> None:
        del budget
        check(initial >= 1, "initial", initial, "1 or more")
        check(clip_quantile is None or 0 < clip_quantile <= 1, "clip_quantile", clip_quantile, "null or in (0, 1]")
        check(activity in ("arc", "impute"), "activity", activity, "arc or impute")
        check(smoothness in SMOOTHNESS, "smoothness", smoothness, "0.5, 1.5 or 2.5")
        check(transform in ("clip", "rank"), "transform", transform, "clip or rank")
        check(0 <= clip_slope <= 1, "clip_slope", clip_slope, "from 0 to 1")
        check(0 <= failure_quantile <= 1, "failure_quantile", failure_quantile, "from 0 to 1")
        check(reference in ("posterior", "observed"), "reference", reference, "posterior or observed")
        check(cost_weight >= 0, "cost_weight", cost_weight, "0 or more")
        check(resolution >= 0, "resolution", resolution, "0 or more")
        check(refit_growth >= 1.0, "refit_growth", refit_growth, "1 or more")
        self._space = space
        self._rng = np.random.default_rng(seed)
        self._incumbents = incumbents
        self._encoding = Encoding(space, features, activity)
        self._visited = Visited(space)
        self._design = InitialDesign(space, self._visited, self._rng, stratified)
        self._listed = space.enumerable and space.size <= max_listed
        # Without a list to choose from, a model that knows too little of a parameter is led astray by it.
        self._initial = initial if self._listed else max(initial, len(space.parameters))
        self._drawn = drawn
        self._pool: Pool | None = None
        of_observations = partial(
            observation_targets,
            transform=transform,
            clip_quantile=clip_quantile,
            clip_slope=clip_slope,
            failure_quantile=failure_quantile,
        )
        of_levels = partial(level_targets, resolution=resolution, failure_quantile=failure_quantile)
        ingredients = Ingredients(
            of_observations if self._listed or resolution == 0 else of_levels,
            impute_failures,
            feasibility,
            reference,
            float(cost_weight),
            Fitting(
                _priors({**({} if self._listed else {"lengthscale": WIDE}), **(priors or {})}),
                additive,
                float(smoothness),
                refit_growth,
                iterations,
                max_points,
            ),
        )
        self._model = Model(self._encoding.blocks, ingredients)
        self._codes: list[Codes] = []
        self._latencies_ms: list[float | None] = []
        self._costs_s: list[float] = []

    def ask(self, n: int) -> Sequence[Configuration]:
        """The ``n`` best candidates, each conditioned on those before it; random ones at the start."""
        if self._visited.exhausted:
            return []
        rows = self._random(n) if len(self._codes) < self._initial else self._modelled(n)
        return [self._space.decode(row) for row in rows]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Remember the outcomes; all work happens in the next ask."""
        for evaluation in evaluations:
            self._codes.append(self._space.encode(evaluation.configuration))
            self._latencies_ms.append(evaluation.latency_ms)
            self._costs_s.append(evaluation.compile_s + evaluation.verify_s + evaluation.benchmark_s)

    def _random(self, n: int) -> list[Codes]:
        rows: list[Codes] = []
        while len(rows) < n and not self._visited.exhausted:
            rows.append(self._design.draw())
            self._visited.add(rows[-1])
        return rows

    def _modelled(self, n: int) -> list[Codes]:
        observed = self._encoding.points(np.array(self._codes))
        self._model.learn(observed, self._latencies_ms, np.array(self._costs_s))
        candidates = self._candidates()
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
            rows.append(candidates.codes[pick])
        return rows + self._random(n - len(rows))

    def _score(self, grid: GridPoints) -> Floats:
        self._model.over(grid)
        return self._model.score()

    def _candidates(self) -> Candidates:
        if self._pool is None:
            if self._listed:
                self._pool = Listed(self._space, self._encoding, self._visited)
            else:
                self._pool = Drawn(self._space, self._encoding, self._visited, self._rng, self._drawn, self._incumbents)
        worked = [i for i, latency in enumerate(self._latencies_ms) if latency is not None]
        worked.sort(key=lambda i: self._latencies_ms[i] or 0.0)
        best = np.array(self._codes)[worked[: self._incumbents]]
        return self._pool.candidates(best, self._score)


def observation_targets(latencies_ms: Sequence[float | None], **how: Any) -> Targets:
    """:func:`targets`; every improvement is worth an evaluation."""
    return Targets(targets(latencies_ms, **how))


def _priors(given: Mapping[str, Sequence[float]]) -> Priors:
    known = Priors.__dataclass_fields__
    for name, value in given.items():
        check(name in known, "priors", name, f"one of {', '.join(known)}")
        check(len(value) == 2 and value[1] > 0, f"priors.{name}", value, "[location, positive spread]")
    return Priors(**{name: (float(value[0]), float(value[1])) for name, value in given.items()})
