"""The contenders' page says what its files say of slow and tuned opponents, of batches and of the growth of asks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.study.ask_cost import summarise, terminal_table
from experiments.ablation import ask_growth, heuristic
from experiments.claim_5_10x.run import DEAR_TASKS
from experiments.contenders import compare, first_hit, table, tune
from search_spaces.heuristic import Heuristic

HERE = Path(table.__file__).parent
PAGE = (HERE / "README.md").read_text(encoding="utf-8")
RUNS = HERE / "first_hit.csv"
SLOW = (
    "ax",
    "conditional_gp",
    "conditional_gp_2",
    "optuna_gp",
    "optuna_tpe",
    "smac",
    "trust_region",
    "botorch_hierarchical",
    "botorch_mixed",
)
OURS = {"conditional_gp", "conditional_gp_2"}
TUNED = ("conditional_gp", "conditional_gp_2", "conditional_gp_2_16", "optuna_tpe_tuned", "trust_region_tuned")
RULES = (
    "conditional_gp", "conditional_gp_held_out", "conditional_gp_16", "heuristic_first", "heuristic_first_trust_region",
    "random_heuristic",
)  # fmt: skip


def test_the_weights_of_the_rules_are_rounded_coefficients_of_the_recordings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recordings = [heuristic.recorded(task) for task in heuristic.tasks()]
    weights = np.array([getattr(Heuristic(), rule) for rule in heuristic.RULES])
    assert np.abs(heuristic.fitted(recordings) - weights).max() < 0.06
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["heuristic"])
        assert heuristic.main() == 0
    assert capsys.readouterr().out.rstrip() in PAGE


def test_a_regression_finds_weights_that_are_known() -> None:
    """Both kernels have them, apart from what the ridge penalty takes; a rule without variance gets none."""
    rng = np.random.default_rng(0)
    against = rng.normal(size=(3, 4000, len(heuristic.RULES)))
    against[..., 3] = 0.0
    true = np.array([0.4, 0.3, 0.5, 9.0])
    names = ("one-1", "one-2", "other-1")
    recordings = [
        heuristic.Recorded(name, rows, rows @ true + rng.normal(0.0, 0.1, 4000))
        for name, rows in zip(names, against, strict=True)
    ]
    found = heuristic.fitted(recordings)
    assert found == pytest.approx([*(true[:3] / (1.0 + heuristic.SHRINKAGE)), 0.0], abs=0.02)
    correlation, fastest = heuristic.order(found, recordings[0])
    assert correlation > 0.9 and fastest < 0.1


@pytest.mark.slow
def test_every_ratio_on_the_page_is_that_of_the_kept_runs() -> None:
    runs = [run for run in first_hit.read_runs(RUNS) if run.task in tune.tasks()]
    printed = [line for line in PAGE.splitlines() if " / " in line and line.endswith(" hits")]
    assert len(printed) >= 20
    for line in printed:
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
    slow = ended[ended["arm"].isin(set(SLOW) - OURS)]
    assert set(slow["arm"]) == set(SLOW) - OURS
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
    rules = whole[whole["task"].isin(tune.tasks()) & whole["strategy"].isin(RULES)]
    for rows in (slow, tuned, rules):
        assert table.markdown(table.summary(rows)) in PAGE
