"""The split of the tuning clock of live runs, on fabricated runs whose split is known exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.figures.split_time import draw, note
from analysis.report.build import build_report
from analysis.runs.load import Study, load_study
from analysis.runs.split_time import PARTS, by_task_and_strategy, overhead_by_strategy, run_split
from tests.analysis.fabricate import write_run

pytestmark = pytest.mark.usefixtures("undrawn")

ASK, TELL, COMPILE, VERIFY, BENCHMARK = 0.5, 0.25, 2.0, 0.125, 0.25
COSTS = ASK + TELL + COMPILE + VERIFY + BENCHMARK
LIVE = {"kind": "live", "compile_workers": 1, "charge_ask": True}
TASK = "k-1__gpu"


def sequential(n: int, overhead_s: float | None = None) -> pd.DataFrame:
    """Return n evaluations asked one by one, as the run loop logs them: the clock ends before the tell."""
    end = COSTS * np.arange(1, n + 1) - TELL
    frame = pd.DataFrame(
        {
            "index": np.arange(n),
            "status": "ok",
            "latency_ms": 1.0,
            "oracle_ms": 1.0,
            "compile_s": COMPILE,
            "verify_s": VERIFY,
            "benchmark_s": BENCHMARK,
            "ask_s": ASK,
            "tell_s": TELL,
            "clock_end_s": end,
        }
    )
    return frame if overhead_s is None else frame.assign(wall_s=COSTS + overhead_s)


def split_of(frame: pd.DataFrame, batch: int = 1, charge_ask: bool = True) -> dict[str, float]:
    found = run_split(frame, batch, charge_ask)
    assert found is not None
    return found


def test_the_parts_add_up_to_the_clock_with_its_last_tell() -> None:
    split = split_of(sequential(4, overhead_s=0.0625))
    assert split["clock_s"] == 4 * COSTS
    expected = dict(zip(PARTS, (ASK, TELL, COMPILE, VERIFY, BENCHMARK), strict=True))
    assert {part: split[f"{part}_s"] for part in PARTS} == {part: 4 * value for part, value in expected.items()}
    assert split["overhead_s"] == 0.25
    assert split["wall_s"] == 4 * COSTS + 0.25


def test_negative_overhead_is_not_clipped() -> None:
    assert split_of(sequential(4, overhead_s=-0.5))["overhead_s"] == -2.0


def test_overlapping_compiles_count_once() -> None:
    # Two batches of two, compiled side by side: the GPU waits 2 s, then works off both.
    on_gpu = VERIFY + BENCHMARK
    frame = sequential(4, overhead_s=None)
    frame["ask_s"], frame["tell_s"] = [0.5, 0.5, 0.75, 0.75], [0.25, 0.25, 0.25, 0.25]
    first = 1.0 + COMPILE
    second = first + 2 * on_gpu + 0.5 + 1.5 + COMPILE
    frame["clock_end_s"] = [first + on_gpu, first + 2 * on_gpu, second + on_gpu, second + 2 * on_gpu]
    split = split_of(frame.assign(wall_s=3.0), batch=2)
    assert (split["compile_s"], split["compile_cpu_s"]) == (2 * COMPILE, 4 * COMPILE)
    assert split["clock_s"] == second + 2 * on_gpu + 0.5
    assert split["overhead_s"] == 12.0 - split["clock_s"]
    assert split_of(frame.iloc[:3], batch=2)["clock_s"] == second + on_gpu + 0.25  # a last batch of one


def test_a_clock_without_ask_and_tell_gets_them_added() -> None:
    frame = sequential(3, overhead_s=0.0)
    frame["clock_end_s"] = (COMPILE + VERIFY + BENCHMARK) * np.arange(1, 4)
    split = split_of(frame, charge_ask=False)
    assert (split["clock_s"], split["compile_s"], split["overhead_s"]) == (3 * COSTS, 3 * COMPILE, 0.0)


def test_what_is_not_logged_is_not_guessed() -> None:
    assert np.isnan(split_of(sequential(3))["overhead_s"])
    one_missing = sequential(3, 0.1)
    one_missing.loc[1, "wall_s"] = np.nan
    assert np.isnan(split_of(one_missing)["overhead_s"])
    assert run_split(sequential(3).drop(columns="ask_s"), 1, True) is None


def test_what_aliases_were_charged_is_told_apart() -> None:
    split = split_of(sequential(3, 0.0).assign(alias=[False, True, True]))
    assert split["alias_s"] == 2 * (VERIFY + BENCHMARK)
    assert split["overhead_s"] == 0.0


def live_study(folder: Path, *, old: bool = False) -> Path:
    """``fast``: 10 and 20 evaluations with an overhead of 1 and 3% of the clock; ``slow``: one run of -10%."""
    for label, seed, n, overhead in (("fast", 0, 10, 0.01), ("fast", 1, 20, 0.03), ("slow", 0, 10, -0.1)):
        frame = sequential(n, None if old else overhead * COSTS)
        write_run(folder, TASK, label, seed, frame, budget=30, backend=LIVE)
    return folder


def table(study: Study) -> pd.DataFrame:
    return by_task_and_strategy(study.runs, study.splits).set_index("strategy")


def test_seeds_are_summed_and_shares_are_of_the_clock(tmp_path: Path) -> None:
    study = load_study([live_study(tmp_path)])
    rows = table(study)
    assert rows.loc["fast", "runs"] == 2
    assert rows.loc["fast", "clock_s"] == 30 * COSTS
    assert rows.loc["fast", "overhead_share"] == pytest.approx((10 * 0.01 + 20 * 0.03) / 30)
    assert rows.loc["fast", "compile_share"] == pytest.approx(COMPILE / COSTS)
    np.testing.assert_allclose(sum(rows[f"{part}_share"] for part in PARTS), 1.0)
    assert overhead_by_strategy(study.runs, study.splits) == pytest.approx({"fast": 0.7 / 30, "slow": -0.1})


def test_runs_without_wall_seconds_do_not_dilute_the_overhead(tmp_path: Path) -> None:
    write_run(tmp_path, TASK, "s", 0, sequential(10, 0.1 * COSTS), budget=10, backend=LIVE)
    write_run(tmp_path, TASK, "s", 1, sequential(10), budget=10, backend=LIVE)
    row = table(load_study([tmp_path])).loc["s"]
    assert (row["runs"], row["timed_runs"]) == (2, 1)
    assert row["overhead_share"] == pytest.approx(0.1)
    assert "1 of 2 runs" in note(table(load_study([tmp_path])).reset_index())


def test_replay_has_no_overhead(tmp_path: Path) -> None:
    write_run(tmp_path / "r", TASK, "s", 0, sequential(10, 0.1), budget=10)
    study = load_study([tmp_path / "r"])
    assert study.splits[["live", "overhead_s"]].isna().sum().tolist() == [0, 1]
    assert by_task_and_strategy(study.runs, study.splits[study.splits["live"]]).empty
    report = build_report([tmp_path / "r"], tmp_path / "out")
    assert not (tmp_path / "out/figures/split-time.csv").exists()
    assert "harness overhead" not in report.index.read_text()


def test_the_report_shows_it(tmp_path: Path) -> None:
    report = build_report([live_study(tmp_path / "r")], tmp_path / "out")
    written = pd.read_csv(tmp_path / "out/figures/split-time.csv")
    assert list(written["overhead_share"].round(4)) == [0.0233, -0.1]
    page = report.index.read_text()
    assert "Where the tuning clock goes" in page
    assert "charged more than the elapsed time" in page
    for cell in (">2.33%<", ">-10.00%<"):
        assert cell in page


def test_old_runs_are_drawn_without_overhead_and_the_page_says_so(tmp_path: Path) -> None:
    report = build_report([live_study(tmp_path / "r", old=True)], tmp_path / "out")
    written = pd.read_csv(tmp_path / "out/figures/split-time.csv")
    assert written["overhead_share"].isna().all()
    assert "did not log their wall time (wall_s)" in report.index.read_text()


def test_bars_and_numbers_are_those_of_the_table(tmp_path: Path) -> None:
    study = load_study([live_study(tmp_path)])
    axes = draw(by_task_and_strategy(study.runs, study.splits)).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert texts == [TASK, "+2.33%", "−10.00%", "overhead"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["fast (2 runs)", "slow (1 run)"]
    bars = [(bar.get_x(), bar.get_width()) for bar in axes.patches]
    assert bars[len(PARTS)] == (1.0, pytest.approx(0.7 / 30))
    assert bars[-1] == (1.0, pytest.approx(-0.1))
    assert axes.get_xlim()[1] > 1 + 0.7 / 30


def test_a_damaged_column_is_one_line(tmp_path: Path) -> None:
    write_run(tmp_path, TASK, "s", 0, sequential(3).assign(ask_s="soon"), budget=3, backend=LIVE)
    with pytest.raises(AnalysisError, match="ask_s: expected numbers"):
        load_study([tmp_path])
