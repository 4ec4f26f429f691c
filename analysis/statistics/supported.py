"""The intervals of a mean speedup whose coverage has been shown by the simulations of ``experiments/coverage``.

The committed table ``coverage.csv`` says how often a 95% interval contained the true speedup, and how often a test at
5% erred on either side, for each number of seeds, hit rate, number of kernels, and hit rate of the runs that stand for
random search (empty if random search is exact). The report gives no interval where the coverage is outside 92-98%,
where a test errs in more than 6.5% of studies, or where nothing was simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pandas as pd

TABLE = Path(__file__).with_name("coverage.csv")
LEAST, MOST, MOST_WRONG = 0.92, 0.98, 0.065
METHOD = "t"
THESE_TASKS, NEW_KERNELS = "these tasks", "new kernels"


NOT_ENOUGH = "not enough runs"
"""How every refusal begins, which distinguishes it from a finding."""


@cache
def coverage_table() -> pd.DataFrame:
    """The committed table; its columns are :data:`experiments.coverage.run.COLUMNS`."""
    return pd.read_csv(TABLE)


@cache
def refusal(question: str, seeds: int, hit_rate: float, kernels: int, baseline: float | None = None) -> str:
    """Say why no interval is given; empty if one is given.

    The table is read at the largest simulated numbers of seeds and kernels that the study reaches, and at the two
    simulated hit rates around that of the strategy and of the baseline. All these cells must be supported.

    Args:
        seeds: the smallest number of seeds of a task on either side.
        baseline: hit rate of the runs of random search; ``None`` if random search is exact.
    """
    table = coverage_table()
    table = table[(table["question"] == question) & (table["method"] == METHOD)]
    least_seeds, least_kernels = int(table["seeds"].min()), int(table["kernels"].min())
    if seeds < least_seeds:
        return f"{NOT_ENOUGH}: {seeds} seed{'s' * (seeds != 1)}: expected at least {least_seeds}"
    if question == NEW_KERNELS and kernels < least_kernels:
        return f"{NOT_ENOUGH}: {kernels} kernel{'s' * (kernels != 1)}: expected at least {least_kernels}"
    rates = sorted(set(table["hit_rate"]))
    for rate, whose in ((hit_rate, ""), (1.0 if baseline is None else baseline, " of random search")):
        if rate < rates[0]:
            return f"{NOT_ENOUGH}: hit rate{whose} {rate:.0%}: expected at least {rates[0]:.0%}"
    at_seeds = max(s for s in table["seeds"] if s <= seeds)
    at_kernels = max((k for k in table["kernels"] if k <= kernels), default=least_kernels)
    cells = table[(table["seeds"] == at_seeds) & (table["kernels"] == at_kernels)]
    cells = cells[cells["hit_rate"].isin(_around(hit_rate, rates))]
    of_base = cells["baseline_hit_rate"]
    cells = cells[of_base.isna() if baseline is None else of_base.isin(_around(baseline, rates))]
    needed = len(_around(hit_rate, rates)) * (1 if baseline is None else len(_around(baseline, rates)))
    if len(cells) < needed:
        return f"{NOT_ENOUGH}: almost no study of {at_seeds} seeds and {at_kernels} kernels solves every task"
    bad = cells[~cells["supported"]]
    if bad.empty:
        return ""
    worst = bad.loc[(bad["coverage"] - 0.95).abs().idxmax()]
    over = "" if baseline is None else f", over runs with {worst['baseline_hit_rate']:.0%} hits,"
    return (
        f"{NOT_ENOUGH}: with {worst['seeds']} seeds, {worst['kernels']} kernels and {worst['hit_rate']:.0%} hits{over} "
        f"a 95% interval holds the truth in {worst['coverage']:.1%}, and a test at 5% errs in "
        f"{max(worst['below'], worst['above']):.1%}"
    )


def _around(rate: float, rates: Sequence[float]) -> set[float]:
    return {max(r for r in rates if r <= rate), min(r for r in rates if r >= rate)}


def allowed(size: int, refused: Callable[[int], str]) -> int | None:
    """The smallest number of seeds, or kernels, from ``size`` on that is not refused; ``None`` if none is.

    ``size`` itself and the simulated numbers are tried; between two simulated numbers the smaller one decides.
    """
    table = coverage_table()
    simulated = sorted({int(n) for name in ("seeds", "kernels") for n in table[name]})
    return next((n for n in [size, *(n for n in simulated if n > size)] if not refused(n)), None)
