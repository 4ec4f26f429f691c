"""One study in Python: what ``nearopt report`` computes, as DataFrames, and its figures on axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from analysis.errors import AnalysisError
from analysis.figures import best_so_far, compact_forest, profile, reference_lines, speedup_forest
from analysis.figures.style import Look, looks, paper
from analysis.reference import HEADLINE_TARGET
from analysis.report.choice import FigureChoice, renamed
from analysis.report.neutral import summarise
from analysis.report.order import by_speedup
from analysis.runs.library import Library
from analysis.runs.load import load_study as load_runs
from analysis.study import curves, profiles
from analysis.study.results import StudyResults, analyse
from analysis.study.simulated_random import RandomSearches, random_searches
from analysis.study.speedup import COLUMNS
from analysis.study.time_to_target import AXES


@dataclass(frozen=True, repr=False)
class AnalysedStudy:
    """A study and its results.

    Attributes:
        results: everything that a report is made from.
    """

    results: StudyResults

    @property
    def runs(self) -> pd.DataFrame:
        """One row per run: task, kernel, strategy, seed, evaluations, failures, clock_s, ended, … The index ``run``
        counts from 0.

        ``notes`` mentions runs that are not done. :class:`analysis.runs.load.Study` lists every column.
        """
        return self.results.study.runs

    @cached_property
    def evaluations(self) -> pd.DataFrame:
        """One row per evaluation: run, task, strategy, seed, index (from 0), ok, latency_ms (observed) and oracle_ms
        (best known; nan where it failed), clock_end_s, and costs in s.
        """
        names = self.runs[["task", "strategy", "seed"]]
        joined = self.results.study.evaluations.join(names, on="run")
        return joined[["run", *names, *(name for name in joined if name not in ("run", *names))]]

    @property
    def speedups(self) -> pd.DataFrame:
        """Speedups over random search, by task, kernel (``kernel:NAME``) and ``ALL``, strategy, axis and target, with
        95% intervals: :data:`analysis.study.speedup.COLUMNS`."""
        return self.results.speedups[COLUMNS]

    @property
    def strategies(self) -> list[str]:
        """The strategies, the fastest first, random last."""
        return by_speedup(self.results)

    @property
    def headline(self) -> str:
        """The result of the study in one sentence with intervals."""
        return summarise(self.results).sentence

    @property
    def notes(self) -> list[str]:
        """Sentences about runs that are not done, failed, or were made by several versions of the code."""
        return self.results.study.account.sentences()

    @cached_property
    def looks(self) -> dict[str, Look]:
        """How each strategy is drawn in every figure."""
        return looks(self.strategies)

    @cached_property
    def _random(self) -> dict[str, RandomSearches]:
        return random_searches(self.results.study, self.results.best)

    def forest(
        self,
        ax: Axes | None = None,
        *,
        kernel: str | None = None,
        axis: str = "evaluations",
        target: float = HEADLINE_TARGET,
        strategies: Sequence[str] = (),
        rename: Mapping[str, str] | None = None,
    ) -> Axes:
        """Draw speedups over random search with 95% intervals, one row per strategy.

        Args:
            ax: the axes to draw on; ``None``: a new figure's.
            kernel: only its tasks; ``None``: all tasks.
            axis: ``evaluations`` or ``seconds``.
            target: 0.01, 0.05 or 0.1 above the optimum.
            strategies: the strategies to draw, in this order; empty: all.
            rename: maps a strategy to the name in the figure.

        Raises:
            AnalysisError: a name that is not in the study, or nothing to draw.
        """
        results, styles = self._shown(FigureChoice(strategies=tuple(strategies), rename=rename or {}, target=target))
        rows = speedup_forest.rows_of(results.speedups, _axis(axis), target)
        group = compact_forest.ALL if kernel is None else f"kernel:{kernel}"
        rows = rows[(rows["task"] == group) & rows["strategy"].isin([*styles])]
        if rows.empty:
            known = ", ".join(sorted(set(self.runs["kernel"])))
            raise AnalysisError(f"forest: no speedup of {kernel or 'these strategies'}: expected a kernel of {known}")
        names = [name for name in styles if name in set(rows["strategy"])]
        with paper():
            axes = _axes(ax)
            compact_forest.draw_on(axes, rows, styles, names, group)
            axes.set_xlabel(f"speedup in {axis}, within {target:.0%}")
        return axes

    def best_so_far(
        self,
        task: str,
        ax: Axes | None = None,
        *,
        axis: str = "evaluations",
        strategies: Sequence[str] = (),
        rename: Mapping[str, str] | None = None,
    ) -> Axes:
        """Draw the quality t*/t of the incumbent on one task: medians over runs, with a legend.

        Args:
            task: as in ``runs``; the device may be left out.
            ax, axis, strategies, rename: as in :meth:`forest`.

        Raises:
            AnalysisError: a name that is not in the study.
        """
        choice = FigureChoice(strategies=tuple(strategies), rename=rename or {}, tasks=(task,))
        tasks = set(choice.part(self.results.study).runs["task"])
        if len(tasks) != 1:
            raise AnalysisError(f"best_so_far: {task}: {len(tasks)} tasks: expected one of {', '.join(sorted(tasks))}")
        name = tasks.pop()
        results, styles = self._shown(choice)
        study, best = results.study, results.best
        parts = curves.run_curves(study, best), curves.random_curves(study, best, self._random)
        runs, law = (
            part[(part["task"] == name) & (part["axis"] == _axis(axis))] if len(part) else part for part in parts
        )
        lines = best_so_far.lines(study.facts.get(name, {}), best.t_star_ms[name])
        with paper():
            axes = _axes(ax)
            best_so_far.draw_on(axes, runs, law, styles, lines, few=True)
            axes.set(title=name, xlabel=axis, ylabel="quality  t*/t")
            _legend(axes)
        return axes

    def data_profile(
        self,
        ax: Axes | None = None,
        *,
        strategies: Sequence[str] = (),
        rename: Mapping[str, str] | None = None,
    ) -> Axes:
        """Draw the share of (task, target, seed) triples solved against evaluations over E[T], with a legend.

        Args:
            ax, strategies, rename: as in :meth:`forest`.

        Raises:
            AnalysisError: a name that is not in the study, or no task is recorded.
        """
        results, styles = self._shown(FigureChoice(strategies=tuple(strategies), rename=rename or {}))
        data = profiles.data_profiles(results)
        if data.empty:
            raise AnalysisError("data_profile: no task of this study is recorded, so their difficulty is unknown")
        with paper():
            axes = _axes(ax)
            profile.draw_on(axes, data, styles, "evaluations / E[T] of random", "problems solved")
            _legend(axes)
        return axes

    def _shown(self, choice: FigureChoice) -> tuple[StudyResults, dict[str, Look]]:
        """The results with the names in the figure, and the looks of the strategies to draw."""
        kept, new = choice.shown(self.strategies), choice.names(self.strategies)
        results = renamed(self.results, new) if choice.rename else self.results
        return results, {new[name]: self.looks[name] for name in kept}

    def __repr__(self) -> str:
        runs = self.runs
        return f"<study: {len(runs)} runs, {runs['task'].nunique()} tasks, {runs['strategy'].nunique()} strategies>"


def load_study(*paths: str | Path, tasks: Sequence[str] = (), library: Library | None = None) -> AnalysedStudy:
    """Read and analyse every finished run below results folders.

    Args:
        paths: of one study, as ``nearopt report`` takes them.
        tasks: names of tasks or kernels, or patterns such as ``softmax-*``; empty: all. Aggregates cover only these.
        library: the recordings, for live runs; see :func:`analysis.runs.load.load_study`.

    Raises:
        AnalysisError: no path, nothing found, a file is damaged, or the runs contradict each other.

    >>> from analysis import load_study
    >>> study = load_study(results, tasks=["softmax"])
    >>> axes = study.forest(strategies=["guided"], rename={"guided": "ours"})
    >>> [label.get_text() for label in axes.get_yticklabels()]
    ['ours']
    """
    if not paths:
        raise AnalysisError("load_study: no folder: expected the results of runs")
    return AnalysedStudy(analyse(FigureChoice(tasks=tuple(tasks)).part(load_runs(paths, library)), ()))


def _axis(name: str) -> str:
    if name not in AXES:
        raise AnalysisError(f"axis {name!r}: expected {' or '.join(AXES)}")
    return name


def _axes(ax: Axes | None) -> Axes:
    """The given axes, or those of a new figure of a column's width."""
    return Figure().subplots() if ax is None else ax


def _legend(axes: Axes) -> Legend:
    handles, labels = axes.get_legend_handles_labels()
    kept = [(h, l) for h, l in zip(handles, labels, strict=True) if h.get_gid() != reference_lines.GID]
    return axes.legend([handle for handle, _ in kept], [label for _, label in kept], loc="best")
