"""The forest plots of a report: speedups over random search with their intervals, full and compact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from analysis.figures import compact_forest, speedup_forest
from analysis.figures.style import Look
from analysis.report import captions
from analysis.report.choice import FigureChoice
from analysis.report.drawing import Drawing, pages
from analysis.study.time_to_target import AXES
from analysis.study.workers import axis_words


@dataclass(frozen=True)
class Forests:
    """What the full and the compact forest plots share, and the plots themselves.

    Attributes:
        speedups: the speedup table of the study.
        looks: the look of each strategy drawn, in drawing order.
        claimed: speedups at which a line is drawn.
    """

    speedups: pd.DataFrame
    looks: dict[str, Look]
    claimed: Sequence[float]
    choice: FigureChoice

    def whole(self) -> Iterator[Drawing]:
        for axis in AXES:
            rows = speedup_forest.rows_of(self.speedups, axis, self.choice.target)
            names = [name for name in list(self.looks) if name in set(rows["strategy"])]
            page = self._page()
            for suffix, part in pages(names, speedup_forest.most_strategies(self.choice.page)):
                shown = rows[rows["strategy"].isin(part)]
                yield Drawing(
                    f"speedup-{axis}{suffix}",
                    f"Speedup in {axis_words(axis, shown)}" + (f", {', '.join(part)}" if suffix else ""),
                    captions.FOREST.format(lines=level_lines(self.claimed)),
                    shown,
                    partial(
                        speedup_forest.draw,
                        shown,
                        axis,
                        self.choice.target,
                        self.looks,
                        part,
                        self.claimed,
                        **page,
                    ),
                    wide=True,
                    appendix=bool(suffix),
                )

    def compact(self) -> Iterator[Drawing]:
        for axis in AXES:
            rows = speedup_forest.rows_of(self.speedups, axis, self.choice.target)
            rows = rows[rows["strategy"].isin(list(self.looks))]
            names = [name for name in list(self.looks) if name in set(rows["strategy"])]
            if not names:
                continue
            groups = compact_forest.groups_of(rows)
            page = self._page()
            for suffix, part in pages(groups, compact_forest.most_panels(len(names), page["width"])):
                shown = rows[rows["task"].isin(part) & (rows["stratum"] == "all")]
                draw = partial(compact_forest.draw, rows, axis, self.choice.target, self.looks, names, part)
                yield Drawing(
                    f"speedup-compact-{axis}{suffix}", f"Speedup in {axis_words(axis, shown)}: ALL and kernels",
                    captions.COMPACT.format(lines=level_lines(self.claimed)), shown,
                    partial(draw, self.claimed, **page),
                    wide=len(part) > 1, appendix=True,
                )  # fmt: skip

    def _page(self) -> dict[str, Any]:
        """The width and font of a figure that is as wide as the page."""
        return {"width": self.choice.page, "font": self.choice.font}


def level_lines(claimed: Sequence[float]) -> str:
    """Say where the reference lines are: ``Lines at 1, 5 and 10``."""
    levels = [f"{level:g}" for level in (1.0, *claimed)]
    return "A line at 1" if len(levels) == 1 else f"Lines at {', '.join(levels[:-1])} and {levels[-1]}"
