"""How long a search with restarts takes: quantiles of its simulated total against those of random search."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.reference import HEADLINE_TARGET, Difficulty, difficulty
from analysis.statistics import random_search, restarts
from analysis.study.results import StudyResults
from analysis.tables.lacking import Lacking
from analysis.tables.table import Table, text_rows, times_cell

Floats = NDArray[np.float64]
LEVELS = (0.5, 0.9)
DRAWS = 4000
_SEED = 20261123
_NEVER_DRAWN = " “>”: on some task no recorded draw was near the optimum, and the task is left out."


def restarting(results: StudyResults, target: float = HEADLINE_TARGET) -> Table | None:
    """Geometric mean over counted recorded tasks of random's quantile over the strategy's, in evaluations."""
    data = per_task(results, target)
    if data.empty:
        return None
    lacking, tasks = Lacking(results), results.counted[target]
    rows = []
    for strategy, part in data.groupby("strategy", sort=True):
        cells = [f"{strategy}{lacking.mark(str(strategy), tasks)}", str(len(part))]
        for level in LEVELS:
            ratio = part[f"ratio_{100 * level:.0f}"].to_numpy(np.float64)
            bound = _bound(bool((ratio == 0).any()), bool(np.isinf(ratio).any()))
            known = ratio[(ratio > 0) & np.isfinite(ratio)]
            value = float(np.exp(np.log(known).mean())) if len(known) else float("nan")
            cells.append(times_cell(value, float("nan"), float("nan"), bound if len(known) else "unknown"))
        rows.append(cells)
    return Table(
        name="restarts",
        title=f"Runtime with restarts to within {target:.0%}: typical and unlucky searches",
        caption=(
            "A search that restarts after its budget until it hits, with each missed run charged its own cost "
            "(simulated from the runs; for random search from its exact law). Geometric mean over tasks of random's "
            "quantile over the strategy's; “<”: some task was never solved and is left out."
            + (_NEVER_DRAWN if np.isinf(data[f"random_{100 * LEVELS[0]:.0f}"]).any() else "")
            + lacking.note(sorted(set(data["strategy"])), tasks)
        ),
        headers=("strategy", "tasks", "median", "90% quantile"),
        rows=text_rows(rows),
        data=data,
    )


def _bound(unsolved: bool, never_drawn: bool) -> str:
    """What a mean bounds that leaves out tasks which the strategy never solved, or random search never came near."""
    return "unknown" if unsolved and never_drawn else "upper" if unsolved else "lower" if never_drawn else "none"


def per_task(results: StudyResults, target: float) -> pd.DataFrame:
    """Quantiles of the strategy and of random, and their ratios, by task and strategy.

    A ratio is 0 if the strategy never hit, and inf where independent draws were recorded and none of them hit.
    """
    times = results.times
    times = times[(times["axis"] == "evaluations") & (times["target"] == target)]
    times = times[times["task"].isin(results.counted[target] & set(results.study.references))]
    rows: list[dict[str, Any]] = []
    lacking = Lacking(results)
    for (task, strategy), part in times.groupby(["task", "strategy"], sort=True):
        seed = np.random.SeedSequence([_SEED, zlib.crc32(f"{task}/{strategy}".encode())])
        one, two = (np.random.default_rng(child) for child in seed.spawn(2))
        hard = difficulty(results.study.references[str(task)], results.best.t_star_ms[str(task)], target)
        own = restarts.simulate(part["cost"], part["hit"], DRAWS, one)
        random = random_totals(hard, max(1, round(float(part["budget"].iloc[0]))), DRAWS, two)
        row: dict[str, Any] = {"task": task, "strategy": strategy}
        for level in LEVELS:
            mine, theirs = (float(np.quantile(x, level, method="inverted_cdf")) for x in (own, random))
            name = f"{100 * level:.0f}"
            row |= {f"own_{name}": mine, f"random_{name}": theirs, f"ratio_{name}": theirs / mine}
        rows.append(row | lacking.counts(str(strategy), [str(task)], one=True))
    return pd.DataFrame(rows)


def random_totals(hard: Difficulty, budget: int, draws: int, rng: np.random.Generator) -> Floats:
    """Total evaluations of random search until it hits: exact, or at the measured rate (inf without a hit). [draws]"""
    if not hard.drawn:
        return random_restarts(hard.n, hard.k, budget, draws, rng)
    if not hard.k:
        return np.full(draws, np.inf)
    return rng.geometric(hard.k / hard.n, draws).astype(np.float64)  # independent draws: restarting changes nothing


def random_restarts(n: int, k: int, budget: int, draws: int, rng: np.random.Generator) -> Floats:
    """Total evaluations of exact random search that restarts every ``budget`` evaluations until it hits. [draws]"""
    drawn = min(budget, n)
    survival = random_search.survival(n, k, np.arange(drawn + 1))
    failures = rng.geometric(1.0 - survival[-1], draws) - 1
    last = np.searchsorted((1.0 - survival[1:]) / (1.0 - survival[-1]), rng.random(draws)) + 1
    return np.asarray(failures * drawn + np.minimum(last, drawn), dtype=np.float64)
