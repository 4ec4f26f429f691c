"""The verdict follows the bounds, on fabricated tables with a known outcome."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.runs.load import Study
from analysis.study.incumbents import Optima
from analysis.study.results import StudyResults
from analysis.study.speedup import COLUMNS, DETAILS
from analysis.verdict.hypothesis import Hypothesis
from analysis.verdict.judge import Verdict, judge
from tests.analysis.hypotheses import CLAIM

TARGETS = (0.01, 0.05, 0.10)


def rows(strategy: str, speedup: float, se: float, baseline: str = "exact_random", **other: object) -> pd.DataFrame:
    """Return the rows for ALL over the useful stratum and over all tasks, on both axes, equal at every target."""
    row = dict.fromkeys([*COLUMNS, *DETAILS], np.nan)
    row |= {"task": "ALL", "strategy": strategy, "baseline": baseline, "bound": "none", "refused": ""}
    row |= {"speedup": speedup, "log": np.log(speedup), "se": 3 * se, "df": 2.0, "hits": 1, "runs": 1}
    row |= {"se_these": se, "df_these": 200.0, "refused_these": ""} | other
    strata, axes = ("useful", "all"), ("evaluations", "seconds")
    return pd.DataFrame([row | {"stratum": s, "axis": a, "target": t} for s in strata for a in axes for t in TARGETS])


def verdict(table: pd.DataFrame, hierarchical: pd.DataFrame | None = None, hypothesis: Hypothesis = CLAIM) -> Verdict:
    """Judge; by default the speedups over the other kind of random search are the same."""
    empty = pd.DataFrame()
    other = table.assign(baseline="random_hierarchical") if hierarchical is None else hierarchical
    others = {"random_hierarchical": other} if len(other) else {}
    return judge(StudyResults(Study(empty, empty), Optima({}, {}), empty, empty, table, others, {}, {}), hypothesis)


def test_supported_refuted_undecided() -> None:
    table = pd.concat([rows("fast", 9.0, 0.1), rows("slow", 2.0, 0.1), rows("near", 5.5, 0.1), rows("random", 9, 0.1)])
    found = verdict(table)
    assert found.verdicts["these tasks"]["useful"] == {"fast": "supported", "near": "undecided", "slow": "refuted"}
    # three times the error and two degrees of freedom: new kernels are another question
    assert set(found.verdicts["new kernels"]["useful"].values()) == {"undecided"}
    assert "supported for fast (9.0×, at least 7.6), undecided for near" in found.details
    assert found.details.startswith("Coming within 5% of the optimum at least 5 times as fast as random search")
    assert not found.claim["these tasks"]  # neither of the registered strategies is here


def test_the_claim_stands_with_the_registered_strategies() -> None:
    found = verdict(pd.concat([rows("conditional_gp", 9.0, 0.1), rows("lfbo", 2.0, 0.1)]))
    assert found.claim["these tasks"] == {"useful": "supported", "all": "supported"}
    assert found.details.startswith("The claim of 5–10× is supported: coming within 5%")
    found = verdict(pd.concat([rows("conditional_gp", 3.0, 0.1), rows("lfbo", 2.0, 0.1), rows("ax", 9.0, 0.1)]))
    assert found.claim["these tasks"]["useful"] == "refuted"


def test_all_registered_strategies_have_to_refute_the_claim_and_one_that_is_missing_does_not() -> None:
    found = verdict(rows("conditional_gp", 2.0, 0.1))
    assert found.verdicts["these tasks"]["useful"]["conditional_gp"] == "refuted"
    assert found.claim["these tasks"]["useful"] == "undecided"


def test_that_either_registered_strategy_may_support_the_claim_is_paid_for() -> None:
    alone = rows("conditional_gp", 6.0, 0.1)
    alone = alone[alone["target"] == 0.05]  # p = 3.5%: enough for the strategy, not for the best of two
    found = verdict(pd.concat([alone, rows("lfbo", 2.0, 0.1)]))
    assert found.verdicts["these tasks"]["useful"]["conditional_gp"] == "supported"
    assert found.claim["these tasks"]["useful"] == "undecided"


def test_either_kind_of_random_can_refute() -> None:
    table = rows("s", 9.0, 0.1)
    assert verdict(table).verdicts["these tasks"]["useful"]["s"] == "supported"
    against = verdict(table, rows("s", 3.0, 0.05, "random_hierarchical"))
    assert against.verdicts["these tasks"]["useful"]["s"] == "refuted"
    unsure = verdict(table, rows("s", 6.0, 0.2, "random_hierarchical"))
    assert unsure.verdicts["these tasks"]["useful"]["s"] == "undecided"


def test_the_strategies_of_the_claim_are_told_by_name_however_many_others_there_are() -> None:
    others = [rows(f"s{i}", 2.0, 0.1) for i in range(6)]
    found = verdict(pd.concat([rows("conditional_gp", 5.5, 0.1), rows("lfbo", 2.0, 0.1), *others]))
    assert (
        "undecided for conditional_gp (5.5×, at least 4.7), refuted for lfbo (2.0×, at most 2.4) and the other 6"
        in (found.details)
    )


def test_that_any_of_four_tests_may_refute_is_paid_for() -> None:
    table = rows("s", 5.0, 0.1)
    table = table[table["target"] == 0.05]
    one = (table["axis"] == "seconds") & (table["stratum"] == "useful")
    for log_below, expected in ((2.0, "undecided"), (2.6, "refuted")):  # p = 2.3% and 0.5%: four times that
        against = table.assign(baseline="random_hierarchical")
        against.loc[one, ["log", "speedup"]] = np.log(5) - 0.1 * log_below, 5 * np.exp(-0.1 * log_below)
        found = verdict(table, against)
        assert found.verdicts["these tasks"]["useful"]["s"] == expected
        cells = [cell for cell in found.cells if cell.question == "these tasks" and cell.verdict == "refuted"]
        assert len(cells) == 1  # that one test rejects at 5% either way
        p = found.judgements["these tasks"]["useful"]["s"].p_refuted
        assert p == pytest.approx(4 * cells[0].raw_below)


def test_support_is_about_the_hypothesis_target_alone() -> None:
    table = rows("s", 9.0, 0.1)
    table.loc[table["target"] == 0.01, ["speedup", "log"]] = 2.0, np.log(2.0)
    assert verdict(table).verdicts["these tasks"]["useful"]["s"] == "supported"
    at_its_own = verdict(table, None, replace(CLAIM, target=0.01)).verdicts
    assert at_its_own["these tasks"]["useful"]["s"] == "refuted"


def test_a_question_without_any_interval_is_not_told() -> None:
    for refused, told in (("", True), ("2 kernels: expected at least 3", False)):
        found = verdict(rows("s", 9.0, 0.1, refused=refused))
        assert ("for new kernels like theirs" in found.details) == told
        assert "supported for s" in found.details


def test_nothing_is_decided_without_a_supported_interval() -> None:
    reason = "3 seeds: expected at least 10"
    found = verdict(rows("s", 20.0, 0.01, refused_these=reason))
    assert found.verdicts["these tasks"]["useful"]["s"] == "undecided"
    assert {cell.reason for cell in found.cells if cell.question == "these tasks"} == {reason}
    bounded = rows("s", 1.0, np.nan, bound="upper", speedup_low=0.0, speedup_high=2.0, se_these=np.nan)
    # a limit of 2.5% at each of three targets stays above Holm's 5%
    assert verdict(bounded).verdicts["these tasks"]["useful"]["s"] == "undecided"


def test_holm_over_targets_is_stricter_than_one_target_alone() -> None:
    table = rows("s", 6.0, 0.1)  # p = 3.5% at each target
    assert verdict(table).verdicts["these tasks"]["useful"]["s"] == "undecided"
    alone = verdict(table[table["target"] == 0.05])
    assert alone.verdicts["these tasks"]["useful"]["s"] == "supported"


def test_the_document_has_plain_numbers_and_every_cell() -> None:
    document = verdict(rows("s", 9.0, 0.1, speedup_high=np.inf)).document()
    assert len(document["cells"]) == 2 * 2 * 2 * 2 * 3
    assert document["cells"][0]["p_above"] == pytest.approx(0.0, abs=1e-6)
    assert document["claimed"] == [5.0, 10.0]


def test_without_strategies_nothing_is_judged() -> None:
    assert "cannot be judged" in verdict(rows("random", 1.0, 0.1)).details


def test_without_the_other_kind_of_random_nothing_is_supported() -> None:
    found = verdict(pd.concat([rows("fast", 20.0, 0.1), rows("slow", 1.0, 0.1)]), pd.DataFrame())
    assert found.verdicts["these tasks"]["useful"] == {"fast": "undecided", "slow": "refuted"}
    assert "Without runs of random_hierarchical" in found.details


def test_a_strategy_of_the_hypothesis_that_did_not_run_is_told() -> None:
    assert verdict(rows("lfbo", 9.0, 0.1)).details.endswith(" Not run here, or not comparable: conditional_gp.")


def test_other_strata_axes_and_random_strategies_as_the_hypothesis_says() -> None:
    table = pd.concat([rows("sobol", 9.0, 0.1), rows("grid", 9.0, 0.1), rows("fast", 9.0, 0.1)])
    asked = replace(CLAIM, strategies=("sobol",), strata=("needle", "all"), axes=("seconds",), upper_end=None)
    found = verdict(table, pd.DataFrame(), replace(asked, baselines=("exact_random",)))
    assert set(found.verdicts["these tasks"]["all"]) == {"sobol", "fast"}  # a named baseline is judged
    assert found.details.startswith("The claim of at least 5× is supported: coming within 5% of the optimum")
    own = "supported for sobol (9.0× in tuning seconds, at least 7.6) and fast"
    assert f"in seconds, is on the tasks of this study {own}" in found.details
    assert found.document()["claimed"] == [5.0, None]
    needle = verdict(table, None, replace(asked, strata=("needle",)))
    assert needle.details.endswith("cannot be judged: there is no needle task here.")


def test_only_the_baselines_of_the_hypothesis_count() -> None:
    slow = rows("s", 3.0, 0.05, "random_hierarchical")
    uniform = verdict(rows("s", 9.0, 0.1), slow, replace(CLAIM, baselines=("exact_random",)))
    assert uniform.verdicts["these tasks"]["useful"]["s"] == "supported"
    other = verdict(rows("s", 9.0, 0.1), slow, replace(CLAIM, baselines=("random_hierarchical",)))
    assert other.verdicts["these tasks"]["useful"]["s"] == "refuted"
    lacking = verdict(rows("s", 9.0, 0.1), slow, replace(CLAIM, baselines=("exact_random", "noisy_random")))
    assert lacking.verdicts["these tasks"]["useful"]["s"] == "undecided"
    assert "Without recorded samples to compare with, nothing can be supported." in lacking.details


def test_the_error_rate_is_that_of_the_hypothesis() -> None:
    table = rows("s", 6.0, 0.1)  # p = 3.5% at each of three targets, 10.4% by Holm
    for rate, expected in ((0.05, "undecided"), (0.11, "supported")):
        found = verdict(table, None, replace(CLAIM, error_rate=rate))
        assert found.verdicts["these tasks"]["useful"]["s"] == expected
        assert found.document()["alpha"] == rate
