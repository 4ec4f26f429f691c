"""The noise of replay: what a search reads when it measures a recorded configuration.

The median of a bootstrap resample of a configuration's own samples, drawn afresh in every run: the rule of the replay
backend's ``noise=recorded``.
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
        samples_ms: ascending, padded with nan. [N, most samples]
        counts: samples of each configuration; 0 where it failed. [N]
    """

    samples_ms: Floats
    counts: NDArray[np.int64]

    def draw(self, rows: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        """One reading of each of ``rows`` (any shape) in ms; inf where there are no samples.

        The middle of a resample is the sample at c times the middle one of c uniform numbers, which has a Beta law; so
        the resample itself is not drawn. For an even c the next one above it is the smallest of the c/2 that are left.
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
    """From one array of samples in ms per configuration."""
    counts = np.array([len(samples) for samples in samples_ms], dtype=np.int64)
    padded = np.full((len(counts), max(1, int(counts.max(initial=0)))), np.nan)
    for row, samples in zip(padded, samples_ms, strict=True):
        row[: len(samples)] = np.sort(samples)
    return Readings(padded, counts)
