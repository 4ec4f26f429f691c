"""Live runs of known truth against replays: the same law, costlier compiles, slower kernels, a worse search."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.figures.live_agreement import draw
from analysis.runs.load import Study, load_study
from analysis.statistics.agreement import RankTest
from analysis.statistics.ert import LogEstimate
from analysis.study.live_agreement import Agreement, Cell, _pooled, agreement, on_costs_alone
from analysis.study.live_pairs import NO_REPLAY
from analysis.tables.live_agreement import NAME, agreement_table, document, sentence
from experiments.claim_5_10x.live import main
from tests.analysis.fabricate import evaluations, guided_order, landscape, random_order, write_reference, write_run

pytestmark = pytest.mark.usefixtures("undrawn")

REPLAYS, LIVE, BUDGET = 20, 3, 60
TABLES = {f"{kernel}-1__h100": landscape(300, seed, spread=2.0) for seed, kernel in enumerate(("k", "l", "m", "n"))}
STRATEGIES = {"random": random_order, "guided": guided_order(1.5)}
BACKEND = {"kind": "live", "compile_workers": 1, "charge_ask": True}
Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def replays(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("replays")
    for t, (task, table) in enumerate(TABLES.items()):
        write_reference(folder, task, table)
        for s, (label, order) in enumerate(STRATEGIES.items()):
            for seed in range(100, 100 + REPLAYS):
                rows = order(np.random.default_rng([t, s, seed]), table)[:BUDGET]
                write_run(folder, task, label, seed, evaluations(table, rows), budget=BUDGET)
    return load_study([folder])


def charged(frame: pd.DataFrame, ask_s: float = 3.0, tell_s: float = 1.0) -> pd.DataFrame:
    """Put a run on the clock of a live one, with an ask before each evaluation and a tell after it."""
    own = ask_s * (frame["index"] + 1) + tell_s * frame["index"]
    return frame.assign(ask_s=ask_s, tell_s=tell_s, clock_end_s=frame["clock_end_s"] + own)


def live_runs(
    folder: Path,
    change: Change = charged,
    strategies: dict[str, str] | None = None,
    budget: int = BUDGET,
    seconds: float | None = None,
    **extra: object,
) -> Path:
    """Write live runs with other seeds; ``strategies`` maps a label to the order that it really follows."""
    for t, (task, table) in enumerate(TABLES.items()):
        for s, (label, order) in enumerate((strategies or {name: name for name in STRATEGIES}).items()):
            for seed in range(200, 200 + LIVE):
                rows = STRATEGIES[order](np.random.default_rng([t, s, seed]), table)[:BUDGET]
                frame = change(evaluations(table, rows))
                settings: dict[str, object] = {"backend": BACKEND, "reference": {"source": "none"}} | extra
                write_run(folder, task, label, seed, frame, budget=budget, seconds=seconds, **settings)
    return folder


def compared(live: Path, replays: Study) -> Agreement:
    return agreement(load_study([live]), replays)


def predicted(found: Agreement) -> dict[str, bool]:
    return {axis.name: not axis.differs for axis in found.axes}


@pytest.fixture(scope="module")
def own(replays: Study, tmp_path_factory: pytest.TempPathFactory) -> Agreement:
    """Of live runs of the same law."""
    return compared(live_runs(tmp_path_factory.mktemp("live")), replays)


def test_runs_of_the_same_law_agree_whatever_asking_took(replays: Study, own: Agreement, tmp_path: Path) -> None:
    found = own
    assert predicted(found) == {"evaluations": True, "quality": True, "seconds": True}
    heads = [axes.get_title().splitlines()[0] for axes in draw(found).axes]
    assert heads == ["evaluations to 5%", "final quality", "tuning seconds (1 worker each) to 5%"]
    free = compared(live_runs(tmp_path / "free", lambda frame: frame), replays)
    # to the last bit of a sum
    assert [axis.p for axis in found.axes] == pytest.approx([axis.p for axis in free.axes])
    assert found.axes[2].ratio.value == pytest.approx(free.axes[2].ratio.value)
    assert "By ranks no difference is shown in evaluations to 5% (p " in sentence(found)
    assert sentence(found).startswith(
        "Live over replay: cost of the same configurations, 0 pairs: too few to compare; "
    )
    assert found.paired.unpaired == {NO_REPLAY: 24}
    assert "24 live runs on H100 in 8 cells" in sentence(found)


@pytest.mark.slow
def test_dearer_compiles_are_seen_in_seconds_alone(replays: Study, tmp_path: Path) -> None:
    def dear(frame: pd.DataFrame) -> pd.DataFrame:
        return charged(frame.assign(compile_s=5 * frame["compile_s"]))

    found = compared(live_runs(tmp_path, dear), replays)
    assert predicted(found) == {"evaluations": True, "quality": True, "seconds": False}
    assert "By ranks live runs differ from replays in tuning seconds (1 worker each) to 5%" in sentence(found)
    assert found.axes[2].whole.larger > 0.7 and found.axes[2].ratio.value > 2


def test_slower_kernels_are_seen_in_quality(replays: Study, tmp_path: Path) -> None:
    def slow(frame: pd.DataFrame) -> pd.DataFrame:
        return charged(frame.assign(latency_ms=1.3 * frame["latency_ms"], oracle_ms=1.3 * frame["oracle_ms"]))

    assert not predicted(compared(live_runs(tmp_path, slow), replays))["quality"]


@pytest.mark.slow
def test_another_search_under_the_same_name_is_seen(replays: Study, tmp_path: Path) -> None:
    found = compared(live_runs(tmp_path, strategies={"guided": "random"}), replays)
    assert not predicted(found)["evaluations"]
    assert len(found.axes[0].cells) == len(TABLES) and not found.missing


def test_hits_are_judged_by_the_recording_not_by_a_lucky_reading(
    replays: Study, own: Agreement, tmp_path: Path
) -> None:
    """A live reading below the recorded optimum does not lower the optimum, and is reported."""

    def lucky(frame: pd.DataFrame) -> pd.DataFrame:
        return charged(frame.assign(oracle_ms=0.5 * frame["oracle_ms"], latency_ms=0.5 * frame["latency_ms"]))

    found = compared(live_runs(tmp_path, lucky), replays)
    assert found.beaten > 0 == own.beaten
    assert [c.replay for c in found.axes[0].cells] == [c.replay for c in own.axes[0].cells]
    assert "ended below the recorded optimum" in sentence(found)


def test_table_and_document_say_the_same(replays: Study, tmp_path: Path) -> None:
    found = compared(live_runs(tmp_path, strategies={"random": "random", "new": "guided"}), replays)
    table, told = agreement_table(found), document(found)
    assert found.missing == tuple((task, "new") for task in sorted(TABLES))
    assert told["not_compared"][0] == ["k-1__h100", "new"]
    assert "Not compared, for lack of replays: k-1" in told["sentence"]
    assert len(table.rows) == len(TABLES) + 1 and all(len(row) == len(table.headers) for row in table.rows)
    assert len(table.data) == 3 * len(TABLES)
    for axis in found.axes:
        rows = table.data[table.data["axis"] == axis.name]
        assert told["axes"][axis.name]["smallest_p_holm"] == pytest.approx(rows["p_holm"].min(), rel=1e-5)
        assert told["axes"][axis.name]["p"] == pytest.approx(
            min(1.0, 2 * min(axis.whole.p, rows["p_holm"].min())), rel=1e-5
        )


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"backend": {"kind": "replay"}}, "backend=replay: expected live in LIVE_RESULTS"),
        ({"batch": 4}, "batch=4: expected 1"),
        ({"budget": 50}, "budget_evaluations=50.0: expected 60.0"),
        ({"seconds": 9.0}, "budget.seconds=9: expected none"),
    ],
)
def test_another_protocol_is_refused(replays: Study, tmp_path: Path, extra: dict[str, Any], expected: str) -> None:
    with pytest.raises(AnalysisError, match=expected):
        compared(live_runs(tmp_path, strategies={"random": "random"}, **extra), replays)


def test_other_arguments_of_the_strategy_are_refused(replays: Study, tmp_path: Path) -> None:
    for path in live_runs(tmp_path, strategies={"random": "random"}).rglob("config.yaml"):
        path.write_text(path.read_text().replace("  label: random", "  label: random\n  initial: 3"))
    with pytest.raises(AnalysisError, match=r'strategy_arguments=.*"initial": 3.* expected '):
        compared(tmp_path, replays)


def test_the_recording_that_judged_is_checked(replays: Study, tmp_path: Path) -> None:
    runs = live_runs(tmp_path, strategies={"random": "random"})
    assert compared(runs, replays).unjudged == LIVE * len(TABLES)
    assert "12 of them were judged by their own readings" in sentence(compared(runs, replays))
    for path in runs.rglob("environment.json"):
        task = path.relative_to(runs).parts[0]
        path.write_text(json.dumps({"backend": {"judged_by": {"landscape_sha256": task}}}))
    assert compared(runs, replays).unjudged == 0
    path.write_text(json.dumps({"backend": {"judged_by": {"landscape_sha256": "other"}}}))
    with pytest.raises(AnalysisError, match=r"judged_by\.landscape_sha256=other: expected "):
        compared(runs, replays)


def test_what_has_nothing_in_common_is_refused(replays: Study, tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="no replay of any live task and strategy"):
        compared(live_runs(tmp_path, strategies={"new": "random"}), replays)
    with pytest.raises(AnalysisError, match="lacks costs"):
        compared(live_runs(tmp_path / "b", lambda frame: frame.drop(columns="compile_s")), replays)


def test_a_replay_without_costs_has_its_own_clock_unless_asks_are_on_it(replays: Study) -> None:
    whole = on_costs_alone(replays).evaluations
    assert whole["clock_end_s"].to_numpy() == pytest.approx(replays.evaluations["clock_end_s"].to_numpy())
    without = replace(replays, evaluations=replays.evaluations.assign(compile_s=np.nan))
    assert on_costs_alone(without).evaluations["clock_end_s"].equals(replays.evaluations["clock_end_s"])
    charged = replace(without, runs=replays.runs.assign(asks_charged=True))
    with pytest.raises(AnalysisError, match="lacks costs"):
        on_costs_alone(charged)


def test_the_command_writes_everything_and_is_clear_about_bad_input(
    replays: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    live, out = live_runs(tmp_path / "live"), tmp_path / "out"
    replay_folder = str(Path(str(replays.runs["path"].iloc[0])).parents[2])
    monkeypatch.setattr(sys, "argv", ["live", str(live), replay_folder, "-o", str(out)])
    assert main() == 0
    printed = capsys.readouterr().out
    told = json.loads((out / f"{NAME}.json").read_text())
    assert told["sentence"] in printed and "| ALL |" in printed
    suffixes = ("csv", "md", "tex")
    assert all((out / f"{NAME}.{suffix}").stat().st_size for suffix in suffixes)
    marks = pd.read_csv(out / f"{NAME}-ranks.csv")
    assert len(marks) == 3 * 2 * len(TABLES) * LIVE and marks["worse_than"].between(0, 1).all()
    assert (out / f"{NAME}-ranks.png").exists() and (out / f"{NAME}-ranks.pdf").exists()
    monkeypatch.setattr(sys, "argv", ["live", replay_folder, str(live)])
    assert main() == 2
    told_out, told_err = capsys.readouterr()
    assert told_out == "" and told_err.count("\n") == 1
    assert "backend=replay: expected live in LIVE_RESULTS" in told_err


@pytest.mark.parametrize(("live", "replay", "given"), [(10, 10, True), (10, 2, False), (2, 10, False)])
def test_a_pooled_ratio_has_an_interval_only_where_both_sides_hit_often_enough(
    live: int, replay: int, given: bool
) -> None:
    """Of ten runs on each side; a rate of 20% has no interval whose coverage is known."""
    test = RankTest(np.ones(1), 10, np.ones(1))
    cells = tuple(Cell(task, "s", "evaluations", test, 1.0, (live, 10), (replay, 10), 1.0, 1.0, {}) for task in TABLES)
    found = _pooled([LogEstimate(0.2, 0.1, 9.0)] * len(cells), cells)
    assert found.log == pytest.approx(0.2) and np.isfinite(found.se) == given
