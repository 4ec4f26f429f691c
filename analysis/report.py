"""From run directories to a report: tables, figures and one self-contained page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis import curves, split_time
from analysis.errors import AnalysisError
from analysis.figures import best_so_far, landscapes, speedup_forest
from analysis.figures import split_time as split_figure
from analysis.figures.style import Look, looks, save
from analysis.incumbents import Optima, optima
from analysis.load import Study, load_study
from analysis.reference import HEADLINE_TARGET
from analysis.report_page import PageFigure, render
from analysis.report_text import AXIS_NAMES, format_speedups
from analysis.speedup import speedups
from analysis.time_to_target import AXES, times_to_target

__all__ = ["Report", "build_report", "format_speedups"]

_EXACT = "%.10g"
"""Enough digits to recompute one column of a table from another; the last bits differ between machines."""


@dataclass(frozen=True)
class Report:
    """Where a report went, and its main table.

    Attributes:
        index: the page.
        speedups_csv, runs_csv: the tables beside it.
        figures: the PNGs; a PDF and a CSV of the same name lie beside each.
        speedups: what speedups.csv holds; see :data:`analysis.speedup.COLUMNS`.
    """

    index: Path
    speedups_csv: Path
    runs_csv: Path
    figures: list[Path]
    speedups: pd.DataFrame


def build_report(paths: Sequence[str | Path], out_dir: str | Path = "report") -> Report:
    """Analyse every finished run below ``paths`` and write ``out_dir``.

    Raises:
        AnalysisError: nothing to analyse, damaged files, runs that contradict each other, or no place to write.
    """
    study = load_study(paths)
    best = optima(study)
    table = speedups(study, best)
    out = Path(out_dir)
    try:
        (out / "figures").mkdir(parents=True, exist_ok=True)
        return _write(study, best, table, out, [str(path) for path in paths])
    except OSError as error:
        raise AnalysisError(f"{out}: cannot be written: {error.strerror or error}") from error


def _write(study: Study, best: Optima, table: pd.DataFrame, out: Path, paths: list[str]) -> Report:
    table.to_csv(out / "speedups.csv", index=False, float_format=_EXACT)
    times_to_target(study, best).drop(columns="run").to_csv(out / "runs.csv", index=False, float_format=_EXACT)
    figures = draw_figures(study, best, table, out / "figures")
    index = out / "index.html"
    index.write_text(render(study, best, table, figures, paths, str(out)), encoding="utf-8")
    return Report(index, out / "speedups.csv", out / "runs.csv", [figure.png for figure in figures], table)


def draw_figures(study: Study, best: Optima, table: pd.DataFrame, folder: Path) -> list[PageFigure]:
    """All figures of a report, written to ``folder``."""
    styles = _styles(study)
    figures = []
    for axis in AXES:
        rows = speedup_forest.rows_of(table, axis, HEADLINE_TARGET)
        if len(rows):
            png = save(speedup_forest.draw(rows, axis, HEADLINE_TARGET, styles), folder / f"speedup-{axis}", rows)
            figures.append(PageFigure(png, f"Speedup in {AXIS_NAMES[axis]}", _FOREST, wide=True))
    runs, exact = curves.run_curves(study, best), curves.random_curves(study, best)
    for task in sorted(best.t_star_ms):
        own, law = runs[runs["task"] == task], exact[exact["task"] == task]
        lines = best_so_far.lines(study.facts.get(task, {}), best.t_star_ms[task])
        png = save(
            best_so_far.draw(task, own, law, styles, lines), folder / f"best-so-far-{task}", pd.concat([own, law])
        )
        figures.append(PageFigure(png, f"Best so far: {task}", _CURVES + (_EXACT_CURVE if len(law) else "")))
    split = split_time.by_task_and_strategy(study.runs, study.splits)
    if len(split):
        png = save(split_figure.draw(split), folder / "split-time", split)
        figures.append(PageFigure(png, "Where the tuning clock goes", split_figure.note(split), wide=True))
    shares = landscapes.shares(study.references, best.t_star_ms)
    if len(shares):
        png = save(landscapes.draw(shares), folder / "landscapes", shares)
        figures.append(PageFigure(png, "The recorded spaces", _LANDSCAPES, wide=landscapes.is_wide(shares)))
    return figures


def _styles(study: Study) -> dict[str, Look]:
    names = sorted(set(study.runs["strategy"]), key=lambda name: (name == "random", name))
    return looks(names)


_FOREST = (
    "ERT of random search over ERT of the strategy, 95% intervals; diamonds are geometric means. Lines at 1, 5 and 10. "
    "A dashed line with an arrow is a bound: some side never hit."
)
_CURVES = (
    "Quality t*/t of the incumbent by its true latency, 0 before the first success: median and interquartile range "
    "over seeds, as steps. The axis is stretched towards the optimum."
)
_EXACT_CURVE = " Exact random search in grey."
_LANDSCAPES = (
    "Share of all configurations, failures included, that are at most so many times as slow as "
    "the optimum: a curve on the left and high up is easy. Dotted: the targets."
)
