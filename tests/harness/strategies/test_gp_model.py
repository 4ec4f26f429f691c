"""The model of ``conditional_gp`` after observations: what lowers a score, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy.special import log_ndtr

from harness.strategies.conditional_gp import gp
from harness.strategies.conditional_gp.covariance import covariance
from harness.strategies.conditional_gp.gp import Priors, fit, log_marginal_likelihood, pack
from harness.strategies.conditional_gp.grid_points import GridPoints
from harness.strategies.conditional_gp.model import Model
from harness.strategies.conditional_gp.pairs import Pairs
from harness.strategies.conditional_gp.settings import AcquisitionSettings, CovarianceSettings, FitSettings
from harness.strategies.conditional_gp.surrogate import Surrogate
from harness.strategies.conditional_gp.targets import Targets, targets
from harness.testing import spaces
from search_spaces.encoding import Encoding, Floats

RNG = np.random.default_rng
SPACE = spaces.conditional()
ENCODING = Encoding(SPACE)
POINTS = ENCODING.points(SPACE.codes())
GRID = GridPoints.of(POINTS, ENCODING.blocks)


def model(**acquisition: Any) -> Model:
    surrogate = partial(
        Surrogate, ENCODING.blocks, priors=Priors(), covariance=CovarianceSettings(), fit=FitSettings(iterations=3)
    )
    settings = AcquisitionSettings(**acquisition)
    return Model(
        surrogate,
        targets=lambda latencies: Targets(targets(latencies)),
        impute=True,
        acquisition=settings,
        overlapping_cost_weight=settings.overlapping_weight(listed=True),
        overlapping_pessimism=settings.pessimism(listed=True),
        batch_pessimism=settings.pessimism_in_batch(listed=True),
    )


X = POINTS[RNG(1).permutation(len(POINTS))[:16]]
LATENCIES = (1.0 + X.sum(axis=1)).tolist()
COSTS = np.exp(X[:, 0] + X[:, 1])


def scored(
    waiting: int = 0, failed: Sequence[int] = (), costs: Floats = COSTS, **acquisition: Any
) -> tuple[Model, Floats]:
    """Return the model after 14 observations, and the score of every configuration."""
    made = model(**acquisition)
    latencies = [None if i in failed else latency for i, latency in enumerate(LATENCIES[:14])]
    made.learn(X[:14], latencies, costs[:14], X[14 : 14 + waiting])
    made.over(GRID)
    return made, made.score()


def test_what_waits_lowers_the_score_of_what_is_like_it() -> None:
    how = {"overlapping_cost_weight": 0.0}
    made, penalised = scored(2, pending="penalise", **how)
    _, ignored = scored(2, pending="ignore", **how)
    _, alone = scored(0, pending="penalise", **how)
    np.testing.assert_array_equal(ignored, alone)
    hyper = made._latency._current.posterior.hyper
    alike = covariance(X[14:16], POINTS, ENCODING.blocks, hyper) / hyper.variance
    there = [int(np.flatnonzero((point == POINTS).all(axis=1))[0]) for point in X[14:16]]
    elsewhere = np.setdiff1d(np.arange(len(POINTS)), there)
    expected = np.log(1 - alike[:, elsewhere]).sum(axis=0)
    np.testing.assert_allclose((penalised - ignored)[elsewhere], expected, atol=1e-9)
    assert ((penalised - ignored)[there] < np.log(1e-9) + 1e-6).all() and np.isfinite(penalised).all()
    made.learn(X[:14], LATENCIES[:14], COSTS[:14], X[:0])
    made.over(GRID)
    np.testing.assert_allclose(made.score(), alone, atol=1e-6, err_msg="nothing waits any more")


def test_pessimism_is_about_the_latencies_of_what_waits() -> None:
    there = [int(np.flatnonzero((point == POINTS).all(axis=1))[0]) for point in X[14:16]]
    expects = {worse: scored(2, overlapping_pessimism=worse, failed=[1])[0] for worse in (-1.0, 0.0, 1.0)}
    latency = {worse: made._latency.predict()[0] for worse, made in expects.items()}
    assert (latency[-1.0][there] < latency[0.0][there]).all() and (latency[0.0][there] < latency[1.0][there]).all()
    chances = [made._success.predict()[0] for made in expects.values()]
    for chance in chances[1:]:
        np.testing.assert_array_equal(chance, chances[0])
    alone = [scored(0, overlapping_pessimism=worse)[1] for worse in (0.0, 1.0)]
    np.testing.assert_array_equal(alone[0], alone[1])


def test_pessimism_is_about_the_earlier_picks_of_a_batch() -> None:
    """A pick that is assumed to turn out worse by its own deviation, with the noise, raises the mean where it is."""
    after: dict[float, Floats] = {}
    for worse in (0.0, 1.5):
        made, _ = scored(batch_pessimism=worse)
        mean, variance = made._latency.predict()
        expected = mean[3] + worse * np.sqrt(variance[3] + made._latency.noise)
        made.believe(3, POINTS[3])
        assert made._latency._y[-1] == pytest.approx(expected)
        after[worse] = made._latency.predict()[0]
    assert after[1.5][3] > after[0.0][3]


def test_seconds_count_by_the_power_of_their_weight() -> None:
    plain, once, twice = (scored(cost_weight=weight)[1] for weight in (0.0, 1.0, 2.0))
    np.testing.assert_allclose(plain - twice, 2 * (plain - once), atol=1e-9)
    at = [int(np.flatnonzero((point == POINTS).all(axis=1))[0]) for point in X[:14]]
    paid = (plain - once)[at]
    assert np.corrcoef(paid, np.log(COSTS[:14]))[0, 1] > 0.95
    assert 0.5 < np.ptp(paid) / np.ptp(np.log(COSTS[:14])) < 1.1, "log seconds, on their own scale"
    free = scored(cost_weight=1.0, costs=np.where(np.arange(16) == 3, 0.0, COSTS))[1]
    np.testing.assert_array_equal(free, plain, err_msg="a recording without costs says nothing of seconds")
    overlapping = scored(1, pending="ignore", cost_weight=0.0, overlapping_cost_weight=1.0)[1]
    np.testing.assert_array_equal(overlapping, once)


def test_failures_lower_the_score_around_them_if_there_is_a_success_to_compare_with() -> None:
    failed = [0, 1, 2, 3]
    made, weighed = scored(failed=failed)
    plain = scored(failed=failed, feasibility=False)[1]
    at = [int(np.flatnonzero((point == POINTS).all(axis=1))[0]) for point in X[:14]]
    lost = (plain - weighed)[at]
    assert lost[:4].min() > lost[4:].max() >= 0
    chance, spread = made._success.predict()
    expected = log_ndtr((chance - made._even) / np.sqrt(spread + made._success.noise))
    np.testing.assert_allclose(weighed - plain, expected, atol=1e-6)
    assert made._even == pytest.approx((0.5 - 10 / 14) / np.std([0.0] * 4 + [1.0] * 10))
    for everything in ([], range(14)):
        np.testing.assert_array_equal(scored(failed=everything)[1], scored(failed=everything, feasibility=False)[1])


def test_a_fit_passes_over_a_start_at_which_nothing_can_be_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    y = np.sin(3.0 * X.sum(axis=1))
    squared = Pairs.of(X, ENCODING.blocks)
    start = fit(X, y, ENCODING.blocks, priors=Priors(), additive=True, iterations=2)
    calls = []

    def fails_first(*arguments: Any) -> tuple[float, Floats]:
        calls.append(arguments)
        if len(calls) == 1:
            raise np.linalg.LinAlgError
        return log_marginal_likelihood(*arguments)

    monkeypatch.setattr(gp, "log_marginal_likelihood", fails_first)
    found = fit(X, y, ENCODING.blocks, priors=Priors(), additive=True, start=start, iterations=2)
    assert log_marginal_likelihood(found, squared, y)[0] > log_marginal_likelihood(start, squared, y)[0] - 1
    np.testing.assert_allclose(pack(calls[2][0]), pack(start), err_msg="climbed from the start that can be computed")
