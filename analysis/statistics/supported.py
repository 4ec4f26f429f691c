"""Which intervals of a mean speedup have been shown to hold what they promise: ``experiments/coverage`` simulates it.

The committed table ``coverage.csv`` says for seeds x hit rate x kernels how often a 95% interval held the true
speedup. The report refuses an interval in cells outside 92-98%, and where nothing was simulated.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

TABLE = Path(__file__).with_name("coverage.csv")
LEAST, MOST = 0.92, 0.98
METHOD = "t"
THESE_TASKS, NEW_KERNELS = "these tasks", "new kernels"


@cache
def coverage_table() -> pd.DataFrame:
    """The committed table: seeds, hit_rate, kernels, question, method, coverage, median_log_width, supported."""
    return pd.read_csv(TABLE)


@cache
def refusal(question: str, seeds: int, hit_rate: float, kernels: int) -> str:
    """Why no interval is given; empty where one is.

    Looked up at the largest simulated number of seeds and of kernels that the study reaches, and at the two simulated
    hit rates around its own: both must hold.
    """
    table = coverage_table()
    table = table[(table["question"] == question) & (table["method"] == METHOD)]
    least_seeds, least_kernels = int(table["seeds"].min()), int(table["kernels"].min())
    if seeds < least_seeds:
        return f"{seeds} seed{'s' * (seeds != 1)}: expected at least {least_seeds}"
    if question == NEW_KERNELS and kernels < least_kernels:
        return f"{kernels} kernel{'s' * (kernels != 1)}: expected at least {least_kernels}"
    rates = sorted(set(table["hit_rate"]))
    if hit_rate < rates[0]:
        return f"hit rate {hit_rate:.0%}: expected at least {rates[0]:.0%}"
    around = {max(r for r in rates if r <= hit_rate), min(r for r in rates if r >= hit_rate)}
    at_seeds = max(s for s in table["seeds"] if s <= seeds)
    at_kernels = max((k for k in table["kernels"] if k <= kernels), default=least_kernels)
    cells = table[(table["seeds"] == at_seeds) & (table["kernels"] == at_kernels) & table["hit_rate"].isin(around)]
    bad = cells[~cells["supported"]]
    if bad.empty:
        return ""
    worst = bad.loc[(bad["coverage"] - 0.95).abs().idxmax()]
    return (
        f"with {worst['seeds']} seeds, {worst['kernels']} kernels and {worst['hit_rate']:.0%} hits a 95% interval "
        f"holds the truth in {worst['coverage']:.0%}"
    )
