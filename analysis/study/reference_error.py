"""What the error of the recorded latencies does to difficulty and speedup: the reference is measured too.

A target is a share above the lowest recorded latency, so that both which configuration is the lowest and which lie
within the target depend on readings. Two ways to see it: *afresh*, where the near-optima were timed again (an
independent reference, no assumption), and *disturbed*, where every recorded latency is multiplied by exp(sd z), z
standard normal, and everything is judged by that (a parametric bootstrap: it adds the error once more to latencies that
have it already, so that its centre is off and its spread is what counts).

Random search and the strategy are judged by the same table each time: what makes a task harder makes it harder for
both, so the error of their ratio is less than that of either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.reference import is_hit, space_rows, true_latency
from analysis.statistics import random_search
from analysis.study.results import StudyResults

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """A task under several references.

    Attributes:
        expected: E[T] of exact random search; inf where nothing of the space hits. [references]
        log_speedup: log of ERT of exact random search over each strategy's, by name; -inf where no run hits.
            [references] each.
    """

    expected: Floats
    log_speedup: dict[str, Floats]


def disturbed(table: pd.DataFrame, sd: float, replicates: int, rng: np.random.Generator) -> Floats:
    """Latencies of every row with a log-normal error more. [replicates, rows]

    Args:
        sd: standard deviation of the log.
    """
    true = true_latency(table)
    return np.asarray(true * np.exp(sd * rng.standard_normal((replicates, len(true)))), dtype=np.float64)


def afresh(table: pd.DataFrame, timed_ms: Mapping[str, float]) -> Floats:
    """Latencies of every row, those of ``timed_ms`` as timed again and the others on its scale. [rows]

    Args:
        table: with a column ``key``.
        timed_ms: by key; failures of the recording are left out.
    """
    true = true_latency(table)
    fresh = table["key"].map(dict(timed_ms)).to_numpy(np.float64)
    known = np.isfinite(fresh) & np.isfinite(true)
    scale = float(np.median(fresh[known] / true[known])) if known.any() else 1.0
    return np.where(known, fresh, true * scale)


def judged_by(results: StudyResults, task: str, latencies: Floats, target: float, strategies: Sequence[str]) -> Judged:
    """Difficulty and speedups of a recorded task by other latencies of its rows, in evaluations.

    Args:
        latencies: of the rows of the recorded table. [references, rows]

    Raises:
        KeyError: nothing is recorded of the task.
    """
    table = results.study.references[task]
    rows = table.index.isin(space_rows(table).index)
    limit = latencies.min(axis=1, keepdims=True)
    hits = np.asarray(is_hit(latencies, limit, target))
    within = hits[:, rows]
    n, k = within.shape[1], within.sum(axis=1)
    expected = np.array([random_search.mean(n, int(one)) if one else np.inf for one in k])
    runs = results.study.runs[results.study.runs["task"] == task]
    row_of = pd.Series(np.arange(len(table)), index=true_latency(table))
    row_of = row_of[~row_of.index.duplicated()]
    log_speedup: dict[str, Floats] = {}
    for strategy in strategies:
        own = runs[runs["strategy"] == strategy]
        if own.empty:
            continue
        budget = int(min(own["budget_evaluations"].max(), n))
        base = np.array([random_search.ert(n, int(one), budget) if one else np.inf for one in k])
        log_speedup[strategy] = np.log(base) - np.log(_erts(results, own, budget, hits, row_of))
    return Judged(expected, log_speedup)


def _erts(results: StudyResults, runs: pd.DataFrame, budget: int, hits: NDArray[np.bool_], row_of: pd.Series) -> Floats:
    """ERT of one strategy's runs under each reference; inf where no run hits. [references]"""
    steps = results.steps[results.steps["run"].isin(runs.index) & (results.steps["evaluation"] <= budget)]
    steps = steps[np.isfinite(steps["true_ms"])]
    at = row_of.reindex(steps["true_ms"]).to_numpy(np.float64)
    known = np.isfinite(at)  # a latency that is not the table's belongs to no row: it was beaten, or timed live
    found = np.full((len(hits), len(runs)), np.inf)
    when = np.where(hits[:, np.where(known, at, 0).astype(np.int64)] & known, steps["evaluation"].to_numpy(), np.inf)
    for i, run in enumerate(runs.index):
        own = when[:, (steps["run"] == run).to_numpy()]
        found[:, i] = own.min(axis=1, initial=np.inf)
    spent = np.minimum(runs["evaluations"].to_numpy(np.float64), budget)
    cost = np.where(np.isfinite(found), found, spent).sum(axis=1)
    count = np.isfinite(found).sum(axis=1)
    return np.where(count > 0, cost / np.maximum(count, 1), np.inf)
