"""Try a few configurations that cover many siblings first, like the libraries of ahead-of-time tuners.

A greedy set cover (Johnson 1974): each step takes the configuration that is near-optimal on most sources on which none
of those taken is near-optimal; among equals the one with the lowest geometric mean slowdown over all sources. Once
every source is covered, covering starts again without those taken. Then another strategy follows, as in ``warm``; with
one source both try the same, where ``warm`` has ``differing=1``.

* **Failures** on a source, and configurations that it did not see, count as a slowdown of :data:`UNKNOWN` there. Tries
  that fail here are told to the wrapped strategy.
* **Batches** are filled from the portfolio.
* **Conditions, constraints**: the sources' configurations are feasible here; the rest is the wrapped strategy's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.evaluation import Configuration
from harness.strategies.base import Budget
from harness.strategies.common.checks import check
from harness.strategies.common.tries import TriesFirst, check_sources, probe_of, wrapped
from harness.strategies.source import SourceData, coherent
from search_spaces.space import SearchSpace

UNKNOWN = 10.0
LONGEST = 64
"""Most configurations of a portfolio; it is chosen from four times as many of the fastest of each source."""


class Portfolio(TriesFirst):
    """The portfolio of the sources, then ``then``.

    Args:
        space, seed, budget: see :class:`~harness.strategies.base.Strategy`.
        sources: earlier tunings; at least one is required.
        tries: most configurations of the portfolio to try.
        within: a configuration covers a source on which it is at most this share slower than the best.
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
        within: float = 0.05,
        then: Mapping[str, Any] | None = None,
    ) -> None:
        check_sources("portfolio", sources)
        check(tries >= 0, "tries", tries, "0 or more")
        check(within >= 0, "within", within, "0 or more")
        then_built = wrapped(then, space, seed, budget, sources)
        ranking = covering(coherent(sources), within)
        super().__init__(space, ranking, tries, then_built, probe_of(space, seed.spawn(1)[0]))


def covering(sources: Sequence[SourceData], within: float) -> list[tuple[Configuration, float]]:
    """Configurations in the order in which the greedy cover takes them, with their mean slowdowns."""
    configurations, slowdowns = _slowdowns(sources)
    if not configurations:
        return []
    near = slowdowns <= 1.0 + within
    means = np.exp(np.log(slowdowns).mean(axis=1))
    taken: list[int] = []
    free, covered = np.ones(len(means), dtype=bool), np.zeros(len(sources), dtype=bool)
    while free.any() and len(taken) < LONGEST:
        gain = near[:, ~covered].sum(axis=1)
        if not gain[free].any() and covered.any():
            covered[:] = False
            continue
        best = min(np.flatnonzero(free).tolist(), key=lambda i: (-gain[i], means[i], i))
        taken.append(best)
        free[best] = False
        covered |= near[best]
    return [(configurations[i], float(means[i])) for i in taken]


def _slowdowns(sources: Sequence[SourceData]) -> tuple[list[Configuration], NDArray[np.float64]]:
    """The fastest configurations of every source, and the slowdown of each on each: [C, S], at most UNKNOWN."""
    rows: dict[tuple[tuple[str, object], ...], int] = {}
    configurations: list[Configuration] = []
    for source in sources:
        for configuration, _ in source.ranked[: 4 * LONGEST]:
            if (key := tuple(sorted(configuration.items()))) not in rows:
                rows[key] = len(configurations)
                configurations.append(configuration)
    found = np.full((len(configurations), len(sources)), UNKNOWN)
    for column, source in enumerate(sources):
        for configuration, slowdown in source.ranked:
            row = rows.get(tuple(sorted(configuration.items())))
            if row is not None:
                found[row, column] = min(slowdown, UNKNOWN)
    return configurations, found
