"""The size of study that decides a hypothesis: the verdict's own rule, and the power of simulated studies."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.plan.pilot import Pilot, Test
from analysis.plan.plan import plan
from analysis.plan.power import Chances, smallest
from analysis.plan.rule import PValues, claim
from analysis.runs.load import Study, load_study
from analysis.statistics.ert import ErtEstimate, LogEstimate, combine, estimate
from analysis.statistics.multiplicity import p_at_least, p_at_most
from analysis.statistics.random_effects import Components, components
from analysis.statistics.supported import NEW_KERNELS, THESE_TASKS
from analysis.study.aggregate import aggregates, over_kernels, over_seeds, task_of
from analysis.study.incumbents import Optima
from analysis.study.pairing import compared
from analysis.study.reference_error import disturb, widened
from analysis.study.results import StudyResults, analyse
from analysis.study.speedup import COLUMNS, DETAILS, task_rows
from analysis.verdict.hypothesis_file import read_hypothesis
from analysis.verdict.judge import judge
from harness.cli import main
from tests.analysis.fabricate import guided_order, landscape, random_order, write_study
from tests.analysis.hypotheses import CLAIM, fields, write_hypothesis

ONE = replace(
    CLAIM,
    strategies=("lfbo",),
    baselines=("exact_random",),
    axes=("evaluations",),
    targets=(0.05,),
    strata=("all",),
    upper_end=None,
)
"""One test alone: then power has a simple law."""


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_the_rule_is_the_verdicts(seed: int) -> None:
    """Compare the rule with the verdict on tables near every boundary."""
    rng, empty = np.random.default_rng(seed), pd.DataFrame()
    seen = set()
    for _ in range(60):
        rows, never = [], []
        centre = np.log(5) + rng.choice([-1, 0, 1]) * 0.25
        shape = [range(2)] * 3 + [range(3)]
        above, below, harder = (np.full((1, 2, tests, 3), np.nan) for tests in (4, 4, 2))
        for s, a, b, t in product(*shape):
            found = LogEstimate(centre + rng.normal(0, 0.05), 0.1, 50.0)
            row = dict.fromkeys([*COLUMNS, *DETAILS], np.nan) | {"task": "ALL", "stratum": "useful", "bound": "none"}
            row |= {"strategy": CLAIM.strategies[s], "axis": CLAIM.axes[a], "baseline": CLAIM.baselines[b]}
            row |= {"target": CLAIM.targets[t], "refused": "", "refused_these": "", "log": found.log}
            rows.append(row | {"speedup": found.value, "se_these": found.se, "df_these": found.df})
            above[0, s, 2 * a + b, t], below[0, s, 2 * a + b, t] = p_at_most(found, 5.0), p_at_least(found, 5.0)
            if b == 0:
                slower = LogEstimate(found.log - rng.uniform(0, 0.05), 0.1, 50.0)
                again = row | {"log": slower.log, "speedup": slower.value, "se_these": 0.1, "df_these": 50.0}
                never.append(again | {"baseline": "exact_random_without_restarts"})
                harder[0, s, a, t] = p_at_most(slower, 5.0)
        table = pd.DataFrame(rows)
        other = table["baseline"] == "random_hierarchical"
        others = {"random_hierarchical": table[other], "exact_random_without_restarts": pd.DataFrame(never)}
        results = StudyResults(Study(empty, empty), Optima({}, {}), empty, empty, table[~other], others, {}, {})
        word = judge(results, CLAIM).claim[THESE_TASKS]["useful"]
        words = claim([PValues(above, below)], harder, 1, CLAIM.error_rate)
        assert (bool(words.supported[0]), bool(words.refuted[0])) == (word == "supported", word == "refuted")
        seen.add(word)
    assert seen == {"supported", "refuted", "undecided"}


def test_what_is_decided_is_decided_in_each_way() -> None:
    """A decision has to hold with and without the error of the recorded latencies, for the same strategy."""
    p = 1 / (1 + np.exp(np.random.default_rng(0).uniform(-8, 8, (2, 2000, 1, 2, 1))))
    ways, none = [PValues(own, 1 - own) for own in p], np.empty((2000, 1, 0, 1))
    both, alone = claim(ways, none, 0, 0.05), [claim([way], none, 0, 0.05) for way in ways]
    for word in ("supported", "refuted"):
        one, other = (getattr(words, word) for words in alone)
        assert (getattr(both, word) == one & other).all() and (one & other).any() and (one != other).any()


def pilot(speedup: float, seeds: int = 30, kernels: int = 4, spread: Components | None = None) -> Pilot:
    """A pilot with two tasks a kernel, exponential times that always hit, and exact random search."""
    tasks = 2 * kernels
    exponential = LogEstimate(0.0, float((1 + 1 / seeds) / np.sqrt(seeds)), seeds - 1.0)
    mean = combine([exponential] * tasks, [1 / tasks] * tasks)
    of = Test(float(np.log(speedup)), mean.se, mean.df, spread or Components(0.1, 0.1, mean.se**2), 1.0, 0)
    one = np.ones((1, 1))
    return Pilot("all", seeds, tasks, kernels, (("lfbo", "evaluations", "exact_random", 0.05),), (of,), one, one)


def with_error(of: Pilot, se: float) -> Pilot:
    """Add the error of the recorded latencies to each test."""
    return replace(of, tests=tuple(replace(test, reference=LogEstimate(0.0, se, 199.0)) for test in of.tests))


@pytest.mark.parametrize(
    ("speedup", "power", "error"),
    [
        pytest.param(5.6, 0.8, 0.0, marks=pytest.mark.slow),
        pytest.param(5.6, 0.9, 0.0, marks=pytest.mark.slow),
        pytest.param(4.4, 0.8, 0.0, marks=pytest.mark.slow),
        (6.0, 0.8, 0.08),
    ],
)
def test_seeds_have_the_power_that_they_are_planned_for(speedup: float, power: float, error: float) -> None:
    """Simulate studies of the planned size, from times to the verdict's p, with the error of recorded latencies."""
    asked = replace(ONE, reference_error=0.02) if error else ONE
    seeds, why = smallest(Chances.of(with_error(pilot(speedup), error), asked, THESE_TASKS), power)
    assert seeds is not None and why == ""
    rng, decided, studies = np.random.default_rng(seeds), 0, 600
    for _ in range(studies):
        tasks = []
        for kernel in (0, 0, 1, 1, 2, 2, 3, 3):
            own = estimate(rng.exponential(1.0, seeds), np.ones(seeds))
            row = compared(own, ErtEstimate(speedup, 1, 1, LogEstimate(float(np.log(speedup)))))
            tasks.append(task_of(row | {"kernel": f"k{kernel}", "stratum": "useful", "budget": 1.0}))
        found = combine([over_seeds(tasks), LogEstimate(0.0, error, 199.0)], [1.0, 1.0])
        p = p_at_most(found, 5.0) if speedup > 5 else p_at_least(found, 5.0)
        decided += p <= 0.05
    assert decided / studies == pytest.approx(power, abs=3 * np.sqrt(power * (1 - power) / studies) + 0.01)


@pytest.mark.parametrize(("speedup", "power"), [(9.0, 0.8), (2.5, 0.9)])
def test_kernels_have_the_power_that_they_are_planned_for(speedup: float, power: float) -> None:
    between, within = 0.3, 0.2
    of = pilot(speedup, spread=Components(between**2, within**2, 1e-4))
    kernels, why = smallest(Chances.of(of, ONE, NEW_KERNELS), power)
    assert kernels is not None and kernels > 3 and why == ""
    rng, decided, studies = np.random.default_rng(kernels), 0, 1000
    for _ in range(studies):
        tasks = []
        for kernel in range(kernels):
            mean = rng.normal(np.log(speedup), between)
            for _ in range(2):
                log = LogEstimate(mean + rng.normal(0, within), 0.01, 29)
                row = {"kernel": f"k{kernel}", "stratum": "useful", "budget": 1.0, "hits": 30, "runs": 30, "ert": 1.0}
                row |= {"bound": "none", "speedup_low": 1.0, "speedup_high": 1.0}
                tasks.append(task_of(row | {"log": log.log, "se": log.se, "df": log.df}))
        found = over_kernels(tasks)
        p = p_at_most(found, 5.0) if speedup > 5 else p_at_least(found, 5.0)
        decided += p <= 0.05
    assert decided / studies >= power - 3 * np.sqrt(power * (1 - power) / studies)
    fewer = Chances.of(of, ONE, NEW_KERNELS).power(kernels - 1)
    assert fewer < power


def test_at_the_threshold_no_number_decides() -> None:
    found, why = smallest(Chances.of(pilot(5.0), ONE, THESE_TASKS), 0.8)
    assert found is None and why == "10,000 seeds would not decide it: the estimate lies at the threshold"


def test_an_error_of_the_reference_that_no_seeds_reduce_is_told() -> None:
    asked = replace(ONE, reference_error=0.02)
    for error, question in ((0.15, NEW_KERNELS), (0.02, THESE_TASKS)):
        of = with_error(pilot(6.0), error)
        exact, own = (smallest(Chances.of(of, hypothesis, question), 0.8)[0] for hypothesis in (ONE, asked))
        assert exact is not None and own is not None and (own > exact) == (question == THESE_TASKS)
    found, why = smallest(Chances.of(with_error(pilot(6.0), 0.15), asked, THESE_TASKS), 0.8)
    assert found is None and why.endswith(
        "the error of the recorded latencies, which seeds do not reduce, reaches the threshold"
    )


def test_support_that_random_search_without_restarts_takes_away_is_not_planned_for(tmp_path: Path) -> None:
    """As in a verdict. If random search without restarts is only slower, more seeds are planned."""
    of = pilot(6.0)
    keys, together = (*of.keys, ("lfbo", "evaluations", "exact_random_without_restarts", 0.05)), np.ones((2, 2))
    file = read_hypothesis(write_hypothesis(tmp_path / "h.yaml", replace(ONE, questions=(THESE_TASKS,))))
    needs = {}
    for speedup in (4.6, 5.5):
        tests = (*of.tests, replace(of.tests[0], log=float(np.log(speedup))))
        both = replace(of, keys=keys, tests=tests, over_seeds=together, over_tasks=together)
        needs[speedup] = plan(file, both, [tmp_path], [0.8]).needs[0.8][THESE_TASKS]["exact_random"]
    assert (needs[4.6].verdict, needs[4.6].seeds, needs[4.6].speedup) == ("undecided", None, 6.0)
    assert needs[4.6].why.endswith(
        "over exact_random_without_restarts the estimate is 4.60×, and support must hold against that"
    )
    alone = plan(file, of, [tmp_path], [0.8]).needs[0.8][THESE_TASKS]["exact_random"]
    assert alone.verdict == needs[5.5].verdict == "supported" and alone.seeds is not None
    assert needs[5.5].seeds is not None and needs[5.5].seeds > alone.seeds


def test_more_is_asked_for_where_several_tests_have_to_hold() -> None:
    keys = tuple(product(("lfbo",), ("evaluations",), ("exact_random",), (0.01, 0.05, 0.10)))
    of = pilot(5.6)
    apart = np.eye(3)
    several = replace(of, keys=keys, tests=of.tests * 3, over_seeds=apart, over_tasks=apart)
    one, why = smallest(Chances.of(of, ONE, THESE_TASKS), 0.8)
    three, _ = smallest(Chances.of(several, replace(ONE, targets=(0.01, 0.05, 0.10)), THESE_TASKS), 0.8)
    assert one is not None and three is not None and one < three < 3 * one and why == ""


def test_components_of_variance_are_found() -> None:
    rng, found = np.random.default_rng(0), []
    kernels = [f"k{g}" for g in range(8) for _ in range(2 + g % 3)]
    for _ in range(800):
        of_kernel = dict(zip(sorted(set(kernels)), rng.normal(0, 0.6, 8), strict=True))
        errors = rng.uniform(0.1, 0.3, len(kernels))
        values = [of_kernel[k] + rng.normal(0, 0.4) + rng.normal(0, s) for k, s in zip(kernels, errors, strict=True)]
        of = components(values, errors, kernels)
        found.append((of.between, of.tasks))
    assert np.mean(found, axis=0) == pytest.approx([0.36, 0.16], rel=0.08)
    assert np.isnan(components([1.0, 2.0], [0.1, 0.1], ["a", "a"]).between)
    assert Components(0.4, 0.2, 0.1).of_kernel(2, seeds=4) == pytest.approx(0.4 + (0.2 + 0.025) / 2)


ORDERS = {"random_hierarchical": random_order, "quick": guided_order(8.0), "slow": guided_order(0.2)}
HYPOTHESIS = replace(ONE, strategies=("quick",), baselines=("exact_random", "random_hierarchical"), threshold=1.5)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a folder with a hypothesis and results beside it."""
    folder = tmp_path_factory.mktemp("study")
    tables = {f"{k}-{i}__gpu": landscape(300, 7 * i + len(k), 1.4) for k in ("a", "bb", "ccc") for i in range(2)}
    write_study(folder / "results", tables, ORDERS, 6, 80)
    write_hypothesis(folder / "hypothesis.yaml", HYPOTHESIS)
    return folder


def test_the_command(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = study / "hypothesis.yaml"
    assert main(["plan", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["hypothesis"] == str(file) and found["pilot"]["tasks"] == 6 and found["pilot"]["kernels"] == 3
    assert list(found["power"]) == ["0.8", "0.9"]
    for by_question in found["power"].values():
        assert list(by_question) == [THESE_TASKS, NEW_KERNELS]
        for by_label in by_question.values():
            assert list(by_label) == ["exact_random", "random_hierarchical", "all"]
            assert all({"seeds", "tasks", "kernels", "verdict", "why"} <= need.keys() for need in by_label.values())
    lower, higher = (found["power"][power][NEW_KERNELS]["exact_random"]["kernels"] for power in ("0.8", "0.9"))
    assert lower <= higher
    assert main(["plan", str(file), "--results", str(study / "results")]) == 0
    text = capsys.readouterr().out
    assert "6 tasks of 3 kernels, 6 seeds" in text and "with 80% power" in text and "each baseline" in text
    assert "taken as exact: the hypothesis registers no reference_error" in text and found["reference_error"] is None


@pytest.mark.slow
def test_a_registered_error_of_the_reference_is_that_of_the_verdict(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The added variance is the difference between the variances of the verdict's tests with and without it."""
    asked = replace(HYPOTHESIS, baselines=("exact_random",), axes=("evaluations", "seconds"), reference_error=0.05)
    file = write_hypothesis(tmp_path / "h.yaml", asked)
    assert main(["plan", str(file), "--results", str(study / "results"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["reference_error"]
    assert found["relative_error"] == 0.05
    results = analyse(load_study([study / "results"]), ())
    disturbed = disturb(results, 0.05)
    for row in found["these_tasks"]:
        single = task_rows(results.speedups)
        single = single[(single["strategy"] == row["strategy"]) & (single["axis"] == row["axis"])]
        whole = [aggregates(of) for of in (single, widened(single, disturbed))]
        se, both = (
            float(table.query("task == 'ALL' and stratum == 'all' and target == 0.05")["se_these"].iloc[0])
            for table in whole
        )
        assert row["se_log_speedup"] == pytest.approx(np.sqrt(both**2 - se**2), rel=1e-4) and both > se
    assert [row["axis"] for row in found["these_tasks"]] == ["evaluations", "seconds"]
    assert main(["plan", str(file), "--results", str(study / "results")]) == 0
    text = capsys.readouterr().out
    assert "With reference_error=0.05, as registered in the hypothesis" in text
    assert "these tasks, with reference_error" in text and "new kernels, with" not in text
    assert "× in tuning seconds (1 worker each)" in text or "× in evaluations" in text


def test_a_hypothesis_of_one_test_alone_has_a_plan(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_hypothesis(tmp_path / "h.yaml", replace(HYPOTHESIS, baselines=("exact_random",)))
    assert main(["plan", str(file), "--results", str(study / "results"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["power"]["0.8"]
    assert found[NEW_KERNELS]["exact_random"]["kernels"] >= 3 and found[THESE_TASKS]["exact_random"]["seeds"] >= 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"strategies": ["mine"]}, "no runs of mine: expected those of every strategy of the hypothesis"),
        ({"baselines": ["random"]}, "quick cannot be compared with random in evaluations: expected runs or recordings"),
        ({"strata": ["needle"]}, "no task in the strata needle: expected at least one"),
        ({"threshold": 0}, "threshold=0: expected a number above 0"),
    ],
)
def test_what_is_lacking_is_one_line(
    study: Path, tmp_path: Path, change: dict[str, object], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "h.yaml"
    file.write_text(yaml.safe_dump(fields(HYPOTHESIS) | change))
    assert main(["plan", str(file), "--results", str(study / "results")]) == 2
    said = capsys.readouterr()
    assert expected in said.err and said.err.count("\n") == 1 and said.out == ""


def test_without_results_there_is_no_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_hypothesis(tmp_path / "h.yaml", HYPOTHESIS)
    assert main(["plan", str(file)]) == 2
    assert "no finished run found" in capsys.readouterr().err


def test_a_task_that_was_never_solved_asks_for_longer_runs(tmp_path: Path) -> None:
    of = pilot(6.5)
    never = replace(of, tests=(replace(of.tests[0], unsolved=2),))
    file = read_hypothesis(write_hypothesis(tmp_path / "h.yaml", ONE))
    need = plan(file, never, [tmp_path]).needs[0.8][THESE_TASKS]["exact_random"]
    assert (need.seeds, need.kernels, need.speedup) == (None, None, None)
    assert need.why == "2 of 8 tasks were never solved: expected longer runs, not more runs"
