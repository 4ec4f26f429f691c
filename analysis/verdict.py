"""The verdict on "near-optimal settings 5-10 times faster than random search", computed from the bounds.

For each strategy and stratum: both axes x both kinds of random search x all targets, for *these tasks* (only seeds
vary) and for *new kernels*. At a target the claim is *supported* where a one-sided test puts the speedup above 5,
*refuted* where it puts it below, with Holm's correction over the targets at 5%; else *undecided*. A strategy's verdict
in a stratum is taken at the headline target: supported where both axes and both baselines are there and support it,
refuted where any refutes it. Nothing is decided without a supported interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.baseline import HIERARCHICAL_RUNS, RANDOM_STRATEGIES
from analysis.ert import LogEstimate
from analysis.multiplicity import holm, lower_bound, p_at_least, p_at_most, upper_bound
from analysis.outcome import Outcome
from analysis.reference import HEADLINE_TARGET, STRATA
from analysis.supported import NEW_KERNELS, THESE_TASKS
from analysis.time_to_target import AXES

CLAIM = (5.0, 10.0)
ALPHA = 0.05
SUPPORTED, REFUTED, UNDECIDED = "supported", "refuted", "undecided"
NEEDED = {(axis, hierarchical) for axis in AXES for hierarchical in (False, True)}
"""Axes, and whether random draws each parameter uniformly: without all four nothing is supported."""
REGISTERED = ("conditional_gp", "lfbo")
"""The strategies that the hypothesis of experiments/claim_5_10x is about: our GP, and Helion's algorithm."""
QUESTIONS = (THESE_TASKS, NEW_KERNELS)
_MOST_NAMES = 3
NOT_A_MODEL = (*RANDOM_STRATEGIES, "grid", "sobol")
"""Baselines themselves: nothing is claimed of them."""


@dataclass(frozen=True)
class Cell:
    """One test of the claim.

    Attributes:
        question: ``these tasks`` or ``new kernels``.
        speedup, lower, upper: the estimate and its one-sided 95% bounds; nan where there is none.
        p_above, p_below: Holm-adjusted p of "at most 5" and of "at least 5".
        reason: why nothing is decided, where something stands in the way.
    """

    question: str
    strategy: str
    stratum: str
    axis: str
    baseline: str
    target: float
    bound: str
    speedup: float
    lower: float
    upper: float
    p_above: float
    p_below: float
    verdict: str
    reason: str


Verdicts = dict[str, dict[str, dict[str, str]]]
"""Question to stratum to strategy to verdict, at the headline target."""


@dataclass(frozen=True)
class Verdict:
    """What the study says of the claim.

    Attributes:
        cells: every test.
        verdicts: what they amount to, by strategy.
        claim: question to stratum to the verdict on the claim itself, which ``REGISTERED`` stand for: supported where
            one of them supports it, refuted where all refute it; empty where none of them ran.
        sentence: all of it in one plain sentence.
    """

    cells: tuple[Cell, ...]
    verdicts: Verdicts
    claim: dict[str, dict[str, str]]
    sentence: str

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
            "cells": [{k: _plain(v) for k, v in asdict(cell).items()} for cell in self.cells],
        }


def judge(outcome: Outcome) -> Verdict:
    """Test the claim for every strategy that is no random search."""
    tables = [outcome.speedups]
    tables += [table for label, table in outcome.others.items() if label == HIERARCHICAL_RUNS]
    whole = pd.concat(tables, ignore_index=True)
    whole = whole[(whole["task"] == "ALL") & ~whole["strategy"].isin(NOT_A_MODEL)]
    families = [rows for _, rows in whole.groupby(["strategy", "stratum", "axis", "baseline"], sort=True)]
    cells = [cell for question in QUESTIONS for rows in families for cell in _family(rows, question)]
    verdicts: Verdicts = {}
    for question in QUESTIONS:
        for stratum in (*STRATA, "unknown", "all"):
            own = _by_strategy([c for c in cells if (c.question, c.stratum) == (question, stratum)])
            if own:
                verdicts.setdefault(question, {})[stratum] = own
    claim = {
        question: {stratum: _of_registered(found) for stratum, found in strata.items() if set(found) & {*REGISTERED}}
        for question, strata in verdicts.items()
    }
    return Verdict(tuple(cells), verdicts, claim, sentence(cells, verdicts, claim))


def _of_registered(found: Mapping[str, str]) -> str:
    own = [found[name] for name in REGISTERED if name in found]
    if SUPPORTED in own:
        return SUPPORTED
    return REFUTED if all(verdict == REFUTED for verdict in own) else UNDECIDED


def _family(rows: pd.DataFrame, question: str) -> list[Cell]:
    """The targets of one strategy, stratum, axis and baseline: tested together."""
    records = rows.sort_values("target").to_dict("records")
    of = "_these" if question == THESE_TASKS else ""
    estimates = [LogEstimate(row["log"], row[f"se{of}"], row[f"df{of}"]) for row in records]
    refused = [str(row[f"refused{of}"]) for row in records]
    usable = [
        not reason and row["bound"] == "none" and np.isfinite(estimate.se)
        for row, reason, estimate in zip(records, refused, estimates, strict=True)
    ]
    pairs = list(zip(records, estimates, usable, strict=True))
    above = holm([p_at_most(e, CLAIM[0]) if ok else _p_of_limit(row, "lower") for row, e, ok in pairs])
    below = holm([p_at_least(e, CLAIM[0]) if ok else _p_of_limit(row, "upper") for row, e, ok in pairs])
    cells = []
    for i, (row, estimate, ok) in enumerate(pairs):
        supported, opposed = bool(above[i] <= ALPHA), bool(below[i] <= ALPHA)
        cells.append(
            Cell(
                question=question,
                **{name: row[name] for name in ("strategy", "stratum", "axis", "baseline", "target", "bound")},
                speedup=float(row["speedup"]),
                lower=lower_bound(estimate) if ok else float("nan"),
                upper=upper_bound(estimate) if ok else float("nan"),
                p_above=float(above[i]),
                p_below=float(below[i]),
                verdict=SUPPORTED if supported else REFUTED if opposed else UNDECIDED,
                reason="" if ok else refused[i] or _REASONS.get(row["bound"], "no interval"),
            )
        )
    return cells


_REASONS = {"upper": "some task was never solved", "lower": "random never solved some task", "unknown": "nothing known"}


def _p_of_limit(row: dict[Any, Any], bound: str) -> float:
    """Where some task was never solved there is only a limit: two-sided 95% beyond 5 is a p of 2.5% at most."""
    limit = float(row["speedup_high" if bound == "upper" else "speedup_low"])
    beyond = limit < CLAIM[0] if bound == "upper" else limit > CLAIM[0]
    return 0.025 if row["bound"] == bound and not row["refused"] and beyond else float("nan")


def _by_strategy(cells: Sequence[Cell]) -> dict[str, str]:
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.target == HEADLINE_TARGET:
            found.setdefault(cell.strategy, []).append(cell)
    return {name: _together(own) for name, own in sorted(found.items())}


def _together(cells: Sequence[Cell]) -> str:
    verdicts = {cell.verdict for cell in cells}
    if REFUTED in verdicts:
        return REFUTED
    complete = {(cell.axis, cell.baseline == HIERARCHICAL_RUNS) for cell in cells} >= NEEDED
    return SUPPORTED if verdicts == {SUPPORTED} and complete else UNDECIDED


def sentence(cells: Sequence[Cell], verdicts: Verdicts, claim: Mapping[str, Mapping[str, str]]) -> str:
    """One plain sentence: the useful tasks where there are any, else all; then new kernels; then everything.

    Another one follows where the runs of a baseline are missing.
    """
    near = f"Coming within {HEADLINE_TARGET:.0%} of the optimum at least {CLAIM[0]:g} times as fast as random search"
    if not verdicts:
        return f"{near} cannot be judged: there is no strategy here with a random search to compare it with."
    these = verdicts[THESE_TASKS]
    stratum = "useful" if "useful" in these else "all"
    where = "the useful tasks" if stratum == "useful" else "the tasks"
    parts = [f"on {where} of this study {_said(THESE_TASKS, stratum, cells, verdicts)}"]
    if any(cell.question == NEW_KERNELS and not cell.reason for cell in cells):
        parts.append(f"for new kernels like theirs {_said(NEW_KERNELS, stratum, cells, verdicts)}")
    if stratum != "all":
        parts.append(f"over all tasks, easy ones included, {_said(THESE_TASKS, 'all', cells, verdicts)}")
    told = f"{near}, in evaluations and in seconds, is {'; '.join(parts)}."
    if not any(cell.baseline == HIERARCHICAL_RUNS for cell in cells):
        told += f" Without runs of {HIERARCHICAL_RUNS}, the other kind of random search, nothing can be supported."
    overall = claim.get(THESE_TASKS, {}).get(stratum)
    if overall is None:
        return told
    return f"The claim of {CLAIM[0]:g}–{CLAIM[1]:g}× is {overall}: {told[0].lower()}{told[1:]}"


def _said(question: str, stratum: str, cells: Sequence[Cell], verdicts: Verdicts) -> str:
    found = verdicts[question].get(stratum, {})
    said: list[str] = []
    for verdict in (SUPPORTED, UNDECIDED, REFUTED):
        names = sorted(name for name, of in found.items() if of == verdict)
        own = [c for c in cells if (c.question, c.stratum, c.target) == (question, stratum, HEADLINE_TARGET)]
        if verdict == SUPPORTED:
            names = [f"{name} ({_weakest([c for c in own if c.strategy == name], verdict)})" for name in names]
        elif len(names) == 1:
            names = [f"{names[0]} ({_weakest([c for c in own if c.strategy == names[0]], verdict)})"]
        elif len(names) > _MOST_NAMES:
            names = [f"{'the other ' if said else ''}{len(names)} strategies"]
        if names:
            said.append(f"{verdict} for {_listed(names)}")
    return ", ".join(said) or "not judged"


def _weakest(cells: Sequence[Cell], verdict: str) -> str:
    """The number that the verdict hangs on: the lowest speedup over axes and baselines, with its bound."""
    known = [cell for cell in cells if np.isfinite(cell.speedup)]
    if not known:
        return cells[0].reason
    cell = min(known, key=lambda cell: cell.speedup)
    value = f"{cell.speedup:.1f}×"
    if cell.bound != "none":
        return f"{'less than' if cell.bound == 'upper' else 'more than'} {value}"
    if cell.reason:
        return f"{value}, no interval"
    return f"{value}, at most {cell.upper:.1f}" if verdict == REFUTED else f"{value}, at least {cell.lower:.1f}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _plain(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value
