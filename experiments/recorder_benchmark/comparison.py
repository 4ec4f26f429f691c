"""The arithmetic of the benchmark: rates, their ratios, and the agreement of two sets of latencies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Side:
    """The result of one side.

    Attributes:
        statuses: count by status.
        steady_s: from the first configuration's start to the last one's end.
        whole_s: including everything before and after: processes, inputs, reference, and the recorder's re-timing.
    """

    statuses: Mapping[str, int]
    steady_s: float
    whole_s: float

    @property
    def finished(self) -> int:
        """The number of finished configurations, including failures."""
        return sum(self.statuses.values())

    @property
    def steady_rate(self) -> float:
        """Configurations per second without start and end; NaN without any."""
        return self.finished / self.steady_s if self.steady_s > 0 else float("nan")

    @property
    def whole_rate(self) -> float:
        """Configurations per second of the whole time; NaN without any."""
        return self.finished / self.whole_s if self.whole_s > 0 else float("nan")

    def to_json(self) -> dict[str, Any]:
        """Counts, times in s and rates per s."""
        return {
            "finished": self.finished,
            "failed": self.finished - self.statuses.get("ok", 0),
            "statuses": dict(self.statuses),
            "steady_s": self.steady_s,
            "whole_s": self.whole_s,
            "steady_per_s": self.steady_rate,
            "whole_per_s": self.whole_rate,
        }


def counted(statuses: Sequence[str]) -> dict[str, int]:
    """Count by status, the most frequent first."""
    return dict(Counter(statuses).most_common())


@dataclass(frozen=True)
class Agreement:
    """The agreement of two sets of latencies of the same configurations.

    Attributes:
        both: number of configurations that both measured; with fewer than two the other fields are ``None``.
        only_one: number measured by one side that failed on the other.
        rank_correlation: Spearman's.
        median_relative_difference: of |a - b| / b.
        median_ratio: of a / b, which shows a bias where the difference shows noise too.
    """

    both: int
    only_one: int
    rank_correlation: float | None
    median_relative_difference: float | None
    median_ratio: float | None


def agreement(a_ms: Sequence[float | None], b_ms: Sequence[float | None]) -> Agreement:
    """Compare two sets of latencies by configuration; ``None`` is a failure."""
    from scipy.stats import spearmanr  # not at the top, because every worker process imports this module

    pairs = [(a, b) for a, b in zip(a_ms, b_ms, strict=True) if a is not None and b is not None]
    only_one = sum((a is None) != (b is None) for a, b in zip(a_ms, b_ms, strict=True))
    if len(pairs) < 2:
        return Agreement(len(pairs), only_one, None, None, None)
    a, b = np.array(pairs).T
    return Agreement(
        both=len(pairs),
        only_one=only_one,
        rank_correlation=float(spearmanr(a, b).statistic),
        median_relative_difference=float(np.median(np.abs(a - b) / b)),
        median_ratio=float(np.median(a / b)),
    )
