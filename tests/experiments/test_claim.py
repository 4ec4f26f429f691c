"""Statements about the claim agree with the committed results."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gmean

from analysis.runs.load import load_study
from analysis.statistics import random_search
from analysis.study.results import study_results
from analysis.verdict.hypothesis_file import find_hypothesis
from analysis.verdict.judge import judge
from experiments.claim_2 import law, readme
from experiments.claim_5_10x.live import compare

pytestmark = pytest.mark.usefixtures("undrawn")

SECOND = Path(readme.__file__).parent
HERE = SECOND.parent / "claim_5_10x"


def test_the_readme_says_what_the_report_says() -> None:
    text = readme.README.read_text(encoding="utf-8")
    assert readme.with_block(text, readme.block()) == text
    verdict = json.loads((SECOND / "report/verdict.json").read_text(encoding="utf-8"))
    word = verdict["verdict"]["these tasks"]["useful"]
    assert f"**{word.capitalize()}.** On 10 H100 kernels" in text and verdict["sentence"].startswith(word.capitalize())
    assert readme.block().count("\n>\n") == 1  # two sentences


def test_the_answer_is_that_of_the_test_kernels() -> None:
    """The numbers come from the cells of the headline, and a study on tasks that chose defaults says so."""
    verdict = json.loads((SECOND / "report/verdict.json").read_text(encoding="utf-8"))
    tasks = pd.DataFrame({"kernel": ["a", "b", "b", "c"], "first": [True, True, True, False]})
    for cell in verdict["cells"]:
        if (cell["baseline"], cell["axis"], cell["stratum"]) == ("exact_random", "evaluations", "useful"):
            cell["speedup"] = 3.21 if cell["target"] == 0.05 and cell["question"] == "these tasks" else 99.0
    told = readme.answer(verdict, tasks)
    assert "On 2 H100 kernels" in told and "99" not in told
    assert "3.2 times as fast as random search over configurations" in told
    chosen = {"lfbo": ["top_k-1__h100", "top_k-2__h100", "conv2d-1__h100"], "random": ["top_k-1__h100"]}
    (said,) = readme.leakage({"chosen_on": chosen, "registered": ["lfbo"]})
    assert said.startswith("The defaults of lfbo were chosen on 3 tasks of this study (2 of top_k, 1 of conv2d)")


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


def test_the_law_says_which_tasks_it_leaves_out_and_what_the_study_alone_gives() -> None:
    rng = np.random.default_rng(0)
    rows = []
    for first, slope in ((True, 0.8), (False, 0.2)):
        for kernel in range(4):
            rows += [
                {"task": f"{first}{kernel}-{i}", "kernel": f"{first}{kernel}", "baseline": "exact_random", "hits": 30,
                 "expected": x, "speedup": 5 * (x / 100) ** slope, "first": first,
                 **dict(zip(law.MORE, rng.random(3), strict=True))}
                for i, x in enumerate((20.0, 100.0, 500.0))
            ]  # fmt: skip
    found = pd.DataFrame(rows)
    of = law.fits(found)["exact_random"]
    assert of[law.STUDY].estimate == pytest.approx([np.log(5), 0.8]) and 0.2 < of[law.ALONE].estimate[1] < 0.8
    assert law.STUDY not in law.fits(found[found["first"]])["exact_random"]
    assert law.left_out(found) == ""
    found.loc[[0, 3], "hits"] = 0
    assert law.left_out(found) == "left out, never solved: 2 of 24 tasks (True0-0, True1-0)"


def test_the_figure_shows_the_studys_own_kernels_and_the_others_beside_them() -> None:
    found = pd.DataFrame(
        [
            {"task": f"{kernel}-{i}", "kernel": kernel, "baseline": baseline, "hits": 30, "first": kernel < "d",
             "expected": x, "speedup": x / 20, "parameters": i, "conditional": i % 2, "failed": 0.1 * i}
            for baseline in law.BASELINES
            for kernel in "abcdef"
            for i, x in enumerate((20.0, 100.0, 500.0, 700.0))
        ]
    )  # fmt: skip
    for frame, beside in ((found, ["development", "all kernels"]), (found[found["first"]], [])):
        left, right = law.draw(frame, "mine").axes
        for panel in (left, right):
            labels = [str(line.get_label()) for line in panel.lines]
            assert [label for label in labels if not label.startswith("_")] == [*beside, *"abc", "these kernels"]
        assert left.get_ylabel() == "speedup of mine" and right.get_xlabel().endswith("by parameter")


def test_the_regression_finds_a_planted_law() -> None:
    """The coefficients are recovered, and the interval over kernels covers the truth in most simulated libraries."""
    rng = np.random.default_rng(3)
    kernels = np.repeat([f"k{i}" for i in range(14)], 3)
    held = 0
    for _ in range(300):
        difficulty = rng.normal(1.0, 1.5, len(kernels))
        of_kernel = np.repeat(rng.normal(0.0, 0.4, 14), 3)
        y = 1.5 + 0.5 * difficulty + of_kernel + rng.normal(0.0, 0.2, len(kernels))
        fit = law.over_kernels(("level", "slope"), np.column_stack([np.ones(len(y)), difficulty]), y, kernels.tolist())
        held += bool(fit.low[1] <= 0.5 <= fit.high[1])
    assert 0.91 <= held / 300 <= 0.985
    exact = law.over_kernels(("level", "slope"), np.column_stack([np.ones(42), difficulty]), 2 - difficulty, kernels)
    assert np.allclose(exact.estimate, [2, -1]) and np.allclose(exact.high - exact.low, 0)
    with pytest.raises(ValueError, match="2 kernels: expected 3 or more"):
        law.over_kernels(("level",), np.ones((4, 1)), np.ones(4), ["a", "a", "b", "b"])


@pytest.mark.slow
@pytest.mark.parametrize("study", [SECOND, HERE], ids=lambda study: study.name)
def test_the_committed_verdict_is_computed_from_the_committed_results(study: Path) -> None:
    committed = json.loads((study / "report/verdict.json").read_text(encoding="utf-8"))
    file = find_hypothesis([study / "results"])
    assert file is not None and file.sha256 == committed["hypothesis"]["sha256"]
    found = judge(study_results([study / "results"]), file.hypothesis).document()
    assert found["sentence"] == committed["sentence"] and found["verdicts"] == committed["verdicts"]


def test_what_is_to_be_checked_by_hand_is_right() -> None:
    page = (HERE / "README.md").read_text(encoding="utf-8")
    (costs,) = re.findall(r"which `make claim-first` writes\): ((?:\d+ ?)+)\.", page)
    of_runs = [int(cost) for cost in costs.split()]
    assert len(of_runs) == 30 and sum(of_runs) == 777
    ert = sum(of_runs) / len(of_runs)
    uniform = random_search.ert(848, 2, 120)
    assert f"{uniform:.2f} / {ert:.1f} = {uniform / ert:.2f}" in page
    assert f"S(120) = 728 · 727 / (848 · 847) = {728 * 727 / (848 * 847):.5f}" in page
    (listed,) = re.findall(r"By parameter: attention (.*): \*\*4.28\*\*", page)
    single = [float(number) for number in re.findall(r"\d+\.\d+", listed)]
    assert len(single) == 18 and gmean(single) == pytest.approx(4.28, abs=0.01)
