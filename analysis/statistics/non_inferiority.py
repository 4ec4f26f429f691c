"""Is something no worse than a control by more than a margin? A one-sided t test of losses, and its power.

Seeing no loss shows nothing. Here the burden of proof is reversed (Blackwelder 1982): the null hypothesis is a loss of
at least the margin, and it is rejected if the upper confidence bound of the mean loss is below the margin. The losses
of independent units, such as tasks, are given in units of each one's margin, so that the margin is 1.

The level is that of the t test, which is exact for normal losses: ALPHA if the true mean loss is 1. The power at a true
mean loss of delta with a standard deviation sigma is P(T < -t) for a noncentral t with n - 1 degrees of freedom and
noncentrality (delta - 1) sqrt(n) / sigma (Julious 2004, section 3.2). A test compares level and power with simulations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import nct, t

ALPHA = 0.05
POWER = 0.8


@dataclass(frozen=True)
class NonInferiority:
    """Losses of independent units against a control, each in units of its margin.

    Attributes:
        units: the number of units.
        mean: mean loss, negative if the control is worse; nan without units.
        sd: standard deviation of the losses; nan for fewer than two units.
    """

    units: int
    mean: float
    sd: float

    @property
    def bound(self) -> float:
        """Upper confidence bound of the mean loss at 1 - ALPHA; infinite for fewer than two units."""
        if self.units < 2:
            return float("inf")
        return float(self.mean + t.ppf(1 - ALPHA, self.units - 1) * self.sd / np.sqrt(self.units))

    @property
    def p(self) -> float:
        """p of "the mean loss is at least the margin"; 1 for fewer than two units."""
        if self.units < 2:
            return 1.0
        if self.sd == 0:
            return float(self.mean >= 1)
        return float(t.cdf((self.mean - 1) / (self.sd / np.sqrt(self.units)), self.units - 1))

    @property
    def shown(self) -> bool:
        """Whether the mean loss is shown to be less than the margin."""
        return self.p < ALPHA

    def power(self, loss: float = 0.0) -> float:
        """Probability that as many units with this spread show it if the true mean loss is ``loss`` margins."""
        return power(self.units, self.sd, loss)


def non_inferiority(losses: Sequence[float]) -> NonInferiority:
    """Summarise losses that are given in units of their margins."""
    values = np.asarray(losses, dtype=float)
    mean = float(values.mean()) if len(values) else float("nan")
    return NonInferiority(len(values), mean, float(values.std(ddof=1)) if len(values) > 1 else float("nan"))


def power(units: int, sd: float, loss: float = 0.0) -> float:
    """Probability that ``units`` with standard deviation ``sd`` show a true mean ``loss`` to be below the margin.

    0 for fewer than two units. Losses and ``sd`` are in units of the margin.
    """
    if units < 2:
        return 0.0
    if sd == 0:
        return float(loss < 1)
    critical = t.ppf(ALPHA, units - 1)
    return float(nct.cdf(critical, units - 1, (loss - 1) * np.sqrt(units) / sd))
