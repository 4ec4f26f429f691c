"""Combine the tests of a hypothesis by strategy and for the claim; see :mod:`analysis.verdict.judge`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.reference import STRATA
from analysis.statistics.multiplicity import holm
from analysis.verdict import sensitivity
from analysis.verdict.cells import REFUTED, SUPPORTED, UNDECIDED, Cell, family
from analysis.verdict.headline import Corrected
from analysis.verdict.hypothesis import ALL, Hypothesis
from analysis.verdict.text import Verdicts

FAMILY = ["strategy", "stratum", "axis", "baseline"]
"""The fields that the tests at several targets share."""


@dataclass(frozen=True)
class Judgement:
    """The result for one strategy in one stratum, over all axes and baselines.

    Attributes:
        p_supported: p of "at most the threshold somewhere"; 1 if an axis or a baseline is missing.
        p_refuted: p of "at least the threshold everywhere".
    """

    p_supported: float
    p_refuted: float

    def verdict(self, error_rate: float) -> str:
        return REFUTED if self.p_refuted <= error_rate else SUPPORTED if self.p_supported <= error_rate else UNDECIDED


Judgements = dict[str, dict[str, dict[str, Judgement]]]
"""Question to stratum to strategy."""


def words(judgements: Judgements, error_rate: float) -> Verdicts:
    return {
        question: {
            stratum: {name: of.verdict(error_rate) for name, of in by_name.items()}
            for stratum, by_name in strata.items()
        }
        for question, strata in judgements.items()
    }


def cells_of(rows: pd.DataFrame, hypothesis: Hypothesis) -> list[Cell]:
    families: dict[tuple[Any, ...], list[dict[Any, Any]]] = {}
    for row in rows.sort_values([*FAMILY, "target"]).to_dict("records"):
        families.setdefault(tuple(row[name] for name in FAMILY), []).append(row)
    asked = [(rows, question) for question in hypothesis.questions for rows in families.values()]
    return [cell for rows, question in asked for cell in family(rows, question, hypothesis)]


def judgements_of(cells: Sequence[Cell], harder: Sequence[Cell], hypothesis: Hypothesis) -> Judgements:
    judgements: Judgements = {}
    for question in hypothesis.questions:
        for stratum in (*STRATA, "unknown", ALL):
            here, also = ([c for c in of if (c.question, c.stratum) == (question, stratum)] for of in (cells, harder))
            own = _by_strategy(here, also, hypothesis)
            if own:
                judgements.setdefault(question, {})[stratum] = own
    return judgements


def strictest(one: Judgements, other: Judgements) -> Judgements:
    """The stricter of two judgements for each strategy; what only one of them has is dropped."""
    return {
        question: {
            stratum: {
                name: Judgement(max(of.p_supported, also.p_supported), max(of.p_refuted, also.p_refuted))
                for name, of in by_name.items()
                for also in [other.get(question, {}).get(stratum, {}).get(name, Judgement(1.0, 1.0))]
            }
            for stratum, by_name in strata.items()
        }
        for question, strata in one.items()
    }


def of_claim(judgements: Judgements, hypothesis: Hypothesis) -> dict[str, dict[str, str]]:
    """Question to stratum to the verdict on the claim, without strata in which none of its strategies ran."""
    return {
        question: {
            stratum: _claim_in(by_name, hypothesis)
            for stratum, by_name in strata.items()
            if set(by_name) & {*hypothesis.strategies}
        }
        for question, strata in judgements.items()
    }


def taken_away(easier: Judgements, judgements: Judgements, error_rate: float) -> list[tuple[str, str, str]]:
    """Question, stratum and strategy of each verdict that is supported only if random search restarts at the budget."""
    return [
        (question, stratum, name)
        for question, strata in easier.items()
        for stratum, by_name in strata.items()
        for name, of in by_name.items()
        if of.verdict(error_rate) == SUPPORTED != judgements[question][stratum][name].verdict(error_rate)
    ]


def p_values(judgements: Judgements) -> Corrected:
    """The corrected p values, which explain an undecided claim."""
    return {
        question: {
            stratum: {name: (of.p_supported, of.p_refuted) for name, of in by_name.items()}
            for stratum, by_name in strata.items()
        }
        for question, strata in judgements.items()
    }


def _claim_in(by_name: Mapping[str, Judgement], hypothesis: Hypothesis) -> str:
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
    """Combine one strategy's tests in a stratum over all targets; ``harder``: a further p that support must survive."""
    headline = [cell for cell in cells if cell.target == hypothesis.target]
    complete = {(cell.axis, hypothesis.asked(cell.baseline)) for cell in headline} >= hypothesis.needs()
    targets = sorted({cell.target for cell in cells})
    smallest = [_smallest([cell.raw_below for cell in cells if cell.target == target]) for target in targets]
    return Judgement(
        p_supported=max(harder, *(cell.p_above for cell in headline)) if complete else 1.0,
        p_refuted=float(holm(smallest)[targets.index(hypothesis.target)]),
    )


def _smallest(p_values: Sequence[float]) -> float:
    """Bonferroni's p: the smallest times their number, at most 1; nan counts as 1."""
    return min(1.0, len(p_values) * float(np.nan_to_num(p_values, nan=1.0).min()))
