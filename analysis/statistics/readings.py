"""The noise of replay: what a search reads when it measures a recorded configuration.

A reading is the median of a bootstrap resample of the configuration's own samples, drawn again in every run, as in the
replay backend's ``noise=recorded``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Readings:
    """Recorded samples of every configuration.

    Attributes:
        samples_ms: the samples in ascending order, padded with nan. [N, most samples]
        counts: the number of samples of each configuration; 0 if it failed. [N]
    """

    samples_ms: Floats
    counts: NDArray[np.int64]

    def draw(self, rows: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        """Draw one reading in ms for each of ``rows`` (of any shape); inf for rows without samples.

        The median of a resample of c samples is the sample at position c u, where u is the median of c uniform numbers.
        u has a Beta law and is drawn directly, without the resample. For an even c, the upper one of the two middle
        numbers is the smallest of the c/2 numbers that are left above the lower one.
        """
        flat = rows.ravel()
        counts = self.counts[flat]
        read = np.full(len(flat), np.inf)
        for count in np.unique(counts[counts > 0]).tolist():  # few distinct numbers of samples
            at = np.flatnonzero(counts == count)
            below = (count + 1) // 2
            low = rng.beta(below, count + 1 - below, len(at))
            read[at] = self._sample(flat[at], count, low)
            if count % 2 == 0:
                high = 1.0 - (1.0 - low) * rng.random(len(at)) ** (1.0 / (count - below))
                read[at] = (read[at] + self._sample(flat[at], count, high)) / 2
        return read.reshape(rows.shape)

    def _sample(self, rows: NDArray[np.int64], count: int, uniform: Floats) -> Floats:
        return self.samples_ms[rows, np.minimum((count * uniform).astype(np.int64), count - 1)]


def readings(samples_ms: list[Floats] | NDArray[np.object_]) -> Readings:
    """Build the readings from one array of samples in ms per configuration."""
    counts = np.array([len(samples) for samples in samples_ms], dtype=np.int64)
    padded = np.full((len(counts), max(1, int(counts.max(initial=0)))), np.nan)
    for row, samples in zip(padded, samples_ms, strict=True):
        row[: len(samples)] = np.sort(samples)
    return Readings(padded, counts)
