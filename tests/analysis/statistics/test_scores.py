"""Aggregate score P, area under the curve and noisy random search: the null is known exactly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.statistics import noisy_random, random_search, random_simulation, score
from analysis.statistics.anytime import anytime, exact_random_area
from analysis.statistics.readings import readings
from analysis.statistics.step_functions import step_functions
from analysis.statistics.until_precise import until_precise
from tests.analysis.fabricate import landscape

LATENCY = np.where(landscape(300)["status"] == "ok", landscape(300)["oracle_ms"], np.inf)


def test_the_score_of_random_search_is_zero_and_that_of_an_oracle_one() -> None:
    scale = score.scale(LATENCY, 200)
    assert scale is not None
    null = score.null_scores(LATENCY, scale, 4000, np.random.default_rng(0))
    assert abs(null.mean()) < 4 * null.std() / np.sqrt(len(null))
    assert scale.scores(np.full((1, len(scale.at)), LATENCY.min()))[0] == pytest.approx(1.0)
    nothing = scale.scores(np.full((1, len(scale.at)), np.inf))[0]
    assert nothing == scale.scores(np.full((1, len(scale.at)), scale.cap_ms))[0] < 0


def test_the_scale_ends_where_random_has_closed_the_gap_and_ignores_units() -> None:
    scale, other = score.scale(LATENCY, 300), score.scale(1000 * LATENCY, 300)
    assert scale is not None and other is not None
    gap = (scale.baseline_ms - scale.optimum_ms) / (scale.cap_ms - scale.optimum_ms)
    assert gap[-1] <= 0.05 < gap[-2]
    runs = np.random.default_rng(1).choice(LATENCY, (3, len(scale.at)))
    np.testing.assert_allclose(scale.scores(runs), other.scores(1000 * runs))
    assert score.scale(np.ones(5), 5) is None


def test_a_table_that_random_search_exhausts_has_a_scale() -> None:
    scale = score.scale(np.array([1.0, 2.0, 3.0]), 3)
    assert scale is not None and np.isfinite(scale.scores(np.full((1, len(scale.at)), 2.0))).all()


def test_area_of_a_step_function_and_of_random_search() -> None:
    steps = pd.DataFrame({"run": [0, 0, 1], "evaluation": [1, 3, 2]})
    curves = step_functions(steps, 2, "evaluation", [0.5, 1.0, 0.8])
    found = anytime(curves, np.array([0, 1]), np.array([1.0, 0.0]), 4)
    assert found.area == pytest.approx((np.mean([0.5, 0.5, 1.0, 1.0]) + np.mean([0, 0.8, 0.8, 0.8])) / 2)
    # quality (1, 0), 4 evaluations of a table of 2: 1/2, then 1
    assert found.random == pytest.approx((0.5 + 3) / 4)
    rng, quality = np.random.default_rng(0), np.linspace(0, 1, 30)
    simulated = [np.maximum.accumulate(rng.permutation(quality)[:12]).mean() for _ in range(20_000)]
    assert exact_random_area(quality, 12) == pytest.approx(np.mean(simulated), abs=0.003)


def test_step_functions_hold_their_value_and_never_interpolate() -> None:
    steps = pd.DataFrame({"run": [0, 2, 2], "clock_s": [1.0, 0.5, 2.0]})
    curves = step_functions(steps, 3, "clock_s", [0.3, 0.4, 0.9])
    found = curves.at([0, 1, 2], [0.0, 0.5, 1.0, 1.999, 2.0])
    np.testing.assert_array_equal(found, [[0, 0, 0.3, 0.3, 0.3], [0] * 5, [0, 0.4, 0.4, 0.4, 0.9]])


def test_readings_are_medians_of_bootstrapped_samples() -> None:
    table = readings([np.array([1.0, 2.0, 3.0]), np.array([]), np.array([5.0, 7.0])])
    drawn = table.draw(np.tile([0, 1, 2], (20_000, 1)), np.random.default_rng(0))
    assert np.isinf(drawn[:, 1]).all()
    assert drawn[:, 2].mean() == pytest.approx(6.0, abs=0.03)
    assert set(np.unique(drawn[:, 2])) == {5.0, 6.0, 7.0}
    # the median of three draws from {1, 2, 3} is 1 where two or three of them are: 7/27
    assert np.mean(drawn[:, 0] == 1.0) == pytest.approx(7 / 27, abs=0.01)


def test_noise_costs_random_search_what_a_direct_simulation_says() -> None:
    rng, n, budget = np.random.default_rng(0), 60, 25
    true = np.sort(rng.uniform(1.0, 1.5, n))
    samples = [rng.normal(x, 0.08, 3) for x in true]
    hit = np.arange(n) < 3

    def block(searches: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        drawn = random_simulation.simulate(np.ones(n), np.ones(n), budget, searches, rng, 1, True)
        read = noisy_random.read_searches(drawn, readings(samples), {0.05: hit}, rng)[0.05]
        return {"evaluations": read.evaluations(), "seconds": read.seconds()}

    found = until_precise(block, noisy_random.SIGNS, np.random.default_rng(5), budget)
    evaluations, seconds = found["evaluations"], found["seconds"]
    assert evaluations.value > 1.05 and evaluations.precise and seconds.precise
    assert seconds.value == pytest.approx(evaluations.value, rel=1e-9)  # every evaluation costs the same
    cost, hits = 0, 0
    for _ in range(3000):
        order, best, incumbent, t = rng.permutation(n)[:budget], np.inf, -1, budget
        bootstrapped = np.take_along_axis(np.array(samples)[order], rng.integers(0, 3, (budget, 3)), axis=1)
        for i, (row, reading) in enumerate(zip(order, np.median(bootstrapped, axis=1), strict=True)):
            if reading < best:
                best, incumbent = reading, row
            if hit[incumbent]:
                t, hits = i + 1, hits + 1
                break
        cost += t
    assert evaluations.value * random_search.ert(n, 3, budget) == pytest.approx(cost / hits, rel=0.08)


def test_without_noise_there_is_no_slowdown() -> None:
    true = np.array([1.0, 1.1, 2.0, np.inf])
    samples = [np.array([x] if np.isfinite(x) else []) for x in true]
    searches = random_simulation.simulate(np.ones(4), np.ones(4), 2, 500, np.random.default_rng(0), 1, True)
    read = noisy_random.read_searches(searches, readings(samples), {0.05: true < 1.05}, np.random.default_rng(1))[0.05]
    assert (read.noisy == read.exact).all() and set(read.noisy.tolist()) == {1, 2, 3}


def test_what_cannot_hide_a_hit_need_not_be_read() -> None:
    n = 60
    searches = random_simulation.simulate(np.ones(n), np.ones(n), n, 300, np.random.default_rng(0), 1, True)
    samples = readings([np.array([1.0 + i]) for i in range(n)])
    hit = np.arange(n) < 1
    read = noisy_random.read_searches(searches, samples, {0.05: hit, 0.1: np.arange(n) < 30}, np.random.default_rng(1))
    assert (read[0.05].noisy == 1 + (searches.rows == 0).argmax(axis=1)).all() and read[0.05].noisy.max() > 40
    assert (read[0.1].noisy == read[0.1].exact).all()


def test_a_hit_in_the_last_evaluation_is_hidden_by_a_lucky_reading_like_any_other() -> None:
    """The other configuration always reads lower, and was met first."""
    one = np.array([[1, 0]])
    searches = random_simulation.SimulatedSearches(one, one, np.array([[1.0, 2.0]]))
    samples = readings([np.array([1.0]), np.array([0.5])])
    read = noisy_random.read_searches(searches, samples, {0.05: np.array([True, False])}, np.random.default_rng(0))
    assert read[0.05].exact.tolist() == [2] and read[0.05].noisy.tolist() == [3]
