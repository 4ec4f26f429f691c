"""How many seeds per task would distinguish a strategy from random search, or from another strategy.

With d the mean log ratio of ERTs over T tasks and v_i its variance on task i, from n_i seeds, the mean's variance with
m seeds is sum_i v_i n_i / (m T^2). A two-sided t test at 5% detects d with power 80% from the smallest m with |d| >=
(t(0.975) + t(0.8)) se(m), with T (m - 1) degrees of freedom. The result is about these tasks and takes the estimate as
the truth, which is itself uncertain with few seeds. It is never below the number of seeds for which reports give an
interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from analysis.reference import HEADLINE_TARGET
from analysis.statistics.supported import THESE_TASKS, allowed, refusal
from analysis.study.results import StudyResults
from analysis.study.speedup import task_rows

COLUMNS = ["strategy", "against", "axis", "tasks", "bounded", "ratio", "seeds", "seeds_had"]
POWER = 0.80
MOST = 10_000
"""The largest number of seeds reported; more are given as ``inf``."""


def seeds_to_decide(results: StudyResults, strategies: Sequence[str], axis: str = "evaluations") -> pd.DataFrame:
    """The seeds for each strategy against random search, and against the strategy with the next larger mean speedup.

    Returns:
        :data:`COLUMNS`: ``ratio`` is the geometric mean ratio of ERTs (above 1: ``strategy`` needs less), over the
        ``tasks`` on which both have runs and hits; ``bounded`` counts tasks left out because one never hit. ``seeds``
        is inf beyond :data:`MOST` and nan without a variance.
    """
    rows = task_rows(results.speedups)
    rows = rows[(rows["axis"] == axis) & (rows["target"] == HEADLINE_TARGET)]
    rows = rows[rows["task"].isin(results.counted[HEADLINE_TARGET])]
    of = {str(name): part.set_index("task") for name, part in rows.groupby("strategy", sort=True)}
    named = [name for name in strategies if name in of]
    means = {name: float(part.loc[part["bound"] == "none", "log"].mean()) for name, part in of.items()}
    ranked = sorted((name for name in named if np.isfinite(means[name])), key=lambda name: -means[name])
    found = [_against_random(name, of[name]) for name in named]
    found += [_against(name, rival, of[name], of[rival]) for rival, name in pairwise(ranked)]
    return pd.DataFrame(found, columns=COLUMNS).assign(axis=axis).astype({"ratio": np.float64, "seeds": np.float64})


def smallest(log_ratio: float, variances: Sequence[float], seeds: Sequence[int]) -> float:
    """The number of seeds per task; see the module. nan without a variance, inf beyond :data:`MOST`.

    Args:
        variances: of each task's log ratio, from ``seeds`` of that task.
    """
    one = float(np.sum(np.array(variances) * np.array(seeds))) / len(variances) ** 2 if len(variances) else float("nan")
    if not (np.isfinite(one) and one > 0 and np.isfinite(log_ratio)):
        return float("nan")
    m = np.arange(2, MOST + 1, dtype=np.float64)
    df = len(variances) * (m - 1)
    enough = abs(log_ratio) >= (stdtrit(df, 0.975) + stdtrit(df, POWER)) * np.sqrt(one / m)
    return float(m[int(np.argmax(enough))]) if enough.any() else float("inf")


def _against_random(name: str, own: pd.DataFrame) -> dict[str, object]:
    known = own[own["bound"] == "none"]
    number = smallest(float(known["log"].mean()), list(known["se"] ** 2), list(known["runs"]))
    return _row(name, "random search", len(known), len(own) - len(known), float(known["log"].mean()), number, known)


def _against(name: str, rival: str, own: pd.DataFrame, theirs: pd.DataFrame) -> dict[str, object]:
    """Compare two strategies by their speedups over the same random search, which cancels; runs are independent."""
    both = own.merge(theirs, left_index=True, right_index=True, suffixes=("", "_rival"))
    known = both[(both["hits"] > 0) & (both["hits_rival"] > 0)]
    log = np.log(known["ert_rival"]) - np.log(known["ert"])
    variances = known["se"] ** 2 + known["se_rival"] ** 2
    fewer = np.minimum(known["runs"], known["runs_rival"])
    number = smallest(float(log.mean()), list(variances), list(fewer))
    return _row(name, rival, len(known), len(both) - len(known), float(log.mean()), number, known)


def _row(
    name: str, against: str, tasks: int, bounded: int, log: float, seeds: float, known: pd.DataFrame
) -> dict[str, object]:
    had = int(known["runs"].min()) if len(known) else 0
    if np.isfinite(seeds):
        rate, kernels = float(known["hits"].sum() / known["runs"].sum()), int(known["kernel"].nunique())
        seeds = allowed(int(seeds), lambda n: refusal(THESE_TASKS, n, rate, kernels)) or float("inf")
    return {
        "strategy": name, "against": against, "tasks": tasks, "bounded": bounded, "ratio": float(np.exp(log)),
        "seeds": seeds, "seeds_had": had,
    }  # fmt: skip
