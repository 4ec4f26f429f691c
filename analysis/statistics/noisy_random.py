"""Random search as it would be measured: exact draws without replacement, judged by noisy readings.

The closed forms (:mod:`analysis.statistics.random_search`, :mod:`analysis.statistics.successive_sampling`) know every
latency exactly. A real random search may miss a hit because a slower configuration had a lucky reading, so exact random
search is a little stronger than any that can be run. A simulation measures by how much: it compares noisy searches with
the same draws without noise, whose ERT is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics import random_simulation
from analysis.statistics.random_simulation import SimulatedSearches
from analysis.statistics.readings import Readings

Floats = NDArray[np.float64]
SIGNS = (1.0, -1.0, -1.0, 1.0)
"""Exponents of the columns of :class:`NoisySearches`: noisy cost / noisy hits over exact cost / exact hits."""


@dataclass(frozen=True)
class NoisySearches:
    """Searches that choose by readings, and when each of them hit.

    Attributes:
        noisy, exact: T with and without noise, in the order of ending, counted from 1; one more than the number of
            draws if the search did not hit. [R]
    """

    searches: SimulatedSearches
    noisy: NDArray[np.int64]
    exact: NDArray[np.int64]

    @property
    def drawn(self) -> int:
        return int(self.searches.rows.shape[1])

    def evaluations(self) -> Floats:
        """Cost in evaluations and hit, with and then without noise; [R, 4]."""
        return np.column_stack([*self._spent(self.noisy), *self._spent(self.exact)]).astype(np.float64)

    def seconds(self) -> Floats:
        """Cost in s and hit, with and then without noise; [R, 4]."""
        noisy, exact = (self._clock(first) for first in (self.noisy, self.exact))
        return np.column_stack([noisy, self.noisy <= self.drawn, exact, self.exact <= self.drawn]).astype(np.float64)

    def seconds_by_evaluations(self, hit: NDArray[np.bool_]) -> Floats:
        """Cost in s and hit with noise, then evaluations in the order asked and hit without noise; [R, 4]."""
        asked = random_simulation.costs_and_evaluations(self.searches, hit)[:, 1]
        noisy = self._clock(self.noisy)
        return np.column_stack([noisy, self.noisy <= self.drawn, asked, self.exact <= self.drawn]).astype(np.float64)

    def _spent(self, first: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        return np.minimum(first, self.drawn), first <= self.drawn

    def _clock(self, first: NDArray[np.int64]) -> Floats:
        return np.asarray(self.searches.end_s[np.arange(len(first)), np.minimum(first, self.drawn) - 1])


def read_searches(
    searches: SimulatedSearches,
    readings: Readings,
    hits: Mapping[float, NDArray[np.bool_]],
    rng: np.random.Generator,
) -> dict[float, NoisySearches]:
    """Draw the readings of all searches, once for all targets.

    A configuration that can never be read below a hit cannot hide one, so its readings are not drawn.

    Args:
        readings: the recorded samples of every configuration.
        hits: for each target, which configurations are within it by their true latencies. [N]
    """
    rows = searches.rows
    read = np.full(rows.shape, np.inf)
    telling = np.any([_telling(readings, hit) for hit in hits.values()], axis=0)[rows]
    read[telling] = readings.draw(rows[telling], rng)
    found = {}
    for target, hit in hits.items():
        true = hit[rows]
        exact = random_simulation.first_true(true)
        noisy = exact.copy()
        met = np.flatnonzero(exact <= rows.shape[1])  # the others have no hit to hide
        noisy[met] = random_simulation.first_hits(rows[met], hit, read[met])
        found[target] = NoisySearches(searches, noisy, exact)
    return found


def _telling(readings: Readings, hit: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark hits and the configurations that may be read below one of them. [N]"""
    samples = readings.samples_ms
    fastest = np.where(readings.counts > 0, samples[:, 0], np.inf)
    slowest = np.nanmax(samples[hit], initial=0.0)
    return np.asarray(hit | (fastest <= slowest))
