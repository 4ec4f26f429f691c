"""The tests of a hypothesis, "at least ``threshold`` times as fast as random search", on which a verdict rests.

A test has one strategy, stratum, axis, kind of random search and target, and is about *these tasks* (only seeds vary)
or about *new kernels*. It is one-sided in each direction, on the bounds of the speedup, with Holm's correction over the
targets. Without a supported interval nothing is tested. A task that was never solved gives a bound, which can refute
(or support, if random search never solved it) by the exact law of runs without a hit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.statistics.ert import LogEstimate
from analysis.statistics.multiplicity import holm, lower_bound, p_at_least, p_at_most, upper_bound
from analysis.statistics.supported import THESE_TASKS
from analysis.study.aggregate import p_of_limit
from analysis.study.workers import SECONDS, clock_words
from analysis.verdict.hypothesis import Hypothesis

SUPPORTED, REFUTED, UNDECIDED = "supported", "refuted", "undecided"


@dataclass(frozen=True)
class Cell:
    """One test of a hypothesis.

    Attributes:
        question: ``these tasks`` or ``new kernels``.
        speedup, lower, upper: the estimate and its one-sided bounds at the hypothesis's level; nan without one.
        p_above, p_below: p of "at most the threshold" and of "at least the threshold", Holm-adjusted over the targets;
            nan counts as 1.
        raw_above, raw_below: the same without the adjustment; nan if unknown.
        verdict: the verdict of this test.
        reason: what prevents a decision, if anything.
        workers, baseline_workers: compile workers of each side; nan if tasks differ in them.
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
    workers: float = float("nan")
    baseline_workers: float = float("nan")

    @property
    def axis_words(self) -> str:
        """The axis; for seconds with the compile workers of both sides."""
        return self.axis if self.axis != SECONDS else clock_words([(self.workers, self.baseline_workers)])


def family(records: Sequence[Mapping[Any, Any]], question: str, hypothesis: Hypothesis) -> list[Cell]:
    """The tests of one strategy, stratum, axis and baseline at all targets, which are corrected together.

    Args:
        records: the rows for ``ALL`` of a speedup table, with :data:`analysis.study.speedup.DETAILS`.
    """
    threshold, error_rate = hypothesis.threshold, hypothesis.error_rate
    of = "_these" if question == THESE_TASKS else ""
    estimates = [LogEstimate.of_row(row, of) for row in records]
    refused = [str(row[f"refused{of}"]) for row in records]
    usable = [
        not reason and row["bound"] == "none" and np.isfinite(estimate.se)
        for row, reason, estimate in zip(records, refused, estimates, strict=True)
    ]
    pairs = list(zip(records, estimates, usable, strict=True))
    limits = [
        [_p_of_limit(row, why, bound, question, threshold) for row, why in zip(records, refused, strict=True)]
        for bound in ("lower", "upper")
    ]
    raw_above = [p_at_most(e, threshold) if ok else limits[0][i] for i, (_, e, ok) in enumerate(pairs)]
    raw_below = [p_at_least(e, threshold) if ok else limits[1][i] for i, (_, e, ok) in enumerate(pairs)]
    above, below = holm(raw_above), holm(raw_below)
    cells = []
    for i, (row, estimate, ok) in enumerate(pairs):
        supported, opposed = bool(above[i] <= error_rate), bool(below[i] <= error_rate)
        cells.append(
            Cell(
                question=question,
                **{name: row[name] for name in ("strategy", "stratum", "axis", "baseline", "target", "bound")},
                speedup=float(row["speedup"]),
                lower=lower_bound(estimate, hypothesis.level) if ok else float("nan"),
                upper=upper_bound(estimate, hypothesis.level) if ok else float("nan"),
                p_above=float(above[i]),
                p_below=float(below[i]),
                raw_above=raw_above[i],
                raw_below=raw_below[i],
                verdict=SUPPORTED if supported else REFUTED if opposed else UNDECIDED,
                reason="" if ok else refused[i] or _REASONS.get(row["bound"], "no interval"),
                workers=float(row.get("workers", np.nan)),
                baseline_workers=float(row.get("baseline_workers", np.nan)),
            )
        )
    return cells


_REASONS = {"upper": "some task was never solved", "lower": "random never solved some task", "unknown": "nothing known"}


def _p_of_limit(row: Mapping[Any, Any], refused: str, bound: str, question: str, threshold: float) -> float:
    """The p value if some task was never solved: there is only a one-sided limit; nan for the other side."""
    if row["bound"] != bound or refused or not isinstance(row["tasks"], tuple):
        return float("nan")
    return p_of_limit(row["tasks"], question, threshold, bound)
