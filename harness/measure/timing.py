"""Decide how many samples a configuration gets: pure arithmetic, while the caller takes the samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from harness.errors import UserError
from harness.rules import Limits

LAUNCHES = ("direct", "graph")
NO_LIMITS = Limits()
Take = Callable[[int], list[float]]
"""Takes that many latency samples, in ms."""

MIN_SAMPLES = 3
"""Number of samples taken even beyond the budget, unless a single one exceeds it."""
MAD_TO_SIGMA = 1.4826
"""Median absolute deviation to standard deviation, for a normal distribution."""
MEDIAN_TO_MEAN = 1.2533
"""Standard error of the median over that of the mean, √(π/2), for a normal distribution."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Options that decide when sampling stops.

    Attributes:
        samples: number of samples of a configuration that is not hopeless.
        max_samples: most samples, taken until the stated precision is reached.
        relative_error: stated standard error of the median, relative to it.
        slow_factor: a configuration this many times slower than the incumbent is hopeless …
        slow_samples: … and gets only this many samples.
        budget_s: no more samples once this much device time is spent on one configuration, in s.
        warmup_s: device time of warm-up before a configuration if the device was idle, in s.
        launch: ``direct`` (as a program would launch it) or ``graph``: one CUDA graph per configuration is replayed,
            so that neither the host's launches nor the gaps between several launches are timed.

    Raises:
        UserError: a value is out of range.
    """

    samples: int = 20
    max_samples: int = 60
    relative_error: float = 0.005
    slow_factor: float = 5.0
    slow_samples: int = 5
    budget_s: float = 0.15
    warmup_s: float = 0.02
    launch: str = "direct"

    def __post_init__(self) -> None:
        if self.launch not in LAUNCHES:
            raise UserError(f"backend.timing.launch={self.launch}: expected one of {', '.join(LAUNCHES)}")
        for name, least in (("samples", 1), ("slow_samples", 1), ("max_samples", self.samples)):
            if not getattr(self, name) >= least:
                raise UserError(f"backend.timing.{name}={getattr(self, name)}: expected {least} or more")
        for name in ("relative_error", "slow_factor", "budget_s"):
            if not getattr(self, name) > 0:
                raise UserError(f"backend.timing.{name}={getattr(self, name)}: expected more than 0")

    def to_json(self) -> dict[str, Any]:
        """All fields in JSON types, for metadata."""
        return asdict(self)

    def collect(
        self, take: Take, incumbent_ms: float | None, overhead_ms: float = 0.0, limits: Limits = NO_LIMITS
    ) -> list[float]:
        """Samples in the order taken; the first look, a warm-up, is kept only if there are no others.

        Args:
            take: takes n samples.
            incumbent_ms: the best latency known, in ms.
            overhead_ms: device time that a sample costs beyond its latency (cache flush), in ms.
            limits: limits whose test may end sampling after any sample.
        """
        look = take(1)[0]
        if look > self.budget_s * 1e3:
            return [look]
        affordable = max(MIN_SAMPLES, int(self.budget_s * 1e3 / (look + overhead_ms)))
        if incumbent_ms is not None and look >= self.slow_factor * incumbent_ms:
            return _tested(take, [], min(self.slow_samples, affordable), limits)
        samples = _tested(take, [], min(self.samples, affordable), limits)
        while len(samples) < min(self.max_samples, affordable):
            if limits.samples_to_end(samples) == 0 or relative_error_of_median(samples) <= self.relative_error:
                break
            more = min(self.samples, self.max_samples - len(samples), affordable - len(samples))
            samples = _tested(take, samples, more, limits)
        return samples


def _tested(take: Take, samples: list[float], more: int, limits: Limits) -> list[float]:
    """The samples and ``more`` new ones, or fewer if the test ends them; taken in chunks that cannot end it earlier."""
    most = len(samples) + more
    while len(samples) < most and (needed := limits.samples_to_end(samples)) != 0:
        left = most - len(samples)
        samples = samples + take(left if needed is None else min(left, needed))
    return samples


def relative_error_of_median(samples: list[float]) -> float:
    """Estimated standard error of the samples' median, relative to it; inf for fewer than three."""
    if len(samples) < 3:
        return math.inf
    middle = median(samples)
    sigma = MAD_TO_SIGMA * median(abs(sample - middle) for sample in samples)
    return MEDIAN_TO_MEAN * sigma / math.sqrt(len(samples)) / middle if middle > 0 else math.inf


IDLE_S = 0.1
"""After this many seconds without work clocks may have dropped, so a warm-up precedes the next measurement."""
