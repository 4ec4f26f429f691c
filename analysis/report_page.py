"""The page of a report: one HTML file without any outside reference."""

from __future__ import annotations

import base64
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.incumbents import Optima
from analysis.landscape_summary import roofline_fraction
from analysis.load import Study
from analysis.outcome import Outcome
from analysis.reference import (
    HEADLINE_TARGET,
    STRATA,
    TARGETS,
    difficulty,
    initial_points_cap,
)
from analysis.report_figures import PageFigure
from analysis.report_text import SpeedupLine, interval_note, sentences, speedup_lines
from analysis.speedup import sampled_tasks, task_strata
from analysis.split_time import overhead_by_strategy
from analysis.supported import THESE_TASKS
from analysis.tables.baselines import stratum_name
from analysis.tables.table import Table
from analysis.time_to_target import budgets
from analysis.verdict import Verdict

MOST_LINES = 40
_INITIAL_POINTS = ("initial", "n_startup_trials", "initialization_budget", "shared_initial")


@dataclass(frozen=True)
class Command:
    """How the report, or one figure of it, is made again."""

    paths: tuple[str, ...]
    out: str

    def report(self) -> str:
        return f"nearopt report {shlex.join(self.paths)} -o {shlex.quote(self.out)}"

    def figure(self, name: str) -> str:
        return f"{self.report()} --figure {name}"


def environment() -> Environment:
    """Jinja with this package's templates."""
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["groupby_heading"] = _by_heading
    found.filters["data_uri"] = data_uri
    return found


def data_uri(png: Path) -> str:
    """A picture that needs no other file."""
    return "data:image/png;base64," + base64.b64encode(png.read_bytes()).decode("ascii")


def render(
    outcome: Outcome, verdict: Verdict, figures: list[PageFigure], tables: list[Table], paths: list[str], out: str
) -> str:
    """The page as text; everything in it is computed from the arguments."""
    study, best, table = outcome.study, outcome.best, outcome.speedups
    tasks = task_rows(study, best)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            headline=verdict.sentence,
            verdicts=verdict_rows(verdict),
            sentences=sentences(table, outcome.counted[HEADLINE_TARGET]),
            target=f"{HEADLINE_TARGET:.0%}",
            speedups=[(f"{target:.0%}", *_split(speedup_lines(table, target))) for target in _by_weight()],
            note=interval_note(table) if len(table) else "",
            figures=[figure for figure in figures if not figure.appendix],
            appendix=[figure for figure in figures if figure.appendix],
            tables=tables,
            targets=[f"{target:.0%}" for target in TARGETS],
            initial_points=initial_points(study),
            tasks=tasks,
            strata=_strata(tasks),
            strategies=strategy_rows(study),
            live=bool(len(study.splits)) and bool(study.splits["live"].any()),
            warnings=warnings(study, best),
            environment=environment_rows(study.environment),
            runs=len(study.runs),
            evaluations=int(study.runs["evaluations"].sum()),
            command=Command(tuple(paths), out),
        )
    )


def verdict_rows(verdict: Verdict) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Strategies across; down strata, for these tasks and for new kernels."""
    names = sorted({name for strata in verdict.verdicts.values() for found in strata.values() for name in found})
    rows = []
    for question, strata in verdict.verdicts.items():
        for stratum, found in strata.items():
            asked = "here" if question == THESE_TASKS else question
            rows.append((f"{stratum_name(stratum)}, {asked}", [found.get(name, "–") for name in names]))
    return names, rows


def _split(lines: list[SpeedupLine]) -> tuple[list[SpeedupLine], list[SpeedupLine]]:
    """What is shown at once, and what is folded away: single tasks, where there are many."""
    if len(lines) <= MOST_LINES:
        return lines, []
    whole = [line for line in lines if line.task == "ALL"]
    kernels = [line for line in lines if line.aggregate and line.task != "ALL"]
    return [*reversed_groups(whole), *kernels], [line for line in lines if not line.aggregate]


def reversed_groups(lines: list[SpeedupLine]) -> list[SpeedupLine]:
    """ALL before its strata: on a page the summary comes first, on a terminal last."""
    strata = list(dict.fromkeys(line.stratum for line in lines))
    return [line for stratum in reversed(strata) for line in lines if line.stratum == stratum]


def _by_heading(lines: list[SpeedupLine]) -> list[tuple[str, list[SpeedupLine]]]:
    groups: dict[str, list[SpeedupLine]] = {}
    for line in lines:
        groups.setdefault(line.heading, []).append(line)
    return list(groups.items())


def _strata(rows: list[dict[str, Any]]) -> str:
    counts = {name: sum(row["stratum"] == name for row in rows) for name in (*STRATA, "unknown")}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count or name != "unknown")


def _by_weight() -> list[float]:
    return [HEADLINE_TARGET, *(target for target in TARGETS if target != HEADLINE_TARGET)]


def initial_points(study: Study) -> dict[int, list[str]]:
    """Number of random initial points to the strategies that start so, as far as their arguments say it."""
    found: dict[int, list[str]] = {}
    for name, config in sorted(study.protocol.items()):
        for key in _INITIAL_POINTS:
            value = config["strategy"].get(key)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                found.setdefault(value, []).append(name)
                break
    return dict(sorted(found.items()))


def task_rows(study: Study, best: Optima) -> list[dict[str, Any]]:
    """Difficulty of each task; cells are empty where there is no recorded table."""
    rows = []
    strata, smallest = task_strata(study, best), budgets(study).groupby(study.runs["task"]).min()
    for task, t_star in best.t_star_ms.items():
        row: dict[str, Any] = {"task": task, "t_star": f"{t_star:.4g}", "n": "–", "failed": "–"}
        row |= {"stratum": strata[task], "roofline": "–"}
        row |= {"targets": ["–"] * len(TARGETS), "caps": ["–"] * len(initial_points(study))}
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
                "n": f"{headline.n}",
                "failed": f"{(table['status'] != 'ok').mean():.1%}",
                "targets": [f"{d.k} / {d.expected_evaluations:.4g}" for d in hard],
                "caps": [f"{cap:.3g}×" if np.isfinite(cap) else "–" for cap in caps],
            }
        rows.append(row)
    return rows


def strategy_rows(study: Study) -> list[dict[str, Any]]:
    """What was run: per strategy its arguments, budget, seeds and conditions."""
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
    return f"{run['backend']}{noise}, batch {run['batch']}, {workers}"


def _range(seeds: pd.Series[int]) -> str:
    values = sorted(set(seeds))
    whole = values == list(range(values[0], values[-1] + 1))
    return f"{values[0]}–{values[-1]}" if whole and len(values) > 1 else ", ".join(map(str, values))


def _budget(evaluations: float, seconds: float) -> str:
    parts = [f"{evaluations:g} evaluations"] if np.isfinite(evaluations) else []
    parts += [f"{seconds:g} s"] if np.isfinite(seconds) else []
    return ", ".join(parts) or "none"


def warnings(study: Study, best: Optima) -> list[str]:
    """What a reader must know before believing the numbers."""
    said = []
    if study.unfinished:
        said.append(f"{study.unfinished} unfinished runs were left out.")
    if study.duplicates:
        said.append(f"{study.duplicates} copies of runs were left out.")
    for task, runs in sorted(best.beaten.items()):
        names = ", ".join(f"{r['strategy']} seed {r['seed']}" for r in study.runs.loc[runs[:5]].to_dict("records"))
        said.append(f"{task}: {len(runs)} runs beat the recorded optimum ({names}); t* was lowered for all.")
    few = int(study.runs.groupby(["task", "strategy"]).size().min())
    if few < 5:
        seeds = f"{few} seed{'s' * (few != 1)}"
        said.append(f"Some strategies have only {seeds} on a task: their intervals are wide, or missing with one.")
    said += [f"{task}: nothing succeeded." for task, t_star in sorted(best.t_star_ms.items()) if np.isinf(t_star)]
    sampled = sorted(sampled_tasks(study))
    if sampled:
        exhaustive = set(best.t_star_ms) - set(sampled)
        said.append(
            f"{', '.join(sampled)}: a sample of the space was recorded, so the optimum is the best of the sample"
            + (": not counted in ALL." if exhaustive else ".")
        )
    without = sorted(set(best.t_star_ms) - set(study.references))
    if without:
        said.append(
            f"{', '.join(without)}: no recorded table: the optimum is the best that any run knew, and the baseline "
            "are the runs of random."
        )
    return said


def environment_rows(document: dict[str, Any]) -> list[tuple[str, str]]:
    """environment.json of one run, flattened."""
    rows: list[tuple[str, str]] = []

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else str(key), inner)
        elif value not in (None, "", []):
            rows.append((prefix, str(value)))

    walk("", document)
    return rows
