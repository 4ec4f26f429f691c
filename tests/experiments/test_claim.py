"""What is said of the claim is what is computed from the committed results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.runs.load import load_study
from analysis.study.results import study_results
from analysis.verdict.hypothesis_file import find_hypothesis
from analysis.verdict.judge import judge
from experiments.claim_5_10x import readme
from experiments.claim_5_10x.live import compare

pytestmark = pytest.mark.usefixtures("undrawn")

HERE = Path(readme.__file__).parent


def test_the_readme_says_what_the_report_says() -> None:
    text = readme.README.read_text(encoding="utf-8")
    assert readme.with_block(text, readme.block()) == text
    verdict = json.loads((HERE / "report/verdict.json").read_text(encoding="utf-8"))
    assert verdict["sentence"] in text and verdict["verdict"]["these tasks"]["useful"] in verdict["sentence"].lower()


def test_a_readme_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="expected <!-- claim"):
        readme.with_block("# NearOpt\n", "text")


@pytest.mark.slow
def test_the_live_runs_are_the_registered_ones_and_compared_as_committed(tmp_path: Path) -> None:
    live = load_study([HERE / "live"]).runs
    assert len(live) == 48 and set(live["seed"]) == {200, 201, 202} and set(live["backend"]) == {"live"}
    compare(HERE / "live", HERE / "results", tmp_path, HERE / "live_replays")
    said, committed = ((folder / "live-agreement.json").read_text() for folder in (tmp_path, HERE / "report"))
    assert json.loads(said)["sentence"] == json.loads(committed)["sentence"]


@pytest.mark.slow
def test_the_committed_verdict_is_computed_from_the_committed_results() -> None:
    committed = json.loads((HERE / "report/verdict.json").read_text(encoding="utf-8"))
    file = find_hypothesis([HERE / "results"])
    assert file is not None and file.sha256 == committed["hypothesis"]["sha256"]
    found = judge(study_results([HERE / "results"]), file.hypothesis).document()
    assert found["sentence"] == committed["sentence"] and found["verdicts"] == committed["verdicts"]
