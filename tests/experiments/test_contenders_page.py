"""The contenders' page says what its files say of slow and tuned opponents, of batches and of the growth of asks."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.study.ask_cost import summarise, terminal_table
from experiments.ablation import ask_growth
from experiments.claim_5_10x.run import DEAR_TASKS
from experiments.contenders import compare, first_hit, table, tune

HERE = Path(table.__file__).parent
PAGE = (HERE / "README.md").read_text(encoding="utf-8")
RUNS = HERE / "first_hit.csv"
SLOW = (
    "ax",
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
    runs = [run for run in first_hit.read_runs(RUNS) if run.task in tune.tasks()]
    printed = [line for line in PAGE.splitlines() if " / " in line and line.endswith(" hits")]
    further = [line for line in printed if line.endswith("/896 hits")]  # of seeds whose runs are not kept
    assert len(printed) >= 4 and len(further) == 1
    for line in set(printed) - set(further):
        one, other = line.partition(":")[0].split(" / ")
        assert line == compare.line(runs, one, other)


def test_the_kept_runs_use_seeds_on_which_nothing_was_chosen() -> None:
    runs = first_hit.read_runs(RUNS)
    assert min(run.seed for run in runs) >= 200 and {run.budget for run in runs} == {first_hit.EVALUATIONS}
    assert max(run.seed for run in first_hit.read_runs(tune.TUNING)) < 100


def test_the_seconds_of_an_ask_are_those_of_the_kept_runs() -> None:
    for line in first_hit.asks(first_hit.read_runs(RUNS)):
        if line.startswith(("optuna_gp:", "smac:", "ax:", "botorch_")):
            assert line in PAGE


def test_no_run_of_a_slow_strategy_was_given_up() -> None:
    """The runs that end are those with few evaluations, so that a task with missing ones gives no estimate."""
    ended = pd.DataFrame(first_hit.read_runs(RUNS))
    slow = ended[ended["arm"].isin(set(SLOW) - {"conditional_gp"})]
    assert set(slow["arm"]) == set(SLOW) - {"conditional_gp"}
    assert set(slow["task"]) == {f"{task}__h100" for task in DEAR_TASKS}
    assert set(slow.groupby(["arm", "task"])["seed"].nunique()) == {10} and len(slow) == 560


def test_the_growth_on_the_page_is_that_of_the_readings() -> None:
    assert terminal_table(summarise(pd.read_csv(ask_growth.FILE))) in PAGE


@pytest.mark.slow  # reads the first study for its recorded tables
def test_the_tables_of_the_page_are_those_of_the_kept_runs() -> None:
    whole = table.speedups([HERE.parent / "claim_5_10x/results", RUNS], kept_alone=True)
    eight = set(whole.loc[whole["strategy"] == "optuna_gp", "task"])
    slow = whole[whole["task"].isin(eight) & whole["strategy"].isin(SLOW)]
    tuned = whole[whole["task"].isin(tune.tasks()) & whole["strategy"].isin(TUNED)]
    for rows in (slow, tuned):
        assert table.markdown(table.summary(rows)) in PAGE
