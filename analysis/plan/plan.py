"""A plan: the study that would decide a hypothesis, per question and baseline, as a document and as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.media import aligned
from analysis.plan.pilot import Key, Pilot
from analysis.plan.power import Chances, reason_unsolved, smallest
from analysis.statistics.supported import NEW_KERNELS, THESE_TASKS
from analysis.study.workers import SECONDS, clock_words
from analysis.verdict.cells import REFUTED, SUPPORTED, UNDECIDED
from analysis.verdict.hypothesis import ALL
from analysis.verdict.hypothesis_file import HypothesisFile

POWERS = (0.8, 0.9)
EVERY = "all"
"""The key of all baselines together, that is, of the claim itself."""


@dataclass(frozen=True)
class Need:
    """A study that gives a verdict with a certain power.

    Attributes:
        verdict: the verdict that the estimate favours; ``undecided`` if it favours support but random search that never
            restarts prevents it.
        speedup: the estimate that decides; ``None`` without one.
        axis: the axis of that estimate; seconds with the compile workers of both sides.
        seeds, tasks, kernels: the size of that study. For these tasks the number of seeds is solved for; for new
            kernels the number of kernels, each with the tasks and seeds of the pilot. ``None`` if no number is enough.
        power_now: the power of another study of the pilot's size.
        why: why there is no number.
    """

    verdict: str
    speedup: float | None
    axis: str
    seeds: int | None
    tasks: int | None
    kernels: int | None
    power_now: float
    why: str


@dataclass(frozen=True)
class Plan:
    """Needs by power, question and baseline; ``EVERY`` is the claim, which must hold against each baseline."""

    file: HypothesisFile
    results: tuple[str, ...]
    pilot: Pilot
    needs: dict[float, dict[str, dict[str, Need]]]

    def document(self) -> dict[str, Any]:
        """What ``nearopt plan --json`` prints; analysis/README.md describes it."""
        pilot = self.pilot
        return {
            "hypothesis": str(self.file.path),
            "sha256": self.file.sha256,
            "results": list(self.results),
            "pilot": {
                "stratum": pilot.stratum, "seeds": pilot.seeds, "tasks": pilot.tasks, "kernels": pilot.kernels
            },
            "reference_error": self._reference_error(),
            "power": {
                f"{power:g}": {
                    question: {label: asdict(need) for label, need in by_label.items()}
                    for question, by_label in by_question.items()
                }
                for power, by_question in self.needs.items()
            },
        }  # fmt: skip

    def _of_reference(self) -> list[tuple[Key, float]]:
        """Standard error of the log speedup on these tasks that the reference error causes, by test."""
        hypothesis = self.file.hypothesis
        pairs = zip(self.pilot.keys, self.pilot.tests, strict=True)
        asked = {*hypothesis.baselines}
        return [(k, test.reference.se) for k, test in pairs if k[3] == hypothesis.target and k[2] in asked]

    def _reference_error(self) -> dict[str, Any] | None:
        """The part of the document on the reference error; ``None`` if the hypothesis registers none."""
        registered = self.file.hypothesis.reference_error
        if registered is None:
            return None
        rows = [
            {"strategy": key[0], "axis": key[1], "baseline": key[2], "se_log_speedup": float(f"{se:.6g}")}
            for key, se in self._of_reference()
        ]
        return {"relative_error": registered, "these_tasks": rows}

    def _told_of_reference(self) -> str:
        registered = self.file.hypothesis.reference_error
        if registered is None:
            return "Recorded latencies are taken as exact: the hypothesis registers no reference_error."
        errors = [se for _, se in self._of_reference()]
        low, high = (f"{100 * np.expm1(of(errors)):.2g}" for of in (min, max))
        return (
            f"With reference_error={registered:g}, as registered in the hypothesis, speedups on these tasks "
            f"have a standard error of {low if low == high else f'{low} to {high}'}% from that error alone, for any "
            "number of seeds; for new kernels the spread between kernels includes it."
        )

    def text(self) -> str:
        """The plan as text."""
        pilot, hypothesis = self.pilot, self.file.hypothesis
        of = "" if pilot.stratum == ALL else f"{pilot.stratum} "
        lines = [
            f"{self.file.path}: {hypothesis.speedup} as fast as random search, within {hypothesis.target:.0%}, "
            f"{' and '.join(f'in {axis}' for axis in hypothesis.axes)}.",
            f"Pilot: {', '.join(self.results)}: {pilot.tasks} {of}tasks of {pilot.kernels} kernels, "
            f"{pilot.seeds} seeds.",
            self._told_of_reference(),
            "",
        ]
        rows = [["question", "over", "estimate", "verdict", *(f"with {power:.0%} power" for power in self.needs)]]
        for question, by_label in next(iter(self.needs.values())).items():
            for label, need in by_label.items():
                told = [_told(question, by_question[question][label]) for by_question in self.needs.values()]
                speedup = "?" if need.speedup is None else f"{need.speedup:.2f}× in {need.axis}"
                over = "each baseline" if label == EVERY else label
                counted = hypothesis.reference_error is not None and question == THESE_TASKS
                named = f"{question}, with reference_error" if counted else question
                rows.append([named, over, speedup, need.verdict, *told])
        whys = dict.fromkeys(
            f"{question}, {label}: {need.why}."
            for by_question in self.needs.values()
            for question, by_label in by_question.items()
            for label, need in by_label.items()
            if need.why
        )
        return "\n".join([*lines, *aligned(rows, left=len(rows[0])), *([""] if whys else []), *whys])


def plan(file: HypothesisFile, pilot: Pilot, results: Sequence[Path], powers: Sequence[float] = POWERS) -> Plan:
    """Solve for every question and baseline of the hypothesis, and for all baselines together."""
    hypothesis = file.hypothesis
    several = len(hypothesis.baselines) > 1
    labels = {label: replace(hypothesis, baselines=(label,)) for label in hypothesis.baselines}
    asked = labels | ({EVERY: hypothesis} if several else {})
    chances = {
        (question, label): Chances.of(pilot, of, question)
        for question in hypothesis.questions
        for label, of in asked.items()
    }
    needs = {
        power: {q: {label: _need(chances[q, label], power) for label in asked} for q in hypothesis.questions}
        for power in powers
    }
    return Plan(file, tuple(map(str, results)), pilot, needs)


def _need(chances: Chances, power: float) -> Need:
    pilot, at = chances.pilot, chances.deciding()
    test, axis = pilot.tests[at], pilot.keys[at][1]
    of_kernels = chances.question == NEW_KERNELS
    why = reason_unsolved(chances)
    found, why = (None, why) if why else smallest(chances, power)
    known = found is not None
    kernels = found if of_kernels else pilot.kernels
    tasks = math.ceil(found * pilot.tasks / pilot.kernels - 1e-9) if of_kernels and found is not None else pilot.tasks
    now = pilot.kernels if of_kernels else pilot.seeds
    possible = not reason_unsolved(chances) and now > 1
    return Need(
        verdict=REFUTED if not chances.supports() else SUPPORTED if chances.taken_away() is None else UNDECIDED,
        speedup=None if test.unsolved else float(f"{np.exp(test.log):.6g}"),
        axis=axis if axis != SECONDS else clock_words([test.sides]),
        seeds=(pilot.seeds if of_kernels else found) if known else None,
        tasks=tasks if known else None,
        kernels=kernels if known else None,
        power_now=float(f"{chances.power(now):.3g}") if possible else 0.0,
        why=why,
    )


def _told(question: str, need: Need) -> str:
    if need.kernels is None:
        return "no number"
    if question == NEW_KERNELS:
        return f"{need.kernels} kernels ({need.tasks} tasks of {need.seeds} seeds)"
    return f"{need.seeds} seeds"
