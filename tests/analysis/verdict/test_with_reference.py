"""The reference's error decides if it is registered, is reported if not, and never affects new kernels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.errors import AnalysisError
from analysis.report.build import build_report
from analysis.runs.load import load_study
from analysis.statistics.supported import NEW_KERNELS, THESE_TASKS
from analysis.study.baseline import EXACT_BY_PARAMETER, EXACT_RANDOM, Baseline
from analysis.study.reference_error import Disturbed, disturb, kind_of, widened
from analysis.study.results import StudyResults, analyse
from analysis.study.speedup import task_rows
from analysis.tables import reference_error as tables
from analysis.verdict import judge as judged
from analysis.verdict.hypothesis_file import read_hypothesis
from analysis.verdict.judge import Verdict, judge
from analysis.verdict.reference_file import NAME, find_reference_error
from tests.analysis.fabricate import guided_order, landscape, write_study
from tests.analysis.hypotheses import CLAIM, write_hypothesis

ERROR = 0.05
NAMES = ("a-1__h100", "b-1__h100", "c-1__h100", "d-1__h100")
CLAIMED = replace(
    CLAIM, strategies=("guided",), baselines=(EXACT_RANDOM, EXACT_BY_PARAMETER), targets=(0.05,), strata=("all",),
    axes=("evaluations",), upper_end=None,
)  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    recorded = {
        name: landscape(200, i, failures=0.0).assign(draw_probability=np.where(np.arange(200) % 3, 1.0, 2.0))
        for i, name in enumerate(NAMES)
    }
    study = load_study([write_study(tmp_path_factory.mktemp("s"), recorded, {"guided": guided_order(4.0)}, 30, 60)])
    return analyse(study, [Baseline(EXACT_BY_PARAMETER)])


@pytest.fixture(scope="module")
def disturbed(results: StudyResults) -> Disturbed:
    return disturb(results, ERROR, 60)


def threshold(results: StudyResults, disturbed: Disturbed, question: str = THESE_TASKS) -> float:
    """Return a threshold that the speedup exceeds by the seeds alone, but not with the reference's error."""
    told = judge(results, CLAIMED, disturbed)
    assert told.reference is not None
    least = [min(c.lower for c in cells if c.question == question) for cells in (told.cells, told.reference.cells)]
    assert least[1] < least[0]
    return float(np.sqrt(least[0] * least[1]))


def word(verdict: Verdict) -> str:
    return verdict.claim[THESE_TASKS]["all"]


def test_registered_it_takes_support_away_and_else_it_is_told(results: StudyResults, disturbed: Disturbed) -> None:
    claimed = replace(CLAIMED, threshold=threshold(results, disturbed))
    alone, told = judge(results, claimed), judge(results, claimed, disturbed)
    assert word(alone) == word(told) == "supported" and alone.sentence == told.sentence and alone.reference is None
    assert told.notes[0].startswith("Post hoc, without effect on the verdict")
    assert told.notes[0].endswith("with it the claim would be undecided, not supported.")
    assert told.reference is not None
    for cell in (c for c in told.reference.cells if c.question == THESE_TASKS):
        own = f"({cell.lower:.1f} to {cell.upper:.1f}) as fast as {cell.baseline} in evaluations"
        assert f"guided is {cell.speedup:.1f} times {own}" in told.notes[0]
    decided = judge(results, replace(claimed, reference_error=ERROR), disturbed)
    assert word(decided) == "undecided" and decided.notes[0].endswith("undecided; without it would be supported.")
    document = decided.document()["reference_error"]
    assert document["registered"] and not document["post_hoc"] and document["tasks"] == 4 and document["cells"]


def test_what_it_does_not_reach_survives(results: StudyResults, disturbed: Disturbed) -> None:
    for factor, survives in ((0.05, "supported"), (50.0, "refuted")):
        claimed = replace(CLAIMED, threshold=CLAIMED.threshold * factor, reference_error=ERROR)
        found = judge(results, claimed, disturbed)
        assert word(found) == survives and found.notes[0].endswith(f"{survives} survives it.")


def test_an_error_that_is_registered_is_not_replaced_by_another(results: StudyResults, disturbed: Disturbed) -> None:
    found = judge(results, replace(CLAIMED, reference_error=1e-6), disturbed)
    assert found.reference is not None and found.reference.relative_error == 1e-6
    for cell, without in zip(found.reference.cells, found.cells, strict=True):
        assert cell.lower == pytest.approx(without.lower, rel=1e-6)


def test_new_kernels_have_it_in_their_spread_already(results: StudyResults) -> None:
    found = judge(results, CLAIMED, disturb(results, 0.01, 60))
    assert found.reference is not None
    pairs = list(zip(found.cells, found.reference.cells, strict=True))
    for one, other in pairs:
        wider = other.upper - other.lower > 1.01 * (one.upper - one.lower)
        assert wider == (one.question == THESE_TASKS) and one.speedup == other.speedup
    assert {one.question for one, _ in pairs} == {THESE_TASKS, NEW_KERNELS}


def test_errors_of_a_task_add_up_as_variances(results: StudyResults, disturbed: Disturbed) -> None:
    single = task_rows(results.others[EXACT_BY_PARAMETER])
    both, known = widened(single, disturbed), disturbed.speedups.query("kind == 'by_parameter'")
    merged = pd.merge(both.assign(seeds=single["se"].to_numpy()), known, on=["task", "strategy", "target", "axis"])
    assert len(merged) == len(single) and merged["se_y"].min() > 0.01
    assert merged["se_x"].to_numpy() == pytest.approx(np.hypot(merged["seeds"], merged["se_y"]))
    unknown = single.assign(task="another")
    pd.testing.assert_frame_equal(widened(unknown, disturbed), unknown.reset_index(drop=True), check_dtype=False)


def test_a_tasks_error_is_its_own_whatever_else_is_there(results: StudyResults, disturbed: Disturbed) -> None:
    alone = replace(results, study=replace(results.study, references={NAMES[1]: results.study.references[NAMES[1]]}))
    own = disturbed.speedups[disturbed.speedups["task"] == NAMES[1]].reset_index(drop=True)
    pd.testing.assert_frame_equal(disturb(alone, ERROR, 60).speedups, own)


def test_kinds_of_random_search_by_label() -> None:
    assert {label: kind_of(label) for label in ("random", "noisy_random", "exact_random_without_restarts")} == (
        dict.fromkeys(("random", "noisy_random", "exact_random_without_restarts"), "uniform")
    )
    for label in ("random_hierarchical", "noisy_random_by_parameter", "exact_random_by_parameter_16_workers"):
        assert kind_of(label) == "by_parameter"


def test_tables_have_difficulty_and_speedups_with_it(results: StudyResults, disturbed: Disturbed) -> None:
    hard, fast = tables.difficulties(results, disturbed), tables.speedups(results, disturbed)
    assert hard is not None and fast is not None and "5%" in hard.caption
    assert set(hard.data["task"]) == {*NAMES} and set(hard.data["kind"]) == {"uniform", "by_parameter"}
    assert (hard.data["low"] < hard.data["expected"]).all() and (hard.data["high"] > hard.data["expected"]).all()
    known = fast.data.dropna(subset="low")
    assert len(known) and (known["low_both"] < known["low"]).all() and (known["high"] < known["high_both"]).all()
    assert set(fast.data["baseline"]) == {EXACT_RANDOM, EXACT_BY_PARAMETER}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.slow
def test_a_report_tells_what_is_stated_beside_its_results(tmp_path: Path) -> None:
    recorded = {name: landscape(100, i, failures=0.0) for i, name in enumerate(NAMES[:2])}
    results = write_study(tmp_path / "results", recorded, {"guided": guided_order(4.0)}, 4, 30)
    write_hypothesis(tmp_path / "hypothesis.yaml", replace(CLAIMED, baselines=(EXACT_RANDOM,)))
    plain = build_report([results], tmp_path / "plain")
    assert json.loads(plain.verdict_json.read_text())["reference_error"] is None
    write(tmp_path)
    told = build_report([results], tmp_path / "told")
    document = json.loads(told.verdict_json.read_text())
    assert document["reference_error"]["relative_error"] == 0.02 and document["reference_error"]["post_hoc"]
    assert any("Post hoc" in note for note in document["notes"]) and "Post hoc" in told.index.read_text()
    made = {path.stem for path in told.tables} - {path.stem for path in plain.tables}
    assert made == {"reference-error-tasks", "reference-error-speedups"}


def write(folder: Path, **fields: object) -> Path:
    folder.mkdir(exist_ok=True)
    document = {"version": 1, "relative_error": 0.02, "source": "measured"} | fields
    (folder / NAME).write_text(yaml.safe_dump({k: v for k, v in document.items() if v != "gone"}))
    return folder


def test_the_file_lies_beside_the_results_or_above(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    assert find_reference_error([results]) is None
    write(tmp_path)
    found = find_reference_error([results])
    assert found is not None and (found.relative_error, found.source) == (0.02, "measured")
    write(results, relative_error=0.01)
    with pytest.raises(AnalysisError, match=r"relative_error=0.02: expected 0.01, as in .*: one value for all folders"):
        find_reference_error([results])


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"relative_error": 0.0}, "relative_error=0.0: expected a number above 0 and below 0.25"),
        ({"relative_error": 2}, "relative_error=2: expected a number above 0 and below 0.25"),
        ({"relative_error": float("nan")}, "relative_error=nan: expected a number above 0"),
        ({"relative_error": True}, "relative_error=True: expected a number"),
        ({"relative_error": "gone"}, "relative_error is missing: expected version, relative_error, source"),
        ({"eror": 1}, "'eror': unknown field: expected version, relative_error, source"),
        ({"version": 2}, "version=2: expected 1"),
        ({"source": " "}, "source=' ': expected a non-empty text"),
    ],
)
def test_a_damaged_file_is_one_line(fields: dict[str, object], told: str, tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match=told) as error:
        find_reference_error([write(tmp_path / "r", **fields)])
    assert str(error.value).startswith(str(tmp_path / "r" / NAME)) and "\n" not in str(error.value)


def test_a_hypothesis_registers_it_within_bounds(tmp_path: Path) -> None:
    for wrong in (0.0, 0.25):
        path = write_hypothesis(tmp_path / "h.yaml", replace(CLAIM, reference_error=wrong))
        with pytest.raises(AnalysisError, match=r"reference_error=.*: expected a number above 0 and below 0.25"):
            read_hypothesis(path)


def test_the_registered_error_is_computed_unless_it_is_the_one_given(
    results: StudyResults, disturbed: Disturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[float] = []

    def disturb_again(_: StudyResults, relative_error: float) -> Disturbed:
        computed.append(relative_error)
        return replace(disturbed, relative_error=relative_error)

    monkeypatch.setattr(judged, "disturb", disturb_again)
    claimed = replace(CLAIMED, reference_error=ERROR)
    for given, expected in ((disturbed, []), (replace(disturbed, relative_error=2 * ERROR), [ERROR]), (None, [ERROR])):
        found = judge(results, claimed, given)
        assert computed == expected and found.reference is not None
        assert found.document()["reference_error"]["relative_error"] == ERROR
        computed.clear()
