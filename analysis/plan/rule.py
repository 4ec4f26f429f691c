"""The rule of :mod:`analysis.verdict.judge` on many studies at once: a test holds both to the same words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.multiplicity import holm

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Words:
    """Which of many studies support the claim, and which refute it. [studies] each"""

    supported: Flags
    refuted: Flags


def claim(above: Floats, below: Floats, headline: int, error_rate: float) -> Words:
    """What the strategies of a hypothesis amount to.

    Args:
        above, below: p of "at most the threshold" and of "at least the threshold"; nan counts as 1. [studies,
            strategies, tests, targets], where a test is of an axis and a baseline.
        headline: position of the hypothesis's target.
    """
    p_supported = holm(above)[..., headline].max(axis=-1)
    smallest = np.minimum(1.0, below.shape[-2] * np.nan_to_num(below, nan=1.0).min(axis=-2))
    refuted: Flags = np.asarray(holm(smallest)[..., headline] <= error_rate)
    supported: Flags = np.asarray((holm(p_supported) <= error_rate) & ~refuted)
    return Words(np.any(supported, axis=-1, keepdims=True)[..., 0], np.all(refuted, axis=-1, keepdims=True)[..., 0])
