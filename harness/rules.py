"""Rules that end hopeless evaluations early: pure arithmetic that replay and live measurement share.

Two rules, each off by default. Both depend only on what had been told when the configuration's compile began, so that
a resumed run decides as the interrupted one did. ``analysis/statistics/hopeless.py`` has a copy.

* **Compiles.** A compile ends at ``compile_factor`` times the ``compile_quantile`` quantile of the compile seconds of
  the better half of what succeeded so far, once ``compile_after`` configurations have.
* **Samples.** Sampling ends once the samples say that the configuration is slower than the incumbent. With a median at
  most the incumbent's reading at least half of all samples are not above it. Wald's likelihood ratio of ``AT_MOST``
  of them against that half exceeds 1 / ``sample_error`` at any time with a chance of at most ``sample_error`` (Ville),
  whatever the samples' distribution. Then more than half of those taken are above, so that the median of what was
  taken never makes the configuration the incumbent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import UserError

AT_MOST = 0.1
"""Share of samples at or below the incumbent's latency under the alternative of the sequential test (slower)."""
COMPILED_TOO_LONG = "compiling took longer than good configurations needed"
_ABOVE, _NOT_ABOVE = math.log(2 * (1 - AT_MOST)), math.log(2 * AT_MOST)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that the rules set for one evaluation.

    Attributes:
        compile_s: the compile ends after this many seconds; inf leaves it to the backend's own timeout.
        incumbent_ms: the latency that its samples are tested against; ``None`` for no test.
        sample_error: the error probability of that test.
    """

    compile_s: float = math.inf
    incumbent_ms: float | None = None
    sample_error: float = 1.0

    def samples_taken(self, samples_ms: Sequence[float]) -> int:
        """The number of samples, in order, after which the test ends; all of them if it does not end."""
        if self.incumbent_ms is None:
            return len(samples_ms)
        above = 0
        for taken, sample in enumerate(samples_ms, 1):
            above += sample > self.incumbent_ms
            if self._slower(above, taken - above):
                return taken
        return len(samples_ms)

    def samples_to_end(self, samples_ms: Sequence[float]) -> int | None:
        """How many more samples above the incumbent would end the test; 0 if it has ended, ``None`` without a test."""
        if self.incumbent_ms is None:
            return None
        above = sum(sample > self.incumbent_ms for sample in samples_ms)
        return missing(above, len(samples_ms) - above, self.sample_error)

    def _slower(self, above: int, not_above: int) -> bool:
        return missing(above, not_above, self.sample_error) == 0


def missing(above: int, not_above: int, error: float) -> int:
    """How many more samples above the incumbent end the sequential test, given the counts above and not above."""
    return max(0, math.ceil((-math.log(error) - not_above * _NOT_ABOVE) / _ABOVE - above - 1e-9))


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a run; at least one is on.

    Attributes:
        compile_factor: a number above 1; ``None`` leaves compiles to the backend's timeout.
        compile_quantile: the quantile of compile seconds, from 0 to 1.
        compile_after: the number of successes before the rule applies.
        sample_error: largest probability of ending early on a configuration as fast as the incumbent; ``None`` for no
            test.

    Raises:
        UserError: a value out of range.
    """

    compile_factor: float | None = None
    compile_quantile: float = 0.5
    compile_after: int = 5
    sample_error: float | None = None

    def __post_init__(self) -> None:
        if self.compile_factor is not None and not 1 < self.compile_factor < math.inf:
            raise UserError(f"rules.compile_factor={self.compile_factor}: expected a number more than 1")
        if not 0 <= self.compile_quantile <= 1:
            raise UserError(f"rules.compile_quantile={self.compile_quantile}: expected a number from 0 to 1")
        if self.compile_after < 1:
            raise UserError(f"rules.compile_after={self.compile_after}: expected a whole number, 1 or more")
        if self.sample_error is not None and not 0 < self.sample_error < 0.5:
            raise UserError(f"rules.sample_error={self.sample_error}: expected a number between 0 and 0.5")

    def to_json(self) -> dict[str, Any]:
        """The options of the rules that are on, which decide results."""
        compiles = {name: getattr(self, name) for name in ("compile_factor", "compile_quantile", "compile_after")}
        samples = {"sample_error": self.sample_error}
        return {
            **(compiles if self.compile_factor is not None else {}),
            **(samples if self.sample_error is not None else {}),
        }

    def limits(self, told: Sequence[tuple[float, float]]) -> Limits:
        """The limits of the next evaluation.

        Args:
            told: latency in ms and compile seconds of every success so far, sorted.
        """
        limit_s = math.inf
        if self.compile_factor is not None and len(told) >= self.compile_after:
            good = sorted(compile_s for _, compile_s in told[: (len(told) + 1) // 2])
            limit_s = self.compile_factor * quantile(good, self.compile_quantile)
        if self.sample_error is None or not told:
            return Limits(limit_s)
        return Limits(limit_s, told[0][0], self.sample_error)


def quantile(ascending: Sequence[float], q: float) -> float:
    """The smallest of the values that a share of at least ``q`` does not exceed; no interpolation."""
    return ascending[max(0, math.ceil(q * len(ascending) - 1e-9) - 1)]
