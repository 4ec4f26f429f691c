"""The verdict on a study's hypothesis, "at least so many times as fast as random search", computed from the bounds.

The tests (:mod:`analysis.verdict.cells`) are those of all axes x kinds of random search x targets that the hypothesis
names, for each strategy and stratum, for *these tasks* and for *new kernels*. A strategy's verdict is taken at the
hypothesis's target:

- *supported* where every axis and baseline is there and puts the speedup above the threshold after Holm's correction
  over the targets, and so does random search that never restarts (:mod:`analysis.verdict.sensitivity`). All have to, so
  that none needs a further correction (intersection-union: Berger 1982).
- *refuted* where some axis and baseline puts it below. One suffices, which is one chance of error each: so the
  smallest p of a target counts as many times as it has tests (Bonferroni, which holds however they depend), before
  Holm's correction over the targets. Without it a strategy that is exactly as fast as the threshold on all four, but
  not at the other targets, was refuted in 7 to 16% of simulated studies, with it in 2 to 4% (``experiments/coverage``).
- *undecided* else.

The claim itself stands with the hypothesis's own strategies. Any of them may support it, so that support is
Holm-corrected over them; all of them have to refute it, one that did not run included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.reference import STRATA
from analysis.statistics.multiplicity import holm
from analysis.study.results import StudyResults
from analysis.verdict import sensitivity
from analysis.verdict.cells import REFUTED, SUPPORTED, UNDECIDED, Cell, family
from analysis.verdict.headline import Corrected, headline
from analysis.verdict.hypothesis import ALL, Hypothesis
from analysis.verdict.tested import tested, without_restarts
from analysis.verdict.text import Verdicts, details
from analysis.verdict.unreachable import Unreachable, document, sentences, unreachable

FAMILY = ["strategy", "stratum", "axis", "baseline"]
"""What the tests at several targets have in common."""


@dataclass(frozen=True)
class Judgement:
    """One strategy in one stratum, all axes and baselines together.

    Attributes:
        p_supported: of "at most the threshold somewhere"; 1 where an axis or a baseline is missing.
        p_refuted: of "at least the threshold everywhere".
    """

    p_supported: float
    p_refuted: float

    def verdict(self, error_rate: float) -> str:
        return REFUTED if self.p_refuted <= error_rate else SUPPORTED if self.p_supported <= error_rate else UNDECIDED


Judgements = dict[str, dict[str, dict[str, Judgement]]]
"""Question to stratum to strategy."""


@dataclass(frozen=True)
class Verdict:
    """What the study says of its hypothesis.

    Attributes:
        hypothesis: what was judged.
        cells: every test.
        judgements: what they amount to, by strategy.
        claim: question to stratum to the verdict on the claim itself, which the hypothesis's strategies stand for; a
            stratum is absent where none of them ran.
        sentence: the headline, at most 60 words.
        details: all of it in words.
        sensitivity: the tests over random search that never restarts, which *supported* survived.
        unreachable: tasks on which random search is too fast for the claim.
        notes: what a reader must know of both, a sentence each.
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

    @property
    def verdicts(self) -> Verdicts:
        """The words alone."""
        return words(self.judgements, self.hypothesis.error_rate)

    def document(self) -> dict[str, Any]:
        """verdict.json."""
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
            "notes": list(self.notes),
        }


def words(judgements: Judgements, error_rate: float) -> Verdicts:
    return {
        question: {
            stratum: {name: of.verdict(error_rate) for name, of in by_name.items()}
            for stratum, by_name in strata.items()
        }
        for question, strata in judgements.items()
    }


def judge(results: StudyResults, hypothesis: Hypothesis) -> Verdict:
    """Test the hypothesis for its own strategies, and for every other one that is no random search."""
    out = unreachable(results, hypothesis)
    cells = _cells(tested(results, hypothesis, out), hypothesis)
    harder = _cells(without_restarts(results, hypothesis, out), hypothesis)
    judgements, easier = _judgements(cells, harder, hypothesis), _judgements(cells, [], hypothesis)
    claim = {
        question: {
            stratum: _of_claim(by_name, hypothesis)
            for stratum, by_name in strata.items()
            if set(by_name) & {*hypothesis.strategies}
        }
        for question, strata in judgements.items()
    }
    told = details(cells, words(judgements, hypothesis.error_rate), claim, hypothesis)
    notes = (
        *sensitivity.sentences(harder, _taken_away(easier, judgements, hypothesis.error_rate), hypothesis),
        *sentences(out, hypothesis),
    )
    return Verdict(
        hypothesis,
        tuple(cells),
        judgements,
        claim,
        headline(cells, claim, hypothesis, _p_values(judgements)),
        told,
        tuple(harder),
        tuple(out),
        notes,
    )


def _cells(rows: pd.DataFrame, hypothesis: Hypothesis) -> list[Cell]:
    families: dict[tuple[Any, ...], list[dict[Any, Any]]] = {}
    for row in rows.sort_values([*FAMILY, "target"]).to_dict("records"):
        families.setdefault(tuple(row[name] for name in FAMILY), []).append(row)
    asked = [(rows, question) for question in hypothesis.questions for rows in families.values()]
    return [cell for rows, question in asked for cell in family(rows, question, hypothesis)]


def _judgements(cells: Sequence[Cell], harder: Sequence[Cell], hypothesis: Hypothesis) -> Judgements:
    judgements: Judgements = {}
    for question in hypothesis.questions:
        for stratum in (*STRATA, "unknown", ALL):
            here, also = ([c for c in of if (c.question, c.stratum) == (question, stratum)] for of in (cells, harder))
            own = _by_strategy(here, also, hypothesis)
            if own:
                judgements.setdefault(question, {})[stratum] = own
    return judgements


def _taken_away(easier: Judgements, judgements: Judgements, error_rate: float) -> list[tuple[str, str, str]]:
    """Question, stratum and strategy of what would be supported, were random search begun anew after the budget."""
    return [
        (question, stratum, name)
        for question, strata in easier.items()
        for stratum, by_name in strata.items()
        for name, of in by_name.items()
        if of.verdict(error_rate) == SUPPORTED != judgements[question][stratum][name].verdict(error_rate)
    ]


def _of_claim(by_name: Mapping[str, Judgement], hypothesis: Hypothesis) -> str:
    own = [by_name.get(name, Judgement(1.0, 1.0)) for name in hypothesis.strategies]
    verdicts = [judgement.verdict(hypothesis.error_rate) for judgement in own]
    if all(verdict == REFUTED for verdict in verdicts):
        return REFUTED
    supporting = holm([judgement.p_supported for judgement in own]) <= hypothesis.error_rate
    agreed = [ok and verdict == SUPPORTED for ok, verdict in zip(supporting, verdicts, strict=True)]
    return SUPPORTED if any(agreed) else UNDECIDED


def _by_strategy(cells: Sequence[Cell], harder: Sequence[Cell], hypothesis: Hypothesis) -> dict[str, Judgement]:
    cells_of: dict[str, list[Cell]] = {}
    for cell in cells:
        cells_of.setdefault(cell.strategy, []).append(cell)
    return {
        name: _together(own, sensitivity.highest_p(harder, name, hypothesis.target), hypothesis)
        for name, own in sorted(cells_of.items())
        if any(c.target == hypothesis.target for c in own)
    }


def _together(cells: Sequence[Cell], harder: float, hypothesis: Hypothesis) -> Judgement:
    """Of one strategy's tests in one stratum, at all targets; ``harder``: the p that support has to survive too."""
    headline = [cell for cell in cells if cell.target == hypothesis.target]
    complete = {(cell.axis, hypothesis.asked(cell.baseline)) for cell in headline} >= hypothesis.needs()
    targets = sorted({cell.target for cell in cells})
    smallest = [_smallest([cell.raw_below for cell in cells if cell.target == target]) for target in targets]
    return Judgement(
        p_supported=max(harder, *(cell.p_above for cell in headline)) if complete else 1.0,
        p_refuted=float(holm(smallest)[targets.index(hypothesis.target)]),
    )


def _p_values(judgements: Judgements) -> Corrected:
    return {
        question: {
            stratum: {name: (of.p_supported, of.p_refuted) for name, of in by_name.items()}
            for stratum, by_name in strata.items()
        }
        for question, strata in judgements.items()
    }


def _smallest(p_values: Sequence[float]) -> float:
    """p of "none is false": the smallest times their number, 1 at most; nan counts as 1."""
    return min(1.0, len(p_values) * float(np.nan_to_num(p_values, nan=1.0).min()))


def plain(value: Any) -> Any:
    """A number as verdict.json has it: six digits, null where there is none."""
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value
