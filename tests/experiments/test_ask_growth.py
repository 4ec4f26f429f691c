"""The growth of asks is measured on a listed and on an unlisted space of the same task."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.study.ask_cost import COLUMNS, summarise
from experiments.ablation import ask_growth
from harness.landscapes.landscape import read_landscape
from harness.landscapes.library import find_landscape


def test_one_space_is_listed_and_the_other_is_not() -> None:
    landscape = read_landscape(find_landscape(ask_growth.TASK, "h100"))
    listed, unlisted = (ask_growth.space_of(landscape, kind) for kind in ask_growth.SPACES)
    assert listed.enumerable and listed.size == 2 * landscape.space.size == 9208 and not unlisted.enumerable


@pytest.mark.parametrize("kind", ask_growth.SPACES)
def test_readings_are_kept_and_read_again(kind: str, tmp_path: Path) -> None:
    rows = ask_growth.readings("optuna_tpe", kind, 22)
    assert [row["observations"] for row in rows] == [10, 15, 22]
    ask_growth.write(rows, tmp_path / "g.csv")
    read = pd.read_csv(tmp_path / "g.csv")
    assert tuple(read.columns) == COLUMNS and set(read["strategy"]) == {f"optuna_tpe, {kind}"}
    assert ask_growth.main(["--draw", "-o", str(tmp_path / "g.csv")]) == 0
    assert (tmp_path / "g.png").stat().st_size > 0


def test_the_committed_readings_go_to_a_thousand_observations() -> None:
    summary = summarise(pd.read_csv(ask_growth.FILE)).set_index("strategy")
    assert summary["observations"].to_dict() == {"conditional_gp, listed": 1000, "conditional_gp, unlisted": 1000}
    assert summary["ask_and_tell_ms_1000"].notna().all()
