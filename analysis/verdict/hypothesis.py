"""A study's hypothesis as data: reports test this and nothing else.

It is read from ``hypothesis.yaml`` beside the study's results (:mod:`analysis.verdict.hypothesis_file`). What is tested
has no default, because a claim must not change with the library.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.reference import STRATA, TARGETS, StratumRule
from analysis.statistics.supported import NEW_KERNELS, THESE_TASKS
from analysis.study.baseline import PRIMARY
from analysis.study.results import BASELINES as COMPUTED
from analysis.study.time_to_target import AXES

QUESTIONS = (THESE_TASKS, NEW_KERNELS)
BASELINES = tuple(baseline.label for baseline in COMPUTED)
"""The random searches that every report computes. The first falls back to runs of ``random`` without a recording."""
ALL = "all"
"""The stratum of all tasks together."""

CHOICES: dict[str, tuple[str, ...]] = {
    "baselines": BASELINES,
    "strata": (*STRATA, ALL),
    "axes": AXES,
    "questions": QUESTIONS,
}
"""The allowed values of fields that choose among names."""
TESTED_TARGETS = TARGETS
"""The allowed values of ``target`` and ``targets``, for which times to target are computed."""


@dataclass(frozen=True)
class Seeds:
    """The seeds ``first``, ``first + 1``, … of each strategy on each task, ``count`` of them."""

    first: int
    count: int

    def all(self) -> range:
        return range(self.first, self.first + self.count)


@dataclass(frozen=True)
class LivePart:
    """The live runs planned beside the replays; reported, and judged by the live comparison."""

    tasks: tuple[str, ...]
    strategies: tuple[str, ...]
    seeds: Seeds


@dataclass(frozen=True)
class Hypothesis:
    """A claim of the kind "some strategy is at least ``threshold`` times as fast as random search".

    Attributes:
        statement: the claim in the author's words, for the reader.
        strategies: the strategies it is about, by ``strategy.label``. One that meets the claim supports it; all must
            miss it to refute it. The report names them first. Other strategies are judged in the same way but decide
            nothing.
        baselines: the kinds of random search, each of which must be beaten; from ``BASELINES``.
        threshold: the least speedup; above 0.
        upper_end: the upper end of a claimed range ("5-10 times"); reported, not tested. ``None``: no upper end.
        target: near-optimal means within this share of the optimum; from :data:`analysis.reference.TARGETS`.
        targets: all tested targets, including ``target``; Holm's correction is over them.
        strata: the tasks it is about, by difficulty, the most important first; ``all`` means all tasks. The first that
            the study has decides the claim; the others are reported beside it.
        axes: the axes on each of which it must hold: ``evaluations``, ``seconds``.
        questions: the most important first: ``these tasks``, ``new kernels``.
        error_rate: accepted probability of a wrong verdict, between 0 and 0.5; one-sided bounds are at one minus it.
        seeds: the seeds of its strategies' runs; ``None``: none are registered.
        stratum_rule: how tasks are divided into strata; ``None``: as in reports.
        live: the planned live runs; ``None``: none are registered.
        registered: the stated time of registration, ISO 8601 in UTC; used if no commit tells more.
        leave_out_unreachable: whether a task is left out of the comparison with a kind of random search whose E[T] on
            it is below ``threshold``; there even a tuner that hits with its first evaluation is not that fast.
        reference_error: relative standard error of the recorded latencies, below
            :data:`analysis.reference.MOST_REFERENCE_ERROR`; verdicts must hold with it too. ``None``: none is
            registered.
    """

    statement: str
    strategies: tuple[str, ...]
    baselines: tuple[str, ...]
    threshold: float
    upper_end: float | None
    target: float
    targets: tuple[float, ...]
    strata: tuple[str, ...]
    axes: tuple[str, ...]
    questions: tuple[str, ...]
    error_rate: float
    seeds: Seeds | None = None
    stratum_rule: StratumRule | None = None
    live: LivePart | None = None
    registered: str | None = None
    leave_out_unreachable: bool = False
    reference_error: float | None = None

    @property
    def level(self) -> float:
        """The confidence level of one-sided bounds."""
        return 1.0 - self.error_rate

    @property
    def speedup(self) -> str:
        """The claimed speedup as text: ``5–10×``, ``at least 2×``."""
        if self.upper_end is None:
            return f"at least {self.threshold:g}×"
        return f"{self.threshold:g}–{self.upper_end:g}×"

    @property
    def lines(self) -> tuple[float, ...]:
        """The claimed speedups, as lines in figures."""
        return (self.threshold,) if self.upper_end is None else (self.threshold, self.upper_end)

    def needs(self) -> set[tuple[str, str]]:
        """The pairs of axis and baseline; without all of them nothing is supported."""
        return {(axis, baseline) for axis in self.axes for baseline in self.baselines}

    def asked(self, baseline: str) -> str:
        """The baseline of the hypothesis that a row of a speedup table represents: its own, or the one it replaces."""
        return baseline if baseline in self.baselines else PRIMARY.label
