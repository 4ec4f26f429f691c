"""Turn latencies and failures into the targets that the process is fitted to.

Latencies of one kernel range over 30x and more, and what tells a 5x slow configuration from a 20x
slow one says nothing about the fast ones. Two remedies: the normal scores of the ranks (Blom 1958,
*Statistical Estimates and Transformed Beta-Variables*; with Hazen's (i - 1/2) / n), which are spread alike
whatever the landscape; or log latency, clipped at a quantile of those seen (winsorised). Both are centred
and scaled, and independent of the unit of latency.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from search_spaces.encoding import Floats

DECIMALS = 9
Transform = Literal["clip", "rank"]


class Targets(NamedTuple):
    """Standardised targets, [n], and the least improvement worth an evaluation, on their scale."""

    values: Floats
    worthwhile: float = 0.0


def targets(
    latencies_ms: Sequence[float | None],
    transform: Transform = "clip",
    clip_quantile: float | None = 0.5,
    clip_slope: float = 0.0,
    failure_quantile: float = 0.5,
) -> Floats:
    """Standardised targets, [n], of latencies in ms; ``None`` is a failure.

    Args:
        transform: ``clip``: log latency, compressed beyond a quantile; ``rank``: normal scores of the ranks.
        clip_quantile: where compression starts (0.5: the median seen); ``None`` does not clip.
        clip_slope: exponent of latency ratios beyond it; 0 makes them all equal.
        failure_quantile: failures count as this quantile of the successes.

    Returns:
        Zeros if nothing succeeded or all latencies are equal, since there is nothing to model yet.
    """
    raw = np.array([np.nan if value is None else value for value in latencies_ms], dtype=float)
    worked = ~np.isnan(raw)
    if not worked.any():
        return np.zeros_like(raw)
    y = np.log(raw / raw[worked].min())
    seen = y[worked]
    if transform == "rank":
        y[worked] = ndtri((rankdata(seen) - 0.5) / seen.size)
    y = np.where(worked, y, np.quantile(y[worked], failure_quantile))
    if clip_quantile is not None:
        limit = float(np.quantile(y[worked], clip_quantile))
        y = np.where(y > limit, limit + clip_slope * (y - limit), y)
    # Another unit of latency moves y by a rounding error; rounding keeps the whole trace identical.
    return standardised(np.round(y, DECIMALS))


def standardised(y: Floats) -> Floats:
    """Zero mean and unit variance, [n]; zeros if all are equal."""
    spread = float(y.std())
    return np.asarray(np.round((y - y.mean()) / spread, DECIMALS) if spread > 0.0 else np.zeros_like(y))
