"""The coverage study in arrays says what the report's own functions say of each study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.reference import TARGETS, difficulty, is_hit
from analysis.statistics import random_search
from analysis.statistics.ert import ErtEstimate, LogEstimate, estimate
from analysis.statistics.supported import NEW_KERNELS, THESE_TASKS
from analysis.study.aggregate import over_kernels, over_seeds, task_of
from analysis.study.pairing import compared
from experiments.coverage import many
from experiments.coverage.cells import Kind, coverage
from experiments.coverage.pipeline import ROWS, SCENARIOS, Scenario, _latencies, _table, batch
from experiments.coverage.run import COLUMNS, kinds, rows_of
from tests.analysis.hypotheses import CLAIM

SEEDS, KERNELS, LIMIT = 6, 3, 1.4


@pytest.mark.parametrize("exact", [True, False])
def test_arrays_are_the_reports_own_numbers(exact: bool) -> None:
    rng = np.random.default_rng(5)
    times = rng.exponential(1.0, (2, 4, 2 * KERNELS, SEEDS))
    times[0, 0, 0] = 0.5  # tied
    times[0, 1] = 0.25
    cost, hit = np.minimum(times, LIMIT), times <= LIMIT
    own, runs = many.estimates(cost[0], hit[0]), many.estimates(cost[1], hit[1])
    found = many.ratio(many.exact(np.full(own.log.shape, 0.7)) if exact else runs, own)
    means = many.over_seeds(found), many.over_kernels(found, KERNELS)
    for study in range(4):
        tasks = []
        for task in range(2 * KERNELS):
            base = ErtEstimate(np.exp(0.7), 1, 1, LogEstimate(0.7))
            base = base if exact else estimate(cost[1, study, task], hit[1, study, task])
            row = compared(estimate(cost[0, study, task], hit[0, study, task]), base)
            assert row["bound"] == "none"
            tasks.append(task_of(row | {"kernel": f"k{task // 2}", "stratum": "useful", "budget": 1.0}))
        for of, mean in zip(means, (over_seeds, over_kernels), strict=True):
            expected = mean(tasks)
            seen = of.log[study], of.se[study], of.df[study], of.bias[study]
            assert seen == pytest.approx((expected.log, expected.se, expected.df, expected.bias))
            low, high = (float(np.exp(end[study])) for end in of.interval())
            assert (low, high) == pytest.approx(expected.interval())


@pytest.mark.parametrize("kind", [Kind(30, 0.7, 4), Kind(30, 1.0, 4, 0.7), Kind(20, 1.0, 10, 1.0)])
def test_intervals_hold_the_truth_and_tests_err_to_neither_side(kind: Kind) -> None:
    for of in coverage(kind, 3000, np.random.default_rng(11)):
        assert 0.92 <= of.coverage <= 0.98, of
        assert max(of.below, of.above) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / of.studies), of


def test_a_cell_is_the_same_whenever_it_is_computed() -> None:
    kind = Kind(5, 0.7, 2, 0.7)
    one, two = (pd.DataFrame(rows_of(kind, 50)).reindex(columns=COLUMNS) for _ in range(2))
    assert one.equals(two) and len(one) == 1 and kind in kinds()


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s.runs_too is False][:2], ids=lambda s: s.name)
def test_a_table_and_a_strategy_have_the_speedup_that_was_asked_for(scenario: Scenario) -> None:
    """The law of the drawn latencies, before any run."""
    exact = [random_search.ert(ROWS, k, scenario.budget) for k in scenario.hits]
    assert all(scenario.speedup / ert < 1 for ert in exact)
    table = _table(scenario.hits)
    assert [difficulty(table, 1.0, target).k for target in TARGETS] == list(scenario.hits)
    latency = _latencies(np.random.default_rng(0).random(200_000), scenario.speedup / np.array(exact))
    shares = [is_hit(latency, 1.0, target).mean() for target in TARGETS]
    assert shares == pytest.approx([scenario.speedup / ert for ert in exact], rel=0.03)


@pytest.mark.slow
def test_the_whole_pipeline_errs_no_more_than_it_may() -> None:
    """A small form of ``python -m experiments.coverage.wrong``: from runs to words."""
    studies, found = 40, {}
    for scenario in SCENARIOS:
        found[scenario.name] = batch(scenario, CLAIM, studies, np.random.default_rng(7))
    allowed = 0.05 * studies + 3 * np.sqrt(0.05 * 0.95 * studies)
    for name, of in found.items():
        if name.startswith("5 times") and "differ" not in name:
            assert max(of["claim supported"], of["claim refuted"]) <= allowed, (name, of)
        for question in (THESE_TASKS, NEW_KERNELS):
            given = of[f"{question} given"]  # of one study they go together: a loose bound
            assert given == 0 or of[f"{question} held"] / given >= 0.85, (name, of)
    assert found["2 times, over both"]["claim refuted"] == studies
    assert found["15 times, exact alone"]["claim supported"] == studies
    assert found["1 time, one task never solved"]["claim refuted"] == studies
