"""Targets for spaces in which many configurations are practically the same program.

In a space that is too large to list most parameters matter little, and a search soon sees one latency a hundred times.
Ranks would spread those hundred over half of the scale, so that the process would model noise and expect the next
improvement from equal programs. Here indistinguishable latencies form one *level*; levels, not
observations, decide what is slow, and an improvement within the noise does not count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.strategies.conditional_gp.targets import DECIMALS, Targets
from search_spaces.encoding import Floats

SLOW = 0.5
"""Levels beyond this quantile count as equal."""
WORTHWHILE = 2
"""Least improvement in levels; a smaller one may be noise."""


def level_targets(latencies_ms: Sequence[float | None], resolution: float, failure_quantile: float) -> Targets:
    """Log latency by level, clipped at the median level and scaled by mean and spread of levels.

    Args:
        latencies_ms: ``None`` is a failure.
        resolution: width of a level, as a fraction of its lowest latency.
        failure_quantile: failures count as this quantile of the levels.
    """
    raw = np.array([np.nan if value is None else value for value in latencies_ms], dtype=float)
    worked = ~np.isnan(raw)
    y = np.zeros_like(raw)
    if not worked.any():
        return Targets(y)
    y[worked] = of_levels(np.log(raw[worked] / raw[worked].min()), resolution)
    levels = np.unique(y[worked])
    y[~worked] = np.quantile(levels, failure_quantile)
    slow = np.quantile(levels, SLOW)
    y, levels = np.minimum(y, slow), np.minimum(levels, slow)
    spread = float(levels.std())
    if spread == 0.0:
        return Targets(np.zeros_like(y))
    return Targets(np.round((y - levels.mean()) / spread, DECIMALS), WORTHWHILE * float(np.log1p(resolution)) / spread)


def of_levels(logs: Floats, resolution: float) -> Floats:
    """Each of the log latencies [n] replaced by the mean of its level; levels are cut from the lowest on."""
    width, starts = np.log1p(resolution), [float(logs.min())]
    for value in np.sort(logs):
        if value > starts[-1] + width:
            starts.append(float(value))
    level = np.searchsorted(starts, logs, side="right") - 1
    means = np.bincount(level, logs) / np.bincount(level)
    # Another unit of latency moves a mean by a rounding error; rounding keeps the whole trace identical.
    return np.asarray(np.round(means, DECIMALS)[level])
