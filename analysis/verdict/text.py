"""A verdict in one plain sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.reference import HEADLINE_TARGET
from analysis.statistics.supported import NEW_KERNELS, THESE_TASKS
from analysis.study.baseline import HIERARCHICAL_RUNS
from analysis.verdict.cells import CLAIM, REFUTED, REGISTERED, SUPPORTED, UNDECIDED, Cell

Verdicts = dict[str, dict[str, dict[str, str]]]
"""Question to stratum to strategy to verdict, at the headline target."""
_MOST_NAMES = 3


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
    """Strategies by verdict: those of the claim and those that support it by name, many others by their number."""
    found = verdicts[question].get(stratum, {})
    own = [c for c in cells if (c.question, c.stratum, c.target) == (question, stratum, HEADLINE_TARGET)]
    said: list[str] = []
    for verdict in (SUPPORTED, UNDECIDED, REFUTED):
        names = sorted(name for name, of in found.items() if of == verdict)
        told = [name for name in names if name in REGISTERED]
        others = [name for name in names if name not in REGISTERED]
        few = verdict == SUPPORTED or len(names) == 1
        named = [
            f"{name} ({_weakest([c for c in own if c.strategy == name], verdict)})"
            for name in (*told, *(others if few else ()))
        ]
        if not few and len(others) > _MOST_NAMES:
            named.append(f"{'the other ' if said or named else ''}{len(others)} strategies")
        elif not few:
            named += others
        if named:
            said.append(f"{verdict} for {_listed(named)}")
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
