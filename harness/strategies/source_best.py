"""Only the source's ranking: the baseline for tuning again.

The source's configurations in their order there, several sources in turn, then uniform draws. After one
evaluation it amounts to "use the source's best and stop".

* **Failures** are skipped: nothing is learned.
* **Batches**: the next configurations of the ranking. **Conditions, constraints**: the source's configurations are
  feasible here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from harness.strategies.base import Budget
from harness.strategies.common.tries import TriesFirst, check_sources
from harness.strategies.random import RandomSearch
from harness.strategies.source import SourceData, all_ranked
from search_spaces.space import SearchSpace


class SourceBest(TriesFirst):
    """The whole ranking of the sources, then uniform draws.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        sources: earlier tunings; at least one is required.

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
    ) -> None:
        check_sources("source_best", sources)
        (child,) = seed.spawn(1)
        super().__init__(space, all_ranked(sources), sys.maxsize, RandomSearch(space, child, budget), None)
