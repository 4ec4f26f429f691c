"""``conditional_gp`` that knows earlier tunings: what each says of a configuration is one more feature of it.

Ranks only: of a source's latencies the normal scores count. How much a source is worth the process learns as it does of
any feature, by marginal likelihood on the task's own observations: with a long length scale the source is dropped, and
one that has everything the wrong way round is as good as a true one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from harness.strategies.base import Budget
from harness.strategies.common.flat_arguments import flat_arguments
from harness.strategies.common.tries import check_sources
from harness.strategies.conditional_gp.scored import ScoredEncoding
from harness.strategies.conditional_gp.settings import (
    AcquisitionSettings,
    CandidateSettings,
    CovarianceSettings,
    FitSettings,
    StartSettings,
    TargetSettings,
)
from harness.strategies.conditional_gp.source_mean import SourceMean
from harness.strategies.conditional_gp.strategy import ConditionalGP
from harness.strategies.source import SourceData
from search_spaces.encoding import Encoding
from search_spaces.space import SearchSpace


class GuidedGP(ConditionalGP):
    """A Gaussian process around what sources say.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        sources: earlier tunings; without any it is refused.
        start, target, covariance, fit, acquisition, candidates: see :class:`~.strategy.ConditionalGP`.

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
        target: TargetSettings,
        covariance: CovarianceSettings,
        fit: FitSettings,
        acquisition: AcquisitionSettings,
        candidates: CandidateSettings,
    ) -> None:
        check_sources("guided_gp", sources)
        self._sources = [source for source in sources if source.ranked]
        self._how: dict[str, Any] = {
            "priors": covariance.priors_in(listed=candidates.lists(space)),
            "additive": covariance.additive,
            "smoothness": covariance.smoothness,
        }
        groups = (start, target, covariance, fit, acquisition, candidates)
        flat = {field.name: getattr(group, field.name) for group in groups for field in fields(group)}
        super().__init__(space, seed, budget, **flat)

    def _placed(self, encoding: Encoding) -> Encoding:
        means = [SourceMean(encoding, source, **self._how) for source in self._sources]
        return ScoredEncoding(encoding, means) if means else encoding
