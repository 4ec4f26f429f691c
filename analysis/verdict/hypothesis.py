"""What a study sets out to show, as data: reports test this and nothing else.

It stands in ``hypothesis.yaml`` beside the study's results (:mod:`analysis.verdict.hypothesis_file` reads it). What is
tested has no default: what a claim is must not change with the library.
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
"""The random searches that every report computes. The first falls back to runs of ``random`` where nothing is
recorded."""
ALL = "all"
"""The stratum of all tasks together."""

CHOICES: dict[str, tuple[str, ...]] = {
    "baselines": BASELINES,
    "strata": (*STRATA, ALL),
    "axes": AXES,
    "questions": QUESTIONS,
}
"""What the fields that choose among names may hold."""
TESTED_TARGETS = TARGETS
"""What ``target`` and ``targets`` may hold: times to target are computed for these."""


@dataclass(frozen=True)
class Seeds:
    """The seeds ``first``, ``first + 1``, … of each strategy on each task, ``count`` of them."""

    first: int
    count: int

    def all(self) -> range:
        return range(self.first, self.first + self.count)


@dataclass(frozen=True)
class LivePart:
    """What is to be run on a device beside the replays; told, and judged by the live comparison."""

    tasks: tuple[str, ...]
    strategies: tuple[str, ...]
    seeds: Seeds


@dataclass(frozen=True)
class Hypothesis:
    """A claim of the kind "some strategy is at least ``threshold`` times as fast as random search".

    Attributes:
        statement: the claim in the words of who makes it, for the reader.
        strategies: whom it is about, by ``strategy.label``. One that fulfils it supports it, all have to miss it to
            refute it; the report names them first. All other strategies are judged alike and decide nothing.
        baselines: the kinds of random search that have to be outrun, each; of ``BASELINES``.
        threshold: how many times as fast, at least; above 0.
        upper_end: the other end where a range is claimed ("5-10 times"); told, not tested. ``None``: no upper end.
        target: near-optimal means within this share of the optimum; of :data:`analysis.reference.TARGETS`.
        targets: all that are tested, ``target`` among them; Holm's correction is over them.
        strata: which tasks it is about, by difficulty, the most important first; ``all`` is everything. The claim
            stands and falls with the first that the study has; the others are told beside it.
        axes: on which it has to hold, each: ``evaluations``, ``seconds``.
        questions: what is asked, the most important first: ``these tasks``, ``new kernels``.
        error_rate: chance of a wrong verdict that is taken, between 0 and 0.5; bounds are one-sided at one minus it.
        seeds: of its strategies' runs; ``None``: none are registered.
        stratum_rule: how tasks are divided by difficulty; ``None``: as reports do.
        live: what is to be run live; ``None``: nothing is registered.
        registered: when it was fixed by its own word, ISO 8601 in UTC; counts where no commit says more.
        leave_out_unreachable: whether a task is kept out of the comparison with a kind of random search whose E[T] on
            it is below ``threshold``: a tuner that hits with its first evaluation is not that many times as fast.
        reference_error: relative standard error of the recorded latencies, below
            :data:`analysis.reference.MOST_REFERENCE_ERROR`; what is decided has to hold with it too. ``None``: none is
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
        """Of one-sided bounds."""
        return 1.0 - self.error_rate

    @property
    def speedup(self) -> str:
        """The claimed speedup as it is written: ``5–10×``, ``at least 2×``."""
        if self.upper_end is None:
            return f"at least {self.threshold:g}×"
        return f"{self.threshold:g}–{self.upper_end:g}×"

    @property
    def lines(self) -> tuple[float, ...]:
        """The claimed speedups, for figures."""
        return (self.threshold,) if self.upper_end is None else (self.threshold, self.upper_end)

    def needs(self) -> set[tuple[str, str]]:
        """Axes and baselines: without all of them nothing is supported."""
        return {(axis, baseline) for axis in self.axes for baseline in self.baselines}

    def asked(self, baseline: str) -> str:
        """Which of ``baselines`` a row of a speedup table answers for: its own, or the one that it stands in for."""
        return baseline if baseline in self.baselines else PRIMARY.label
