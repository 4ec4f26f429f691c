"""Random search by parameter as a baseline: exact if the recording allows it, otherwise unknown with the reason."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.reference import SAMPLED, TARGETS, UNTOLD, difficulty
from analysis.report.rows import by_parameter_told
from analysis.runs import contract
from analysis.runs.library import Library
from analysis.runs.load import Study, load_study
from analysis.runs.recordings import read_table
from analysis.statistics.until_precise import ERROR
from analysis.statistics.weighted_orders import orders
from analysis.study.baseline import EXACT_BY_PARAMETER, EXACT_RANDOM, NOISY_BY_PARAMETER, Baseline
from analysis.study.incumbents import optima
from analysis.study.laws import BY_PARAMETER, law_of
from analysis.study.pairing import Ground
from analysis.study.simulated_baseline import Conditions, searched_rows
from analysis.study.speedup import ground_of, speedups
from tests.analysis.fabricate import landscape, random_order, write_reference, write_study

P = contract.DRAW_PROBABILITY
TASK = "a-1__h100"


def likely(table: pd.DataFrame) -> pd.DataFrame:
    """The slower half is eight times as likely."""
    oracle = table["oracle_ms"].fillna(np.inf)
    return table.assign(**{P: np.where(oracle > oracle.median(), 8.0, 1.0)})


def by_parameter(rng: np.random.Generator, table: pd.DataFrame) -> np.ndarray:
    return orders(table[P].to_numpy(np.float64), len(table), 1, rng)[0]


TABLES = {name: likely(landscape(150, seed)) for seed, name in enumerate([TASK, "b-1__h100"])}
RUNS = {"by_parameter": by_parameter, "random": random_order}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return load_study([write_study(tmp_path_factory.mktemp("study"), TABLES, RUNS, 25, 60)])


def ground(study: Study) -> Ground:
    return ground_of(study, optima(study), TARGETS)


def test_against_its_own_kind_random_search_is_1(study: Study) -> None:
    """Compare runs of either kind with the law of either kind, on both axes."""
    best = optima(study)
    for kind, own, other in ((EXACT_BY_PARAMETER, "by_parameter", "random"), (EXACT_RANDOM, "random", "by_parameter")):
        table = speedups(study, best, TARGETS, Baseline(kind))
        whole = table[(table["task"] == "ALL") & (table["stratum"] == "all")]
        mine, theirs = (whole[whole["strategy"] == name] for name in (own, other))
        assert len(mine) == 6 and (np.abs(mine["log"]) < 4 * mine["se_these"]).all()
        assert (np.abs(theirs["log"]) > 4 * theirs["se_these"]).any()


def test_without_restarts_it_is_the_mean(study: Study) -> None:
    of, once = ground(study), Baseline(EXACT_BY_PARAMETER, restarts=False)
    assert once.label == "exact_random_by_parameter_without_restarts"
    for task, table in study.references.items():
        found = of.log_ert(task, Conditions(20), 0.05, "evaluations", once)
        expected = difficulty(table, of.optima.t_star_ms[task], 0.05).by_parameter
        assert found is not None and expected is not None and found.value == pytest.approx(expected)
        restarted = of.log_ert(task, Conditions(20), 0.05, "evaluations", Baseline(EXACT_BY_PARAMETER))
        assert restarted is not None and restarted.value > found.value


@pytest.mark.parametrize("restarts", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_on_several_workers_it_is_simulated_and_says_how_well(study: Study, restarts: bool) -> None:
    of, baseline = ground(study), Baseline(EXACT_BY_PARAMETER, restarts=restarts)
    one, four = (of.log_ert(TASK, Conditions(60, w, w), 0.05, "seconds", baseline) for w in (1, 4))
    assert one is not None and four is not None and one.se == 0 and 0 < four.se <= ERROR
    assert 0.2 < four.value / one.value < 0.9
    told = of.random.simulated[baseline.label, TASK, 0.05, "seconds"]
    assert told.precise and told.error == four.se


def test_the_closed_form_in_seconds_is_what_searches_cost(study: Study) -> None:
    of = ground(study)
    found = of.log_ert(TASK, Conditions(60), 0.05, "seconds", Baseline(EXACT_BY_PARAMETER))
    rows = searched_rows(study.references[TASK], of.optima.t_star_ms[TASK], [0.05], BY_PARAMETER)
    drawn = rows.draw(20_000, Conditions(60), np.random.default_rng(0))
    hit = rows.hits[0.05][drawn.asked]
    spent = drawn.end_s[np.arange(len(hit)), np.where(hit.any(axis=1), hit.argmax(axis=1), 59)]
    influence = spent / spent.mean() - hit.any(axis=1) / hit.any(axis=1).mean()
    ert, error = spent.mean() / hit.any(axis=1).mean(), influence.std() / np.sqrt(len(spent))
    assert found is not None and abs(found.log - np.log(ert)) < 4 * error < 0.1


def test_with_noise_it_needs_recorded_samples(study: Study, tmp_path: Path) -> None:
    noisy = Baseline(NOISY_BY_PARAMETER)
    assert ground(study).log_ert(TASK, Conditions(60), 0.05, "evaluations", noisy) is None
    rng, table = np.random.default_rng(0), TABLES[TASK]
    samples = [[] if np.isnan(x) else list(x * rng.lognormal(0, 0.1, 5)) for x in table["latency_ms"]]
    of = ground(load_study([write_study(tmp_path, {TASK: table.assign(samples_ms=samples)}, RUNS, 2, 60)]))
    found = of.log_ert(TASK, Conditions(60), 0.05, "evaluations", noisy)
    exact = of.log_ert(TASK, Conditions(60), 0.05, "evaluations", Baseline(EXACT_BY_PARAMETER))
    assert found is not None and exact is not None and found.log > exact.log + 4 * found.se and 0 < found.se <= ERROR


def older(folder: Path, landscape_sha256: str) -> Path:
    """Write a study as it was before the column existed."""
    write_study(folder, {TASK: TABLES[TASK].drop(columns=P)}, {"random": random_order}, 2, 20)
    note = {contract.LANDSCAPE_SHA256: landscape_sha256}
    (folder / TASK / contract.REFERENCE_NOTE).write_text(yaml.safe_dump(note))
    return folder


@pytest.mark.parametrize("same", [True, False])
def test_an_older_table_gets_it_from_the_same_landscape_and_no_other(tmp_path: Path, same: bool) -> None:
    file, table = tmp_path / f"{TASK}.parquet", TABLES[TASK]
    table.drop(columns=[P, "key"]).to_parquet(file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    results = older(tmp_path / "r", digest if same else "0" * 64)
    shuffled = table.sample(frac=1.0, random_state=0)
    study = load_study([results], Library({TASK: file}, lambda _: shuffled))
    law = law_of(study.references[TASK], optima(study).t_star_ms[TASK], 0.05, BY_PARAMETER)
    if same:
        expected = difficulty(table, float(table["oracle_ms"].min()), 0.05).by_parameter
        assert law is not None and law.evaluations(150) == pytest.approx(expected) and not by_parameter_told(study)
    else:
        assert law is None
        assert by_parameter_told(study) == [f"No exact random search by parameter on {TASK}: {UNTOLD}."]


def test_an_older_table_beside_a_newer_one_of_the_same_recording_is_no_contradiction(tmp_path: Path) -> None:
    old, new = older(tmp_path / "old", "0" * 64), tmp_path / "new"
    write_study(new, {TASK: TABLES[TASK]}, {"other": random_order}, 2, 20)
    for folders in ([old, new], [new, old]):
        assert np.isfinite(load_study(folders).references[TASK][P]).all()


def test_of_a_sample_it_is_unknown_and_why(tmp_path: Path) -> None:
    write_study(tmp_path, {TASK: TABLES[TASK].assign(**{P: np.nan})}, RUNS, 2, 20)
    study = load_study([tmp_path])
    study = replace(study, runs=study.runs.assign(coverage="sample"))
    assert speedups(study, optima(study), TARGETS, Baseline(EXACT_BY_PARAMETER)).empty
    assert by_parameter_told(study) == [f"No exact random search by parameter on {TASK}: {SAMPLED}."]


def test_a_task_on_a_second_device_is_no_further_kernel(tmp_path: Path) -> None:
    """Siblings count as tasks; for new kernels they belong to the cluster of their kernel."""
    for count, devices in enumerate((["h100"], ["h100", "h200"]), start=1):
        names = [f"{kernel}-1__{device}" for device in devices for kernel in "abcd"]
        tables = {name: landscape(150, seed) for seed, name in enumerate(names)}
        study = load_study([write_study(tmp_path / str(count), tables, {"random": random_order}, 5, 60)])
        table = speedups(study, optima(study))
        whole = table[(table["task"] == "ALL") & (table["stratum"] == "all") & (table["axis"] == "evaluations")]
        whole = whole[whole["bound"] == "none"]
        assert len(whole) and set(whole["df"]) == {3.0}, "four kernels, whatever the number of devices"
        assert set(whole["runs"]) == {20 * count}


def test_rows_that_were_recorded_alike_stand_in_one_order(tmp_path: Path) -> None:
    """The order does not depend on the file; rows differ in the probability with which they are drawn."""
    table = TABLES[TASK]
    for name, part in (("r", table), ("s", table.iloc[::-1])):
        write_reference(tmp_path / name, TASK, part)
    one, other = (read_table(tmp_path / name / TASK / contract.REFERENCE) for name in ("r", "s"))
    assert one.equals(other)


def test_of_two_simulations_behind_one_number_the_less_precise_is_told(study: Study) -> None:
    """Whichever comes first."""
    conditions = [Conditions(budget, 4, 4) for budget in (60, 6)]
    for order in (conditions, conditions[::-1]):
        random = ground(study).random
        errors = [random.log_ert(TASK, how, 0.1, "seconds", Baseline(EXACT_RANDOM)) for how in order]
        known = [one.se for one in errors if one is not None]
        assert len(set(known)) == 2
        assert random.simulated[EXACT_RANDOM, TASK, 0.1, "seconds"].error == max(known)
