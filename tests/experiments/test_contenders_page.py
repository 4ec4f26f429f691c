"""The contenders' page says what its files say of slow and tuned opponents, of batches and of the growth of asks."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.study.ask_cost import summarise, terminal_table
from experiments.ablation import ask_growth
from experiments.contenders import compare, first_hit, table, tune

HERE = Path(table.__file__).parent
PAGE = (HERE / "README.md").read_text(encoding="utf-8")
RUNS = HERE / "first_hit.csv"
UNFINISHED = HERE / "unfinished.csv"
SLOW = (
    "conditional_gp",
    "optuna_gp",
    "optuna_tpe",
    "smac",
    "trust_region",
    "botorch_hierarchical",
    "botorch_mixed",
)
TUNED = ("conditional_gp", "conditional_gp_16", "optuna_tpe_tuned", "trust_region_tuned")


@pytest.mark.slow
def test_every_ratio_on_the_page_is_that_of_the_kept_runs() -> None:
    runs, more = ([run for run in first_hit.read_runs(file) if run.task in tune.tasks()] for file in (RUNS, UNFINISHED))
    printed = [line for line in PAGE.splitlines() if " / " in line and line.endswith(" hits")]
    assert len(printed) >= 4
    for line in printed:
        one, other = line.partition(":")[0].split(" / ")
        if one == "ax":  # left out, and counted as failures
            both = runs + more
            failed = compare.given_up(both, one, other)
            assert failed and line in (compare.line(both, one, other), compare.line(both + failed, one, other))
        else:
            assert line == compare.line(runs, one, other)


def test_the_kept_runs_use_seeds_on_which_nothing_was_chosen() -> None:
    runs = first_hit.read_runs(RUNS)
    assert min(run.seed for run in runs) >= 200 and {run.budget for run in runs} == {first_hit.EVALUATIONS}
    assert max(run.seed for run in first_hit.read_runs(tune.TUNING)) < 100


def test_the_seconds_of_an_ask_are_those_of_the_kept_runs() -> None:
    for line in first_hit.asks(first_hit.read_runs(RUNS) + first_hit.read_runs(UNFINISHED)):
        if line.startswith(("optuna_gp:", "smac:", "ax:", "botorch_")):
            assert line in PAGE


def test_tasks_with_runs_that_did_not_end_are_kept_apart() -> None:
    """The runs that ended are those with few evaluations, so that their mean is no estimate."""
    ended = pd.DataFrame(first_hit.read_runs(RUNS))
    slow = ended[ended["arm"].str.match("ax$|botorch_")]
    assert set(slow.groupby(["arm", "task"])["seed"].nunique()) == {10}
    parts = pd.DataFrame(first_hit.read_runs(UNFINISHED))
    assert not set(zip(parts["arm"], parts["task"], strict=True)) & set(zip(slow["arm"], slow["task"], strict=True))
    assert parts.groupby(["arm", "task"])["seed"].nunique().max() < 10


def test_the_growth_on_the_page_is_that_of_the_readings() -> None:
    assert terminal_table(summarise(pd.read_csv(ask_growth.FILE))) in PAGE


@pytest.mark.slow  # reads the first study for its recorded tables
def test_the_tables_of_the_page_are_those_of_the_kept_runs() -> None:
    whole = table.speedups([HERE.parent / "claim_5_10x/results", RUNS], kept_alone=True)
    four = set(whole.loc[whole["strategy"] == "optuna_gp", "task"])
    slow = whole[whole["task"].isin(four) & whole["strategy"].isin(SLOW)]
    tuned = whole[whole["task"].isin(tune.tasks()) & whole["strategy"].isin(TUNED)]
    for rows in (slow, tuned):
        assert table.markdown(table.summary(rows)) in PAGE
