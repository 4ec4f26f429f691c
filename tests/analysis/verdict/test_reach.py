"""Random search without restarts can prevent *supported*; tasks on which no tuner can win are named or left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.reference import difficulty, is_hit
from analysis.runs.load import Study, load_study
from analysis.study.baseline import EXACT_BY_PARAMETER, EXACT_RANDOM, HIERARCHICAL_RUNS, RANDOM_RUNS, Baseline
from analysis.study.incumbents import Optima
from analysis.study.results import StudyResults, analyse
from analysis.verdict.hypothesis_file import read_hypothesis
from analysis.verdict.judge import Verdict, judge
from analysis.verdict.unreachable import expected, unreachable
from tests.analysis.fabricate import guided_order, landscape, write_study
from tests.analysis.hypotheses import CLAIM, write_hypothesis
from tests.analysis.verdict.test_verdict import rows

EASY, HARD = "a-easy__h100", "b-hard__h100"
NEVER_RESTARTS = "exact_random_without_restarts"
UNIFORM_ALONE = replace(CLAIM, baselines=(EXACT_RANDOM,))


def against(speedup: float) -> Verdict:
    """Judge a strategy that is 9 times as fast as random search with restarts, and ``speedup`` times without."""
    empty, table = pd.DataFrame(), rows("conditional_gp", 9.0, 0.05)
    others = {NEVER_RESTARTS: rows("conditional_gp", speedup, 0.05, NEVER_RESTARTS)}
    return judge(StudyResults(Study(empty, empty), Optima({}, {}), empty, empty, table, others, {}, {}), UNIFORM_ALONE)


def test_what_is_supported_survives_random_search_that_never_restarts() -> None:
    found = against(8.0)
    assert found.verdicts["these tasks"]["useful"]["conditional_gp"] == "supported" and not found.notes
    assert {cell.baseline for cell in found.sensitivity} == {NEVER_RESTARTS}
    assert {cell["baseline"] for cell in found.document()["without_restarts"]} == {NEVER_RESTARTS}


def test_what_does_not_survive_is_undecided_and_says_why() -> None:
    found = against(5.1)
    assert found.verdicts["these tasks"]["useful"]["conditional_gp"] == "undecided"
    assert found.notes[0].startswith(
        f"conditional_gp is not supported for these tasks: over {NEVER_RESTARTS} it is 5.1×"
    )
    assert against(2.0).verdicts["these tasks"]["useful"]["conditional_gp"] == "undecided", (
        "it takes away, and refutes not"
    )


def test_runs_of_random_search_are_held_to_the_law_of_their_kind_too() -> None:
    asked, empty = replace(CLAIM, baselines=(EXACT_RANDOM, HIERARCHICAL_RUNS)), pd.DataFrame()
    table, never = rows("conditional_gp", 9.0, 0.05), "exact_random_by_parameter_without_restarts"
    words = {}
    for speedup in (8.0, 4.0):
        others = {HIERARCHICAL_RUNS: rows("conditional_gp", 9.0, 0.05, HIERARCHICAL_RUNS)}
        others |= {NEVER_RESTARTS: rows("conditional_gp", 8.0, 0.05, NEVER_RESTARTS)}
        others |= {never: rows("conditional_gp", speedup, 0.05, never)}
        found = judge(StudyResults(Study(empty, empty), Optima({}, {}), empty, empty, table, others, {}, {}), asked)
        assert {cell.baseline for cell in found.sensitivity} == {NEVER_RESTARTS, never}
        words[speedup] = found.verdicts["these tasks"]["useful"]["conditional_gp"], found.notes
    assert words[8.0] == ("supported", ())
    assert words[4.0][0] == "undecided" and f"over {never} it is 4.0×" in words[4.0][1][0]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    """On one task the hits are a branch of their own, which random search by parameter draws soon."""
    tables = {EASY: landscape(150, 1), HARD: landscape(150, 2)}
    for task, table in tables.items():
        hit = is_hit(table["oracle_ms"].fillna(np.inf), table["oracle_ms"].min(), 0.10)
        tables[task] = table.assign(draw_probability=np.where(hit, 2000.0 if task == EASY else 1.0, 1.0))
    order = {"conditional_gp": guided_order(3.0)}
    study = load_study([write_study(tmp_path_factory.mktemp("study"), tables, order, 12, 60)])
    others = [Baseline(EXACT_BY_PARAMETER), Baseline(EXACT_BY_PARAMETER, restarts=False), Baseline(HIERARCHICAL_RUNS)]
    return analyse(study, others)


BOTH = replace(
    CLAIM,
    baselines=(EXACT_RANDOM, EXACT_BY_PARAMETER),
    threshold=2.0,
    upper_end=None,
    strata=("all",),
    axes=("evaluations",),
)


def test_a_task_that_no_tuner_could_win_is_named_and_counts_without_a_rule(results: StudyResults) -> None:
    found = judge(results, BOTH)
    needed = difficulty(results.study.references[EASY], results.best.t_star_ms[EASY], 0.05).by_parameter
    assert needed is not None and needed < 2
    (cell,) = [c for c in found.unreachable if c.target == 0.05]
    assert (cell.baseline, cell.task) == (EXACT_BY_PARAMETER, EASY)
    assert cell.expected_evaluations == pytest.approx(needed)
    assert found.document()["unreachable"]["left_out"] is False
    assert set(found.document()["unreachable"]["expected_evaluations"][EXACT_BY_PARAMETER]["0.05"]) == {EASY}
    (note,) = found.notes
    assert EASY in note and "no tuner can be 2 times as fast there; still counted" in note
    whole = results.others[EXACT_BY_PARAMETER]
    row = whole[(whole["task"] == "ALL") & (whole["stratum"] == "all") & (whole["target"] == 0.05)]
    told = [c.speedup for c in found.cells if c.baseline == EXACT_BY_PARAMETER and c.target == 0.05]
    assert set(told) == set(row.loc[row["axis"] == "evaluations", "speedup"])


def test_it_is_named_for_runs_of_that_kind_too(results: StudyResults) -> None:
    """Runs of random search follow a known law; runs of another strategy do not."""
    for baseline, tasks in ((HIERARCHICAL_RUNS, [EASY]), (RANDOM_RUNS, [])):
        found = unreachable(results, replace(BOTH, baselines=(baseline,)))
        assert [(one.baseline, one.task) for one in found if one.target == 0.05] == [(baseline, task) for task in tasks]
    assert expected(results.study, results.best, Baseline("conditional_gp"), EASY, 0.05) is None


def test_with_the_rule_it_is_left_out_of_that_comparison_alone(results: StudyResults) -> None:
    found = judge(results, replace(BOTH, leave_out_unreachable=True))
    for baseline in BOTH.baselines:
        table = results.speedups if baseline == EXACT_RANDOM else results.others[baseline]
        table = table[(table["target"] == 0.05) & (table["axis"] == "evaluations")]
        tasks = {EASY, HARD} if baseline == EXACT_RANDOM else {HARD}
        single = table[table["task"].isin(tasks)]
        mean = float(np.exp(single["log"].mean()))
        cells = [c for c in found.cells if (c.baseline, c.target, c.stratum) == (baseline, 0.05, "all")]
        assert cells and [c.speedup for c in cells] == pytest.approx([mean] * len(cells))
    harder = [c.speedup for c in found.sensitivity if c.target == 0.05 and c.stratum == "all"]
    assert harder and max(harder) <= max(c.speedup for c in cells)
    assert "left out of the comparison with it, by the rule of the hypothesis" in found.notes[-1]


def test_the_rule_is_a_field_that_may_be_left_out(tmp_path: Path) -> None:
    file = write_hypothesis(tmp_path / "h.yaml", replace(CLAIM, leave_out_unreachable=True))
    assert read_hypothesis(file).hypothesis.leave_out_unreachable and not CLAIM.leave_out_unreachable
    file.write_text(file.read_text().replace("leave_out_unreachable: true", "leave_out_unreachable: 1"))
    with pytest.raises(AnalysisError, match="leave_out_unreachable=1: expected true or false"):
        read_hypothesis(file)


def test_every_row_says_above_what_a_claim_is_unreachable(results: StudyResults) -> None:
    """The threshold is E[T] of the compared random search, as in the rule of a hypothesis."""
    for label, kind in ((EXACT_RANDOM, "expected_evaluations"), (EXACT_BY_PARAMETER, "by_parameter")):
        table = results.speedups if label == EXACT_RANDOM else results.others[label]
        for row in table[table["task"].isin([EASY, HARD])].to_dict("records"):
            hard = difficulty(results.study.references[row["task"]], results.best.t_star_ms[row["task"]], row["target"])
            assert row["unreachable_above"] == getattr(hard, kind)
        assert table.loc[table["task"] == "ALL", "unreachable_above"].isna().all()
    easy = results.others[EXACT_BY_PARAMETER]
    assert (easy.loc[(easy["task"] == EASY) & (easy["target"] == 0.1), "unreachable_above"] < CLAIM.threshold).all()
    runs = [table for label, table in results.others.items() if label == HIERARCHICAL_RUNS]
    assert all(table["unreachable_above"].isna().all() for table in runs)


def test_only_recorded_tasks_that_count_are_named(results: StudyResults) -> None:
    """The easy task does not count, and a task without a table has no law."""
    assert {one.task for one in unreachable(results, BOTH)} == {EASY}
    for counted in ({HARD}, {HARD, "c-unrecorded__h100"}):
        assert unreachable(replace(results, counted=dict.fromkeys(results.counted, counted)), BOTH) == []
