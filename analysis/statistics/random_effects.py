"""How much of the spread of estimates is between kernels, between a kernel's tasks, and within tasks.

An estimate is y_gk = mu + a_g + b_gk + e_gk. The variances of the last three are ``between``, ``tasks`` and the known
s_gk^2. They are estimated by the method of moments (the unbalanced nested analysis of variance of Searle, Casella &
McCulloch 1992, chapter 5, with known errors):

    E sum_gk (y_gk - y_g)^2 = tasks (N - G) + sum_gk s_gk^2 (1 - 1/m_g)
    E sum_g m_g (y_g - y)^2 = between (N - sum m_g^2 / N) + tasks (G - 1) + sum_gk s_gk^2 (1/m_g - 1/N)

with m_g tasks of kernel g, N tasks in all and G kernels. Negative estimates are set to 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Components:
    """Variances of a log speedup: between kernels, between a kernel's tasks, and the mean variance within tasks."""

    between: float
    tasks: float
    within: float

    def of_kernel(self, tasks: float, seeds: float = 1.0) -> float:
        """Variance of a kernel's mean over ``tasks``, with ``seeds`` times as many seeds as there were."""
        return self.between + (self.tasks + self.within / seeds) / tasks


def components(values: ArrayLike, errors: ArrayLike, kernels: Sequence[str]) -> Components:
    """Estimate the variances from estimates, their standard errors and their kernels, all [tasks].

    The variance between kernels is nan for fewer than two kernels.
    """
    y, s = np.asarray(values, dtype=np.float64), np.asarray(errors, dtype=np.float64) ** 2
    names, group, m = np.unique(np.asarray(kernels), return_inverse=True, return_counts=True)
    n, g, within = len(y), len(names), float(s.mean())
    of_group = np.bincount(group, y) / m
    inside = float(((y - of_group[group]) ** 2).sum()) - float((s * (1 - 1 / m[group])).sum())
    tasks = max(0.0, inside / (n - g)) if n > g else 0.0
    if g < 2:
        return Components(float("nan"), tasks, within)
    outside = float((m * (of_group - y.mean()) ** 2).sum()) - tasks * (g - 1)
    outside -= float((s * (1 / m[group] - 1 / n)).sum())
    return Components(max(0.0, outside / (n - float((m**2).sum()) / n)), tasks, within)
