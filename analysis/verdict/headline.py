"""A study's headline: one sentence of at most :data:`MOST_WORDS` words, computed from the tests.

It names the claim's best strategy and the comparison that decides its verdict; everything else is in the table and in
:func:`analysis.verdict.text.details`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from analysis.statistics.supported import NEW_KERNELS
from analysis.study.baseline import (
    EXACT_BY_PARAMETER,
    EXACT_RANDOM,
    HIERARCHICAL_RUNS,
    NOISY_BY_PARAMETER,
    NOISY_RANDOM,
    RANDOM_RUNS,
)
from analysis.verdict.cells import REFUTED, SUPPORTED, UNDECIDED, Cell
from analysis.verdict.hypothesis import ALL, Hypothesis

MOST_WORDS = 60
_RANDOM = {
    NOISY_BY_PARAMETER: "random search by parameter with recorded noise",
    NOISY_RANDOM: "uniform random search with recorded noise",
    EXACT_BY_PARAMETER: "random search by parameter",
    EXACT_RANDOM: "uniform random search",
    HIERARCHICAL_RUNS: "runs of random search by parameter",
    RANDOM_RUNS: "runs of uniform random search",
}
"""By the label of a baseline, or the beginning of it; longer ones first."""


Corrected = Mapping[str, Mapping[str, Mapping[str, tuple[float, float]]]]
"""Question to stratum to strategy: p of support and of refutation over all its tests."""


def headline(
    cells: Sequence[Cell],
    claim: Mapping[str, Mapping[str, str]],
    hypothesis: Hypothesis,
    corrected: Corrected = MappingProxyType({}),
) -> str:
    """Write the headline.

    Args:
        cells: all tests.
        claim: question to stratum to the verdict on the claim itself.
        corrected: corrected p values, which explain an undecided claim whose interval is on one side of the threshold.
    """
    question = hypothesis.questions[0]
    strata = [name for name in hypothesis.strata if any((c.question, c.stratum) == (question, name) for c in cells)]
    if not strata:
        return "Not judged: no strategy here has tasks of the claim and a random search to compare it with."
    stratum = strata[0]
    own = [c for c in cells if (c.question, c.stratum, c.target) == (question, stratum, hypothesis.target)]
    ran = [name for name in hypothesis.strategies if any(c.strategy == name for c in own)]
    verdict = claim.get(question, {}).get(stratum)
    if verdict is None or not ran:
        return f"Not judged: {hypothesis.strategies[0]} did not run on the {_tasks(stratum)} of this study."
    cell = max((_decisive([c for c in own if c.strategy == name], verdict) for name in ran), key=_value)
    p = corrected.get(question, {}).get(stratum, {}).get(cell.strategy)
    still_open = "" if verdict != UNDECIDED or p is None else _still_open(cell, p, hypothesis)
    several = f", the best of {len(hypothesis.strategies)} strategies," if len(hypothesis.strategies) > 1 else ""
    return (
        f"{_verdict(verdict, cell)}: {_where(question, stratum)} of this study {cell.strategy}{several} comes "
        f"within {hypothesis.target:.0%} of the optimum {_times(cell, verdict, still_open)} as fast as "
        f"{_random(cell.baseline)} in {cell.axis_words}; at least {hypothesis.threshold:g} times is claimed"
        f"{_new_kernels(cells, claim, stratum, hypothesis)}."
    )


def _random(baseline: str) -> str:
    """A kind of random search in words, with its compile workers if it has its own."""
    name = next((name for name in _RANDOM if baseline.startswith(name)), "")
    rest = baseline.removeprefix(name).strip("_").replace("_", " ")
    return f"{_RANDOM.get(name, baseline)}{f' ({rest})' if name and rest else ''}"


def _where(question: str, stratum: str) -> str:
    return f"{'for kernels like those of' if question == NEW_KERNELS else 'on'} the {_tasks(stratum)}"


def _tasks(stratum: str) -> str:
    return "tasks" if stratum == ALL else f"{stratum} tasks"


def _verdict(verdict: str, cell: Cell) -> str:
    return "Not enough runs" if cell.reason and cell.bound == "none" and verdict != REFUTED else verdict.capitalize()


def _value(cell: Cell) -> float:
    return cell.speedup if np.isfinite(cell.speedup) else -np.inf


def _decisive(cells: Sequence[Cell], verdict: str) -> Cell:
    """The test that decides the verdict: one that refutes, if there is one, else the lowest speedup."""
    below = [cell for cell in cells if verdict == REFUTED and np.isfinite(cell.p_below)]
    if below:
        return min(below, key=lambda cell: (cell.p_below, _value(cell)))
    return min((cell for cell in cells if np.isfinite(cell.speedup)), key=_value, default=cells[0])


def _still_open(cell: Cell, p: tuple[float, float], hypothesis: Hypothesis) -> str:
    """Why the claim is undecided although this test alone puts the speedup on one side of the threshold."""
    above, below = cell.lower > hypothesis.threshold, cell.upper < hypothesis.threshold
    if not above and not below:
        return ""
    over_all = p[0] if above else p[1]
    if over_all > hypothesis.error_rate:
        return f"; p {over_all:.2g} after correction"
    return "; not after correction" if above else "; other strategies are undecided"


def _times(cell: Cell, verdict: str, still_open: str = "") -> str:
    if not np.isfinite(cell.speedup):
        return "an unknown number of times"
    times = f"{cell.speedup:.1f} times"
    if cell.bound != "none":
        return f"{'less' if cell.bound == 'upper' else 'more'} than {times}"
    if cell.reason:
        return times
    if verdict == REFUTED:
        return f"{times} (at most {cell.upper:.1f})"
    return (
        f"{times} (at least {cell.lower:.1f})"
        if verdict == SUPPORTED
        else f"{times} ({cell.lower:.1f} to {cell.upper:.1f}{still_open})"
    )


def _new_kernels(
    cells: Sequence[Cell], claim: Mapping[str, Mapping[str, str]], stratum: str, hypothesis: Hypothesis
) -> str:
    """The verdict for new kernels, if the hypothesis asks for it too."""
    if NEW_KERNELS not in hypothesis.questions[1:] or stratum not in claim.get(NEW_KERNELS, {}):
        return ""
    asked = [c for c in cells if (c.question, c.stratum, c.target) == (NEW_KERNELS, stratum, hypothesis.target)]
    own, verdict = [cell for cell in asked if cell.strategy in hypothesis.strategies], claim[NEW_KERNELS][stratum]
    if verdict == UNDECIDED and all(cell.reason and cell.bound == "none" for cell in own):
        return "; for new kernels there are not enough runs"
    return f"; for new kernels it is {verdict}"
