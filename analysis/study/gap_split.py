"""Split the gap between the configuration that a run chose and the optimum into exploration and selection.

In terms of true latencies, relative to t*: *exploration* is how far the best configuration that the run tried is from
the optimum, *selection* how much worse than that the one is that it chose by its readings. They add up to the gap.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.reference import HEADLINE_TARGET, is_hit
from analysis.study.incumbents import fastest_finds
from analysis.study.results import StudyResults

COLUMNS = ["task", "strategy", "seed", "gap", "exploration", "selection", "tried_hit", "chosen_hit"]


def gap_split(results: StudyResults, target: float = HEADLINE_TARGET) -> pd.DataFrame:
    """A row per run that succeeded with anything, at its end.

    Returns:
        :data:`COLUMNS`: the three gaps as shares of t*; ``tried_hit`` and ``chosen_hit``: whether what it tried, and
        what it chose, is within the target.
    """
    runs, steps = results.study.runs, results.steps
    chosen = steps.groupby("run")["true_ms"].last().reindex(runs.index)
    t_star = runs["task"].map(results.best.t_star_ms).astype(np.float64)
    tried = np.minimum(fastest_finds(results.study), chosen.fillna(np.inf))
    table: pd.DataFrame = runs[["task", "strategy", "seed"]].assign(
        gap=chosen / t_star - 1,
        exploration=tried / t_star - 1,
        selection=(chosen - tried) / t_star,
        tried_hit=is_hit(tried, t_star, target),
        chosen_hit=is_hit(chosen.fillna(np.inf), t_star, target),
    )
    kept: pd.DataFrame = table.loc[np.isfinite(table["gap"]), COLUMNS]
    return kept.reset_index(drop=True)
