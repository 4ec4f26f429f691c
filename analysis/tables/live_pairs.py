"""Pairs of live runs and replays, in numbers and in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.reference import HEADLINE_TARGET
from analysis.statistics.equivalence import ALPHA, POWER, Equivalence
from analysis.study.live_pairs import Paired
from analysis.tables.table import Table, text_rows

NAME = "live-pairs"
COST, EVALUATIONS = "cost", "evaluations"
_WORDS = {
    COST: "cost of the same configurations",
    EVALUATIONS: f"evaluations to {HEADLINE_TARGET:.0%}",
}


def tests_of(paired: Paired) -> dict[str, Equivalence]:
    """The two tests by name."""
    return {COST: paired.cost, EVALUATIONS: paired.evaluations}


def pairs_table(paired: Paired) -> Table:
    """One row per test."""
    numbers = paired_numbers(paired)
    rows = [
        [
            _WORDS[name],
            str(test.pairs),
            _ratio(test),
            f"±{test.margin:.0%}",
            test.verdict,
            "" if np.isnan(test.power) else f"{test.power:.0%}",
            "" if test.needed is None else str(test.needed),
        ]
        for name, test in tests_of(paired).items()
    ]
    return Table(
        name=NAME,
        title="Live over replay, by pairs",
        caption=(
            "Ratio: geometric mean over pairs of live over replay, with its 90% interval. Equivalent: two one-sided t "
            f"tests of its logarithm at {ALPHA:.0%} put it within the margin; different: the whole interval lies "
            "outside. Power: chance that as many pairs with this spread show equivalence if the true ratio is 1; "
            f"needed: pairs for a power of {POWER:.0%}. "
            "Cost: compiling, verifying and benchmarking time of a live run over the recorded time of the "
            "configurations that it evaluated. Evaluations: of a live run and a replay with the same task, strategy "
            f"and seed; a side that missed counts as its budget ({paired.missed} pairs); {paired.both_missed} pairs in "
            f"which both missed are left out. {_older(paired)}{_left_out(paired)}"
        ),
        headers=("what", "pairs", "live over replay", "margin", "verdict", "power", "needed"),
        rows=text_rows(rows),
        data=pd.DataFrame([{"what": name, **numbers[name]} for name in tests_of(paired)]),
    )


def _ratio(test: Equivalence) -> str:
    if test.pairs < 2:
        return ""
    low, high = test.interval()
    return f"{test.ratio:.3f} [{low:.3f}, {high:.3f}]"


def _left_out(paired: Paired) -> str:
    told = "; ".join(f"{count} {why}" for why, count in paired.unpaired.items())
    return f"Live runs without a partner: {told}." if told else "Every live run has a partner."


def paired_sentence(paired: Paired) -> str:
    """Both verdicts with ratio, interval and power, and the number of pairs left out."""
    said = [_told(name, test) for name, test in tests_of(paired).items()]
    return f"Live over replay: {'; '.join(said)}. {_older(paired)}{_left_out(paired)}"


def _older(paired: Paired) -> str:
    if not paired.older:
        return ""
    return (
        f"{paired.older} of {len(paired.costs)} live runs are older and were charged for warm-ups and launchers, "
        "which recordings leave out. "
    )


def _told(name: str, test: Equivalence) -> str:
    if test.pairs < 2:
        return f"{_WORDS[name]}, {test.pairs} pairs: too few to compare"
    low, high = test.interval()
    more = "" if test.power >= POWER else f", {POWER:.0%} needs {test.needed or 'too many'} pairs"
    return (
        f"{_WORDS[name]} {test.ratio:.2f} (90%: {low:.2f} to {high:.2f}), {test.verdict} within ±{test.margin:.0%} "
        f"({test.pairs} pairs, power {test.power:.0%}{more})"
    )


def paired_numbers(paired: Paired) -> dict[str, Any]:
    """The part of live-agreement.json with the two tests and the counts of pairs."""
    return {
        **{name: _numbers(test) for name, test in tests_of(paired).items()},
        "pairs_missed_by_one": paired.missed,
        "pairs_missed_by_both": paired.both_missed,
        "unpaired": dict(paired.unpaired),
        "runs_with_costs": len(paired.costs),
        "runs_charged_for_set_up": paired.older,
    }


def _numbers(test: Equivalence) -> dict[str, Any]:
    low, high = test.interval()
    return {
        "verdict": test.verdict,
        "pairs": test.pairs,
        "ratio": plain(test.ratio),
        "ratio_low": plain(low),
        "ratio_high": plain(high),
        "margin": test.margin,
        "p": plain(test.p),
        "power": plain(test.power),
        "pairs_for_80_percent_power": test.needed,
    }


def plain(value: float) -> float | None:
    """The value with six significant figures; ``None`` if JSON cannot represent it."""
    return float(f"{value:.6g}") if np.isfinite(value) else None
