"""The rule of :mod:`analysis.verdict.judge`, vectorised over many studies; a test makes sure that the two agree."""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass(frozen=True)
class PValues:
    """p of "at most the threshold" and of "at least the threshold"; nan counts as 1.

    [studies, strategies, tests, targets] each, where a test is of an axis and a baseline.
    """

    above: Floats
    below: Floats


def claim(ways: Sequence[PValues], harder: Floats, headline: int, error_rate: float) -> Words:
    """The verdict on a claim from the tests of its strategies.

    Args:
        ways: the tests and, if the hypothesis registers a reference error, the tests with it; each must support or
            refute.
        harder: p of "at most the threshold" over random search that never restarts, which support must survive, for all
            available tests. [studies, strategies, tests, targets]
        headline: position of the hypothesis's target.
    """
    p_supported = np.max([holm(way.above)[..., headline].max(axis=-1) for way in ways], axis=0)
    if harder.shape[-2]:
        p_supported = np.maximum(p_supported, holm(harder)[..., headline].max(axis=-1))
    p_refuted = np.max([_refuted(way.below)[..., headline] for way in ways], axis=0)
    refuted: Flags = np.asarray(p_refuted <= error_rate)
    supported: Flags = np.asarray((holm(p_supported) <= error_rate) & ~refuted)
    return Words(np.any(supported, axis=-1, keepdims=True)[..., 0], np.all(refuted, axis=-1, keepdims=True)[..., 0])


def _refuted(below: Floats) -> Floats:
    """Adjusted p of "at least the threshold everywhere": Bonferroni over the tests, Holm over the targets."""
    return holm(np.minimum(1.0, below.shape[-2] * np.nan_to_num(below, nan=1.0).min(axis=-2)))
