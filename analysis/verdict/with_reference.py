"""The same tests with the error of the recorded latencies, because the reference is measured too.

Each task's error over seeds is combined with that of its reference (:mod:`analysis.study.reference_error`), and so is
the error of the mean over *these tasks*; *new kernels* already includes it in the spread between kernels. If the
hypothesis registers the error, supported and refuted must hold with it; if only a file beside the results states it, it
is reported post hoc and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from analysis.study.reference_error import Disturbed
from analysis.study.results import StudyResults
from analysis.verdict.cells import UNDECIDED, Cell
from analysis.verdict.hypothesis import Hypothesis
from analysis.verdict.judgements import Judgements, cells_of, judgements_of, of_claim, strictest, words
from analysis.verdict.tested import tested
from analysis.verdict.unreachable import Unreachable


@dataclass(frozen=True)
class WithError:
    """Tests and verdicts with the reference error.

    Attributes:
        relative_error: of a recorded latency.
        registered: whether the hypothesis registers it; then it decides.
        tasks: the number of tasks whose results include the error; tasks without a recorded table do not.
        judgements: the stricter of the judgements with and without it.
        sentences: the statements for the reader.
    """

    relative_error: float
    registered: bool
    replicates: int
    tasks: int
    cells: tuple[Cell, ...]
    judgements: Judgements
    claim: dict[str, dict[str, str]]
    hypothesis: Hypothesis
    sentences: tuple[str, ...]

    def document(self, plain: Callable[[Any], Any]) -> dict[str, Any]:
        """The part of verdict.json on the reference error."""
        return {
            "relative_error": self.relative_error,
            "registered": self.registered,
            "post_hoc": not self.registered,
            "replicates": self.replicates,
            "tasks": self.tasks,
            "verdict": self.claim,
            "verdicts": words(self.judgements, self.hypothesis.error_rate),
            "cells": [{k: plain(v) for k, v in asdict(cell).items()} for cell in self.cells],
        }


def with_error(
    results: StudyResults,
    hypothesis: Hypothesis,
    out: Sequence[Unreachable],
    disturbed: Disturbed,
    harder: Sequence[Cell],
    without: Judgements,
) -> WithError:
    """Repeat the tests with the error.

    Args:
        harder: the tests over random search that never restarts.
        without: the judgements without this error.
    """
    cells = cells_of(tested(results, hypothesis, out, disturbed), hypothesis)
    both = strictest(without, judgements_of(cells, harder, hypothesis))
    claim = of_claim(both, hypothesis)
    known = disturbed.speedups[np.isfinite(disturbed.speedups["se"])]
    registered, tasks = hypothesis.reference_error is not None, int(known["task"].nunique())
    told = _sentence(cells, of_claim(without, hypothesis), claim, hypothesis, disturbed)
    return WithError(
        disturbed.relative_error, registered, disturbed.replicates, tasks, tuple(cells), both, claim, hypothesis, told
    )


def _sentence(
    cells: Sequence[Cell],
    before: dict[str, dict[str, str]],
    claim: dict[str, dict[str, str]],
    hypothesis: Hypothesis,
    disturbed: Disturbed,
) -> tuple[str, ...]:
    """The claim's strategies over each baseline, in the deciding stratum: the lower of the axes."""
    question = hypothesis.questions[0]
    stratum = next((s for s in hypothesis.strata if s in claim.get(question, {})), None)
    if stratum is None:
        return ()
    here = [
        c
        for c in cells
        if (c.question, c.stratum, c.target) == (question, stratum, hypothesis.target) and np.isfinite(c.lower)
    ]
    parts = []
    for name in hypothesis.strategies:
        for baseline in dict.fromkeys(c.baseline for c in here if c.strategy == name):
            cell = min((c for c in here if (c.strategy, c.baseline) == (name, baseline)), key=lambda c: c.speedup)
            parts.append(
                f"{name} is {cell.speedup:.1f} times ({cell.lower:.1f} to {cell.upper:.1f}) as fast as {baseline} in "
                f"{cell.axis_words}"
            )
    was, now = before[question][stratum], claim[question][stratum]
    if hypothesis.reference_error is None:
        kind = "Post hoc, without effect on the verdict, as the hypothesis registers no such error: with"
        outcome = f"with it the claim would be {now}" + (", as it is." if now == was else f", not {was}.")
    else:
        kind = "With"
        outcome = f"with it the claim is {now}" + (", as without." if now == was else f"; without it would be {was}.")
        if now == was != UNDECIDED:
            outcome = f"{was} survives it."
    listed = f" {', '.join(parts)};" if parts else ""
    return (
        f"{kind} the error of the recorded latencies themselves ({100 * disturbed.relative_error:.2g}% each, "
        f"{disturbed.replicates} disturbed references){listed} {outcome}",
    )
