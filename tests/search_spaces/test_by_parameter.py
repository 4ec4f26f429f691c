"""Probabilities of draws by parameter, against the sampler's frequencies and its number of evaluations."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.reference import difficulty, is_hit
from analysis.statistics.successive_sampling import SuccessiveSampling
from harness.landscapes.landscape import read_landscape
from harness.landscapes.library import recorded_landscapes
from harness.strategies.base import Budget
from harness.strategies.common.draws import drawn
from harness.strategies.random_hierarchical import RandomHierarchical
from search_spaces.by_parameter import draw_probabilities
from tests.harness.toy import toy_space, write_toy


@pytest.mark.slow
def test_it_is_the_samplers_frequency() -> None:
    space = toy_space()
    codes = space.codes()
    expected = draw_probabilities(space, codes)
    rows = drawn(space, np.random.default_rng(0), 200_000)
    found = [space.row_of_codes(row) for row in rows[space.feasible(rows)]]
    counts = np.bincount([row for row in found if row is not None], minlength=len(codes))
    assert expected.sum() == pytest.approx(counts.sum() / len(rows), abs=0.005)
    deviation = (counts - len(rows) * expected) / np.sqrt(len(rows) * expected)
    assert np.abs(deviation).max() < 5 and abs(np.mean(deviation**2) - 1) < 0.3


@pytest.mark.slow
def test_a_search_takes_as_long_as_the_law_says(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Run the strategy itself 100 times on a landscape with branches of unequal size."""
    landscape = read_landscape(write_toy(tmp_path))
    frame, space = landscape.frame(), landscape.space
    t_star = float(np.nanmin(landscape.oracle_ms))
    law = difficulty(frame, t_star, 0.1)
    hits = {space.key_of_codes(row) for row in landscape.codes[is_hit(landscape.oracle_ms, t_star, 0.1)]}
    taken = []
    for seed in range(100):
        strategy = RandomHierarchical(space, np.random.SeedSequence(seed), Budget())
        asked = 0
        while True:
            asked += 1
            if space.key(strategy.ask(1)[0]) in hits:
                break
        taken.append(asked)
    assert law.by_parameter is not None
    assert abs(np.mean(taken) - law.by_parameter) < 4 * np.std(taken) / np.sqrt(len(taken))


@pytest.mark.slow
@pytest.mark.parametrize("path", recorded_landscapes(), ids=lambda path: path.stem)
@pytest.mark.parametrize("target", [0.01, 0.05, 0.1])
def test_on_every_landscape_it_is_what_100_000_searches_find(path, target: float) -> None:  # type: ignore[no-untyped-def]
    landscape = read_landscape(path)  # here and not for the parameters: every process that collects would read all
    if not landscape.exhaustive:
        pytest.skip("a sample: its law by parameter is unknown")
    frame = landscape.frame()
    t_star = float(np.nanmin(landscape.oracle_ms))
    p = frame["draw_probability"].to_numpy()
    hit = is_hit(np.where(np.isfinite(landscape.oracle_ms), landscape.oracle_ms, np.inf), t_star, target)
    rng, evaluations = np.random.default_rng(1), []
    for _ in range(100):
        clocks = rng.standard_exponential((1000, len(p)), dtype=np.float32) / p.astype(np.float32)
        evaluations.append(1 + (clocks[:, ~hit] < clocks[:, hit].min(axis=1)[:, None]).sum(axis=1))
    taken = np.concatenate(evaluations)
    mean = difficulty(frame, t_star, target).by_parameter
    assert mean is not None and abs(taken.mean() - mean) < 4 * taken.std() / np.sqrt(len(taken))
    law = SuccessiveSampling.of(p, hit)
    survival = law.survivals(120)
    for t in (1, 5, 20, 60, 120):
        error = np.sqrt(survival[t] * (1 - survival[t]) / len(taken)) + 1e-4
        assert abs(np.mean(taken > t) - survival[t]) < 4 * error
    spent, solved = np.minimum(taken, 120), taken <= 120
    influence = spent / spent.mean() - solved / solved.mean()
    ratio = law.ert(120) / (spent.mean() / solved.mean())
    assert abs(np.log(ratio)) < 4 * influence.std() / np.sqrt(len(taken))
