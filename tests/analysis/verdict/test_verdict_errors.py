"""Wrong verdicts on studies of known truth: a reduced form of experiments/coverage/verdicts.py."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.verdict.hypothesis_file import read_hypothesis
from experiments.coverage.verdicts import (
    CLAIM,
    Truth,
    everywhere,
    only_in_seconds_against_hierarchical,
    shares,
)

STUDIES, TASKS = 150, 5
HYPOTHESIS = read_hypothesis(CLAIM).hypothesis
ALLOWED = 0.05 + 2 * np.sqrt(0.05 * 0.95 / STUDIES)


def small(truth: Truth) -> Truth:
    return Truth(truth.speedup, truth.axes, tasks=TASKS)


@pytest.mark.slow  # false support, below, is the same kind of error
@pytest.mark.parametrize("axes", [0.98, 0.0])
def test_false_refutations(axes: float) -> None:
    """The speedup is 5 in all four tests. If one uncorrected test could refute, this would fail (13% at ``axes`` 0)."""
    found = shares(small(everywhere(5.0, 1.0, axes)), HYPOTHESIS, STUDIES, 1)
    assert found["strategy refuted"] <= ALLOWED and found["claim refuted"] <= ALLOWED


@pytest.mark.slow
def test_false_support() -> None:
    """The speedup is 5 in one of four tests and 20 elsewhere: the closest case that must not be supported."""
    found = shares(small(only_in_seconds_against_hierarchical(5.0, 20.0, 0.98)), HYPOTHESIS, STUDIES, 2)
    assert found["strategy supported"] <= ALLOWED and found["claim supported"] <= ALLOWED
    assert found["strategy supported"] > 0.005  # the boundary: it is not by never supporting anything


@pytest.mark.slow
def test_clear_truths_are_found() -> None:
    assert shares(small(everywhere(3.0, 3.0, 0.98)), HYPOTHESIS, 40, 3)["claim refuted"] > 0.9
    assert shares(small(everywhere(9.0, 9.0, 0.98)), HYPOTHESIS, 40, 4)["claim supported"] > 0.9
    mixed = shares(small(only_in_seconds_against_hierarchical(3.0, 20.0, 0.98)), HYPOTHESIS, 40, 5)
    assert mixed["strategy refuted"] > 0.9
