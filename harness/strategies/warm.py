"""Try the source's best configurations first, then run any other strategy, which is told their outcomes.

Ahead-of-time tuners and caches do this, so that any transfer must be compared with it. It stops early if the source
misleads: a random configuration is evaluated second, and if it is faster than the source's best, or the tries
contradict the source's order, or two of them fail, the rest is not tried. A source whose latencies do not
follow from its own parameters is not tried at all (:func:`~harness.strategies.source.coherent`).

* **Failures** of tries are told to the wrapped strategy like others.
* **Batches** are filled from the source's ranking, so that no batch waits half empty.
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
"""Most configurations beyond the tries that fill the last batch."""


class Warm(TriesFirst):
    """The best of the sources, in turn, then ``then``.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        sources: earlier tunings; at least one is required.
        tries: most configurations of the sources to try.
        differing: least number of parameters in which each try differs from earlier ones, as long as possible.
        then: the strategy that follows, as in its YAML.

    Raises:
        UserError: there is no source, or ``then`` is not a strategy that accepts given evaluations.
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
