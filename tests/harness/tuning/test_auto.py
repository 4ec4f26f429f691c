"""The rule that chooses a strategy states measured numbers, and depends on nothing else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.system.resources import CHECKOUT
from harness.tuning.auto import ASK_S, LEAD, auto_strategy


@pytest.mark.parametrize(
    ("size", "evaluations", "seconds", "workers", "evaluation_s", "strategy"),
    [
        (5000, 100, None, 1, None, "conditional_gp"),
        (5000, None, 60.0, 1, None, "conditional_gp"),  # their number is unknown
        (100, 100, None, 1, None, "random"),
        (100, 99, None, 1, None, "conditional_gp"),
        (100, None, 60.0, 1, 0.5, "random"),
        (100, 90, 60.0, 1, 0.5, "conditional_gp"),
        (1000, None, 60.0, 1, 0.5, "conditional_gp"),
        (400, None, 60.0, 4, 0.5, "random"),  # four workers do 480
        (None, 100, None, 1, None, "conditional_gp"),
        (None, 10**9, None, 16, 1.0, "conditional_gp"),
        (5000, 100, None, 16, 2.0, "conditional_gp"),
        (5000, 100, None, 1, 0.01, "pattern_search"),
        (5000, 100, None, 64, 2.0, "pattern_search"),  # one is due every 31 ms
    ],
)
def test_space_budget_workers_and_cost_decide(
    size: int | None,
    evaluations: int | None,
    seconds: float | None,
    workers: int,
    evaluation_s: float | None,
    strategy: str,
) -> None:
    choice = auto_strategy(size, evaluations, seconds, workers, evaluation_s)
    assert choice.strategy == strategy and choice.reason
    assert (CHECKOUT / f"conf/strategy/{strategy}.yaml").is_file()
    for word in choice.reason.replace("(", " ").replace(")", " ").split():
        assert not word.startswith("experiments/") or Path(CHECKOUT / word).is_dir()


def test_thinking_is_worth_it_from_where_both_take_equally_long() -> None:
    even_s = ASK_S / (LEAD - 1)
    assert even_s + ASK_S == pytest.approx(LEAD * even_s)
    assert auto_strategy(5000, 100, None, 1, 1.01 * even_s).strategy == "conditional_gp"
    assert auto_strategy(5000, 100, None, 1, 0.99 * even_s).strategy == "pattern_search"


def test_the_speedup_with_many_workers_is_that_of_the_study() -> None:
    table = pd.read_csv(CHECKOUT / "experiments/asynchronous/table.csv")
    rows = table[(table["task"] == "ALL") & (table["stratum"] == "useful") & (table["baseline"] == "exact_random")]
    ((speedup, low, high),) = rows.loc[
        rows["strategy"] == "conditional_gp_async", ["speedup", "speedup_low", "speedup_high"]
    ].to_numpy()
    assert auto_strategy(5000, 100, workers=16).reason.startswith(f"{speedup:.2g} times as fast")
    page = (CHECKOUT / "harness/tuning/README.md").read_text(encoding="utf-8")
    assert f"{speedup:.2g} ({low:.2g}–{high:.2g}) times as fast as uniform random search on 16" in page
