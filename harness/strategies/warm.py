"""The source's best configurations first, then any other strategy, which is told what became of them.

What ahead-of-time tuners and caches do, and the least that a transfer must be compared with. It stops early where the
source misleads: a random configuration is evaluated second, and where it is faster than the source's best, or where the
tries contradict the source's order or two of them fail, the rest is left untried. A source whose latencies do not
follow from its own parameters is not tried at all (:func:`~harness.strategies.source.coherent`).

* **Failures** of tries are told to the wrapped strategy like others.
* **Batches** are filled from the source's ranking, so that a batch is never waited for half empty.
* **Conditions, constraints**: the source's configurations are feasible here; the rest is the wrapped strategy's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from harness.strategies.base import Budget
from harness.strategies.common.checks import check
from harness.strategies.common.tries import TriesFirst, check_sources, probe_of, wrapped
from harness.strategies.source import SourceData, all_ranked, apart, coherent
from search_spaces.space import SearchSpace

SPARE = 64
"""Configurations beyond the tries that fill the last batch."""


class Warm(TriesFirst):
    """The best of the sources, in turn, then ``then``.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        sources: earlier tunings; without any it is refused.
        tries: so many configurations of the sources at most.
        differing: parameters in which each try differs from those before it, at least, while there are such.
        then: the strategy that follows, as its YAML has it.

    Raises:
        UserError: there is no source, or ``then`` is no strategy that can be told what it did not ask for.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: np.random.SeedSequence,
        budget: Budget,
        *,
        sources: Sequence[SourceData] = (),
        tries: int = 3,
        differing: int = 2,
        then: Mapping[str, Any] | None = None,
    ) -> None:
        check_sources("warm", sources)
        check(tries >= 0, "tries", tries, "0 or more")
        check(differing >= 1, "differing", differing, "1 or more")
        ranking = islice(apart(all_ranked(coherent(sources)), differing), tries + SPARE)
        then_built = wrapped(then, space, seed, budget, sources)
        super().__init__(space, ranking, tries, then_built, probe_of(space, seed.spawn(1)[0]))
