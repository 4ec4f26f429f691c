"""The same tests over random search that never restarts, which support must survive.

The verdict gives both sides the same budget, so that random search against itself is 1; after the budget, random search
restarts and forgets what it has seen. In practice nobody would do that, and random search that continues (with E[T]
instead of ERT at the budget) is faster. These tests decide nothing alone, but one that fails prevents *supported*.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.study.baseline import (
    EXACT_BY_PARAMETER,
    EXACT_RANDOM,
    HIERARCHICAL_RUNS,
    NOISY_BY_PARAMETER,
    NOISY_RANDOM,
    RANDOM_RUNS,
    Baseline,
)
from analysis.study.results import StudyResults
from analysis.verdict.cells import Cell
from analysis.verdict.hypothesis import Hypothesis

_EXACT = {
    EXACT_RANDOM: EXACT_RANDOM,
    NOISY_RANDOM: EXACT_RANDOM,
    EXACT_BY_PARAMETER: EXACT_BY_PARAMETER,
    NOISY_BY_PARAMETER: EXACT_BY_PARAMETER,
    RANDOM_RUNS: EXACT_RANDOM,
    HIERARCHICAL_RUNS: EXACT_BY_PARAMETER,
}


def counterparts(hypothesis: Hypothesis) -> dict[str, str]:
    """Map each baseline of a hypothesis to its counterpart that never restarts.

    It is always the exact law of that kind, because a search with noise, or a run, may never end.
    """
    named = (name for name in hypothesis.baselines if name in _EXACT)
    return {name: Baseline(_EXACT[name], restarts=False).label for name in named}


def tables(results: StudyResults, hypothesis: Hypothesis) -> dict[str, pd.DataFrame]:
    """The speedups over each available counterpart."""
    labels = dict.fromkeys(counterparts(hypothesis).values())
    return {label: results.others[label] for label in labels if label in results.others}


def highest_p(cells: Sequence[Cell], strategy: str, target: float) -> float:
    """The highest p of "at most the threshold" over these tests of a strategy; 0 without a test."""
    own = [cell.p_above for cell in cells if (cell.strategy, cell.target) == (strategy, target)]
    return max(own, default=0.0)


def sentences(cells: Sequence[Cell], taken_away: Sequence[tuple[str, str, str]], hypothesis: Hypothesis) -> list[str]:
    """Why strategies that hold against random search with restarts are not supported.

    Args:
        taken_away: question, stratum and strategy of each case.
    """
    told = []
    for question, stratum, name in taken_away:
        of = (question, stratum, name, hypothesis.target)
        own = [c for c in cells if (c.question, c.stratum, c.strategy, c.target) == of]
        if stratum != next((s for s in hypothesis.strata if any(c.stratum == s for c in cells)), None) or not own:
            continue
        cell = max(own, key=lambda c: c.p_above)
        told.append(
            f"{name} is not supported for {question}: over {cell.baseline} it is {cell.speedup:.1f}× in "
            f"{cell.axis_words}, at least {cell.lower:.1f}."
        )
    return told
