"""Whether a card agrees with recordings and study, on fabricated runs of known truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.reference import COSTS
from analysis.report.replication import document, sentence, write_replication
from analysis.runs import contract
from analysis.runs.load import Study, load_study
from analysis.statistics.ert import LogEstimate
from analysis.study.replication import AGREES, DISAGREES, UNDECIDED, Replicated, Speedup, replicated
from tests.analysis.fabricate import (
    Order,
    evaluations,
    guided_order,
    landscape,
    random_order,
    write_reference,
    write_run,
)

SEEDS, BUDGET = 20, 60
TABLES = {name: landscape(300, seed, spread=0.4) for seed, name in enumerate(("k-1", "l-1"))}
ORDERS: Mapping[str, Order] = {"random": random_order, "guided": guided_order(12.0)}
REVERSED: Mapping[str, Order] = {"random": ORDERS["guided"], "guided": ORDERS["random"]}
Change = Callable[[pd.DataFrame], pd.DataFrame]


def study(
    folder: Path,
    first_seed: int,
    device: str = "h100",
    live: bool = False,
    orders: Mapping[str, Order] = ORDERS,
    change: Change = lambda frame: frame,
) -> Study:
    for t, (name, table) in enumerate(TABLES.items()):
        task = f"{name}__{device}"
        keys = [json.dumps({"block": key}, separators=(",", ":")) for key in table[contract.KEY]]
        if not live:
            write_reference(folder, task, table.assign(key=keys))
        backend = {"backend": {"kind": "live"}, "reference": {"source": "none"}} if live else {}
        for label, order in orders.items():
            for seed in range(first_seed, first_seed + SEEDS):
                rng = np.random.default_rng([t, list(orders).index(label), seed])
                frame = change(evaluations(table, order(rng, table)[:BUDGET]))
                write_run(folder, task, label, seed, frame, budget=BUDGET, streams=2, **backend)
    return load_study([folder])


@pytest.fixture(scope="module")
def replays(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study(tmp_path_factory.mktemp("replays"), 300)


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study(tmp_path_factory.mktemp("study"), 100)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Runs of the same law and seeds as those of the recordings."""
    return study(tmp_path_factory.mktemp("live"), 300, live=True)


@pytest.fixture(scope="module")
def agreed(live: Study, replays: Study, committed: Study) -> Replicated:
    return compared(live, replays, committed)


def compared(live: Study, replays: Study, committed: Study | None) -> Replicated:
    return replicated(live, replays, committed, ("random", "guided"), BUDGET)


def test_a_card_of_the_same_law_agrees_with_both(agreed: Replicated) -> None:
    found = agreed
    assert (found.with_recordings(), found.with_study()) == (AGREES, AGREES)
    assert found.live.order == 1 and found.beside(found.replay).value == pytest.approx(1.0)
    assert len(found.paired.pairs) == found.paired.cost.pairs == 2 * 2 * SEEDS
    told = sentence(found)
    assert told.startswith(
        "This card (H100) agrees with the recordings (H100) and the study: to come within 5%, guided is "
    )
    assert "on 2 of 2 tasks as fast as random in evaluations (in replay of the same seeds " in told
    assert "cost 1.00 times the recorded seconds (90%: 1.00 to 1.00; equivalent within ±5%)." in told


@pytest.mark.slow
def test_dearer_costs_disagree_with_the_recordings_alone(replays: Study, committed: Study, tmp_path: Path) -> None:
    def dear(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(**{name: 1.3 * frame[name] for name in COSTS})

    found = compared(study(tmp_path, 300, live=True, change=dear), replays, committed)
    assert (found.with_recordings(), found.with_study()) == (DISAGREES, AGREES)
    assert "does not agree with the recordings (H100) and agrees with the study" in sentence(found)
    assert "1.30 times the recorded seconds" in sentence(found)


@pytest.mark.slow
def test_another_order_of_the_strategies_disagrees_with_both(replays: Study, committed: Study, tmp_path: Path) -> None:
    found = compared(study(tmp_path, 300, live=True, orders=REVERSED), replays, committed)
    assert (found.with_recordings(), found.with_study(), found.live.order) == (DISAGREES, DISAGREES, -1)


@pytest.mark.slow
def test_another_model_is_judged_by_order_and_speedup(replays: Study, committed: Study, tmp_path: Path) -> None:
    def slower(frame: pd.DataFrame) -> pd.DataFrame:
        costs = {name: 2 * frame[name] for name in COSTS}
        return frame.assign(latency_ms=3 * frame["latency_ms"], oracle_ms=3 * frame["oracle_ms"], **costs)

    found = compared(study(tmp_path, 300, "a100", live=True, change=slower), replays, committed)
    assert not found.same_model and found.paired.cost.ratio == pytest.approx(2.0)
    assert (found.with_recordings(), found.with_study()) == (AGREES, AGREES)
    assert "This card (A100) agrees with the recordings (H100)" in sentence(found)
    assert "different within ±5%, on another model" in sentence(found)


@pytest.mark.slow
def test_runs_that_never_come_there_decide_nothing(replays: Study, tmp_path: Path) -> None:
    def hopeless(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(oracle_ms=3 * frame["oracle_ms"])

    found = compared(study(tmp_path, 300, live=True, change=hopeless), replays, None)
    assert (found.with_recordings(), found.study) == (UNDECIDED, None)
    assert "does not tell whether it agrees with the recordings" in sentence(found)
    assert "no task was hit by both" in sentence(found) and "study" not in sentence(found)
    assert document(found)["speedup"]["live"]["ratio"] is None


def test_a_study_without_these_runs_is_none(live: Study, replays: Study, committed: Study) -> None:
    random = committed.runs[committed.runs["strategy"] == "random"]
    other = Study(random, committed.evaluations[committed.evaluations["run"].isin(random.index)])
    assert compared(live, replays, other).study is None


def test_the_page_and_the_document_say_the_sentence(agreed: Replicated, tmp_path: Path) -> None:
    found = agreed
    page = write_replication(found, tmp_path / "out", "nearopt replicate -o out")
    told = json.loads((tmp_path / "out/replication.json").read_text())
    assert told["sentence"] == sentence(found) and told["agrees_with_study"] == AGREES
    assert told["pairs"]["cost"]["verdict"] == "equivalent" and set(told["speedup"]) == {"live", "replay", "study"}
    text = page.read_text()
    assert "This card (H100) agrees with" in text and "nearopt replicate -o out" in text and "http" not in text
    (tmp_path / "file").write_text("")
    with pytest.raises(AnalysisError, match="cannot be written"):
        write_replication(found, tmp_path / "file", "")


def test_what_cannot_be_compared_is_refused(live: Study, replays: Study) -> None:
    with pytest.raises(AnalysisError, match=r"live runs: none of lfbo: expected some of random and lfbo"):
        replicated(live, replays, None, ("random", "lfbo"), BUDGET)
    both = live.runs.assign(task=[t.replace("h100", "h200") if i else t for i, t in enumerate(live.runs["task"])])
    with pytest.raises(AnalysisError, match="runs on h100, h200: expected one device"):
        compared(Study(both, live.evaluations), replays, None)


@pytest.mark.parametrize(
    ("ratio", "se", "order"), [(1.5, 0.1, 1), (1 / 1.5, 0.1, -1), (1.5, 0.5, 0), (1 / 1.5, 0.5, 0)]
)
def test_the_faster_strategy_is_the_one_that_the_interval_shows(ratio: float, se: float, order: int) -> None:
    assert Speedup(LogEstimate(float(np.log(ratio)), se, 30.0), 1, 1, 60, 60).order == order
