"""The verdict on "near-optimal settings 5-10 times faster than random search", computed from the bounds.

The tests (:mod:`analysis.verdict.cells`) are those of both axes x both kinds of random search x all targets, for each
strategy and stratum, for *these tasks* and for *new kernels*. A strategy's verdict is taken at the headline target:

- *supported* where every axis and baseline is there and puts the speedup above 5 after Holm's correction over the
  targets. All have to, so that none needs a further correction (intersection-union: Berger 1982).
- *refuted* where some axis and baseline puts it below 5. One suffices, which is one chance of error each: so the
  smallest p of a target counts as many times as it has tests (Bonferroni, which holds however they depend), before
  Holm's correction over the targets. Without it a strategy that is 5 times as fast on all four, but not at the other
  targets, was refuted in 7 to 16% of simulated studies, with it in 2 to 4% (``experiments/coverage``).
- *undecided* else.

The claim itself stands with ``REGISTERED``. Any of them may support it, so that support is Holm-corrected over them;
all of them have to refute it, one that did not run included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.reference import HEADLINE_TARGET, STRATA
from analysis.statistics.multiplicity import holm
from analysis.study.baseline import HIERARCHICAL_RUNS, RANDOM_STRATEGIES
from analysis.study.outcome import Outcome
from analysis.study.time_to_target import AXES
from analysis.verdict.cells import ALPHA, CLAIM, QUESTIONS, REFUTED, REGISTERED, SUPPORTED, UNDECIDED, Cell, family
from analysis.verdict.text import Verdicts, sentence

NEEDED = {(axis, hierarchical) for axis in AXES for hierarchical in (False, True)}
"""Axes, and whether random draws each parameter uniformly: without all four nothing is supported."""
FAMILY = ["strategy", "stratum", "axis", "baseline"]
"""What the tests at several targets have in common."""
NOT_A_MODEL = (*RANDOM_STRATEGIES, "grid", "sobol")
"""Baselines themselves: nothing is claimed of them."""


@dataclass(frozen=True)
class Judgement:
    """One strategy in one stratum, all axes and baselines together.

    Attributes:
        p_supported: of "at most 5 somewhere"; 1 where an axis or a baseline is missing.
        p_refuted: of "at least 5 everywhere".
    """

    p_supported: float
    p_refuted: float

    @property
    def verdict(self) -> str:
        return REFUTED if self.p_refuted <= ALPHA else SUPPORTED if self.p_supported <= ALPHA else UNDECIDED


Judgements = dict[str, dict[str, dict[str, Judgement]]]
"""Question to stratum to strategy."""


@dataclass(frozen=True)
class Verdict:
    """What the study says of the claim.

    Attributes:
        cells: every test.
        judgements: what they amount to, by strategy.
        claim: question to stratum to the verdict on the claim itself, which ``REGISTERED`` stand for; a stratum is
            absent where none of them ran.
        sentence: all of it in one plain sentence.
    """

    cells: tuple[Cell, ...]
    judgements: Judgements
    claim: dict[str, dict[str, str]]
    sentence: str

    @property
    def verdicts(self) -> Verdicts:
        """The words alone."""
        return words(self.judgements)

    def document(self) -> dict[str, Any]:
        """verdict.json."""
        near = f"within {HEADLINE_TARGET:.0%} of the optimum"
        return {
            "claim": f"{near} at least {CLAIM[0]:g} times as fast as random search",
            "claimed": list(CLAIM),
            "target": HEADLINE_TARGET,
            "alpha": ALPHA,
            "sentence": self.sentence,
            "registered": list(REGISTERED),
            "verdict": self.claim,
            "verdicts": self.verdicts,
            "p": {
                question: {
                    stratum: {name: {k: _plain(v) for k, v in asdict(of).items()} for name, of in found.items()}
                    for stratum, found in strata.items()
                }
                for question, strata in self.judgements.items()
            },
            "cells": [{k: _plain(v) for k, v in asdict(cell).items()} for cell in self.cells],
        }


def words(judgements: Judgements) -> Verdicts:
    return {
        question: {stratum: {name: of.verdict for name, of in found.items()} for stratum, found in strata.items()}
        for question, strata in judgements.items()
    }


def judge(outcome: Outcome) -> Verdict:
    """Test the claim for every strategy that is no random search."""
    tables = [outcome.speedups]
    tables += [table for label, table in outcome.others.items() if label == HIERARCHICAL_RUNS]
    whole = pd.concat(tables, ignore_index=True)
    whole = whole[(whole["task"] == "ALL") & ~whole["strategy"].isin(NOT_A_MODEL)]
    families: dict[tuple[Any, ...], list[dict[Any, Any]]] = {}
    for row in whole.sort_values([*FAMILY, "target"]).to_dict("records"):
        families.setdefault(tuple(row[name] for name in FAMILY), []).append(row)
    cells = [cell for question in QUESTIONS for rows in families.values() for cell in family(rows, question)]
    judgements: Judgements = {}
    for question in QUESTIONS:
        for stratum in (*STRATA, "unknown", "all"):
            own = _by_strategy([c for c in cells if (c.question, c.stratum) == (question, stratum)])
            if own:
                judgements.setdefault(question, {})[stratum] = own
    claim = {
        question: {stratum: _of_registered(found) for stratum, found in strata.items() if set(found) & {*REGISTERED}}
        for question, strata in judgements.items()
    }
    return Verdict(tuple(cells), judgements, claim, sentence(cells, words(judgements), claim))


def _of_registered(found: Mapping[str, Judgement]) -> str:
    own = [found.get(name, Judgement(1.0, 1.0)) for name in REGISTERED]
    if all(judgement.verdict == REFUTED for judgement in own):
        return REFUTED
    supporting = holm([judgement.p_supported for judgement in own]) <= ALPHA
    agreed = [ok and judgement.verdict == SUPPORTED for ok, judgement in zip(supporting, own, strict=True)]
    return SUPPORTED if any(agreed) else UNDECIDED


def _by_strategy(cells: Sequence[Cell]) -> dict[str, Judgement]:
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.strategy, []).append(cell)
    return {
        name: _together(own) for name, own in sorted(found.items()) if any(c.target == HEADLINE_TARGET for c in own)
    }


def _together(cells: Sequence[Cell]) -> Judgement:
    """Of one strategy's tests in one stratum, at all targets."""
    headline = [cell for cell in cells if cell.target == HEADLINE_TARGET]
    complete = {(cell.axis, cell.baseline == HIERARCHICAL_RUNS) for cell in headline} >= NEEDED
    targets = sorted({cell.target for cell in cells})
    smallest = [_smallest([cell.raw_below for cell in cells if cell.target == target]) for target in targets]
    return Judgement(
        p_supported=max(cell.p_above for cell in headline) if complete else 1.0,
        p_refuted=float(holm(smallest)[targets.index(HEADLINE_TARGET)]),
    )


def _smallest(p_values: Sequence[float]) -> float:
    """p of "none is false": the smallest times their number, 1 at most; nan counts as 1."""
    return min(1.0, len(p_values) * float(np.nan_to_num(p_values, nan=1.0).min()))


def _plain(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value
