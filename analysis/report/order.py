"""The order of strategies in a report: the same in every figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.reference import HEADLINE_TARGET
from analysis.study.baseline import RANDOM_STRATEGIES
from analysis.study.results import StudyResults


def by_speedup(results: StudyResults, first: Sequence[str] = ()) -> list[str]:
    """``first``, then by mean speedup at the headline target; random last.

    Known speedups come before bounds, and more tasks before fewer. Strategies that ran with another batch size or other
    compile workers than most come after these, because their seconds are not comparable.
    """
    table = results.speedups
    whole = table[(table["task"] == "ALL") & (table["stratum"] == "all") & (table["axis"] == "evaluations")]
    whole = whole[np.isclose(whole["target"], HEADLINE_TARGET)].set_index("strategy")
    speedups, bounds = whole["speedup"].to_dict(), whole["bound"].to_dict()
    by_strategy = results.study.runs.groupby("strategy")
    tasks = by_strategy["task"].nunique()
    conditions = by_strategy[["batch", "compile_workers"]].first().apply(tuple, axis=1)
    usual = conditions.mode()[0]

    def rank(name: str) -> tuple[bool, bool, bool, int, bool, float, str]:
        speedup = float(np.nan_to_num(speedups.get(name, 0.0)))
        bounded, last = bounds.get(name, "") != "none", name in RANDOM_STRATEGIES
        return last, name not in first, conditions[name] != usual, -int(tasks[name]), bounded, -speedup, name

    return sorted(set(results.study.runs["strategy"]), key=rank)
