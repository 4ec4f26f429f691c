"""When an evaluation that cannot matter ends early: pure arithmetic, by which replay and live measure alike.

Two rules, each off unless asked for. Both go by what was told when the configuration's compile begins, and by nothing
else, so that a resumed run decides as the interrupted one did. ``analysis/statistics/hopeless.py`` has a copy.

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
"""Share of samples not above the incumbent of what the sequential test takes for slower."""
COMPILED_TOO_LONG = "compiling took longer than good configurations needed"
_ABOVE, _NOT_ABOVE = math.log(2 * (1 - AT_MOST)), math.log(2 * AT_MOST)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the rules allow one evaluation.

    Attributes:
        compile_s: its compile ends after so many seconds; inf: by the backend's own timeout alone.
        incumbent_ms: its samples are tested against this latency; ``None``: not tested.
        sample_error: of that test.
    """

    compile_s: float = math.inf
    incumbent_ms: float | None = None
    sample_error: float = 1.0

    def samples_taken(self, samples_ms: Sequence[float]) -> int:
        """How many of the samples, in the order taken, are taken until the test ends; all where it does not end."""
        if self.incumbent_ms is None:
            return len(samples_ms)
        above = 0
        for taken, sample in enumerate(samples_ms, 1):
            above += sample > self.incumbent_ms
            if self._slower(above, taken - above):
                return taken
        return len(samples_ms)

    def samples_to_end(self, samples_ms: Sequence[float]) -> int | None:
        """So many more would end the test if all were above the incumbent; 0: it has ended; ``None``: no test."""
        if self.incumbent_ms is None:
            return None
        above = sum(sample > self.incumbent_ms for sample in samples_ms)
        return missing(above, len(samples_ms) - above, self.sample_error)

    def _slower(self, above: int, not_above: int) -> bool:
        return missing(above, not_above, self.sample_error) == 0


def missing(above: int, not_above: int, error: float) -> int:
    """How many samples above the incumbent the sequential test still needs to end, after so many above and not."""
    return max(0, math.ceil((-math.log(error) - not_above * _NOT_ABOVE) / _ABOVE - above - 1e-9))


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a run; at least one is on.

    Attributes:
        compile_factor: more than 1; ``None``: compiles end by the backend's timeout alone.
        compile_quantile: from 0 to 1.
        compile_after: so many successes first.
        sample_error: chance to end the samples of what is at least as fast as the incumbent; ``None``: not tested.

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
        """What decides results: the options of rules that are on."""
        compiles = {name: getattr(self, name) for name in ("compile_factor", "compile_quantile", "compile_after")}
        samples = {"sample_error": self.sample_error}
        return {
            **(compiles if self.compile_factor is not None else {}),
            **(samples if self.sample_error is not None else {}),
        }

    def limits(self, told: Sequence[tuple[float, float]]) -> Limits:
        """What the next evaluation may take.

        Args:
            told: of every success so far the latency in ms and the compile seconds, sorted.
        """
        limit_s = math.inf
        if self.compile_factor is not None and len(told) >= self.compile_after:
            good = sorted(compile_s for _, compile_s in told[: (len(told) + 1) // 2])
            limit_s = self.compile_factor * quantile(good, self.compile_quantile)
        if self.sample_error is None or not told:
            return Limits(limit_s)
        return Limits(limit_s, told[0][0], self.sample_error)


def quantile(ascending: Sequence[float], q: float) -> float:
    """The smallest value that a share of at least ``q`` does not exceed; one of the values, never between two."""
    return ascending[max(0, math.ceil(q * len(ascending) - 1e-9) - 1)]
