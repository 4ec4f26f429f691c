"""The tests of "at least 5 times as fast as random search" that a verdict is made of.

A test is of one strategy, stratum, axis, kind of random search and target, and asks for *these tasks* (only seeds vary)
or for *new kernels*. It is one-sided either way, on the bounds of the speedup, with Holm's correction over the targets.
Nothing is tested without a supported interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.statistics.ert import LogEstimate
from analysis.statistics.multiplicity import holm, lower_bound, p_at_least, p_at_most, upper_bound
from analysis.statistics.supported import NEW_KERNELS, THESE_TASKS

CLAIM = (5.0, 10.0)
ALPHA = 0.05
SUPPORTED, REFUTED, UNDECIDED = "supported", "refuted", "undecided"
QUESTIONS = (THESE_TASKS, NEW_KERNELS)
REGISTERED = ("conditional_gp", "lfbo")
"""The strategies that the hypothesis of experiments/claim_5_10x is about: our GP, and Helion's algorithm."""


@dataclass(frozen=True)
class Cell:
    """One test of the claim.

    Attributes:
        question: ``these tasks`` or ``new kernels``.
        speedup, lower, upper: the estimate and its one-sided 95% bounds; nan where there is none.
        p_above, p_below: p of "at most 5" and of "at least 5", Holm-adjusted over the targets; nan counts as 1.
        raw_above, raw_below: the same without the adjustment; nan where nothing is known.
        verdict: of this one test.
        reason: why nothing is decided, where something stands in the way.
    """

    question: str
    strategy: str
    stratum: str
    axis: str
    baseline: str
    target: float
    bound: str
    speedup: float
    lower: float
    upper: float
    p_above: float
    p_below: float
    raw_above: float
    raw_below: float
    verdict: str
    reason: str


def family(records: Sequence[Mapping[Any, Any]], question: str) -> list[Cell]:
    """The targets of one strategy, stratum, axis and baseline: tested together.

    Args:
        records: rows of a speedup table that speak of ``ALL``, with :data:`analysis.study.speedup.DETAILS`.
    """
    of = "_these" if question == THESE_TASKS else ""
    estimates = [LogEstimate(row["log"], row[f"se{of}"], row[f"df{of}"]) for row in records]
    refused = [str(row[f"refused{of}"]) for row in records]
    usable = [
        not reason and row["bound"] == "none" and np.isfinite(estimate.se)
        for row, reason, estimate in zip(records, refused, estimates, strict=True)
    ]
    pairs = list(zip(records, estimates, usable, strict=True))
    raw_above = [p_at_most(e, CLAIM[0]) if ok else _p_of_limit(row, "lower") for row, e, ok in pairs]
    raw_below = [p_at_least(e, CLAIM[0]) if ok else _p_of_limit(row, "upper") for row, e, ok in pairs]
    above, below = holm(raw_above), holm(raw_below)
    cells = []
    for i, (row, estimate, ok) in enumerate(pairs):
        supported, opposed = bool(above[i] <= ALPHA), bool(below[i] <= ALPHA)
        cells.append(
            Cell(
                question=question,
                **{name: row[name] for name in ("strategy", "stratum", "axis", "baseline", "target", "bound")},
                speedup=float(row["speedup"]),
                lower=lower_bound(estimate) if ok else float("nan"),
                upper=upper_bound(estimate) if ok else float("nan"),
                p_above=float(above[i]),
                p_below=float(below[i]),
                raw_above=raw_above[i],
                raw_below=raw_below[i],
                verdict=SUPPORTED if supported else REFUTED if opposed else UNDECIDED,
                reason="" if ok else refused[i] or _REASONS.get(row["bound"], "no interval"),
            )
        )
    return cells


_REASONS = {"upper": "some task was never solved", "lower": "random never solved some task", "unknown": "nothing known"}


def _p_of_limit(row: Mapping[Any, Any], bound: str) -> float:
    """Where some task was never solved there is only a limit: two-sided 95% beyond 5 is a p of 2.5% at most."""
    limit = float(row["speedup_high" if bound == "upper" else "speedup_low"])
    beyond = limit < CLAIM[0] if bound == "upper" else limit > CLAIM[0]
    return 0.025 if row["bound"] == bound and not row["refused"] and beyond else float("nan")
