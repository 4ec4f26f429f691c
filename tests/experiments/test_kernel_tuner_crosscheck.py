"""The cross-check's two-sample test on cases with a known answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.kernel_tuner_crosscheck import compare
from experiments.kernel_tuner_crosscheck.compare import comparison, holm, two_sample_p


def test_the_p_value_is_uniform_under_the_null_and_small_for_a_shift(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "PERMUTATIONS", 999)
    rng = np.random.default_rng(0)

    def sample(scale: float) -> np.ndarray:
        drawn = np.ceil(rng.exponential(scale, 50))
        return np.where(drawn > 60, np.inf, drawn)  # ties and censoring

    null = np.array([two_sample_p(sample(40), sample(40), rng)[1] for _ in range(200)])
    assert (null <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert 0.4 < null.mean() < 0.65
    shifted = [two_sample_p(sample(40), sample(12), rng)[1] for _ in range(10)]
    assert max(shifted) < 0.05


def test_the_statistic_is_the_largest_distance_of_the_distribution_functions() -> None:
    rng = np.random.default_rng(0)
    assert two_sample_p(np.array([1.0, 2, 3, np.inf]), np.array([1.0, 2, 3, np.inf]), rng) == (0.0, 1.0)
    assert two_sample_p(np.array([1.0, 2, 3, 4]), np.array([3.0, 4, np.inf, np.inf]), rng)[0] == pytest.approx(0.5)
    statistic, p = two_sample_p(np.arange(5.0), np.arange(5.0) + 10, rng)
    assert statistic == 1.0
    assert p == pytest.approx(2 / 252, abs=0.003)  # both arrangements out of 10 choose 5


def test_holm() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_a_row_per_recording_strategy_and_target() -> None:
    runs = pd.DataFrame(
        [
            {"recording": "r", "strategy": s, "side": side, "seed": seed, "within_1.1": None if late else seed + 1.0}
            for s, late in (("a", False), ("b", True))
            for side in ("replay", "simulation")
            for seed in range(20)
        ]
    )
    table = comparison(runs)
    assert list(table["strategy"]) == ["a", "b"]
    assert list(table["hits replay"]) == [20, 0]
    assert list(table["p"]) == [1.0, 1.0]
