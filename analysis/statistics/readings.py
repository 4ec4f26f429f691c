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
        samples_ms: padded with nan. [N, most samples]
        counts: samples of each configuration; 0 where it failed. [N]
    """

    samples_ms: Floats
    counts: NDArray[np.int64]

    def draw(self, rows: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        """One reading of each of ``rows`` (any shape) in ms; inf where there are no samples."""
        flat = rows.ravel()
        counts = self.counts[flat]
        read = np.full(len(flat), np.inf)
        for count in np.unique(counts[counts > 0]).tolist():  # few distinct numbers of samples
            at = np.flatnonzero(counts == count)
            drawn = self.samples_ms[flat[at][:, None], rng.integers(0, count, (len(at), count))]
            middle = count // 2
            ordered = np.partition(drawn, [middle - 1, middle] if count % 2 == 0 else [middle], axis=1)
            read[at] = ordered[:, middle] if count % 2 else (ordered[:, middle - 1] + ordered[:, middle]) / 2
        return read.reshape(rows.shape)


def readings(samples_ms: list[Floats] | NDArray[np.object_]) -> Readings:
    """From one array of samples in ms per configuration."""
    counts = np.array([len(samples) for samples in samples_ms], dtype=np.int64)
    padded = np.full((len(counts), max(1, int(counts.max(initial=0)))), np.nan)
    for row, samples in zip(padded, samples_ms, strict=True):
        row[: len(samples)] = samples
    return Readings(padded, counts)
