"""Live costs against recorded ones, and pairs of equal seeds, with known truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.reference import COSTS
from analysis.runs import contract
from analysis.runs.load import Study, load_study
from analysis.study.live_agreement import agreement
from analysis.study.live_costs import beside_recorded, compile_ratio_by_order, excess, run_costs
from analysis.study.live_pairs import NO_REPLAY, NOT_KEPT, OTHER_CONFIGURATIONS, OTHER_STREAMS, Paired
from analysis.tables.live_pairs import paired_sentence, pairs_table
from tests.analysis.fabricate import evaluations, landscape, write_reference, write_run

TASK, SEEDS, BUDGET = "k-1__h100", range(6), 40
TABLE = landscape(200, 3, spread=0.05)
LIVE = {"kind": "live", "compile_workers": 1}
Change = Callable[[pd.DataFrame], pd.DataFrame]


def as_is(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


def write(folder: Path, live: bool, change: Change = as_is, streams: int = 2, drawn: int = 0) -> Path:
    """Write one run of random search per seed; another value of ``drawn`` gives other draws."""
    recorded = TABLE.assign(key=[json.dumps({"block": key}, separators=(",", ":")) for key in TABLE[contract.KEY]])
    if not live:
        write_reference(folder, TASK, recorded)
    for seed in SEEDS:
        rows = np.random.default_rng([seed, drawn]).permutation(len(TABLE))[:BUDGET]
        backend = {"backend": LIVE, "reference": {"source": "none"}} if live else {}
        frame = change(evaluations(TABLE, rows))
        write_run(folder, TASK, "random", seed, frame, budget=BUDGET, streams=streams, **backend)
    return folder


def studies(tmp_path: Path, change: Change = as_is, streams: int = 2, drawn: int = 0) -> tuple[Study, Study]:
    live = write(tmp_path / "live", True, change, streams, drawn)
    return load_study([live]), load_study([write(tmp_path / "replays", False, streams=streams)])


def compared(tmp_path: Path, change: Change = as_is, streams: int = 2, drawn: int = 0) -> Paired:
    return agreement(*studies(tmp_path, change, streams, drawn)).paired


def dearer(factor: float) -> Change:
    """Charge a little more than ``factor`` times the recorded costs, varying from run to run."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        spread = 1 + 0.002 * (int(frame[contract.LATENCY_MS].notna().sum()) % 5)
        return frame.assign(**{name: factor * spread * frame[name] for name in COSTS})

    return change


def test_equal_runs_are_equivalent_on_both(tmp_path: Path) -> None:
    found = compared(tmp_path, dearer(1.0))
    assert found.cost.verdict == found.evaluations.verdict == "equivalent"
    assert found.cost.pairs == len(found.pairs) == len(SEEDS) and (found.pairs["identical"] == 1).all()
    assert found.evaluations.ratio == 1 and not found.missed and not found.unpaired
    said, table = paired_sentence(found), pairs_table(found)
    assert (
        "cost of the same configurations 1.00 (90%: 1.00 to 1.01), equivalent within ±5% (6 pairs, power 100%)" in said
    )
    assert "6 of 6 live runs are older and were charged for warm-ups" in said
    assert [row[4] for row in table.rows] == ["equivalent", "equivalent"] and len(table.data) == 2


def test_dearer_costs_are_different_in_cost_alone(tmp_path: Path) -> None:
    found = compared(tmp_path, dearer(1.12))
    assert found.cost.verdict == "different" and found.cost.ratio == pytest.approx(1.12, rel=0.01)
    assert found.evaluations.verdict == "equivalent"
    assert found.costs["ratio"].between(1.119, 1.131).all()


def test_slower_runs_are_seen_in_evaluations_and_a_miss_counts_its_budget(tmp_path: Path) -> None:
    """Make every live run miss: its readings never come within 5% of the recorded optimum."""

    def slow(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(oracle_ms=1.5 * frame["oracle_ms"])

    found = compared(tmp_path, slow)
    assert found.missed == found.evaluations.pairs == len(SEEDS) and not found.both_missed
    assert found.evaluations.ratio > 1.25 and found.evaluations.verdict != "equivalent"
    assert found.cost.equivalent


def test_older_runs_pair_only_with_the_same_configurations(tmp_path: Path) -> None:
    assert len(compared(tmp_path / "same", streams=1).pairs) == len(SEEDS)
    other = compared(tmp_path / "other", streams=1, drawn=1)
    assert other.pairs.empty and other.unpaired == {OTHER_CONFIGURATIONS: len(SEEDS)}
    assert other.cost.pairs == len(SEEDS)  # costs need the configurations alone


def test_newer_runs_pair_by_seed_and_tell_how_much_they_share(tmp_path: Path) -> None:
    found = compared(tmp_path, drawn=1)
    assert len(found.pairs) == len(SEEDS) and found.pairs["identical"].between(0, 0.6).all()


def test_what_has_no_partner_is_counted_by_reason(tmp_path: Path) -> None:
    live, replays = write(tmp_path / "live", True), write(tmp_path / "replays", False, streams=1)
    assert agreement(load_study([live]), load_study([replays])).paired.unpaired == {OTHER_STREAMS: len(SEEDS)}
    for file in sorted((live / TASK).rglob(contract.CONFIG)):
        file.write_text(file.read_text().replace("seed: ", "seed: 10"))
        file.parent.rename(file.parent.with_name(file.parent.name.replace("seed-", "seed-10")))
    assert agreement(load_study([live]), load_study([replays])).paired.unpaired == {NO_REPLAY: len(SEEDS)}


def test_partners_need_no_recordings_of_their_own(tmp_path: Path) -> None:
    live, replays = studies(tmp_path, dearer(1.12))
    found = agreement(live, replays, replace(replays, references={})).paired
    assert found.cost.pairs == len(SEEDS) and found.cost.ratio == pytest.approx(1.12, rel=0.01)


def test_consolidated_runs_keep_no_configurations(tmp_path: Path) -> None:
    live, replays = studies(tmp_path, streams=1)
    gone = replays.runs.assign(path="elsewhere/" + replays.runs["path"])
    found = agreement(live, Study(gone, replays.evaluations, replays.references)).paired
    assert found.unpaired == {NOT_KEPT: len(SEEDS)} and found.evaluations.pairs == 0


def test_the_excess_adds_up_and_set_up_is_found_by_its_size(tmp_path: Path) -> None:
    """Add 0.4 s for launchers to the first two evaluations, 20 ms of warm-up to the others, and 10% to compiles."""
    more = np.where(np.arange(BUDGET) < 2, 0.4, 0.02)

    def older(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(verify_s=frame["verify_s"] + more, compile_s=1.1 * frame["compile_s"])

    live, replays = studies(tmp_path, older)
    rows = beside_recorded(live, replays.references)
    (row,) = excess(rows, ["task"]).to_dict("records")
    assert row["launchers"] == pytest.approx(0.8 * len(SEEDS))
    assert row["warm_ups"] == pytest.approx(0.02 * (BUDGET - 2) * len(SEEDS))
    assert row["compiling"] == pytest.approx(0.1 * rows["recorded_compile_s"].sum())
    parts = ("compiling", "launchers", "warm_ups", "verifying", "benchmarking")
    assert sum(row[part] for part in parts) == pytest.approx(row["live_s"] - row["recorded_s"])
    by_order = compile_ratio_by_order(rows, (0, 10))
    assert by_order["ratio"].to_numpy() == pytest.approx([1.1, 1.1])
    assert by_order["evaluations"].tolist() == [10 * len(SEEDS), (BUDGET - 10) * len(SEEDS)]


def test_logged_set_up_is_in_no_cost(tmp_path: Path) -> None:
    live, replays = studies(tmp_path, lambda frame: frame.assign(setup_s=0.02))
    rows = beside_recorded(live, replays.references)
    assert run_costs(rows)["ratio"].to_numpy() == pytest.approx(1.0)
    assert not agreement(live, replays).paired.older
    assert run_costs(rows)["setup_s"].to_numpy() == pytest.approx(0.02 * BUDGET)
    assert excess(rows, ["task"])[["launchers", "warm_ups"]].to_numpy().sum() == 0
