"""The verdict on a study's hypothesis, "at least ``threshold`` times as fast as random search".

The tests (:mod:`analysis.verdict.cells`) cover all axes x kinds of random search x targets of the hypothesis, for each
strategy and stratum, for *these tasks* and for *new kernels*. A strategy's verdict is at the hypothesis's target:

- *supported* if every axis and baseline is available and puts the speedup above the threshold after Holm's correction
  over the targets, and so does random search that never restarts (:mod:`analysis.verdict.sensitivity`). Since all tests
  have to agree, none needs a further correction (intersection-union: Berger 1982).
- *refuted* if at least one axis and baseline puts it below. Since one suffices, each test is a chance of error: the
  smallest p of a target is multiplied by the number of its tests (Bonferroni, which holds under any dependence), before
  Holm's correction over the targets. Without this factor, a strategy that is exactly as fast as the threshold on all
  four, but slower at the other targets, was refuted in 7 to 16% of simulated studies; with it in 2 to 4%
  (``experiments/coverage``).
- *undecided* otherwise.

If a hypothesis registers an error of the recorded latencies, both verdicts must hold with it too
(:mod:`analysis.verdict.with_reference`).

The hypothesis's own strategies decide the claim. Any of them may support it, so support is Holm-corrected over them;
all of them must refute it, including one that did not run.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from analysis.study.reference_error import Disturbed, disturb
from analysis.study.results import StudyResults
from analysis.verdict import sensitivity
from analysis.verdict.cells import Cell
from analysis.verdict.headline import headline
from analysis.verdict.hypothesis import Hypothesis
from analysis.verdict.judgements import Judgements, cells_of, judgements_of, of_claim, p_values, taken_away, words
from analysis.verdict.own_finds import WithoutOwnFinds
from analysis.verdict.tested import tested, without_restarts
from analysis.verdict.text import Verdicts, details
from analysis.verdict.unreachable import Unreachable, document, sentences, unreachable
from analysis.verdict.with_reference import WithError, with_error


@dataclass(frozen=True)
class Verdict:
    """The verdict of a study on its hypothesis.

    Attributes:
        hypothesis: the hypothesis judged.
        cells: all tests.
        judgements: the combined result of the tests, by strategy.
        claim: question to stratum to the verdict on the claim, which the hypothesis's strategies decide; a stratum is
            absent if none of them ran.
        sentence: the headline, at most 60 words.
        details: the whole verdict in words.
        sensitivity: the tests over random search that never restarts, which *supported* survived.
        unreachable: tasks on which random search is too fast for the claim.
        notes: sentences on both that a reader must know.
        reference: the same tests with the error of the recorded latencies, if one is stated.
        own_finds: the same tests with each strategy's own finds left out of t*, if that changes any t*.
    """

    hypothesis: Hypothesis
    cells: tuple[Cell, ...]
    judgements: Judgements
    claim: dict[str, dict[str, str]]
    sentence: str
    details: str = ""
    sensitivity: tuple[Cell, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()
    notes: tuple[str, ...] = ()
    reference: WithError | None = None
    own_finds: WithoutOwnFinds | None = None

    @property
    def verdicts(self) -> Verdicts:
        """Only the verdicts."""
        return words(self.judgements, self.hypothesis.error_rate)

    def document(self) -> dict[str, Any]:
        """The content of verdict.json."""
        claimed = self.hypothesis
        near = f"within {claimed.target:.0%} of the optimum"
        return {
            "claim": f"{near} at least {claimed.threshold:g} times as fast as random search",
            "claimed": [claimed.threshold, claimed.upper_end],
            "target": claimed.target,
            "alpha": claimed.error_rate,
            "sentence": self.sentence,
            "details": self.details,
            "registered": list(claimed.strategies),
            "verdict": self.claim,
            "verdicts": self.verdicts,
            "p": {
                question: {
                    stratum: {name: {k: plain(v) for k, v in asdict(of).items()} for name, of in by_name.items()}
                    for stratum, by_name in strata.items()
                }
                for question, strata in self.judgements.items()
            },
            "cells": [{k: plain(v) for k, v in asdict(cell).items()} for cell in self.cells],
            "without_restarts": [{k: plain(v) for k, v in asdict(cell).items()} for cell in self.sensitivity],
            "unreachable": document(self.unreachable, claimed),
            "reference_error": None if self.reference is None else self.reference.document(plain),
            "own_finds_left_out": None if self.own_finds is None else self.own_finds.document(),
            "notes": list(self.notes),
        }


def judge(results: StudyResults, hypothesis: Hypothesis, disturbed: Disturbed | None = None) -> Verdict:
    """Test the hypothesis for its own strategies, and for every other strategy that is not random search.

    Args:
        disturbed: the study under the error of the recorded latencies. It decides if the hypothesis registers that
            error, and is then computed here unless given; otherwise it is only reported.
    """
    registered = hypothesis.reference_error
    if registered is not None and (disturbed is None or disturbed.relative_error != registered):
        disturbed = disturb(results, registered)
    out = unreachable(results, hypothesis)
    cells = cells_of(tested(results, hypothesis, out), hypothesis)
    harder = cells_of(without_restarts(results, hypothesis, out), hypothesis)
    judgements, easier = judgements_of(cells, harder, hypothesis), judgements_of(cells, [], hypothesis)
    away = taken_away(easier, judgements, hypothesis.error_rate)
    reference = None if disturbed is None else with_error(results, hypothesis, out, disturbed, harder, judgements)
    if reference is not None and registered is not None:
        judgements = reference.judgements
    claim = of_claim(judgements, hypothesis)
    told = details(cells, words(judgements, hypothesis.error_rate), claim, hypothesis)
    notes = (
        *sensitivity.sentences(harder, away, hypothesis),
        *(() if reference is None else reference.sentences),
        *sentences(out, hypothesis),
    )
    return Verdict(
        hypothesis,
        tuple(cells),
        judgements,
        claim,
        headline(cells, claim, hypothesis, p_values(judgements)),
        told,
        tuple(harder),
        tuple(out),
        notes,
        reference,
    )


def without_own_finds(
    verdict: Verdict, results: StudyResults, t_star_ms: dict[str, dict[str, float]], disturbed: Disturbed | None = None
) -> Verdict:
    """The verdict, with a note on what it would be if no strategy were judged by its own finds.

    Args:
        results, t_star_ms: of :func:`analysis.study.own_finds.own_finds_left_out`.
    """
    again = judge(results, verdict.hypothesis, disturbed)
    found = WithoutOwnFinds(t_star_ms, again.claim, again.verdicts)
    sentence = found.sentence(verdict.claim, verdict.hypothesis)
    return replace(verdict, own_finds=found, notes=(*verdict.notes, *([sentence] if sentence else [])))


def plain(value: Any) -> Any:
    """A value for verdict.json: numbers with six digits, null without a value."""
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value
