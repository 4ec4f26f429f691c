"""ERT of random search for many sets of hits at once, for which the closed form would take too long.

After i misses, the next draw is a hit with chance h_i = p_H / (p_H + w_i), where w_i is the sum of the p of the misses
that are left. So S(t + 1) = S(t) (1 - h_t). With equal p, w_i is known and all of this is exact. Otherwise w_i is taken
at the time at which i misses have rung on average (:mod:`analysis.statistics.successive_sampling` explains the clocks),
which is accurate to about a per cent. Only ratios between sets of hits are computed from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.successive_sampling import rounded

Floats = NDArray[np.float64]
_POINTS = 400
"""The number of values of m between which the weights are interpolated."""


@dataclass(frozen=True)
class ManyErts:
    """ERTs of each set of hits; inf for an empty set. Seconds are for one compile worker and batches of one. [sets]"""

    evaluations: Floats
    seconds: Floats
    mean: Floats
    """E[T] in evaluations, exact."""


@dataclass(frozen=True)
class _Groups:
    """Configurations grouped by equal p.

    Attributes:
        order, starts: the order that sorts configurations by group, and where each group starts in it. [N], [groups]
        rates: p of one configuration of each group. [groups]
        misses: how many configurations of each group miss. [sets, groups]
        p_hit: the sum of the p of all hits. [sets]
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    rates: Floats
    misses: Floats
    p_hit: Floats

    @classmethod
    def of(cls, p: Floats, hits: NDArray[np.bool_]) -> _Groups:
        rates, group = np.unique(rounded(p / p.sum()), return_inverse=True)
        order = np.argsort(group, kind="stable")
        starts = np.searchsorted(group[order], np.arange(len(rates)))
        count = np.add.reduceat(hits[:, order].astype(np.float64), starts, axis=1)
        return cls(order, starts, rates, np.bincount(group).astype(np.float64) - count, count @ rates)

    def means(self) -> Floats:
        """E[T] in evaluations. [sets]"""
        summed = (self.misses * self.rates / (self.rates + self.p_hit[:, None])).sum(axis=1)
        return np.where(self.p_hit > 0, 1 + summed, np.inf)


def many_means(p: Floats, hits: NDArray[np.bool_]) -> Floats:
    """E[T] in evaluations, exact; inf for a set without a hit. [sets]

    Args:
        p: how likely each configuration is to be drawn, up to a factor; positive. [N]
        hits: which configurations are hits. [sets, N]
    """
    return _Groups.of(p, hits).means()


def many_erts(p: Floats, cost_s: Floats, hits: NDArray[np.bool_], budget: int) -> ManyErts:
    """Compute the ERTs of searches that draw configurations with probabilities proportional to ``p``.

    Args:
        p: how likely each configuration is to be drawn, up to a factor; positive. [N]
        cost_s: what each configuration costs, in s; positive. [N]
        hits: which configurations are hits. [sets, N]
        budget: evaluations after which a search restarts; above N means N.
    """
    of = _Groups.of(p, hits)
    rates, misses, p_hit = of.rates, of.misses, of.p_hit
    hit, cost = hits[:, of.order].astype(np.float64), cost_s[of.order]
    hit_cost = np.add.reduceat(hit * cost, of.starts, axis=1)
    miss_cost = np.add.reduceat(cost, of.starts) - hit_cost
    with np.errstate(divide="ignore", invalid="ignore"):
        own_cost = (hit_cost @ rates) / p_hit
    budget = min(budget, len(p))
    left, dear = _left(rates, misses, miss_cost, budget)
    hazard = np.where(left > 0, p_hit[:, None] / (p_hit[:, None] + left), 1.0)
    survival = np.cumprod(1 - hazard, axis=1)  # S(1) .. S(B)
    success = 1 - survival[:, -1]
    some = p_hit > 0
    safe = np.where(some, success, 1.0)
    evaluations = np.where(some, (1 + survival[:, :-1].sum(axis=1)) / safe, np.inf)
    seconds = np.where(some, (survival * dear).sum(axis=1) / safe + own_cost, np.inf)
    return ManyErts(evaluations, seconds, of.means())


def _left(rates: Floats, misses: Floats, miss_cost: Floats, budget: int) -> tuple[Floats, Floats]:
    """The sum of p of the misses left after 0 .. B - 1 misses, and the mean cost of the next one. Both [sets, B]"""
    drawn, count = np.arange(budget, dtype=np.float64), misses.sum(axis=1)
    if len(rates) == 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.where(misses > 0, miss_cost / misses, 0.0)
        return rates * np.maximum(misses - drawn, 0.0), np.broadcast_to(each, (len(misses), budget))
    m = np.concatenate([[0.0], np.geomspace(1e-2, 60 / rates.min(), _POINTS)])
    gone = np.exp(-np.outer(rates, m))
    rung = misses @ (1 - gone)
    weight, dear = (misses * rates) @ gone, (miss_cost * rates) @ gone
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.where(weight > 0, dear / weight, 0.0)
    left, each = np.empty((len(misses), budget)), np.empty((len(misses), budget))
    for i in range(len(misses)):
        at = np.interp(drawn, rung[i], m)
        left[i], each[i] = np.interp(at, m, weight[i]), np.interp(at, m, price[i])
    return np.where(drawn < count[:, None], left, 0.0), each
