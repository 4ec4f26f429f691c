"""ERT of random search under the rules of the runs compared with it: simulated, relative to the exact law without."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.reference import space_rows, true_latency
from analysis.statistics import hopeless
from analysis.statistics.hopeless import Recorded, RuledSearch, Rules
from analysis.statistics.random_simulation import clocked, first_true
from analysis.statistics.readings import Readings
from analysis.statistics.until_precise import Simulated, until_precise
from analysis.statistics.weighted_orders import orders
from analysis.study.simulated_baseline import Conditions, SearchedRows

Floats = NDArray[np.float64]
SIGNS = (1.0, -1.0, -1.0, 1.0)
"""(Cost under rules / hits under rules) over (exact cost / exact hits)."""
SLOWER = 20
"""How many times as long the simulation of an evaluation under rules takes as one without."""
MOST, FEWEST = 3_000_000, 2_000
"""The most evaluations, and the fewest searches, of a simulation, whatever its error; about half a minute."""


def recorded(table: pd.DataFrame, readings: Readings | None, noisy: bool) -> Recorded:
    """The rows of a reference table that represent the space. Unknown costs are 0.

    Args:
        readings: those of each row; without any, no samples end early.
        noisy: whether these are read; otherwise true latencies, as often as there are samples.
    """
    rows = space_rows(table)
    compile_s, verify_s, benchmark_s = (
        np.nan_to_num(rows[name].to_numpy(np.float64, na_value=np.nan)) if name in rows else np.zeros(len(rows))
        for name in ("compile_s", "verify_s", "benchmark_s")
    )
    true = np.asarray(true_latency(rows), dtype=np.float64)
    true = np.where(np.isfinite(true), true, np.inf)
    counts = np.ones(len(rows), dtype=np.int64) if readings is None else readings.counts
    return Recorded(compile_s, verify_s, benchmark_s, true, counts, readings if noisy else None)


def ruled_costs(
    table: Recorded, rows: SearchedRows, conditions: Conditions, rules: Rules, wanted: float
) -> dict[tuple[float, str], Simulated]:
    """ERT under rules over the exact value without rules and noise, by target with a hit and axis, with equal draws.

    The exact value is ERT in evaluations and, with one worker, in seconds. With several workers, the ratio of seconds
    is to evaluations in the order asked. Evaluations are counted in the order in which they end, with and without
    rules.

    Args:
        table, rows: the same space in the same order.
        wanted: relative error of each ratio.
    """
    targets = sorted((target for target, hit in rows.hits.items() if hit.any()), reverse=True)
    if not targets:
        return {}
    within = np.stack([rows.hits[target] for target in targets])
    levels = within.sum(axis=0).tolist()
    search = RuledSearch(table, rules, conditions.compile_workers, conditions.sequential)
    n = len(table.compile_s)
    drawn = min(conditions.budget, n)
    p = np.ones(n) if rows.p is None else rows.p

    def block(searches: int, rng: np.random.Generator) -> dict[tuple[float, str], Floats]:
        asked = orders(p, drawn, searches, rng)
        found = np.stack([hopeless.first_hits(search.run(one, rng), levels, len(targets), drawn) for one in asked])
        plain = clocked(asked, rows.compile_s, rows.device_s, search.workers, search.sequential)
        columns: dict[tuple[float, str], Floats] = {}
        for i, target in enumerate(targets):
            ended, first = (first_true(within[i][order]) for order in (plain.rows, plain.asked))
            exact, hit = np.minimum(ended, drawn), ended <= drawn
            known = plain.end_s[np.arange(searches), exact - 1] if search.sequential else np.minimum(first, drawn)
            columns[target, "evaluations"] = np.column_stack([found[:, i, 0], found[:, i, 2], exact, hit])
            columns[target, "seconds"] = np.column_stack([found[:, i, 1], found[:, i, 2], known, hit])
        return {name: values.astype(np.float64) for name, values in columns.items()}

    return until_precise(block, SIGNS, rows.generator(conditions), drawn * SLOWER, wanted, max(FEWEST, MOST // drawn))
