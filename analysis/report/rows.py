"""The rows of a report's page: how hard the tasks are, what was run, and warnings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.landscapes.summary import roofline_fraction
from analysis.landscapes.table import by_parameter_cell
from analysis.reference import (
    HEADLINE_TARGET,
    STRATA,
    TARGETS,
    Difficulty,
    by_parameter_unknown,
    difficulty,
    initial_points_cap,
    is_drawn,
    space_rows,
)
from analysis.runs.load import Study
from analysis.runs.overlap import overlap_sentences
from analysis.runs.rules import NO_RULES, rules_words
from analysis.runs.split_time import overhead_by_strategy
from analysis.statistics.drawn_rate import DrawnRate
from analysis.study.incumbents import Optima
from analysis.study.none_succeeded import none_succeeded
from analysis.study.speedup import sampled_tasks
from analysis.study.time_to_target import budgets

_INITIAL_POINTS = ("initial", "n_startup_trials", "initialization_budget", "shared_initial")


def strata_told(rows: list[dict[str, Any]]) -> str:
    counts = {name: sum(row["stratum"] == name for row in rows) for name in (*STRATA, "unknown")}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count or name != "unknown")


def initial_points(study: Study) -> dict[int, list[str]]:
    """Map each number of random initial points to the strategies that use it, as far as their arguments tell."""
    by_number: dict[int, list[str]] = {}
    for name, config in sorted(study.protocol.items()):
        for key in _INITIAL_POINTS:
            value = config["strategy"].get(key)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                by_number.setdefault(value, []).append(name)
                break
    return dict(sorted(by_number.items()))


def task_rows(study: Study, best: Optima, strata: Mapping[str, str]) -> list[dict[str, Any]]:
    """The difficulty of each task; cells are empty without a recorded table."""
    rows = []
    smallest = budgets(study).groupby(study.runs["task"]).min()
    for task, t_star in best.t_star_ms.items():
        row: dict[str, Any] = {"task": task, "t_star": f"{t_star:.4g}", "n": "–", "failed": "–"}
        row |= {"stratum": strata[task], "roofline": "–"}
        row |= {"targets": ["–"] * len(TARGETS), "by_parameter": "–", "caps": ["–"] * len(initial_points(study))}
        fraction = roofline_fraction(t_star, study.facts.get(task, {}).get("roofline"))
        if np.isfinite(fraction):
            row["roofline"] = f"{fraction:.0%}"
        if not np.isfinite(t_star):
            row["t_star"] = "–"
        elif task in study.references:
            table = study.references[task]
            hard = [difficulty(table, t_star, target) for target in TARGETS]
            headline = hard[TARGETS.index(HEADLINE_TARGET)]
            budget = smallest[task] if np.isfinite(smallest[task]) else headline.n
            caps = [initial_points_cap(headline.n, headline.k, n0, budget) for n0 in initial_points(study)]
            row |= {
                "n": f"{headline.n}{' drawn' * headline.drawn}",
                "failed": f"{(table['status'] != 'ok').mean():.1%}",
                "targets": [_expected_cell(d) for d in hard],
                "by_parameter": by_parameter_cell(hard),
                "caps": [f"{cap:.3g}×" if np.isfinite(cap) else "–" for cap in caps],
            }
        rows.append(row)
    return rows


def _expected_cell(hard: Difficulty) -> str:
    """K and E[T]; of independent draws with the exact interval of their rate."""
    cell = f"{hard.k} / {hard.expected_evaluations:.4g}"
    if not hard.drawn:
        return cell
    low, high = DrawnRate(hard.k, hard.n).interval()
    return f"{cell} ({low:.3g}–{high:.3g})"


def strategy_rows(study: Study) -> list[dict[str, Any]]:
    """What was run: the arguments, budget, seeds and conditions of each strategy."""
    rows = []
    splits = study.splits[study.splits["live"]] if len(study.splits) else study.splits
    overhead = overhead_by_strategy(study.runs, splits)
    for name in sorted(set(study.runs["strategy"])):
        runs = study.runs[study.runs["strategy"] == name]
        arguments = json.loads(runs["strategy_arguments"].iloc[0])
        target = str(arguments.pop("_target_", ""))
        records = runs.to_dict("records")
        evaluations = int(runs["evaluations"].sum())
        rows.append(
            {
                "name": name,
                "target": target,
                "arguments": ", ".join(f"{key}={value}" for key, value in arguments.items()),
                "tasks": runs["task"].nunique(),
                "seeds": _range(runs["seed"]),
                "runs": len(runs),
                "budget": " or ".join(sorted({_budget(r["budget_evaluations"], r["budget_seconds"]) for r in records})),
                "conditions": "; ".join(sorted({_conditions(r) for r in records})),
                "failures": f"{int(runs['failures'].sum()) / evaluations:.1%}",
                "repairs": f"{int(runs['repairs'].sum()) / evaluations:.1%}",
                "overhead": f"{overhead[name]:.2%}" if np.isfinite(overhead.get(name, np.nan)) else "–",
            }
        )
    return rows


def _conditions(run: dict[Any, Any]) -> str:
    noise = f" (noise: {run['noise']})" if run["noise"] else ""
    workers = f"{run['compile_workers']} compile worker{'s' * (run['compile_workers'] != 1)}"
    how = f"batch {run['batch']}" if run["schedule"] == "batch" else run["schedule"]
    words = rules_words(run.get("rules", NO_RULES))
    return f"{run['backend']}{noise}, {how}, {workers}" + (f", ended early by {words}" if words else "")


def _range(seeds: pd.Series[int]) -> str:
    values = sorted(set(seeds))
    whole = values == list(range(values[0], values[-1] + 1))
    return f"{values[0]}–{values[-1]}" if whole and len(values) > 1 else ", ".join(map(str, values))


def _budget(evaluations: float, seconds: float) -> str:
    parts = [f"{evaluations:g} evaluations"] if np.isfinite(evaluations) else []
    parts += [f"{seconds:g} s"] if np.isfinite(seconds) else []
    return ", ".join(parts) or "none"


def warnings(study: Study, best: Optima) -> list[str]:
    """Sentences that a reader must know before trusting the numbers."""
    said = study.account.sentences() + overlap_sentences(study.runs, study.chosen_on)
    for task, runs in sorted(best.beaten.items()):
        names = ", ".join(f"{r['strategy']} seed {r['seed']}" for r in study.runs.loc[runs[:5]].to_dict("records"))
        known, then = (
            ("frozen", "t* stays as it is")
            if task in study.frozen
            else ("recorded", "t* was lowered for all strategies")
        )
        said.append(f"{task}: {len(runs)} runs beat the {known} optimum ({names}); {then}.")
    few = int(study.runs.groupby(["task", "strategy"]).size().min())
    if few < 5:
        seeds = f"{few} seed{'s' * (few != 1)}"
        said.append(f"Some strategies have only {seeds} on a task: their intervals are wide, or missing for one.")
    said += [f"{task}: {sentence}." for task, sentence in none_succeeded(study, best).items()]
    said += drawn_told(study)
    sampled = sorted(task for task in sampled_tasks(study) if not is_drawn(study.references[task]))
    if sampled:
        exhaustive = set(best.t_star_ms) - set(sampled)
        said.append(
            f"{', '.join(sampled)}: only a sample of the space was recorded, so the optimum is the best of the sample"
            + (": not counted in ALL." if exhaustive else ".")
        )
    said += by_parameter_told(study) + rules_told(study)
    without = sorted(set(best.t_star_ms) - set(study.references))
    if without:
        said.append(
            f"{', '.join(without)}: no recorded table, so the optimum is the best that any run found, and the baseline "
            "is the runs of random."
        )
    return said


def drawn_told(study: Study) -> list[str]:
    """A sentence per task on how its independent draws were made, whose rate the runs are compared with."""
    told = []
    for task in sorted(task for task, table in study.references.items() if is_drawn(table)):
        coverage = study.facts.get(task, {}).get("coverage") or {}
        how = coverage.get("drawn") or f"by parameter: {len(space_rows(study.references[task]))} independent draws"
        frozen = "frozen before the runs" if task in study.frozen else "the best of these draws and of any run"
        told.append(
            f"{task}: drawn {how}. Random search's E[T] is 1/p of the draws inside the rules, with its exact interval "
            f"in those of speedups; the optimum is {frozen}."
        )
    return told


def by_parameter_told(study: Study) -> list[str]:
    """Why random search by parameter has no exact law on some recorded tasks, one sentence per reason."""
    coverage = study.runs.groupby("task")["coverage"].first()
    reasons: dict[str, list[str]] = {}
    for task, table in sorted(study.references.items()):
        if reason := by_parameter_unknown(table, str(coverage[task])):
            reasons.setdefault(reason, []).append(task)
    return [f"No exact random search by parameter on {', '.join(tasks)}: {why}." for why, tasks in reasons.items()]


def rules_told(study: Study) -> list[str]:
    """At most one sentence: which rules ended evaluations early, and what that means for the comparison."""
    words = study.runs.get("rules", pd.Series(NO_RULES, index=study.runs.index)).map(rules_words)
    if not words.any():
        return []
    groups = study.runs["strategy"].groupby(words).agg(lambda names: ", ".join(sorted(set(names))))
    named = "; ".join(f"{how} ({names})" for how, names in groups.items() if how)
    return [
        f"Rules ended evaluations early that could not matter: {named}. Speedups of such runs are over random "
        "searches simulated under the same rules, even if a closed form is named; curves and shares of random search "
        "by evaluations ignore the rules."
    ]


def environment_rows(document: dict[str, Any]) -> list[tuple[str, str]]:
    """The environment.json of one run, flattened."""
    rows: list[tuple[str, str]] = []

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else str(key), inner)
        elif value not in (None, "", []):
            rows.append((prefix, str(value)))

    walk("", document)
    return rows
