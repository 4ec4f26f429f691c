"""Comparisons of pairs of recordings with known agreement."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.landscapes.compare import Near, agreement, compare, format_comparison
from tests.analysis.fabricate import landscape

N = 400


def recorded(true_ms: np.ndarray, **columns: object) -> pd.DataFrame:
    keys = [f"c{i}" for i in range(len(true_ms))]
    frame = {"key": keys, "status": "ok", "latency_ms": true_ms, "oracle_ms": true_ms}
    return pd.DataFrame(frame | columns)


def test_a_recording_agrees_with_itself_in_any_order() -> None:
    a = landscape(N)
    c = compare(a, a.sample(frac=1.0, random_state=1))
    assert (c.common, c.only_a, c.only_b, c.statuses) == (N, 0, 0, {})
    for found in c.agreements.values():
        assert (found.spearman, found.median_difference, found.p95_difference) == (pytest.approx(1.0), 0.0, 0.0)
    assert c.a_on_b is not None and c.b_on_a is not None
    assert c.a_on_b.slowdown == c.b_on_a.slowdown == 1.0
    assert c.near_a == c.near_b == Near(c.near_both, N)


def test_differences_and_ratio_are_relative_to_a() -> None:
    a = np.linspace(1.0, 2.0, 101)
    b = a * np.where(np.arange(101) < 90, 1.02, 0.9)
    c = compare(recorded(a), recorded(b))
    whole, fastest = (c.agreements["latency_ms", share] for share in (1.0, 0.1))
    assert (whole.n, fastest.n) == (101, 11)
    assert whole.median_difference == pytest.approx(0.02)
    assert whole.p95_difference == pytest.approx(0.1)
    assert fastest.p95_difference == pytest.approx(0.02)
    assert whole.median_ratio == pytest.approx(1.02)
    assert set(c.agreements) == {("latency_ms", 1.0), ("latency_ms", 0.1)}  # neither was timed again


def test_spearman_is_of_ranks_and_matches_a_known_correlation() -> None:
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 40_000))
    y = 0.8 * x + 0.6 * noise
    expected = 6 / np.pi * np.arcsin(0.8 / 2)  # of a bivariate normal of correlation 0.8
    assert agreement(np.exp(x), np.exp(y)).spearman == pytest.approx(expected, abs=0.01)
    assert agreement(np.exp(x), np.exp(5 * x)).spearman == pytest.approx(1.0)
    assert agreement(np.exp(x), np.exp(-x)).spearman == pytest.approx(-1.0)
    assert np.isnan(agreement(np.exp(x), np.ones(len(x))).spearman)


def test_the_fastest_may_be_in_disorder_where_the_whole_is_not() -> None:
    a = np.linspace(1.0, 10.0, 200)
    b = a.copy()
    b[:20] = b[:20][::-1]
    c = compare(recorded(a), recorded(b))
    assert c.agreements["latency_ms", 1.0].spearman > 0.99
    assert c.agreements["latency_ms", 0.1].spearman == pytest.approx(-1.0)


def test_each_optimum_is_charged_on_the_other_by_true_latency() -> None:
    a = recorded(np.array([1.0, 1.2, 1.04, 3.0]))
    b = recorded(np.array([3.0, 2.0, 2.08, 9.0]), latency_ms=[9.0, 9.0, 1.0, 9.0])
    c = compare(a, b)
    assert c.a_on_b is not None and c.b_on_a is not None
    assert (c.a_on_b.slowdown, c.b_on_a.slowdown) == (1.5, 1.2)
    assert (c.near_a, c.near_b, c.near_both) == (Near(2, 4), Near(2, 4), 1)
    assert ("oracle_ms", 1.0) in c.agreements


def test_an_optimum_that_fails_or_is_absent_over_there() -> None:
    a = recorded(np.array([1.0, 2.0, 3.0, 4.0]))
    b = recorded(np.array([np.nan, 5.0, 4.0, 4.5]), status=["run_timeout", "ok", "ok", "ok"])
    c = compare(a, b)
    assert c.a_on_b is not None and c.a_on_b.status == "run_timeout" and np.isinf(c.a_on_b.slowdown)
    assert c.statuses == {("ok", "run_timeout"): 1}
    assert c.agreements["latency_ms", 1.0].n == 3
    text = format_comparison(c, "x", "y")
    assert "optimum of A on B: fails (run_timeout)" in text
    assert "1 differ: 1 ok in A, run_timeout in B" in text
    part = compare(a, b.iloc[1:])
    assert part.a_on_b is not None
    assert (part.a_on_b.is_optimum, part.a_on_b.slowdown, part.only_a) == (False, 1.25, 1)
    assert "best common configuration of A (its optimum is not in B) on B: 1.2500×" in format_comparison(part, "x", "y")


def test_search_rows_of_a_sample_are_no_part_of_the_count() -> None:
    b = recorded(np.array([1.0, 1.01, 5.0]), origin=["search", "uniform", "uniform"])
    assert compare(b, b).near_b == Near(1, 2)


def test_nothing_that_succeeded_is_said_and_not_computed() -> None:
    failed = recorded(np.full(3, np.nan), status="compile_error")
    c = compare(failed, failed)
    assert (c.a_on_b, c.near_a) == (None, Near(0, 3))
    text = format_comparison(c, "x", "y")
    assert "nan" not in text
    assert "unknown" in text


@pytest.mark.parametrize(("shared", "words"), [(0, "no configuration"), (1, "one configuration")])
def test_fewer_than_two_in_common_is_refused(shared: int, words: str) -> None:
    a = recorded(np.array([1.0, 2.0, 3.0]))
    b = a.assign(key=["c0" if i < shared else f"other{i}" for i in range(3)])
    with pytest.raises(AnalysisError, match=f"{words} in common"):
        compare(a, b)
