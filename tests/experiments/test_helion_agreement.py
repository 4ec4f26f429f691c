"""Live runs against replays, each judged by its own best: the same law, a worse live search, another protocol."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from analysis.runs.load import Study, load_study
from experiments.helion.agreement import NAME, Cell, by_strategy, compare, main, sentence, table
from tests.analysis.fabricate import (
    Order,
    evaluations,
    guided_order,
    landscape,
    random_order,
    write_reference,
    write_run,
)

TABLES = {name: landscape(300, seed, spread=2.0) for seed, name in enumerate(("k-1", "l-1", "m-1", "n-1"))}
GUIDED = guided_order(2.0)
REPLAYS, LIVE, BUDGET = 20, 3, 120


def replays(folder: Path) -> Study:
    for t, (task, recorded) in enumerate(TABLES.items()):
        write_reference(folder, f"{task}__b", recorded)
        for s, (label, order) in enumerate({"random": random_order, "guided": GUIDED}.items()):
            for seed in range(REPLAYS):
                rows = order(np.random.default_rng([0, t, s, seed]), recorded)[:BUDGET]
                write_run(folder, f"{task}__b", label, seed, evaluations(recorded, rows), budget=BUDGET, batch=6)
    return load_study([folder])


def live(folder: Path, guided: Order, scale: float = 1.3, batch: int = 6) -> Path:
    """Write live runs on a device ``scale`` times as slow, each with its own number of evaluations."""
    for t, (task, recorded) in enumerate(TABLES.items()):
        slower = recorded.assign(**{name: scale * recorded[name] for name in ("latency_ms", "oracle_ms")})
        for s, (label, order) in enumerate({"random": random_order, "guided": guided}.items()):
            for seed in range(LIVE):
                rng = np.random.default_rng([1, t, s, seed])
                frame = evaluations(slower, order(rng, slower)[: 80 + 10 * seed])
                write_run(folder, f"{task}__a", label, seed, frame, seconds=1e4, batch=batch)
    return folder


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return replays(tmp_path_factory.mktemp("replays"))


@pytest.fixture(scope="module")
def cells(replayed: Study, tmp_path_factory: pytest.TempPathFactory) -> list[Cell]:
    """Of live runs of the same law."""
    return compare(load_study([live(tmp_path_factory.mktemp("live"), GUIDED)]), replayed)


@pytest.mark.slow
def test_the_same_law_on_a_slower_device_is_not_rejected(cells: list[Cell]) -> None:
    assert [(cell.task, cell.strategy) for cell in cells] == [
        (task, strategy) for task in TABLES for strategy in ("guided", "random")
    ]
    assert all(cell.budget == 80 and len(cell.live) == LIVE and len(cell.replay) == REPLAYS for cell in cells)
    assert all(value <= 80 or np.isinf(value) for cell in cells for value in (*cell.live, *cell.replay))
    found = by_strategy(cells)
    assert found["guided"]["p_holm"] > 0.05
    assert "guided not rejected" in sentence(found)


@pytest.mark.slow
def test_a_search_that_is_worse_live_is_found(replayed: Study, tmp_path: Path) -> None:
    found = by_strategy(compare(load_study([live(tmp_path, random_order)]), replayed))
    assert found["guided"]["p_holm"] < 0.05 and found["guided"]["slower"] > 0.7
    assert found["guided"]["live_hit_rate"] < found["guided"]["replay_hit_rate"]
    assert "guided slower live" in sentence(found)


@pytest.mark.slow
def test_hits_are_counted_within_the_common_budget(cells: list[Cell]) -> None:
    data = table(cells).data
    for cell, row in zip(cells, data.itertuples(), strict=True):
        assert row.live_hits == np.isfinite(cell.live).sum() and row.replay_hits == np.isfinite(cell.replay).sum()
        assert row.p_holm >= row.p


@pytest.mark.slow
def test_the_command_writes_and_another_batch_is_refused(
    replayed: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    replay_folder = str(Path(str(replayed.runs["path"].iloc[0])).parents[2])
    ours = live(tmp_path / "live", GUIDED)
    monkeypatch.setattr(sys, "argv", ["agreement", str(ours), replay_folder, "-o", str(tmp_path / "out")])
    assert main() == 0
    document = json.loads((tmp_path / "out" / f"{NAME}.json").read_text())
    assert document["sentence"] in capsys.readouterr().out
    assert set(document["strategies"]) == {"random", "guided"}
    other = live(tmp_path / "other", GUIDED, batch=1)
    monkeypatch.setattr(sys, "argv", ["agreement", str(other), replay_folder, "-o", str(tmp_path / "none")])
    assert main() == 2
    assert "batch=1: expected 6" in capsys.readouterr().err
