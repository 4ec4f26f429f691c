"""The figures of a report that show runs over time: best so far, and the share of runs solved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from analysis.figures import best_so_far, runtime_ecdf
from analysis.figures.style import Look
from analysis.media import file_stem
from analysis.reference import kernel_of
from analysis.report import captions
from analysis.report.captions import MOST_CURVES
from analysis.report.choice import FigureChoice
from analysis.report.drawing import Drawing, pages
from analysis.study import curves, runtime_distribution
from analysis.study.results import StudyResults
from analysis.study.simulated_random import RandomSearches
from analysis.study.time_to_target import AXES
from analysis.study.workers import who_has_what


@dataclass(frozen=True)
class Curves:
    """What the figures of curves share, and the figures themselves.

    Attributes:
        shown: the strategies in a figure of curves.
        simulated: the simulated random searches of the tasks.
        claims: whether the strategies of a hypothesis are drawn first.
    """

    results: StudyResults
    choice: FigureChoice
    shown: dict[str, Look]
    simulated: dict[str, RandomSearches]
    claims: bool

    def best_so_far(self, by: str) -> Iterator[Drawing]:
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
            kernel: kernel if len(tasks[kernel]) == 1 else f"{kernel}\n({len(tasks[kernel])} tasks)"
            for kernel in kernels
        }
        whom = "those of the hypothesis and the fastest" if self.claims else "the fastest"
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
        """Draw one figure with a panel for each task, on one axis."""
        for suffix, part in pages(sorted(lines), best_so_far.most_groups(self.choice.width, axes=1)):
            own, exact = (of[of["task"].isin(part) & (of["axis"] == axis)] if len(of) else of for of in (runs, law))
            titles = {task: task.replace("__", " ") for task in part}
            yield Drawing(
                f"best-so-far-tasks-{axis}{suffix}", f"Best so far in {axis}, by task",
                caption + self._workers(own, exact), pd.concat([own, exact]),
                partial(best_so_far.draw, own, exact, self.shown, titles, lines, **self._curve()),
                wide=True, appendix=True,
            )  # fmt: skip

    def _workers(self, *curves: pd.DataFrame) -> str:
        """State the number of compile workers of each strategy drawn, if they differ."""
        drawn = [*self.shown, runtime_distribution.EXACT_RANDOM]
        return who_has_what(pd.concat([part[part["strategy"].isin(drawn)] for part in curves if len(part)]))

    def distributions(self) -> Iterator[Drawing]:
        parts = [
            runtime_distribution.run_distributions(self.results),
            runtime_distribution.random_distributions(self.results, self.simulated),
        ]
        data = pd.concat([part for part in parts if len(part)], ignore_index=True) if any(map(len, parts)) else parts[0]
        if len(data):
            yield Drawing(
                "runtime-ecdf", "Share of runs solved over time", captions.ECDF + self._workers(data), data,
                partial(runtime_ecdf.draw, data, self.shown, self.choice.page, self.choice.font), wide=True,
            )  # fmt: skip

    def _curve(self) -> dict[str, Any]:
        return {"width": self.choice.width, "font": self.choice.font, "target": self.choice.target}
