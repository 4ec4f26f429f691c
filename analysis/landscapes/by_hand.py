"""E[T] of both kinds of exact random search, term by term, so that it can be recomputed by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.landscapes.summary import UNKNOWN
from analysis.media import aligned, printable
from analysis.reference import (
    by_parameter_unknown,
    draw_probability,
    is_hit,
    space_rows,
    true_latency,
    with_coverage,
)
from analysis.statistics import random_search
from analysis.statistics.successive_sampling import SuccessiveSampling, rounded


def by_hand(table: pd.DataFrame, coverage: str, name: str, target: float) -> str:
    """The computation as lines of text, for a landscape table as in :func:`analysis.landscapes.summary.summarise`.

    Rows with the same probability p have the same term p / (p + p_H).
    """
    table = with_coverage(table, coverage)
    rows = space_rows(table)
    true, t_star = true_latency(rows), float(true_latency(table).min())
    hit = is_hit(true, t_star, target)
    n, k = len(rows), int(hit.sum())
    lines = [
        f"{name}: {k} of {n} configurations are within {target:.0%} of t* = {t_star:.6g} ms, "
        f"so at most {(1 + target) * t_star:.6g} ms",
        f"uniform: E[T] = (N + 1) / (K + 1) = {n + 1} / {k + 1} = {random_search.mean(n, k):.4f}",
    ]
    p = draw_probability(rows)
    if p is None:
        return "\n".join(map(printable, [*lines, f"by parameter: {UNKNOWN}, {by_parameter_unknown(table, coverage)}"]))
    return "\n".join(map(printable, [*lines, *_by_parameter(p, hit)]))


def _by_parameter(p: NDArray[np.float64], hit: NDArray[np.bool_]) -> list[str]:
    law = SuccessiveSampling.of(p, hit)
    shares = rounded(p / p.sum())
    cells = [["p", "configurations", "hits", "misses", "p / (p + p_H)", "misses × that"]]
    for share in np.unique(shares):
        alike = shares == share
        hits, misses = int((alike & hit).sum()), int((alike & ~hit).sum())
        term = share / (share + law.hit_rate)
        numbers = [f"{share:.6e}", str(int(alike.sum())), str(hits), str(misses)]
        cells.append([*numbers, f"{term:.6f}", f"{misses * term:.4f}"])
    return [
        "by parameter: p is the product of 1 / (number of values) over the active parameters, as a share of its sum",
        f"over all {len(p)} configurations; p_H = sum of hits × p = {law.hit_rate:.6e}",
        *aligned(cells),
        f"E[T] = 1 + sum of misses × p / (p + p_H) = {law.mean():.4f}",
    ]
