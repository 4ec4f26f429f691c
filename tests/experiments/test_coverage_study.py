"""The coverage study in arrays agrees with the report's own functions on each study."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.reference import TARGETS, difficulty, is_hit
from analysis.statistics import random_search
from analysis.statistics.ert import ErtEstimate, LogEstimate, estimate
from analysis.study.aggregate import over_kernels, over_seeds, task_of
from analysis.study.pairing import compared
from experiments.coverage import many, others, wrong
from experiments.coverage.cells import Kind, coverage
from experiments.coverage.pipeline import ROWS, SCENARIOS, Scenario, _latencies, _table, batch
from experiments.coverage.run import COLUMNS, kinds, rows_of
from experiments.coverage.wrong import INTERVALS, studies_of
from tests.analysis.hypotheses import CLAIM

ROOT = Path(__file__).parents[2]
SEEDS, KERNELS, LIMIT = 6, 3, 1.4


@pytest.mark.parametrize("exact", [True, False])
def test_arrays_are_the_reports_own_numbers(exact: bool) -> None:
    rng = np.random.default_rng(5)
    times = rng.exponential(1.0, (2, 4, 2 * KERNELS, SEEDS))
    times[0, 0, 0] = 0.5  # tied
    times[0, 1] = 0.25
    cost, hit = np.minimum(times, LIMIT), times <= LIMIT
    own, runs = many.estimates(cost[0], hit[0]), many.estimates(cost[1], hit[1])
    found = many.ratio(many.exact(np.full(own.log.shape, 0.7)) if exact else runs, own)
    means = many.over_seeds(found), many.over_kernels(found, KERNELS)
    for study in range(4):
        tasks = []
        for task in range(2 * KERNELS):
            base = ErtEstimate(np.exp(0.7), 1, 1, LogEstimate(0.7))
            base = base if exact else estimate(cost[1, study, task], hit[1, study, task])
            row = compared(estimate(cost[0, study, task], hit[0, study, task]), base)
            assert row["bound"] == "none"
            tasks.append(task_of(row | {"kernel": f"k{task // 2}", "stratum": "useful", "budget": 1.0}))
        for of, mean in zip(means, (over_seeds, over_kernels), strict=True):
            expected = mean(tasks)
            seen = of.log[study], of.se[study], of.df[study], of.bias[study]
            assert seen == pytest.approx((expected.log, expected.se, expected.df, expected.bias))
            low, high = (float(np.exp(end[study])) for end in of.interval())
            assert (low, high) == pytest.approx(expected.interval())


@pytest.mark.parametrize("kind", [Kind(30, 0.7, 4), Kind(30, 1.0, 4, 0.7), Kind(20, 1.0, 10, 1.0)])
def test_intervals_hold_the_truth_and_tests_err_to_neither_side(kind: Kind) -> None:
    for of in coverage(kind, 3000, np.random.default_rng(11)):
        assert 0.92 <= of.coverage <= 0.98, of
        assert max(of.below, of.above) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / of.studies), of


def test_a_cell_is_the_same_whenever_it_is_computed() -> None:
    kind = Kind(5, 0.7, 2, 0.7)
    one, two = (pd.DataFrame(rows_of(kind, 50)).reindex(columns=COLUMNS) for _ in range(2))
    assert one.equals(two) and len(one) == 1 and kind in kinds()


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s.runs_too is False][:2], ids=lambda s: s.name)
def test_a_table_and_a_strategy_have_the_speedup_that_was_asked_for(scenario: Scenario) -> None:
    """Check the law of the drawn latencies, before any run."""
    exact = [random_search.ert(ROWS, k, scenario.budget) for k in scenario.hits]
    assert all(scenario.speedup / ert < 1 for ert in exact)
    table = _table(scenario.hits)
    assert [difficulty(table, 1.0, target).k for target in TARGETS] == list(scenario.hits)
    latency = _latencies(np.random.default_rng(0).random(200_000), scenario.speedup / np.array(exact))
    shares = [is_hit(latency, 1.0, target).mean() for target in TARGETS]
    assert shares == pytest.approx([scenario.speedup / ert for ert in exact], rel=0.03)


@pytest.mark.slow
def test_the_whole_pipeline_errs_no_more_than_it_may() -> None:
    """Run a small form of ``python -m experiments.coverage.wrong``, from runs to verdicts."""
    studies, found = 40, {}
    for scenario in SCENARIOS:
        found[scenario.name] = sum(batch(scenario, CLAIM, range(studies)), Counter())
    allowed = 0.05 * studies + 3 * np.sqrt(0.05 * 0.95 * studies)
    for name, of in found.items():
        if name.startswith("5 times") and "differ" not in name:
            assert max(of["claim supported"], of["claim refuted"]) <= allowed, (name, of)
        for question in INTERVALS:
            given = of[f"{question} given"]  # of one study they go together: a loose bound
            assert given == 0 or of[f"{question} held"] / given >= 0.85, (name, of)
    assert found["2 times, over both"]["claim refuted"] == studies
    assert found["15 times, exact alone"]["claim supported"] == studies
    assert found["1 time, one task never solved"]["claim refuted"] == studies


TIED, SHARED = "5 times, tied runs", "5 times, over both, shared seeds"


def test_a_study_is_its_kinds_and_numbers_alone() -> None:
    whole = studies_of((TIED, (0, 1, 2)))
    assert studies_of((TIED, (2, 0))) == [whole[2], whole[0]]
    assert {(row["scenario"], row["study"]) for row in whole} == {(TIED, 0), (TIED, 1), (TIED, 2)}
    given = [row["a task given"] + row["a task refused"] for row in whole]
    assert given == [8 * 2 * 3 * 2] * 3  # tasks, axes, targets and strategies


def test_what_is_done_is_not_done_again_and_the_order_is_always_the_same(tmp_path: Path) -> None:
    both = ["-o", str(tmp_path / "a.csv"), "--summary", str(tmp_path / "s.csv")]
    wrong.main([*both, "--studies", "1", "--scenario", TIED])
    before = wrong.kept(tmp_path / "a.csv")
    left = wrong.blocks([TIED, SHARED], 2, before)
    assert left == [(TIED, (1,)), (SHARED, (0, 1))]
    wrong.main([*both, "--studies", "2", "--scenario", SHARED, "--scenario", TIED])
    after = wrong.kept(tmp_path / "a.csv")
    assert [*zip(after["scenario"], after["study"], strict=True)] == [(SHARED, 0), (SHARED, 1), (TIED, 0), (TIED, 1)]
    assert after.iloc[[2]].reset_index(drop=True).equals(before)
    assert wrong.blocks([TIED, SHARED], 2, after) == []
    summed = pd.read_csv(tmp_path / "s.csv")
    assert summed["studies"].tolist() == [2, 2] and "| 5 times, tied runs | 2 |" in wrong.markdown(summed)


def test_a_word_is_wrong_where_the_truth_says_otherwise() -> None:
    names = ["2 times, over both", "15 times, exact alone", TIED, "5 times, kernels differ"]
    said = pd.DataFrame(
        [{"scenario": name, "study": n, **dict.fromkeys(wrong.COUNTS, 1)} for name in names for n in range(20)]
    )
    found = wrong.summary(said).set_index("scenario")[wrong.ERRORS]
    low, high, tied, differ = (found.loc[name].to_dict() for name in names)
    assert set(low.values()) == {20, 0} and low["claim wrongly supported"] == low["strategy wrongly supported"] == 20
    assert high["claim wrongly refuted"] == 20 and high["claim wrongly supported"] == 0
    assert set(tied.values()) == {20}
    assert 0 < differ["claim wrongly supported"] == 20 - differ["claim wrongly refuted"] < 20
    (row,) = [line for line in wrong.markdown_errors(wrong.summary(said)).splitlines() if line.startswith("| 15")]
    assert row == "| 15 times, exact alone | 0 | – | – | 20 | 100.0 (83.2 to 100.0) | 100.0 (83.2 to 100.0) |"


def test_the_page_has_the_kept_summary() -> None:
    page, table = (wrong.SUMMARY.parent / "README.md").read_text(encoding="utf-8"), pd.read_csv(wrong.SUMMARY)
    assert wrong.markdown(table).strip() in page and wrong.markdown_errors(table).strip() in page
    shares = [table[f"{of} held"] / table[f"{of} given"] for of in INTERVALS]
    assert all(share.dropna().between(wrong.LEAST, wrong.MOST).all() for share in shares)


@pytest.mark.slow
def test_several_processes_find_the_same(tmp_path: Path) -> None:
    for jobs in ("1", "3"):
        own = ["-o", str(tmp_path / f"{jobs}.csv"), "--summary", str(tmp_path / f"s{jobs}.csv"), "--jobs", jobs]
        wrong.main([*own, "--studies", "2", "--scenario", TIED, "--scenario", SHARED])
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "3.csv").read_bytes()


@pytest.mark.slow
def test_it_needs_nothing_of_a_tuner_or_a_gpu() -> None:
    """The lent machines on which it runs lack some libraries."""
    code = "import sys, experiments.coverage.wrong, experiments.coverage.verdicts; print(*sorted(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"torch", "hydra", "omegaconf", "optuna", "matplotlib", "harness"} & set(found.split())


@pytest.mark.parametrize("truth", others.TRUTHS, ids=lambda t: t.name)
def test_the_other_intervals_are_the_reports_and_their_truths_known(truth: others.Truth) -> None:
    rng = np.random.default_rng(5)
    own, other = others.runs(truth, rng, 3, 4000)
    if truth.times == 1:
        assert own.mean() == pytest.approx(other.mean(), abs=0.01)
        assert others.true_value("P(better) over runs", truth) == pytest.approx(0.5, abs=0.01)
    else:
        assert own.mean() > other.mean()
    for name in ("data profile", "live pairs"):
        found = others.row((name, truth, 100))
        assert found == others.row((name, truth, 100)) and int(str(found["held"])) >= 0.8 * int(str(found["given"])), (
            found
        )
