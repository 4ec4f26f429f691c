"""How often intervals of a speedup over a measured random rate contain the truth.

    python -m experiments.helion_2.coverage

Random search hits with chance p per draw. Draws stop at 20 hits or at 30,000 draws, whichever comes first; with
``sittings`` they stop at the first multiple of 1,000 draws with 20 hits, as recordings do. A tuner is :data:`TRUE`
times as fast. Its times are exponential, and a given share of its runs hits within the budget. Each row gives
the share of 95% intervals of E[T] that contain 1/p, the shares of 95% intervals of one task's speedup and of the mean
over four tasks (*these tasks*) that contain the truth, and how often one-sided tests of that mean at 5% err on either
side. If the draws of a task have no hit, a study has only a bound; the table says how many studies do, and how often
the bound holds.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, psi, stdtrit

from analysis.statistics.drawn_rate import ENOUGH_HITS, MOST_DF
from analysis.statistics.ert import LEVEL
from experiments.coverage import many

TRUE = 6.0
MOST_DRAWS, SITTING = 30_000, 1_000
TASKS = 4
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def stopped(p: float, shape: tuple[int, ...], sittings: bool, rng: np.random.Generator) -> tuple[Floats, Floats, Flags]:
    """Simulate ``shape`` recordings; return their hits, their draws, and whether hits stopped the draws."""
    if sittings:
        parts = rng.binomial(SITTING, p, (*shape, MOST_DRAWS // SITTING)).cumsum(axis=-1)
        last = np.where(
            (parts >= ENOUGH_HITS).any(axis=-1), (parts >= ENOUGH_HITS).argmax(axis=-1), parts.shape[-1] - 1
        )
        hits = np.take_along_axis(parts, last[..., None], axis=-1)[..., 0]
        return hits.astype(float), (last + 1.0) * SITTING, np.zeros(shape, dtype=bool)
    draws = rng.negative_binomial(ENOUGH_HITS, p, shape) + ENOUGH_HITS
    by_hits = draws <= MOST_DRAWS
    # if 20 hits need more draws, the hits among the first 30,000 are binomial below 20: drawn by rejection
    hits = np.full(shape, ENOUGH_HITS)
    left = ~by_hits
    while left.any():
        drawn = rng.binomial(MOST_DRAWS, p, int(left.sum()))
        hits[left] = drawn
        left[left] = drawn >= ENOUGH_HITS
    return hits.astype(float), np.where(by_hits, draws, MOST_DRAWS).astype(float), by_hits


def rates(hits: Floats, draws: Floats, by_hits: Flags) -> tuple[many.Logs, Floats, Floats]:
    """:meth:`DrawnRate.estimate` for many recordings, and the limits of log E[T]; nan and inf without a hit."""
    tail, k = (1 - LEVEL) / 2, np.maximum(hits, 1.0)
    low = -np.log(betaincinv(np.where(by_hits, hits, hits + 1), draws - hits, 1 - tail))
    high = np.where(hits > 0, -np.log(betaincinv(k, draws - k + 1, tail)), np.inf)
    df = np.minimum(2 * k, MOST_DF)
    log = np.where(hits > 0, np.log(draws / k), np.nan)
    bias = np.where(by_hits, -1.0, np.where(hits >= ENOUGH_HITS, 0.0, 1.0)) * (np.log(k) - psi(k))
    centre = log - bias
    se = np.maximum(high - centre, centre - low) / stdtrit(df, 0.5 + LEVEL / 2)
    return many.Logs(log, se, df, bias), low, high


def cell(p: float, seeds: int, hit_rate: float, sittings: bool, studies: int, rng: np.random.Generator) -> list[str]:
    """Compute one row of the table."""
    hits, draws, by_hits = stopped(p, (studies, TASKS), sittings, rng)
    base, low, high = rates(hits, draws, by_hits)
    truth = -np.log(p)
    of_rate = (low <= truth) & (truth <= high)
    times = rng.exponential(1.0 / (TRUE * p), (studies, TASKS, seeds))
    limit = np.inf if hit_rate == 1.0 else -np.log1p(-hit_rate) / (TRUE * p)
    own = many.estimates(np.minimum(times, limit), times <= limit)
    single = many.ratio(base, own)
    known = np.isfinite(single.log) & np.isfinite(single.se)
    ends = single.interval()
    of_task = (ends[0] <= np.log(TRUE)) & (np.log(TRUE) <= ends[1])
    whole = known.all(axis=1)
    mean = many.over_seeds(many.Logs(*(of[whole] for of in (single.log, single.se, single.df, single.bias))))
    ends = mean.interval()
    of_mean = (ends[0] <= np.log(TRUE)) & (np.log(TRUE) <= ends[1])
    tail = mean.p_at_most(np.log(TRUE))
    none = hits == 0
    shares = [of_rate.mean(), of_task[known].mean(), *(of.mean() if whole.any() else np.nan for of in
              (of_mean, tail >= 0.95, tail <= 0.05))]  # fmt: skip
    words = [f"{100 * share:.1f}" if np.isfinite(share) else "–" for share in shares]
    bound = f"{100 * none.mean():.1f}" + (f" ({100 * of_rate[none].mean():.1f})" if none.any() else "")
    rule = "sittings" if sittings else "exact"
    return [f"1/{1 / p:,.0f}", f"{100 * by_hits.mean():.0f}", rule, str(seeds), f"{hit_rate:g}", *words, bound]


HEAD = ("p", "% stopped by hits", "rule", "seeds", "hit rate", "E[T]", "one task", "mean of 4", "too low", "too high",
        "% no hit (bound holds)")  # fmt: skip


def table(studies: int, seed: int = 0) -> list[list[str]]:
    """Compute all rows of the table."""
    cells = [
        (p, seeds, rate, sittings)
        for p in (1 / 200, 1 / 700, 1 / 1500, 1 / 3000, 1 / 10_000)
        for sittings in (False, True)
        for seeds, rate in ((15, 1.0), (15, 0.7), (30, 1.0), (30, 0.3))
    ]
    children = np.random.SeedSequence(seed).spawn(len(cells))
    return [cell(*of, studies, np.random.default_rng(child)) for of, child in zip(cells, children, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=10_000, help="a cell")
    for row in (HEAD, ["---"] * len(HEAD), *table(parser.parse_args().studies)):
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
