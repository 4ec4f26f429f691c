"""The whole verdict in words, including what the headline leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.statistics.supported import NEW_KERNELS, NOT_ENOUGH
from analysis.study.baseline import EXACT_BY_PARAMETER, EXACT_RANDOM, NOISY_BY_PARAMETER, NOISY_RANDOM
from analysis.study.workers import SECONDS
from analysis.verdict.cells import REFUTED, SUPPORTED, UNDECIDED, Cell
from analysis.verdict.hypothesis import ALL, Hypothesis

Verdicts = dict[str, dict[str, dict[str, str]]]
"""Question to stratum to strategy to verdict, at the hypothesis's target."""
_MOST_NAMES = 3


def details(
    cells: Sequence[Cell], verdicts: Verdicts, claim: Mapping[str, Mapping[str, str]], hypothesis: Hypothesis
) -> str:
    """Describe the first question and stratum of the hypothesis, then the further ones.

    Sentences on missing baselines and strategies follow.
    """
    near = (
        f"Coming within {hypothesis.target:.0%} of the optimum at least {hypothesis.threshold:g} times as fast as "
        "random search"
    )
    question = hypothesis.questions[0]
    if not verdicts:
        return f"{near} cannot be judged: no strategy here has a random search to compare it with."
    strata = [name for name in hypothesis.strata if name in verdicts[question]]
    if not strata:
        return f"{near} cannot be judged: there is no {' and no '.join(hypothesis.strata)} task here."
    first, *further = strata
    parts = [f"{_asked(question, first)} {_said(question, first, cells, verdicts, hypothesis)}"]
    parts += [
        f"{_asked(other, first, again=True)} {_said(other, first, cells, verdicts, hypothesis)}"
        for other in hypothesis.questions[1:]
        if any(cell.question == other and not cell.reason for cell in cells)
    ]
    parts += [f"over {_easy_too(name)}, {_said(question, name, cells, verdicts, hypothesis)}" for name in further]
    axes = " and ".join(f"in {axis}" for axis in hypothesis.axes)
    told = f"{near}, {axes}, is {'; '.join(parts)}.{_missing(cells, hypothesis)}"
    overall = claim.get(question, {}).get(first)
    if overall is None:
        return told
    return f"The claim of {hypothesis.speedup} is {overall}: {told[0].lower()}{told[1:]}"


def _asked(question: str, stratum: str, *, again: bool = False) -> str:
    """The scope of a part; ``again``: after a part that named the tasks."""
    tasks = "the tasks" if stratum == ALL else f"the {stratum} tasks"
    if question == NEW_KERNELS:
        return "for new kernels like theirs" if again else f"for new kernels like those of {tasks}"
    return f"on {tasks} of this study"


def _easy_too(stratum: str) -> str:
    return "all tasks, easy ones included" if stratum == ALL else f"the {stratum} tasks"


def _missing(cells: Sequence[Cell], hypothesis: Hypothesis) -> str:
    """Sentences on what the hypothesis requires and the study lacks."""
    answered, ran = {hypothesis.asked(cell.baseline) for cell in cells}, {cell.strategy for cell in cells}
    lacking = [_NEEDS.get(name, f"runs of {name}") for name in hypothesis.baselines if name not in answered]
    absent = [name for name in hypothesis.strategies if name not in ran]
    told = f" Without {_listed(lacking)} to compare with, nothing can be supported." if lacking else ""
    return told + (f" Not run here, or not comparable: {_listed(absent)}." if absent else "")


_NEEDS = {
    EXACT_RANDOM: "a recorded table or runs of random",
    EXACT_BY_PARAMETER: "recorded tables with the probability of each row",
    NOISY_RANDOM: "recorded samples",
    NOISY_BY_PARAMETER: "recorded tables with samples and the probability of each row",
}


def _said(question: str, stratum: str, cells: Sequence[Cell], verdicts: Verdicts, hypothesis: Hypothesis) -> str:
    """The strategies by verdict: those of the hypothesis and those that support it by name, many others as a number."""
    by_name = verdicts[question].get(stratum, {})
    own = [c for c in cells if (c.question, c.stratum, c.target) == (question, stratum, hypothesis.target)]
    said: list[str] = []
    for verdict in (SUPPORTED, UNDECIDED, REFUTED):
        names = sorted(name for name, of in by_name.items() if of == verdict)
        told = [name for name in names if name in hypothesis.strategies]
        others = [name for name in names if name not in hypothesis.strategies]
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
    """The number that decides the verdict: the lowest speedup over axes and baselines, with its bound."""
    known = [cell for cell in cells if np.isfinite(cell.speedup)]
    if not known:
        return cells[0].reason
    cell = min(known, key=lambda cell: cell.speedup)
    value = f"{cell.speedup:.1f}×" + (f" in {cell.axis_words}" if cell.axis == SECONDS else "")
    if cell.bound != "none":
        return f"{'less than' if cell.bound == 'upper' else 'more than'} {value}"
    if cell.reason:
        return f"{value}, {NOT_ENOUGH if NOT_ENOUGH in cell.reason else 'no interval'}"
    return f"{value}, at most {cell.upper:.1f}" if verdict == REFUTED else f"{value}, at least {cell.lower:.1f}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
