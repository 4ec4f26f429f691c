"""``conditional_gp`` with earlier tunings: each source's prediction for a configuration is an additional feature.

Only ranks are used: the normal scores of a source's latencies. The process learns the weight of a source as of any
feature, by marginal likelihood on the task's own observations. While the source's rank correlation with them is no more
than chance, it is left out, and the strategy is ``conditional_gp``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata, spearmanr

from harness.evaluation import Evaluation
from harness.strategies.base import Budget
from harness.strategies.common.checks import check
from harness.strategies.common.flat_arguments import flat_arguments
from harness.strategies.common.tries import check_sources
from harness.strategies.conditional_gp.candidate_sources import CandidateSource, Placing
from harness.strategies.conditional_gp.model import Model
from harness.strategies.conditional_gp.scored import FromPoints, ScoredEncoding
from harness.strategies.conditional_gp.settings import (
    AcquisitionSettings,
    CandidateSettings,
    CovarianceSettings,
    FitSettings,
    HeuristicSettings,
    StartSettings,
    TargetSettings,
)
from harness.strategies.conditional_gp.source_mean import SourceMean
from harness.strategies.conditional_gp.strategy import ConditionalGP
from harness.strategies.source import SourceData, coherent
from search_spaces.encoding import Codes
from search_spaces.space import SearchSpace

BEST_TENTH = float(ndtri(0.1))
"""Normal score below which a configuration is among a source's best tenth."""
FEWEST_LIKED = 2
"""Fewest configurations among these that can confirm a source."""
FEWEST_OBSERVED = 4
"""Fewest observations for a rank correlation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideSettings:
    """Settings of the trust in sources.

    Attributes:
        early: evaluations that suffice at the start, including given ones, if each of those in the best tenth of a
            source was faster than all others: then the source is right about where to search.
        certain: a source counts while its rank correlation with the observations exceeds this many chance spreads,
            1 / sqrt(n - 1).
    """

    early: int = 4
    certain: float = 1.0

    def __post_init__(self) -> None:
        check(self.early >= 1, "early", self.early, "1 or more")
        check(0 <= self.certain < float("inf"), "certain", self.certain, "0 or more")


class GuidedGP(ConditionalGP):
    """A Gaussian process guided by sources.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        sources: earlier tunings; at least one is required.
        start, heuristic, target, covariance, fit, acquisition, candidates: see :class:`~.strategy.ConditionalGP`.
        guide: see :class:`GuideSettings`.

    Raises:
        UserError: there is no source.
    """

    @flat_arguments
    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        sources: Sequence[SourceData] = (),
        *,
        start: StartSettings,
        heuristic: HeuristicSettings,
        target: TargetSettings,
        covariance: CovarianceSettings,
        fit: FitSettings,
        acquisition: AcquisitionSettings,
        candidates: CandidateSettings,
        guide: GuideSettings,
    ) -> None:
        check_sources("guided_gp", sources)
        self._early, self._certain = guide.early, guide.certain
        groups = (start, heuristic, target, covariance, fit, acquisition, candidates)
        flat = {field.name: getattr(group, field.name) for group in groups for field in fields(group)}
        super().__init__(space, seed, budget, **flat)
        self._plain = self._encoding
        priors, additive = covariance.priors_in(listed=candidates.lists(space)), covariance.additive
        self._means = [
            SourceMean(self._plain, source, priors=priors, additive=additive, smoothness=covariance.smoothness)
            for source in coherent(sources)
            if source.ranked
        ]
        self._worlds: dict[tuple[bool, ...], tuple[Placing, Model, CandidateSource]] = {}

    def start(self, evaluations: Sequence[Evaluation]) -> None:
        """Learn given evaluations. Those that a source prefers are not random draws and do not count as initial
        ones."""
        super().start(evaluations)
        liked = int(self._liked().sum())
        self._initial += liked
        self._overlapping_initial += liked
        self._end_start()

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Remember the outcomes; the random start ends early if they confirm the sources."""
        super().tell(evaluations)
        if len(self._codes) < self._initial:
            self._end_start()

    def _liked(self) -> NDArray[np.bool_]:
        """Which observations are among the best tenth of a source, as far as it predicts them: [n]."""
        points = self._plain.points(np.array(self._codes))
        said = np.array([mean(points) for mean in self._means]).reshape(len(self._means), len(points))
        return np.asarray((said < BEST_TENTH).any(axis=0))

    def _end_start(self) -> None:
        """End the random start after :attr:`GuideSettings.early` evaluations if all that sources prefer were faster
        than the rest."""
        if len(self._codes) < self._early:
            return
        seen = np.array([np.inf if latency is None else latency for latency in self._latencies_ms])
        liked = self._liked()
        if liked.sum() >= FEWEST_LIKED and not liked.all() and seen[liked].max() < seen[~liked].min():
            self._initial = self._overlapping_initial = 0

    def _modelled(self, n: int) -> list[Codes]:
        """Rows chosen by the model with the sources that the observations confirm."""
        borne = tuple(self._agrees(mean) for mean in self._means)
        if borne not in self._worlds:
            means = [mean for mean, kept in zip(self._means, borne, strict=True) if kept]
            encoding: Placing = (
                ScoredEncoding(self._plain, [FromPoints(mean) for mean in means]) if means else self._plain
            )
            self._worlds[borne] = encoding, self._model_over(encoding), self._candidates_in(encoding)
        self._encoding, self._model, self._source = self._worlds[borne]
        return super()._modelled(n)

    def _agrees(self, mean: SourceMean) -> bool:
        """Whether a source ranks the observations correctly by more than chance; failures count as slowest."""
        seen = np.array([np.inf if latency is None else latency for latency in self._latencies_ms])
        said = mean(self._plain.points(np.array(self._codes)))
        if len(seen) < FEWEST_OBSERVED or np.all(seen == seen[0]) or np.ptp(said) == 0:
            return False
        correlation = float(spearmanr(said, rankdata(seen)).statistic)
        return correlation > self._certain / float(np.sqrt(len(seen) - 1))
