"""The headline is short, computed, and about the comparison that decides the verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.statistics.supported import NEW_KERNELS, THESE_TASKS
from analysis.verdict.cells import REFUTED, SUPPORTED, UNDECIDED, Cell
from analysis.verdict.headline import MOST_WORDS, headline
from tests.analysis.hypotheses import CLAIM

CELL = Cell(
    THESE_TASKS, "conditional_gp", "useful", "evaluations", "exact_random", 0.05, "none", 8.8, 8.1, 9.5, 0.0, 1.0, 0.0,
    1.0, SUPPORTED, "",
)  # fmt: skip
BY_PARAMETER = replace(
    CELL, baseline="noisy_random_by_parameter", speedup=4.2, lower=3.9, upper=4.6, p_above=1.0, p_below=0.001
)


def test_a_refutation_names_what_refutes() -> None:
    claim = {THESE_TASKS: {"useful": REFUTED}, NEW_KERNELS: {"useful": UNDECIDED}}
    new = replace(BY_PARAMETER, question=NEW_KERNELS)
    told = headline([CELL, BY_PARAMETER, new], claim, CLAIM)
    assert told == (
        "Refuted: on the useful tasks of this study conditional_gp, the best of 2 strategies, comes within 5% of the "
        "optimum 4.2 times (at most 4.6) as fast as random search by parameter with recorded noise in evaluations; at "
        "least 5 times is claimed; for new kernels it is undecided."
    )


def test_a_hypothesis_of_one_question_is_told_without_the_other() -> None:
    claim = {THESE_TASKS: {"useful": REFUTED}}
    told = headline([CELL, BY_PARAMETER], claim, replace(CLAIM, questions=(THESE_TASKS,)))
    assert told.endswith("in evaluations; at least 5 times is claimed.")


@pytest.mark.parametrize(
    ("bound", "word", "expected"),
    [
        ("upper", REFUTED, "for new kernels it is refuted"),
        ("upper", UNDECIDED, "for new kernels it is undecided"),
        ("none", UNDECIDED, "for new kernels there are not enough runs"),
    ],
)
def test_a_limit_of_what_was_never_solved_is_no_lack_of_runs(bound: str, word: str, expected: str) -> None:
    claim = {THESE_TASKS: {"useful": REFUTED}, NEW_KERNELS: {"useful": word}}
    new = replace(BY_PARAMETER, question=NEW_KERNELS, bound=bound, reason="there is no interval")
    assert expected in headline([CELL, BY_PARAMETER, new], claim, CLAIM)


def test_support_names_the_weakest_comparison_of_the_best() -> None:
    other = replace(CELL, strategy="lfbo", speedup=6.0, lower=5.5)
    weaker = replace(CELL, axis="seconds", baseline="exact_random_16_workers", speedup=7.0, lower=6.4, workers=1)
    weaker = replace(weaker, baseline_workers=16)
    told = headline([CELL, weaker, other], {THESE_TASKS: {"useful": SUPPORTED}}, CLAIM)
    assert (
        "7.0 times (at least 6.4) as fast as uniform random search (16 workers) in tuning seconds (1 worker against 16)"
        in told
    )


def test_seconds_say_how_many_workers_each_side_has() -> None:
    cell = replace(CELL, axis="seconds", workers=1.0, baseline_workers=1.0)
    told = headline([cell], {THESE_TASKS: {"useful": SUPPORTED}}, CLAIM)
    assert "in tuning seconds (1 worker each); at least" in told
    assert "workers" not in headline([replace(cell, axis="evaluations")], {THESE_TASKS: {"useful": SUPPORTED}}, CLAIM)


@pytest.mark.parametrize(
    ("bounds", "p", "expected"),
    [
        ((3.6, 4.8), (1.0, 0.0942), "4.3 times (3.6 to 4.8; p 0.094 after correction) as fast"),
        ((5.1, 5.9), (0.06, 1.0), "4.3 times (5.1 to 5.9; p 0.06 after correction) as fast"),
        ((5.1, 5.9), (0.03, 1.0), "(5.1 to 5.9; not after correction)"),
        ((3.6, 4.8), (1.0, 0.01), "(3.6 to 4.8; other strategies are undecided)"),
        ((3.6, 5.8), (1.0, 0.6), "4.3 times (3.6 to 5.8) as fast"),
    ],
)
def test_an_interval_that_looks_decided_says_why_it_is_not(
    bounds: tuple[float, float], p: tuple[float, float], expected: str
) -> None:
    """The bounds belong to one comparison; the verdict is corrected for all comparisons."""
    cell = replace(CELL, speedup=4.3, lower=bounds[0], upper=bounds[1])
    corrected = {THESE_TASKS: {"useful": {cell.strategy: p}}}
    other = replace(cell, axis="seconds", speedup=9.0)
    told = headline([cell, other], {THESE_TASKS: {"useful": UNDECIDED}}, CLAIM, corrected)
    assert expected in told and len(told.split()) <= MOST_WORDS


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (replace(CELL, reason="2 seeds: expected at least 5"), "Not enough runs: on the useful tasks"),
        (replace(CELL, bound="upper", speedup=0.8), "less than 0.8 times as fast as"),
        (replace(CELL, bound="lower", speedup=9.0), "more than 9.0 times as fast as"),
        (replace(CELL, speedup=np.nan, bound="unknown", reason="nothing known"), "an unknown number of times as fast"),
        (
            replace(CELL, baseline="random_hierarchical"),
            "(8.1 to 9.5) as fast as runs of random search by ",
        ),
    ],
)
def test_what_is_not_known_is_said(cell: Cell, expected: str) -> None:
    assert expected in headline([cell], {THESE_TASKS: {"useful": UNDECIDED}}, CLAIM)


def test_without_tasks_or_runs_of_the_claim_nothing_is_judged() -> None:
    assert headline([], {}, CLAIM).startswith("Not judged: no strategy here has tasks")
    other = replace(CELL, strategy="mine")
    assert headline([other], {}, CLAIM) == "Not judged: conditional_gp did not run on the useful tasks of this study."


def test_it_is_short_whatever_it_says() -> None:
    cells = [
        replace(
            CELL,
            strategy=name,
            axis=axis,
            baseline=baseline,
            bound=bound,
            question=question,
            reason=reason,
            workers=1.0,
            baseline_workers=16.0,
        )
        for name in CLAIM.strategies
        for axis in CLAIM.axes
        for baseline in ("exact_random_by_parameter_without_restarts", "noisy_random_by_parameter")
        for bound in ("none", "upper", "unknown")
        for question in CLAIM.questions
        for reason in ("", "few")
    ]
    for cell in cells:
        for verdict in (SUPPORTED, REFUTED, UNDECIDED):
            claim = {question: {"useful": verdict} for question in CLAIM.questions}
            corrected = {THESE_TASKS: {"useful": {cell.strategy: (1e-7, 1e-7)}}}
            for p in (corrected, {THESE_TASKS: {"useful": {cell.strategy: (0.94321, 0.94321)}}}):
                told = headline([cell, replace(cell, question=THESE_TASKS)], claim, CLAIM, p)
                assert len(told.split()) <= MOST_WORDS and told.endswith(".") and told.count(". ") == 0
