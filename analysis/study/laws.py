"""The exact laws of random search on a recorded task: uniform over its rows, or by parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.reference import (
    Difficulty,
    costs,
    difficulty,
    draw_probability,
    is_drawn,
    is_hit,
    space_rows,
    true_latency,
)
from analysis.statistics import random_search
from analysis.statistics.drawn_rate import DrawnRate
from analysis.statistics.successive_sampling import SuccessiveSampling, costs_by_rate

Floats = NDArray[np.float64]
UNIFORM, BY_PARAMETER, DRAWN = "uniform", "by_parameter", "drawn"


class Law(Protocol):
    """The law of T for one kind of random search at one target. It restarts after ``budget`` evaluations."""

    def evaluations(self, budget: int) -> float:
        """Return the ERT in evaluations; it is E[T] if the budget is the whole space."""

    def seconds(self, budget: int) -> float:
        """Return the ERT in s of the tuning clock for one compile worker and batches of one; nan without costs."""

    def most(self) -> int:
        """Return the number of evaluations that fewer than one search in a million exceeds."""


@dataclass(frozen=True)
class Uniform:
    """All rows are equally likely."""

    of: Difficulty

    def evaluations(self, budget: int) -> float:
        return random_search.ert(self.of.n, self.of.k, budget)

    def seconds(self, budget: int) -> float:
        return random_search.ert_seconds(self.of.n, self.of.k, budget, self.of.miss_cost_s, self.of.hit_cost_s)

    def most(self) -> int:
        return int(random_search.quantile(self.of.n, self.of.k, 1 - 1e-6))


@dataclass(frozen=True)
class ByParameter:
    """Rows have the probabilities that result from drawing each active parameter uniformly.

    Attributes:
        miss_cost_s: mean cost of the misses at each of the law's rates. [G]
    """

    law: SuccessiveSampling
    miss_cost_s: Floats
    hit_cost_s: float

    def evaluations(self, budget: int) -> float:
        return self.law.ert(budget)

    def seconds(self, budget: int) -> float:
        return self.law.ert_seconds(budget, self.miss_cost_s, self.hit_cost_s)

    def most(self) -> int:
        return self.law.quantile(1e-6)


@dataclass(frozen=True)
class Drawn:
    """Each evaluation is an independent draw that hits with the measured chance, so restarts make no difference."""

    of: Difficulty

    @property
    def rate(self) -> DrawnRate:
        """The counted hits and draws. Recordings never stop at a hit, but some time after enough hits or draws."""
        return DrawnRate(self.of.k, self.of.n)

    @property
    def cost_s(self) -> float:
        """The mean seconds of an evaluation in a search that ends with its hit."""
        hits = min(1.0, 1 / self.of.expected_evaluations)
        return (1 - hits) * self.of.miss_cost_s + hits * self.of.hit_cost_s

    def evaluations(self, budget: int) -> float:
        del budget
        return self.of.expected_evaluations

    def seconds(self, budget: int) -> float:
        del budget
        return self.of.expected_evaluations * self.cost_s

    def most(self) -> int:
        return int(np.ceil(np.log(1e-6) / np.log1p(-max(self.of.k, 1) / (self.of.n + 1))))


def law_of(table: pd.DataFrame, t_star_ms: float, target: float, kind: str) -> Law | None:
    """Return the law of a kind of random search on a task with something to find; ``None`` if it is not known.

    If the table has independent draws, only the law of such draws is known.
    """
    if is_drawn(table) or kind == DRAWN:
        return Drawn(difficulty(table, t_star_ms, target)) if is_drawn(table) and kind == DRAWN else None
    if kind == UNIFORM:
        return Uniform(difficulty(table, t_star_ms, target))
    rows = space_rows(table)
    p, hit = draw_probability(rows), is_hit(true_latency(rows), t_star_ms, target)
    if p is None or not hit.any():
        return None
    return ByParameter(SuccessiveSampling.of(p, hit), *costs_by_rate(p, hit, costs(rows)))
