"""What is said of the claim is what is computed from the committed results."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from scipy.stats import gmean

from analysis.runs.load import load_study
from analysis.statistics import random_search
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


def test_what_is_to_be_checked_by_hand_is_right() -> None:
    page = (HERE / "README.md").read_text(encoding="utf-8")
    (costs,) = re.findall(r"which `make claim` writes\): ((?:\d+ ?)+)\.", page)
    of_runs = [int(cost) for cost in costs.split()]
    assert len(of_runs) == 30 and sum(of_runs) == 777
    ert = sum(of_runs) / len(of_runs)
    uniform = random_search.ert(848, 2, 120)
    assert f"{uniform:.2f} / {ert:.1f} = {uniform / ert:.2f}" in page
    assert f"S(120) = 728 · 727 / (848 · 847) = {728 * 727 / (848 * 847):.5f}" in page
    (listed,) = re.findall(r"By parameter: attention (.*): \*\*4.28\*\*", page)
    single = [float(number) for number in re.findall(r"\d+\.\d+", listed)]
    assert len(single) == 18 and gmean(single) == pytest.approx(4.28, abs=0.01)
