"""All figures of a report, by name; each knows its caption and can be drawn alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cached_property, partial
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd

from analysis.figures import (
    best_so_far,
    compact_forest,
    critical_difference,
    difficulty,
    heatmap,
    incumbents,
    interval_rows,
    landscapes,
    profile,
    runtime_ecdf,
    seeds,
    speedup_forest,
)
from analysis.figures import split_time as split_figure
from analysis.figures.style import COLUMN_INCHES, Look, looks
from analysis.media import file_stem
from analysis.reference import HEADLINE_TARGET, kernel_of
from analysis.report import captions
from analysis.report.captions import MOST_CURVES
from analysis.report.choice import NO_CHOICE, FigureChoice, renamed
from analysis.report.drawing import Drawing, pages
from analysis.report.order import by_speedup
from analysis.runs import split_time
from analysis.study import curves, interquartile, profiles, runtime_distribution, seeds_to_decide
from analysis.study.baseline import RANDOM_STRATEGIES
from analysis.study.results import StudyResults
from analysis.study.simulated_random import RandomSearches, random_searches
from analysis.study.time_to_target import AXES
from analysis.study.workers import axis_words, who_has_what
from analysis.tables.lacking import Lacking
from analysis.tables.ranking import ranking
from analysis.verdict.hypothesis import Hypothesis


class Gallery:
    """What the figures of one study share: looks, the order of strategies, simulated random searches.

    With a hypothesis its strategies come first, and the speedups that it claims are lines.
    """

    def __init__(
        self, results: StudyResults, hypothesis: Hypothesis | None = None, choice: FigureChoice = NO_CHOICE
    ) -> None:
        self.first = () if hypothesis is None else hypothesis.strategies
        self.claimed = () if hypothesis is None else hypothesis.lines
        self.choice = choice
        known = by_speedup(results, self.first)
        self._before = results
        self._known = choice.shown(known)
        new = choice.names(known)
        self.results = renamed(results, new) if choice.rename else results
        self.order = [new[name] for name in self._known]
        self.styles: dict[str, Look] = {new[name]: looks(known)[name] for name in self._known}
        self._random = [new[name] for name in self._known if name in RANDOM_STRATEGIES]

    @property
    def shown(self) -> dict[str, Look]:
        """The strategies of a figure of curves: both kinds of random, and the first others."""
        if self.choice.strategies:
            return self.styles
        others = [name for name in self.order if name not in self._random]
        kept = {*self._random, *others[: max(1, MOST_CURVES - len(self._random))]}
        return {name: self.styles[name] for name in self.order if name in kept}

    @cached_property
    def simulated(self) -> dict[str, RandomSearches]:
        return random_searches(self.results.study, self.results.best)

    def drawings(self, per_task: bool = False, wanted: Collection[str] | None = None) -> Iterator[Drawing]:
        """Every figure that the study has data for, the headline first.

        Args:
            wanted: names; what takes long is not computed for figures that are not among them.
        """
        sections: list[tuple[str, Callable[[], Iterator[Drawing]]]] = [
            ("speedup-", self._forests),
            ("speedup-compact-", self._compact_forests),
            ("best-so-far", partial(self._curves, "kernel")),
            ("runtime-ecdf", self._distributions),
            ("data-profile", self._data_profile),
            ("performance-profile", self._performance_profile),
            ("interquartile-mean", self._aggregates),
            ("seeds-to-decide", self._seeds),
            ("heatmap-", self._heatmaps),
            ("split-time", self._splits),
            ("observed-oracle", self._incumbents),
            ("landscapes", self._landscapes),
            ("speedup-difficulty", self._difficulty),
            ("ranks", self._ranks),
            *([("best-so-far-", partial(self._curves, "task"))] if per_task else []),
        ]
        for prefix, section in sections:
            if wanted is None or any(name.startswith(prefix) for name in wanted):
                yield from section()

    def _forests(self) -> Iterator[Drawing]:
        for axis in AXES:
            rows = speedup_forest.rows_of(self.results.speedups, axis, self.choice.target)
            names = [name for name in self.order if name in set(rows["strategy"])]
            page = self._page()
            for suffix, part in pages(names, speedup_forest.most_strategies(self.choice.page)):
                shown = rows[rows["strategy"].isin(part)]
                yield Drawing(
                    f"speedup-{axis}{suffix}",
                    f"Speedup in {axis_words(axis, shown)}" + (f", {', '.join(part)}" if suffix else ""),
                    captions.FOREST.format(lines=self._lines()),
                    shown,
                    partial(
                        speedup_forest.draw,
                        shown,
                        axis,
                        self.choice.target,
                        self.styles,
                        part,
                        self.claimed,
                        **page,
                    ),
                    wide=True,
                    appendix=bool(suffix),
                )

    def _compact_forests(self) -> Iterator[Drawing]:
        for axis in AXES:
            rows = speedup_forest.rows_of(self.results.speedups, axis, self.choice.target)
            rows = rows[rows["strategy"].isin(self.order)]
            names = [name for name in self.order if name in set(rows["strategy"])]
            if not names:
                continue
            groups = compact_forest.groups_of(rows)
            page = self._page()
            for suffix, part in pages(groups, compact_forest.most_panels(len(names), page["width"])):
                shown = rows[rows["task"].isin(part) & (rows["stratum"] == "all")]
                draw = partial(compact_forest.draw, rows, axis, self.choice.target, self.styles, names, part)
                yield Drawing(
                    f"speedup-compact-{axis}{suffix}", f"Speedup in {axis_words(axis, shown)}: ALL and kernels",
                    captions.COMPACT.format(lines=self._lines()), shown, partial(draw, self.claimed, **page),
                    wide=len(part) > 1, appendix=True,
                )  # fmt: skip

    def _curve(self) -> dict[str, Any]:
        return {"width": self.choice.width, "font": self.choice.font, "target": self.choice.target}

    def _column(self) -> dict[str, Any]:
        return {"width": self.choice.width or COLUMN_INCHES, "font": self.choice.font}

    def _page(self) -> dict[str, Any]:
        """Width and font of a figure of a page's width."""
        return {"width": self.choice.page, "font": self.choice.font}

    def _curves(self, by: str) -> Iterator[Drawing]:
        study, best = self.results.study, self.results.best
        runs = curves.run_curves(study, best, by)
        law = curves.random_curves(study, best, self.simulated, by)
        extra = {task: best_so_far.lines(study.facts.get(task, {}), t_star) for task, t_star in best.t_star_ms.items()}
        caption = captions.CURVES + (captions.LAW if len(law) else "")
        if by == "task":
            for task in sorted(best.t_star_ms):
                own, exact = runs[runs["task"] == task], law[law["task"] == task] if len(law) else law
                yield Drawing(
                    file_stem(f"best-so-far-{task}"),
                    f"Best so far: {task}",
                    caption + self._workers(own, exact),
                    pd.concat([own, exact]),
                    partial(best_so_far.draw, own, exact, self.shown, {task: task}, extra, **self._curve()),
                    appendix=True,
                )
            for axis in AXES:
                yield from self._by_task(runs, law, axis, extra, caption)
            return
        kernels = sorted(set(runs["kernel"]))
        tasks = {kernel: [t for t in best.t_star_ms if kernel_of(t) == kernel] for kernel in kernels}
        titles = {
            kernel: kernel if len(tasks[kernel]) == 1 else f"{kernel} ({len(tasks[kernel])} tasks)"
            for kernel in kernels
        }
        whom = "those of the claim and the fastest" if self.first else "the fastest"
        lines = {kernel: extra[tasks[kernel][0]] for kernel in kernels if len(tasks[kernel]) == 1}
        for suffix, part in pages(kernels, best_so_far.most_groups(self.choice.width)):
            own = runs[runs["kernel"].isin(part)]
            exact = law[law["kernel"].isin(part)] if len(law) else law
            yield Drawing(
                f"best-so-far{suffix}",
                "Best so far, by kernel" + (f": {part[0]} to {part[-1]}" if len(part) < len(kernels) else ""),
                caption
                + self._workers(own, exact)
                + f" At most {MOST_CURVES} strategies are drawn, {whom}; the CSV has all.",
                pd.concat([own, exact]),
                partial(
                    best_so_far.draw,
                    own,
                    exact,
                    self.shown,
                    {name: titles[name] for name in part},
                    lines,
                    **self._curve(),
                ),
                wide=len(part) > 1,
                appendix=bool(suffix),
            )

    def _by_task(
        self, runs: pd.DataFrame, law: pd.DataFrame, axis: str, lines: dict[str, dict[str, float]], caption: str
    ) -> Iterator[Drawing]:
        """The tasks beside each other, on one axis."""
        for suffix, part in pages(sorted(lines), best_so_far.most_groups(self.choice.width, axes=1)):
            own, exact = (of[of["task"].isin(part) & (of["axis"] == axis)] if len(of) else of for of in (runs, law))
            titles = {task: "\n".join(wrap(task.replace("__", " "), best_so_far.LETTERS + 1)) for task in part}
            yield Drawing(
                f"best-so-far-tasks-{axis}{suffix}", f"Best so far in {axis}, by task",
                caption + self._workers(own, exact), pd.concat([own, exact]),
                partial(best_so_far.draw, own, exact, self.shown, titles, lines, **self._curve()),
                wide=True, appendix=True,
            )  # fmt: skip

    def _workers(self, *curves: pd.DataFrame) -> str:
        """Who of those drawn has how many compile workers, where they differ."""
        drawn = [*self.shown, runtime_distribution.EXACT_RANDOM]
        return who_has_what(pd.concat([part[part["strategy"].isin(drawn)] for part in curves if len(part)]))

    def _distributions(self) -> Iterator[Drawing]:
        parts = [
            runtime_distribution.run_distributions(self.results),
            runtime_distribution.random_distributions(self.results, self.simulated),
        ]
        data = pd.concat([part for part in parts if len(part)], ignore_index=True) if any(map(len, parts)) else parts[0]
        if len(data):
            yield Drawing(
                "runtime-ecdf", "How many are solved by when", captions.ECDF + self._workers(data), data,
                lambda: runtime_ecdf.draw(data, self.shown), wide=True,
            )  # fmt: skip

    def _data_profile(self) -> Iterator[Drawing]:
        data, column = profiles.data_profiles(self.results), self._column()
        if len(data):
            yield Drawing(
                "data-profile", "Solved within how many times the difficulty",
                captions.DATA_PROFILE + self._lacking(), data,
                partial(profile.draw, data, self.shown, "evaluations / E[T] of random", "problems solved", **column),
            )  # fmt: skip

    def _performance_profile(self) -> Iterator[Drawing]:
        column = self._column()
        ratios = profiles.performance_profiles(self.results, list(self.shown))
        if len(ratios):
            yield Drawing(
                "performance-profile", "Solved within how many times the best strategy's ERT",
                captions.PERFORMANCE_PROFILE.format(problems=int(ratios["problems"].max())) + self._lacking(), ratios,
                partial(profile.draw, ratios, self.shown, "ERT / smallest ERT", "problems solved", **column),
            )  # fmt: skip

    def _aggregates(self) -> Iterator[Drawing]:
        data = interquartile.aggregates(self.results)
        if len(data):
            yield Drawing(
                "interquartile-mean", "Middle half of the scores, and how often a run beats random",
                captions.INTERQUARTILE + self._lacking(), data,
                partial(interval_rows.draw, data, self.styles, {interquartile.IQM: 0.0, interquartile.BETTER: 0.5}),
            )  # fmt: skip

    def _seeds(self) -> Iterator[Drawing]:
        data = seeds_to_decide.seeds_to_decide(self.results, self.order)
        if np.isfinite(data["seeds"]).any():
            yield Drawing(
                "seeds-to-decide", "Seeds a task that would decide", captions.SEEDS + self._lacking(), data,
                partial(seeds.draw, data, self.styles), appendix=True,
            )  # fmt: skip

    def _lacking(self) -> str:
        return Lacking(self._before).note(self._known, self._before.counted[HEADLINE_TARGET])

    def _heatmaps(self) -> Iterator[Drawing]:
        for axis in AXES:
            data = heatmap.cells(self.results.speedups, axis, self.choice.target, self.order)
            names = [name for name in self.order if name in set(data["strategy"])]
            if len(data):
                words = axis_words(axis, self.results.speedups)
                title = f"speedup over random within {self.choice.target:.0%}, {words}"
                for suffix, part in pages(names, heatmap.MOST_STRATEGIES):
                    yield Drawing(
                        f"heatmap-{axis}{suffix}", f"Kernel by strategy, {words}", captions.HEATMAP, data,
                        partial(heatmap.draw, data, part, title),
                        wide=True, appendix=axis == "seconds" or bool(suffix),
                    )  # fmt: skip

    def _splits(self) -> Iterator[Drawing]:
        study = self.results.study
        if study.splits.empty:
            return
        for live in (True, False):
            part = study.splits[study.splits["live"] == live]
            data = split_time.by_task_and_strategy(study.runs, part, "task" if live else "kernel")
            if not live and len(data) > split_figure.MOST_ROWS:
                data = split_time.by_task_and_strategy(study.runs.assign(all="all kernels"), part, "all")
            if len(data):
                yield Drawing(
                    "split-time" if live else "split-time-replay",
                    "Where the tuning clock goes" + ("" if live else ", in replay"),
                    split_figure.note(data, live),
                    data,
                    partial(split_figure.draw, data),
                    wide=True,
                )

    def _incumbents(self) -> Iterator[Drawing]:
        data = incumbents.final_incumbents(self.results)
        if len(data) and np.isfinite(data["true"]).any():
            styles = {name: look for name, look in self.shown.items() if name in set(data["strategy"])}
            yield Drawing(
                "observed-oracle", "Observed and true latency of final incumbents", captions.INCUMBENTS, data,
                lambda: incumbents.draw(data, styles),
            )  # fmt: skip

    def _landscapes(self) -> Iterator[Drawing]:
        shares = landscapes.shares(self.results.study.references, self.results.best.t_star_ms)
        if len(shares):
            yield Drawing(
                "landscapes", "The recorded spaces", captions.LANDSCAPES, shares,
                lambda: landscapes.draw(shares), wide=landscapes.is_wide(shares),
            )  # fmt: skip

    def _difficulty(self) -> Iterator[Drawing]:
        names = [name for name in self.order if name not in self._random][:4]
        data = difficulty.by_difficulty(self.results, names)
        if data["task"].nunique() > 2:
            yield Drawing(
                "speedup-difficulty", "When a model pays: speedup against difficulty",
                captions.DIFFICULTY.format(lines=self._lines().lower()), data,
                lambda: difficulty.draw(data, {name: self.styles[name] for name in names}, self.claimed),
            )  # fmt: skip

    def _lines(self) -> str:
        """Where the lines of speedups are: ``Lines at 1, 5 and 10``."""
        levels = [f"{level:g}" for level in (1.0, *self.claimed)]
        return "A line at 1" if len(levels) == 1 else f"Lines at {', '.join(levels[:-1])} and {levels[-1]}"

    def _ranks(self) -> Iterator[Drawing]:
        ranks = ranking(self.results)
        if ranks is not None and len(ranks.strategies) > 2:
            data = pd.DataFrame({"strategy": ranks.strategies, "mean_rank": ranks.mean_rank})
            yield Drawing(
                "ranks", "Critical-difference diagram", captions.RANKS, data,
                lambda: critical_difference.draw(ranks, self.styles),
                wide=critical_difference.is_wide(ranks), appendix=True,
            )  # fmt: skip
