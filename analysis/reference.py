"""The recorded table of a task in the analysis: the rows of the space, their optimum, hits and costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics import random_search
from analysis.statistics.successive_sampling import SuccessiveSampling

if TYPE_CHECKING:
    import pandas as pd

TARGETS = (0.01, 0.05, 0.10)
"""Near-optimal means a true latency of at most (1 + target) t*."""
HEADLINE_TARGET = 0.05
STRATA = ("trivial", "useful", "needle")
MOST_REFERENCE_ERROR = 0.25
"""The largest relative error of a recorded latency; above it, configurations within 10% cannot be distinguished."""
REFERENCE_ERROR = "reference_error.yaml"
"""The file that states the error of recorded latencies; see :mod:`analysis.verdict.reference_file`."""
DRAWN = "by_parameter"
"""The ``origin`` of rows that are independent draws."""
DRAWN_SO = "independent draws were recorded, of which only the rate is known: E[T] = 1/p"
SAMPLED = "a sample was recorded, and the law is unknown because of the draws that its sampler rejected"
UNTOLD = (
    "the recorded table lacks the probability of each row, as an older NearOpt wrote it: the sweep that made it writes "
    "it again, and nearopt report looks for the same landscape in the library"
)
COSTS = ("compile_s", "verify_s", "benchmark_s")

Floats = NDArray[np.float64]


def kernel_of(task: str) -> str:
    """The kernel in a task's name, ``<kernel>-<shape>-<dtype>__<device>``; for other names, all before the device."""
    return task.split("__", 1)[0].split("-", 1)[0]


def device_of(task: str) -> str:
    """The device in a task's name, ``<kernel>-<shape>-<dtype>__<device>``; empty without one."""
    return task.partition("__")[2]


def true_latency(table: pd.DataFrame) -> Floats:
    """The best known latency of each row in ms: ``oracle_ms``, else ``latency_ms``; inf for failures. [rows]"""
    latency = table["latency_ms"].to_numpy(np.float64, na_value=np.nan)
    if "oracle_ms" in table.columns:
        oracle = table["oracle_ms"].to_numpy(np.float64, na_value=np.nan)
        latency = np.where(np.isfinite(oracle), oracle, latency)
    ok = table["status"].to_numpy() == "ok"
    return np.where(ok & np.isfinite(latency), latency, np.inf)


def is_hit(latency_ms: ArrayLike, t_star_ms: ArrayLike, target: float) -> NDArray[np.bool_]:
    """Whether latency <= (1 + target) t*, with a tolerance of a few bits so that a change of unit changes nothing."""
    limit = (1.0 + target) * np.asarray(t_star_ms, dtype=np.float64) * (1.0 + 1e-12)
    return np.asarray(np.asarray(latency_ms, dtype=np.float64) <= limit)


def with_coverage(table: pd.DataFrame, coverage: str) -> pd.DataFrame:
    """The table as it represents the space.

    An exhaustive recording loses ``origin``, since every row belongs to the space. A recording of independent draws
    (``draws``) gets one row per draw: a configuration that was drawn twice is two rows.
    """
    if coverage == "exhaustive":
        return table.drop(columns=["origin", "draws"], errors="ignore")
    if "draws" not in table.columns:
        return table
    drawn = table["origin"] == DRAWN
    times = np.where(drawn, table["draws"].to_numpy(np.float64, na_value=0.0), 1).astype(np.int64)
    return table.drop(columns="draws").loc[table.index.repeat(times)].reset_index(drop=True)


def is_drawn(table: pd.DataFrame) -> bool:
    """Whether its rows are independent draws: random search has a measured rate there, and no law over a list."""
    return "origin" in table.columns and bool((table["origin"] == DRAWN).any())


def space_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that represent the space: in a sample, those drawn uniformly.

    Rows that a search added (``origin`` = search) only determine t*; they would inflate K/N.
    """
    if "origin" not in table.columns:
        return table
    inside = (table["origin"] != "search").to_numpy(np.bool_, na_value=False)
    return table if inside.all() else table[inside]


@dataclass(frozen=True)
class Difficulty:
    """How hard a target is for exact random search.

    Attributes:
        n, k: number of feasible configurations, and of hits among them.
        miss_cost_s, hit_cost_s: mean tuning cost in s of a miss and of a hit; nan if costs are unknown.
        by_parameter: E[T] of exact random search by parameter, noise-free, in evaluations; ``None`` if the table lacks
            the probabilities of its rows.
        drawn: whether the table holds independent draws; then ``n`` is their number, and ``k`` of them hit.
    """

    target: float
    n: int
    k: int
    miss_cost_s: float
    hit_cost_s: float
    by_parameter: float | None = None
    drawn: bool = False

    @property
    def expected_evaluations(self) -> float:
        """E[T] = (N+1)/(K+1); of independent draws 1/p = n/k, inf without a hit."""
        if self.drawn:
            return self.n / self.k if self.k else float("inf")
        return random_search.mean(self.n, self.k)


def costs(table: pd.DataFrame) -> Floats:
    """Compile + verify + benchmark in s per row; all nan if the table has no cost column. [rows]"""
    present = [name for name in COSTS if name in table.columns]
    if not present:
        return np.full(len(table), np.nan)
    numbers = [table[name].to_numpy(np.float64, na_value=np.nan) for name in present]
    if all(bool(np.isnan(of_all).all()) for of_all in numbers):
        return np.full(len(table), np.nan)
    total = np.zeros(len(table))
    for of_all in numbers:  # one after the other, as pandas adds columns: sums differ in their last digit otherwise
        total += np.where(np.isnan(of_all), 0.0, of_all)
    return total


def difficulty(table: pd.DataFrame, t_star_ms: float, target: float) -> Difficulty:
    """N, K and costs of a recorded table at a target.

    If a run beat every recorded latency, its configuration is one of the N, so K is at least 1. In a sample whose t*
    comes from a search, K may be 0, so that no draw can hit.
    """
    rows, drawn = space_rows(table), is_drawn(table)
    hit = is_hit(true_latency(rows), t_star_ms, target)
    beaten = bool(t_star_ms < true_latency(table).min() * (1 - 1e-12))
    cost = costs(rows)
    everything = float(cost.mean()) if len(cost) else float("nan")
    return Difficulty(
        target=target,
        n=len(rows),
        k=max(int(hit.sum()), int(beaten and not drawn)),
        miss_cost_s=float(cost[~hit].mean()) if (~hit).any() else everything,
        hit_cost_s=float(cost[hit].mean()) if hit.any() else everything,
        by_parameter=_by_parameter(rows, hit, beaten),
        drawn=drawn,
    )


def draw_probability(rows: pd.DataFrame) -> Floats | None:
    """The probability of each row under random search by parameter, up to a factor; ``None`` if unknown. [rows]"""
    if "draw_probability" not in rows.columns or rows.empty:
        return None
    p = rows["draw_probability"].to_numpy(np.float64, na_value=np.nan)
    return p if bool(np.isfinite(p).all()) else None


def by_parameter_unknown(table: pd.DataFrame, coverage: str) -> str:
    """Why the law of random search by parameter is unknown on a recorded table; empty if it is known."""
    if draw_probability(space_rows(table)) is not None:
        return ""
    if is_drawn(table):
        return DRAWN_SO
    return SAMPLED if coverage == "sample" else UNTOLD


def _by_parameter(rows: pd.DataFrame, hit: NDArray[np.bool_], beaten: bool) -> float | None:
    """E[T] of random search by parameter; ``None`` if it is not known.

    It is also unknown if the only hit is a configuration that a run found to be faster than recorded.
    """
    p = draw_probability(rows)
    return None if p is None or (beaten and not hit.any()) else SuccessiveSampling.of(p, hit).mean()


DIFFICULTIES = ("exact_random", "exact_random_by_parameter")
"""The kinds of random search whose E[T] may define the strata."""


@dataclass(frozen=True)
class StratumRule:
    """How tasks are divided into strata: by E5, the E[T] at 5% of the random search ``by``."""

    by: str = DIFFICULTIES[0]
    trivial_below: float = 20.0
    needle_above: float = 1000.0

    def e5(self, of: Difficulty) -> float:
        """E5 by this rule; nan if it is not known."""
        if self.by == DIFFICULTIES[0]:
            return of.expected_evaluations
        return float("nan") if of.by_parameter is None else of.by_parameter


def stratum(e5: float, rule: StratumRule = StratumRule()) -> str:
    """The stratum by E5: by default below 20 trivial, up to 1000 useful, above that needle."""
    if not np.isfinite(e5):
        return "unknown"
    if e5 < rule.trivial_below:
        return "trivial"
    return "useful" if e5 <= rule.needle_above else "needle"


def initial_points_cap(n: int, k: int, initial_points: int, budget: float | None = None) -> float:
    """The largest speedup of a strategy with n0 random initial points: ERT(B) / sum_{t=0}^{n0} S(t), in evaluations.

    ERT is at the budget B, as in the speedups that it caps; without a budget it is E[T], which equals ERT(N).
    """
    own = random_search.expected_cost(n, k, min(initial_points + 1, n))
    return random_search.ert(n, k, n if budget is None else budget) / own
