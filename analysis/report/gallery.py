"""All figures of a report, by name; each has its caption and can be drawn alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from analysis.figures import (
    critical_difference,
    difficulty,
    heatmap,
    incumbents,
    interval_rows,
    landscapes,
    profile,
    seeds,
)
from analysis.figures import split_time as split_figure
from analysis.figures.style import COLUMN_INCHES, Look, looks
from analysis.reference import HEADLINE_TARGET
from analysis.report import captions, explorer
from analysis.report.captions import MOST_CURVES
from analysis.report.choice import NO_CHOICE, FigureChoice, renamed
from analysis.report.curves import Curves
from analysis.report.drawing import Drawing, pages
from analysis.report.forests import Forests, level_lines
from analysis.report.order import by_speedup
from analysis.runs import split_time
from analysis.study import interquartile, profiles, seeds_to_decide
from analysis.study.baseline import RANDOM_STRATEGIES
from analysis.study.results import StudyResults
from analysis.study.simulated_random import RandomSearches, random_searches
from analysis.study.time_to_target import AXES
from analysis.study.workers import axis_words
from analysis.tables.lacking import Lacking
from analysis.tables.ranking import ranking
from analysis.verdict.hypothesis import Hypothesis


class Gallery:
    """What the figures of one study share: looks, the order of strategies and simulated random searches.

    With a hypothesis, its strategies come first and the speedups that it claims are drawn as lines.
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
        """The strategies in a figure of curves: both kinds of random, and the first others."""
        if self.choice.strategies:
            return self.styles
        others = [name for name in self.order if name not in self._random]
        kept = {*self._random, *others[: max(1, MOST_CURVES - len(self._random))]}
        return {name: self.styles[name] for name in self.order if name in kept}

    @cached_property
    def simulated(self) -> dict[str, RandomSearches]:
        return random_searches(self.results.study, self.results.best)

    @cached_property
    def _curves(self) -> Curves:
        return Curves(self.results, self.choice, self.shown, self.simulated, bool(self.first))

    def explorer(self) -> dict[str, Any] | None:
        """The curves of every task, for the page's script: :func:`analysis.report.explorer.document`."""
        return explorer.document(self.results, self.styles, self.shown, self.simulated)

    def drawings(self, per_task: bool = False, wanted: Collection[str] | None = None) -> Iterator[Drawing]:
        """Every figure that the study has data for, the headline first.

        Args:
            wanted: names of figures; slow computations are skipped for other figures.
        """
        forests = Forests(self.results.speedups, self.styles, self.claimed, self.choice)
        sections: list[tuple[str, Callable[[], Iterator[Drawing]]]] = [
            ("speedup-", forests.whole),
            ("speedup-compact-", forests.compact),
            ("best-so-far", lambda: self._curves.best_so_far("kernel")),
            ("runtime-ecdf", lambda: self._curves.distributions()),
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
            *([("best-so-far-", lambda: self._curves.best_so_far("task"))] if per_task else []),
        ]
        for prefix, section in sections:
            if wanted is None or any(name.startswith(prefix) for name in wanted):
                yield from section()

    def _column(self) -> dict[str, Any]:
        return {"width": self.choice.width or COLUMN_INCHES, "font": self.choice.font}

    def _data_profile(self) -> Iterator[Drawing]:
        data, column = profiles.data_profiles(self.results), self._column()
        if len(data):
            yield Drawing(
                "data-profile", "Problems solved by evaluations over E[T] (data profile)",
                captions.DATA_PROFILE + self._lacking(), data,
                partial(profile.draw, data, self.shown, "evaluations / E[T] of random", "problems solved", **column),
            )  # fmt: skip

    def _performance_profile(self) -> Iterator[Drawing]:
        column = self._column()
        ratios = profiles.performance_profiles(self.results, list(self.shown))
        if len(ratios):
            yield Drawing(
                "performance-profile", "Problems solved by ERT over the best strategy's (performance profile)",
                captions.PERFORMANCE_PROFILE.format(problems=int(ratios["problems"].max())) + self._lacking(), ratios,
                partial(profile.draw, ratios, self.shown, "ERT / smallest ERT", "problems solved", **column),
            )  # fmt: skip

    def _aggregates(self) -> Iterator[Drawing]:
        data = interquartile.aggregates(self.results)
        if len(data):
            yield Drawing(
                "interquartile-mean", "Interquartile mean of the scores, and how often a run beats random",
                captions.INTERQUARTILE + self._lacking(), data,
                partial(interval_rows.draw, data, self.styles, {interquartile.IQM: 0.0, interquartile.BETTER: 0.5}),
            )  # fmt: skip

    def _seeds(self) -> Iterator[Drawing]:
        data = seeds_to_decide.seeds_to_decide(self.results, self.order)
        if np.isfinite(data["seeds"]).any():
            yield Drawing(
                "seeds-to-decide", "Seeds per task needed to decide", captions.SEEDS + self._lacking(), data,
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
                for suffix, part in pages(names, heatmap.most_strategies(data, self.choice.page)):
                    yield Drawing(
                        f"heatmap-{axis}{suffix}", f"Kernel by strategy, {words}", captions.HEATMAP, data,
                        partial(heatmap.draw, data, part, title, self.choice.page, self.choice.font),
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
                    partial(split_figure.draw, data, self.choice.page, self.choice.font),
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
        for suffix, part in pages(list(dict.fromkeys(shares["kernel"])), landscapes.most_kernels(self.choice.page)):
            shown = shares[shares["kernel"].isin(part)]
            yield Drawing(
                f"landscapes{suffix}", "The recorded spaces", captions.LANDSCAPES, shown,
                partial(landscapes.draw, shown, self.choice.width, self.choice.font),
                wide=landscapes.is_wide(shown), appendix=bool(suffix),
            )  # fmt: skip

    def _difficulty(self) -> Iterator[Drawing]:
        names = [name for name in self.order if name not in self._random][:4]
        rows = difficulty.by_difficulty(self.results, names)
        data = rows[np.isfinite(rows["e5"])].reset_index(drop=True)
        if data["task"].nunique() > 2:
            unhit = rows["task"].nunique() - data["task"].nunique()
            caption = captions.DIFFICULTY.format(lines=level_lines(self.claimed).lower())
            yield Drawing(
                "speedup-difficulty", "When a model pays: speedup against difficulty",
                caption + (captions.UNHIT.format(unhit=unhit) if unhit else ""), data,
                lambda: difficulty.draw(data, {name: self.styles[name] for name in names}, self.claimed),
            )  # fmt: skip

    def _ranks(self) -> Iterator[Drawing]:
        ranks = ranking(self.results)
        if ranks is not None and len(ranks.strategies) > 2:
            data = pd.DataFrame({"strategy": ranks.strategies, "mean_rank": ranks.mean_rank})
            yield Drawing(
                "ranks", "Critical-difference diagram", captions.RANKS, data,
                partial(critical_difference.draw, ranks, self.styles, self.choice.width, self.choice.font),
                wide=critical_difference.is_wide(ranks), appendix=True,
            )  # fmt: skip
