"""What a figure for a paper shows and how it is drawn: the options of ``nearopt report --figure``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from analysis.errors import AnalysisError
from analysis.figures.printed import check_font, check_width
from analysis.figures.style import PAGE_INCHES
from analysis.reference import HEADLINE_TARGET, TARGETS, kernel_of
from analysis.runs.load import Study, part_of
from analysis.study.results import StudyResults


@dataclass(frozen=True)
class FigureChoice:
    """Options of figures. Only ``tasks`` changes numbers, because it restricts the study.

    Attributes:
        width: in inches; ``None``: each figure's own.
        font: an installed font family; ``None``: the style sheet's.
        strategies: the strategies to draw, in this order; empty: all.
        rename: maps a strategy's label to the name in the figure.
        target: ε of the forests, the heatmap and the line of the curves.
        tasks: names of tasks or kernels, or patterns such as ``softmax-*``; empty: all.

    Raises:
        AnalysisError: an invalid width, font or target.
    """

    width: float | None = None
    font: str | None = None
    strategies: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    target: float = HEADLINE_TARGET
    tasks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.width is not None:
            check_width(self.width)
        if self.font is not None:
            check_font(self.font)
        if not any(np.isclose(self.target, target) for target in TARGETS):
            raise AnalysisError(f"--target {self.target:g}: expected one of {', '.join(f'{t:g}' for t in TARGETS)}")

    @property
    def page(self) -> float:
        """The width in inches of a figure that by default spans the page."""
        return self.width or PAGE_INCHES

    def shown(self, known: Sequence[str]) -> list[str]:
        """The strategies to draw.

        Raises:
            AnalysisError: one of them, or one that is renamed, is not in the study.
        """
        for option, names in (("--strategies", self.strategies), ("--rename", self.rename)):
            for name in names:
                _check_known(option, name, known, "strategy")
        return [*dict.fromkeys(self.strategies)] or [*known]

    def names(self, known: Sequence[str]) -> dict[str, str]:
        """Map each label to the name in the figure.

        Raises:
            AnalysisError: two strategies would have the same name.
        """
        new = {name: self.rename.get(name, name) for name in known}
        for name in self.rename:
            if others := [other for other in known if other != name and new[other] == new[name]]:
                raise AnalysisError(f"--rename {name}={new[name]}: {others[0]} already has this name: expected another")
        return new

    def part(self, study: Study) -> Study:
        """The study's runs on the chosen tasks.

        Raises:
            AnalysisError: a name or pattern that matches no task.
        """
        if not self.tasks:
            return study
        known = sorted(set(study.runs["task"]))
        kept: set[str] = set()
        for pattern in self.tasks:
            found = {task for task in known if _matches(task, pattern)}
            if not found:
                _check_known("--tasks", pattern, [*known, *{kernel_of(task) for task in known}], "task or kernel")
            kept |= found
        pairs = zip(study.runs["task"], study.runs["strategy"], strict=True)
        return part_of(study, {(str(task), str(strategy)) for task, strategy in pairs if task in kept})


NO_CHOICE = FigureChoice()


def _matches(task: str, pattern: str) -> bool:
    return pattern in (task, task.partition("__")[0], kernel_of(task)) or fnmatchcase(task, pattern)


def _check_known(option: str, name: str, known: Sequence[str], noun: str) -> None:
    if name not in known:
        near = get_close_matches(name, known, n=1) or sorted(known)
        raise AnalysisError(f"{option} {name}: no such {noun} in this study: expected {', '.join(near)}")


def renamed(results: StudyResults, new: Mapping[str, str]) -> StudyResults:
    """The results with strategies renamed in their tables; the account of runs keeps the old names."""

    def table(of: pd.DataFrame) -> pd.DataFrame:
        return of.assign(strategy=of["strategy"].map(lambda name: new.get(name, name))) if len(of) else of

    return replace(
        results,
        study=replace(results.study, runs=table(results.study.runs)),
        times=table(results.times),
        speedups=table(results.speedups),
        others={label: table(other) for label, other in results.others.items()},
    )
