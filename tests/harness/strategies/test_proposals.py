from __future__ import annotations

import numpy as np
from scipy.stats import chisquare

from harness.evaluation import RepairedConfiguration
from harness.strategies.common.proposals import Proposals
from harness.testing import spaces


def test_the_last_random_configurations_are_uniform_over_what_is_left() -> None:
    """Most draws hit visited configurations, and the fallback must be as uniform as the draws."""
    space = spaces.conditional()
    taken = space.codes()[3:]
    counts = np.zeros(3)
    for seed in range(300):
        proposals = Proposals(space, np.random.default_rng(seed))
        for row in taken:
            proposals.accept_codes(row)
        left = proposals.accept_random()
        assert left is not None
        assert not isinstance(left, RepairedConfiguration)
        counts[space.row_of(left)] += 1
    assert chisquare(counts).pvalue > 1e-4


def test_rows_are_accepted_once_then_repaired_then_refused() -> None:
    space = spaces.conditional()
    proposals = Proposals(space, np.random.default_rng(0))
    row = space.codes()[7]
    assert proposals.fresh(space.codes()).all()
    first = proposals.accept_codes(row)
    assert first == space.decode(row)
    assert not isinstance(first, RepairedConfiguration)
    assert np.flatnonzero(~proposals.fresh(space.codes())).tolist() == [7]
    others = [proposals.accept_codes(row) for _ in range(space.size - 1)]
    assert all(isinstance(other, RepairedConfiguration) for other in others)
    assert proposals.exhausted
    assert proposals.accept_codes(row) is None
    assert proposals.accept_random() is None
