"""Measures of a search other than time to target: final quality, score P, anytime area, random with twice the budget.

All in evaluations, on recorded tasks, by the true latency of the incumbent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.progress import tracked
from analysis.reference import HEADLINE_TARGET, space_rows, true_latency
from analysis.statistics import random_search, score
from analysis.statistics.anytime import anytime
from analysis.statistics.ert import mean_error
from analysis.statistics.improvement import Probability, average, over_exact_random
from analysis.statistics.step_functions import StepFunctions, step_functions
from analysis.statistics.survival import kaplan_meier, restricted_mean, smallest_common_tau
from analysis.study.results import StudyResults
from analysis.tables.lacking import Lacking
from analysis.tables.table import Table, figure, percent, text_rows

Floats = NDArray[np.float64]
NULL_REPETITIONS = 400
_SEED = 20261123


def quality(results: StudyResults) -> Table | None:
    """Means over counted tasks by strategy; ``None`` without recorded tasks."""
    data = per_task(results)
    if data.empty:
        return None
    rows = [_mean(str(name), part) for name, part in data.groupby("strategy", sort=True)]
    lacking, tasks = Lacking(results), results.counted[HEADLINE_TARGET]
    return Table(
        name="quality",
        title="Final and anytime quality, and random search with twice the budget",
        caption=(
            "Means over tasks, each of equal weight, ± standard error over seeds of these tasks. P: the aggregate "
            "score of the autotuning methodology, calibrated so that random search has 0 (±: what random studies of "
            "this size reach in 95%). Area: under t*/t over the budget, minus that of exact random. Final: t*/t at the "
            "end. P(better): a run ends better than exact random search with the same and with twice the budget (ties "
            "count half). Beats default: share of runs that end faster than the default configuration. Restricted "
            f"mean: evaluations to within {HEADLINE_TARGET:.0%}, or the budget, over those of random."
            + lacking.note([row["strategy"] for row in rows], tasks)
        ),
        headers=(
            "strategy", "tasks", "P", "null of P", "area − random's", "final t*/t", "P(better), same budget",
            "twice the budget", "beats default", "restricted mean",
        ),
        rows=text_rows([_cells(row, lacking.mark(row["strategy"], tasks)) for row in rows]),
        data=data,
    )  # fmt: skip


def per_task(results: StudyResults) -> pd.DataFrame:
    """One row per counted recorded task and strategy."""
    lacking = Lacking(results)
    study, steps = results.study, results.steps
    latency = step_functions(steps, len(study.runs), "evaluation", steps["true_ms"], before=float("inf"))
    rows: list[dict[str, Any]] = []
    tasks = sorted(results.counted[HEADLINE_TARGET] & set(study.references))
    seeds = dict(zip(tasks, np.random.SeedSequence(_SEED).spawn(len(tasks)), strict=True))
    for task in tracked(tasks, "quality"):
        true = true_latency(space_rows(study.references[task]))
        t_star = results.best.t_star_ms[task]
        of_task = study.runs[study.runs["task"] == task]
        scales: dict[int, tuple[score.Scale, float] | None] = {}
        for strategy, runs in of_task.groupby("strategy", sort=True):
            index = runs.index.to_numpy()
            budget = int(min(runs["evaluations"].max(), len(true)))
            if budget not in scales:
                scales[budget] = _scale(true, budget, seeds[task])
            row = {"task": task, "kernel": runs["kernel"].iloc[0], "strategy": strategy}
            row |= lacking.counts(str(strategy), [task], one=True)
            row |= _qualities(latency, index, t_star, true, budget)
            row |= _score(latency, index, scales[budget])
            row |= _restricted(results, index, len(true), int((true <= t_star * (1 + HEADLINE_TARGET)).sum()))
            default = (study.facts.get(task, {}).get("default") or {}).get("latency_ms")
            final = latency.at(index, [budget])[:, 0]
            row["beats_default"] = float((final < float(default)).mean()) if default else float("nan")
            rows.append(row)
    return pd.DataFrame(rows)


def _scale(true: Floats, budget: int, seed: np.random.SeedSequence) -> tuple[score.Scale, float] | None:
    scale = score.scale(true, budget)
    if scale is None:
        return None
    null = score.null_scores(true, scale, NULL_REPETITIONS, np.random.default_rng(seed))
    return scale, float(null.std(ddof=1))


def _qualities(
    latency: StepFunctions, index: NDArray[np.int64], t_star: float, true: Floats, budget: int
) -> dict[str, float]:
    as_quality = StepFunctions(latency.starts, latency.x, t_star / latency.value)
    area = anytime(as_quality, index, t_star / true, budget)
    final = as_quality.at(index, [budget])[:, 0]
    same = over_exact_random(final, t_star / true, budget)
    twice = over_exact_random(final, t_star / true, 2 * budget)
    return {
        "budget": budget,
        "final": float(final.mean()),
        "area": area.area,
        "area_se": area.se,
        "area_random": area.random,
        "better": same.value,
        "better_se": same.se,
        "better_than_twice": twice.value,
        "better_than_twice_se": twice.se,
    }


def _score(
    latency: StepFunctions, index: NDArray[np.int64], scaled: tuple[score.Scale, float] | None
) -> dict[str, float]:
    if scaled is None:
        return {"score": float("nan"), "score_se": float("nan"), "score_null_sd": float("nan")}
    scale, null = scaled
    own = scale.scores(latency.at(index, scale.at))
    return {"score": float(own.mean()), "score_se": mean_error(own), "score_null_sd": null / np.sqrt(len(own))}


def _restricted(results: StudyResults, index: NDArray[np.int64], n: int, k: int) -> dict[str, float]:
    """The restricted mean evaluations to the headline target, and exact random's at the same tau."""
    times = results.times
    own = times[times["run"].isin(index) & (times["target"] == HEADLINE_TARGET) & (times["axis"] == "evaluations")]
    cost = own["cost"].to_numpy(np.float64)
    missed = own.loc[~own["hit"], "cost"]
    tau = float(missed.min()) if len(missed) else smallest_common_tau([cost])
    restricted = restricted_mean(kaplan_meier(cost, own["hit"]), tau)
    random = random_search.expected_cost(n, max(k, 0), max(1.0, np.floor(tau)))
    return {"tau": tau, "restricted": restricted.mean, "restricted_se": restricted.se, "restricted_random": random}


def _mean(strategy: str, rows: pd.DataFrame) -> dict[str, Any]:
    count = len(rows)
    scored = rows[rows["score"].notna()]
    means: dict[str, Any] = {"strategy": strategy, "tasks": count, "final": rows["final"].mean()}
    means["score"] = scored["score"].mean()
    means["score_se"] = _error(scored["score_se"])
    means["null"] = 1.96 * _error(scored["score_null_sd"])
    means["area"], means["area_se"] = (rows["area"] - rows["area_random"]).mean(), _error(rows["area_se"])
    for name in ("better", "better_than_twice"):
        parts = zip(rows[name], rows[f"{name}_se"], rows["runs"], strict=True)
        means[name] = average([Probability(value, se, runs - 1) for value, se, runs in parts])
    means["beats_default"] = rows["beats_default"].mean()
    means["restricted"] = float(np.exp(np.log(rows["restricted"] / rows["restricted_random"]).mean()))
    return means


def _error(errors: pd.Series[float]) -> float:
    return float(np.sqrt((errors**2).sum(skipna=False)) / max(len(errors), 1))


def _cells(row: dict[str, Any], mark: str) -> list[str]:
    return [
        f"{row['strategy']}{mark}",
        str(row["tasks"]),
        f"{row['score']:+.2f} ± {row['score_se']:.2f}",
        f"± {row['null']:.2f}",
        f"{row['area']:+.3f} ± {row['area_se']:.3f}",
        f"{row['final']:.3f}",
        f"{row['better'].value:.2f}",
        f"{row['better_than_twice'].value:.2f} ({_range(row['better_than_twice'])})",
        percent(row["beats_default"]),
        f"{figure(row['restricted'])}×",
    ]


def _range(probability: Probability) -> str:
    low, high = probability.interval()
    return "–" if np.isnan(low) else f"{low:.2f}–{high:.2f}"
