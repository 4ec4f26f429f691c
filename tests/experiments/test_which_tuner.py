"""The page on the choice of a tuner agrees with its script and with the rule of ``nearopt tune``."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.ablation.unlisted import ratio
from experiments.contenders import which_tuner
from harness.tuning.auto import LEAD, auto_strategy

PAGE = Path(which_tuner.__file__).with_name("which_tuner.md")


@pytest.mark.slow  # 4,000 resamples of the runs in spaces too large to list
def test_the_page_is_what_the_script_prints() -> None:
    assert PAGE.read_text(encoding="utf-8") == which_tuner.page()


@pytest.mark.slow
def test_the_lead_in_spaces_too_large_to_list_is_that_of_the_runs() -> None:
    text = (which_tuner.EXPERIMENTS / "ablation/unlisted.csv").read_text(encoding="utf-8")
    lead = ratio(list(csv.DictReader(text.splitlines())), "optuna_tpe")
    assert f": {lead.value:.2f} times as fast as TPE" in auto_strategy(None, evaluations=100).reason


def test_the_rule_on_the_page_is_that_of_nearopt_tune() -> None:
    found = which_tuner.cases()
    assert [case.choice.strategy for case in found] == ["random", "pattern_search", *["conditional_gp"] * 3]
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    for case in found:
        assert case.choice == auto_strategy(**case.given)
        (row,) = [line for line in lines if line.startswith(f"| {case.words} |")]
        assert row.split(" | ")[1:] == [case.choice.strategy, case.options, f"{case.choice.reason} |"]


def test_the_lead_that_the_rule_assumes_is_that_of_the_study() -> None:
    study = which_tuner.of_study(json.loads((which_tuner.STUDY / "verdict.json").read_text(encoding="utf-8")))
    ours, other = (study[name, "evaluations"] for name in ("conditional_gp", "pattern_search"))
    assert pytest.approx(ours / other, rel=0.02) == LEAD
    free = [value for (name, axis), value in study.items() if axis == "evaluations" and name in which_tuner.OTHERS]
    assert other == max(free)


def test_the_speedup_that_the_rule_states_is_that_of_the_contenders() -> None:
    """No strategy without a default in its table has a larger one."""
    speedups = pd.read_csv(PAGE.with_name("speedups.csv"))
    strata = pd.read_csv(which_tuner.EXPERIMENTS / "asynchronous/table.csv")
    rows = [row for row in which_tuner.contenders(speedups, strata) if not row[0].endswith("_from_default")]
    assert rows[0][0] == "conditional_gp"
    assert auto_strategy(3000, 100).reason.startswith(f"{rows[0][1].partition(' ')[0]} times as fast as uniform")


def test_the_gain_of_the_rules_on_other_kernels_is_that_of_the_runs() -> None:
    """Both versions on the tasks of claim_2, and the speedup there on three pages."""
    rows = pd.read_csv(PAGE.with_name("all.csv")).query("baseline == 'exact_random'").set_index("task")
    before = rows.query("source == 'claim_2' and strategy == 'conditional_gp_2'")["ert"]
    after = rows.query("source == 'claim_2_later' and strategy == 'conditional_gp'")["ert"]
    gain = before / after
    page, study, tune = (
        (which_tuner.EXPERIMENTS.parent / name).read_text(encoding="utf-8").replace("\n", " ")
        for name in ("experiments/contenders/README.md", "experiments/claim_2/README.md", "harness/tuning/README.md")
    )
    assert len(gain) == 20
    assert f"the rules are worth {np.exp(np.log(gain).mean()):.2f} in the geometric mean over 20 tasks" in page
    assert f"between {gain.min():.2f} (chunked_scan) and {gain.max():.1f} (grouped_gemm)" in page
    assert f"between {gain.min():.2f} ({gain.idxmin().partition('__')[0]}) and {gain.max():.1f} times" in study
    assert f"{('nine', 'ten')[int((gain < 1).sum()) - 9]} of the 20 tasks need more evaluations" in study
    speedup = which_tuner.on_other_kernels()
    assert f"{speedup.replace(' ', ' times ')} over uniform random search instead of" in study
    assert f"{speedup.partition(' ')[0]} times on ten others" in tune
    assert f"it is {speedup.replace(' ', ' times ')} as fast as uniform random search" in page


def test_both_tables_of_the_contenders_say_the_same() -> None:
    first, _, _ = PAGE.with_name("README.md").read_text(encoding="utf-8").partition("The following results")
    assert "| conditional_gp_from_default" in first and "| trust_region" in first
    for line in first.splitlines():
        if line.startswith("| conditional_gp_from_default") or line.startswith("| trust_region"):
            wanted = [cell.split(",")[0].strip() for cell in line.strip("| ").split(" | ")]
            assert f"| {' | '.join(wanted)} |" in PAGE.read_text(encoding="utf-8")


def test_random_draws_hit_by_the_law_of_draws_without_replacement() -> None:
    # three hits among eleven: expected after 12/4 = 3 draws
    assert which_tuner.random_share(11, 3.0, 1) == pytest.approx(3 / 11)
    assert which_tuner.random_share(11, 3.0, 2) == pytest.approx(1 - 8 * 7 / (11 * 10))
    assert which_tuner.random_share(11, 3.0, 9) == 1.0
    shares = [1 - which_tuner.random_share(11, 3.0, drawn) for drawn in range(11)]
    assert np.sum(shares) == pytest.approx(3.0)
