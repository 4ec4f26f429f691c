"""From latencies and failures to the numbers that the process is fitted to.

Latencies of one kernel range over 30x and more, and what tells a 5x slow configuration from a 20x
slow one says nothing about the fast ones. So the target is the log of the latency, clipped at the
median seen (winsorised), centred and scaled: independent of the unit of latency.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.strategies.conditional_gp.kernels import Floats

DECIMALS = 9


def targets(latencies_ms: Sequence[float | None], clip_quantile: float | None = 0.5) -> Floats:
    """Standardised targets, [n]; a failure (``None``) counts as the slowest target there is.

    Args:
        latencies_ms: observed latencies in ms, ``None`` for a failure.
        clip_quantile: slower latencies than this quantile of those seen count as that quantile
            (0.5: the median); ``None`` does not clip, and failures then count as the median.

    Returns:
        Zeros while nothing succeeded (or all latencies are equal): there is nothing to model yet.
    """
    raw = np.array([np.nan if value is None else value for value in latencies_ms], dtype=float)
    y = np.log(raw)
    seen = y[~np.isnan(y)]
    if seen.size == 0:
        return np.zeros_like(y)
    limit = float(np.quantile(seen, 0.5 if clip_quantile is None else clip_quantile))
    if clip_quantile is not None:
        y = np.minimum(y, limit)
    y = np.where(np.isnan(y), limit, y) - limit
    # Another unit of latency moves y by a rounding error; rounding keeps the whole trace identical.
    return standardised(np.round(y, DECIMALS))


def standardised(y: Floats) -> Floats:
    """Zero mean and unit variance, [n]; zeros if all are equal."""
    spread = float(y.std())
    return np.asarray(np.round((y - y.mean()) / spread, DECIMALS) if spread > 0.0 else np.zeros_like(y))
