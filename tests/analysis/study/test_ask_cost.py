"""Exponents of growth: a known law is recovered, and the interval has its stated coverage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from analysis.figures.ask_cost import draw
from analysis.study.ask_cost import COLUMNS, growth, summarise, terminal_table

N = np.geomspace(10, 1000, 13).round()


@pytest.mark.parametrize("exponent", [0.0, 1.0, 3.0])
def test_a_power_law_is_recovered(exponent: float) -> None:
    fitted, low, high = growth(pd.Series(N), pd.Series(2e-4 * N**exponent))
    assert fitted == pytest.approx(exponent) and low == pytest.approx(exponent) and high == pytest.approx(exponent)


def test_the_interval_holds_the_truth_19_times_in_20() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        _, low, high = growth(pd.Series(N), pd.Series(N**1.5 * np.exp(rng.normal(0, 0.2, len(N)))))
        held += low <= 1.5 <= high
    assert 930 <= held <= 970  # 950 ± 3 standard errors


def test_only_the_last_decade_counts() -> None:
    seconds = np.where(N < 100, 1e-6, 1e-6 * N**2)
    assert growth(pd.Series(N), pd.Series(seconds))[0] == pytest.approx(2.0)


def test_too_few_readings_give_no_interval() -> None:
    assert np.isnan(growth(pd.Series([10.0]), pd.Series([1.0]))).all()
    fitted, low, high = growth(pd.Series([10.0, 100.0]), pd.Series([1.0, 10.0]))
    assert fitted == pytest.approx(1.0) and np.isnan([low, high]).all()


def test_the_table_says_how_far_each_got() -> None:
    rows = [("quick", int(n), 1e-6, 1e-6, 10_000, "done") for n in N]
    rows += [("dear", 10, 0.5, 0.1, 5_000_000, "time limit")]
    readings = pd.DataFrame(rows, columns=list(COLUMNS))
    summary = summarise(readings)
    assert summary["memory_mb"].to_list() == [0.01, 5.0]
    lines = terminal_table(summary).splitlines()
    assert " ".join(lines[0].split()) == "strategy observations ms at 10 ms at 100 ms at 1000 MB exponent"
    assert lines[1].split() == ["quick", "1000", "0.002", "0.002", "0.002", "0.0", "0.00", "[0.00,", "0.00]"]
    assert lines[2].split() == ["dear", "10", "(time", "limit)", "600", "–", "–", "5.0", "–"]
    figure = draw(readings, summary)
    assert [axes.get_ylabel() for axes in figure.axes] == ["ask and tell (ms)", "memory (MB)"]
    assert [line.get_label() for line in figure.axes[0].lines] == ["quick (n^0.00)", "dear"]


def test_the_interval_is_students_of_two_parameters() -> None:
    """Four readings leave two degrees of freedom; the standard error of the slope by its textbook formula."""
    n, s = np.array([100.0, 200.0, 400.0, 800.0]), np.array([1.0, 2.2, 3.7, 8.5])
    x, y = np.log(n) - np.log(n).mean(), np.log(s) - np.log(s).mean()
    slope = (x @ y) / (x @ x)
    half = t.ppf(0.975, 2) * np.sqrt(((y - slope * x) ** 2).sum() / 2 / (x @ x))
    assert growth(pd.Series(n), pd.Series(s)) == pytest.approx((slope, slope - half, slope + half))
