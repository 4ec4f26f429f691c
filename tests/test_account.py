"""The harness and the analysis give one account of a folder; unfinished runs are reported and counted correctly."""

from __future__ import annotations

import html
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.report.build import build_report, format_speedups, make_tables
from analysis.report.compare import compare_studies
from analysis.runs import contract
from analysis.runs.account import account
from analysis.runs.load import load_study
from analysis.runs.state import State
from analysis.study.incumbents import optima
from analysis.study.results import study_results
from analysis.study.time_to_target import times_to_target
from harness.cli import main
from harness.system.sealed_lines import sealed
from tests.analysis.fabricate import evaluations, landscape, write_reference, write_run

pytestmark = pytest.mark.usefixtures("undrawn")

TABLE = landscape(60, failures=0.0)
BEST = int(np.argmin(TABLE[contract.ORACLE_MS]))
REST = [i for i in range(60) if TABLE[contract.ORACLE_MS][i] > 1.2 * TABLE[contract.ORACLE_MS][BEST]]
LINE = {
    "index": 0, "configuration": {"block": "c0"}, "status": "ok", "samples_ms": [1.0], "latency_ms": 1.0,
    "oracle_ms": 1.0, "compile_s": 0.1, "verify_s": 0.1, "benchmark_s": 0.1, "ask_s": 0.0, "tell_s": 0.0,
    "clock_start_s": 0.0, "clock_end_s": 0.3, "message": "", "repaired": False,
}  # fmt: skip


def write_log(directory: Path, rows: Sequence[int]) -> None:
    """Write the evaluations.jsonl of a run that tried these rows."""
    frame = evaluations(TABLE, rows).to_dict("records")
    lines = [
        {**{name: value for name, value in row.items() if name in LINE}, "configuration": {"block": str(i)}}
        for i, row in enumerate(frame)
    ]
    (directory / contract.LOG).write_text("".join(json.dumps(line) + "\n" for line in lines))


def fail(results: Path, label: str, seed: int, rows: Sequence[int], log: bool = True) -> Path:
    """Write a run that failed after these rows."""
    directory = write_run(results, "k-1", label, seed, evaluations(TABLE, rows), budget=20, done=False)
    (directory / contract.EVALUATIONS).unlink()
    (directory / contract.FAILED).write_text('{"message": "RuntimeError: singular", "final": true, "trace": ""}')
    if log:
        write_log(directory, rows)
    return directory


def plan(results: Path, **seeds: int) -> None:
    runs = [{"task": "k-1", "strategy": label, "seeds": list(range(n))} for label, n in seeds.items()]
    (results / contract.PLANNED).mkdir(parents=True, exist_ok=True)
    (results / contract.PLANNED / "0.json").write_text(json.dumps({"version": 1, "runs": runs}))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Of ``s`` 3 done with a hit at the 5th evaluation, 2 failed after 7 without one, 1 missing; ``t`` is missing."""
    results = tmp_path / "r"
    write_reference(results, "k-1", TABLE)
    hit = [*REST[:4], BEST, *REST[4:19]]
    for seed in range(3):
        write_run(results, "k-1", "s", seed, evaluations(TABLE, hit), budget=20)
    for seed in (3, 4):
        fail(results, "s", seed, REST[:7])
    plan(results, s=6, t=2)
    return results


def test_failed_runs_are_misses_that_cost_what_they_spent(study: Path) -> None:
    loaded = load_study([study])
    times = times_to_target(loaded, optima(loaded), (0.05,))
    own = times[times["axis"] == "evaluations"]
    assert own["cost"].tolist() == [5, 5, 5, 7, 7]
    assert own["hit"].tolist() == [True, True, True, False, False]


def test_a_run_that_failed_after_its_hit_is_a_miss(study: Path) -> None:
    fail(study, "s", 5, [BEST, *REST[:3]])
    loaded = load_study([study])
    times = times_to_target(loaded, optima(loaded), (0.05,))
    last = times[(times["axis"] == "evaluations") & (times["seed"] == 5)].iloc[0]
    assert (bool(last["hit"]), last["cost"]) == (False, 4)


def test_terminal_page_and_verdict_say_it(study: Path, tmp_path: Path) -> None:
    report = build_report([study], tmp_path / "out")
    row = report.speedups[(report.speedups["task"] == "k-1") & (report.speedups["target"] == 0.05)].iloc[0]
    assert (row["hits"], row["runs"], row["ert"]) == (3, 5, pytest.approx(29 / 3))
    assert "3/5 (2 failed, 1 missing)" in format_speedups(report.speedups, account=report.account)
    page, verdict = report.index.read_text(), json.loads(report.verdict_json.read_text())
    for said in (page, report.verdict_json.read_text(), " ".join(report.notes)):
        assert "2 of 6 runs failed" in said
        assert "t on k-1: 2 of 2 planned runs are missing (seeds 0, 1)" in said
    assert "3/5 (2 failed, 1 missing)" in page
    assert verdict["account"]["totals"] == {
        "done": 3, "running": 0, "interrupted": 0, "failed": 2, "missing": 3, "damaged": 0, "superseded": 0,
    }  # fmt: skip
    assert "2 failed, 1 missing" in report.speedups_csv.read_text()


@pytest.mark.slow
def test_without_a_log_no_number_is_given(study: Path, tmp_path: Path) -> None:
    write_run(study, "k-1", "u", 0, evaluations(TABLE, REST[:5]), budget=20)
    fail(study, "s", 5, REST[:2], log=False)
    report = build_report([study], tmp_path / "out")
    assert set(report.speedups["strategy"]) == {"u"}
    assert any(note.startswith("s on k-1: no number is given: seed 5 failed and left no log") for note in report.notes)


def test_a_study_where_all_failed_is_one_line(tmp_path: Path) -> None:
    fail(tmp_path, "s", 0, REST[:5])
    with pytest.raises(AnalysisError, match="no finished run found; 1 failed"):
        load_study([tmp_path])


def test_a_complete_study_says_nothing(study: Path, tmp_path: Path) -> None:
    for file in (study / contract.PLANNED).iterdir():
        file.unlink()
    plan(study, s=3)
    (study / "k-1/s").rename(tmp_path / "s")
    for seed in range(3):
        (study / "k-1/s").mkdir(exist_ok=True)
        (tmp_path / f"s/seed-{seed}").rename(study / f"k-1/s/seed-{seed}")
    report = build_report([study], tmp_path / "out")
    assert report.notes == [] and report.account.complete
    assert "Not complete" not in report.verdict.sentence
    assert "lacking" not in report.speedups_csv.read_text()


def test_a_part_of_a_study_lacks_only_its_own_runs(study: Path) -> None:
    part = account([study / "k-1" / "s"])
    assert part.totals() == {State.DONE: 3, State.FAILED: 2, State.MISSING: 1}


@pytest.mark.slow
def test_compare_is_of_what_both_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Side a has a second task, on which s is much slower; it must not affect the comparison on the first."""
    for side, tasks in (("a", ("k-1", "k-2")), ("b", ("k-1",))):
        for task in tasks:
            write_reference(tmp_path / side, task, TABLE)
            order = [*REST[:4], BEST, *REST[4:19]] if task == "k-1" else [*REST[:18], BEST, REST[18]]
            for seed in range(3):
                write_run(tmp_path / side, task, "s", seed, evaluations(TABLE, order), budget=20)
    write_run(tmp_path / "b", "k-1", "u", 0, evaluations(TABLE, REST[:20]), budget=20)
    fail(tmp_path / "b", "s", 3, REST[:2])
    compared = compare_studies(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    page = compared.index.read_text()
    table = pd.read_csv(tmp_path / "out/comparison-evaluations.csv").set_index("task")
    assert set(table["strategy"]) == {"s"}
    table = table[~table.index.duplicated()]  # ALL comes by stratum, too
    assert table.loc["ALL", "ert_a"] == table.loc["k-1", "ert_a"] == 5
    assert table.loc["ALL", "ert_b"] == pytest.approx(17 / 3)
    assert "Only in A, so left out: tasks k-2." in page and "Only in B, so left out: strategies u." in page
    assert "B: s on k-1: 1 of 4 runs failed" in page
    assert "3/4 (1 failed)" in page
    assert table.loc["k-1", ["failed_a", "failed_b", "missing_b"]].tolist() == [0, 1, 0]
    assert table.loc["ALL", "lacking_b"] == "1 failed"
    left = pd.read_csv(tmp_path / "out/left-out.csv")
    assert left.to_numpy().tolist() == [["k-2", "s", "A", 3], ["k-1", "u", "B", 1]]
    document = json.loads((tmp_path / "out/comparison.json").read_text())
    assert document["only_in_a"] == [{"task": "k-2", "strategy": "s"}]
    assert document["only_in_b"] == [{"task": "k-1", "strategy": "u"}]
    assert document["b"]["account"]["totals"]["failed"] == 1 and document["notes"] == compared.notes
    assert main(["report", "--compare", str(tmp_path / "a"), str(tmp_path / "b"), "-o", str(tmp_path / "cli")]) == 0
    terminal = capsys.readouterr().out
    for note in compared.notes:
        assert note in terminal and note in html.unescape(page)
    assert "Only in A, so left out: tasks k-2." in terminal and "B: s on k-1: 1 of 4 runs failed" in terminal


def several(tmp_path: Path) -> Path:
    """Three tasks with ``s`` and ``t``; of ``s`` 1 of 4 runs failed on k-1 and 2 are missing on l-1; none of m-1."""
    results = tmp_path / "several"
    for task in ("k-1", "l-1", "n-1"):
        write_reference(results, task, TABLE)
        for label in ("s", "t", "grid"):
            for seed in range(3 if (task, label) == ("k-1", "s") else 2 if (task, label) == ("l-1", "s") else 4):
                hit = 2 + seed + (label == "s")
                order = [*REST[:hit], BEST, *REST[hit:19]]
                write_run(results, task, label, seed, evaluations(TABLE, order), budget=20)
    fail(results, "s", 3, REST[:7])
    plan(results, s=4, t=4, grid=4)
    document = json.loads((results / contract.PLANNED / "0.json").read_text())
    for task in ("l-1", "m-1"):
        for label in ("s", "t"):
            document["runs"].append({"task": task, "strategy": label, "seeds": [0, 1, 2, 3]})
    (results / contract.PLANNED / "0.json").write_text(json.dumps(document))
    return results


@pytest.mark.slow
def test_every_cell_of_a_table_says_what_of_its_runs_is_not_done(tmp_path: Path) -> None:
    results = study_results([several(tmp_path)])
    tables = {table.name: table for table in make_tables(results)}
    assert tables.keys() >= {"quality", "restarts", "ranks", "baselines", "leave-out", "improvement", "random-suffices"}
    note = "† Not all runs are done; failed ones count as misses: "
    for table in [table for name, table in tables.items() if name != "random-suffices"]:
        assert note in table.caption and "s: 1 failed, 6 missing" in table.caption, table.name
        assert "†" in "".join(cell for row in table.rows for cell in row), table.name
        assert note in table.markdown() and r"$^\dagger$" in table.latex()
    quality = tables["quality"].data.set_index(["task", "strategy"])
    counts = ["runs", "failed", "missing", "damaged", "unfinished"]
    assert quality.loc[("k-1", "s"), counts].tolist() == [4, 1, 0, 0, 0]
    assert quality.loc[("l-1", "s"), counts].tolist() == [2, 0, 2, 0, 0]
    assert quality.loc[("n-1", "t"), counts].tolist() == [4, 0, 0, 0, 0]
    ranks = tables["ranks"].data.set_index("strategy")
    assert ranks.loc["s", counts].tolist() == [10, 1, 6, 0, 0]  # m-1 was never run, and counts as missing
    assert ranks.loc["t", counts].tolist() == [12, 0, 4, 0, 0]
    left = tables["leave-out"].data.set_index(["strategy", "left_out"])
    assert left.loc[("s", "k"), "failed"] == 0 and left.loc[("s", "l"), "failed"] == 1
    better = tables["improvement"].data.set_index(["better", "than"])
    assert better.loc[("t", "s"), ["failed", "failed_than"]].tolist() == [0, 1]


@pytest.mark.slow
def test_where_random_suffices_each_task_has_its_own_mark(tmp_path: Path) -> None:
    path = several(tmp_path)
    fail(path, "grid", 4, REST[:3])
    shutil.rmtree(path / "n-1" / "t" / "seed-3")
    tables = {table.name: table for table in make_tables(study_results([path]))}
    rows = {row[0]: row for row in tables["random-suffices"].rows}
    assert rows["k-1"][4] == "80%†" and "†" not in rows["k-1"][5] and "†" not in "".join(rows["l-1"])
    data = tables["random-suffices"].data.set_index("task")
    assert data.loc["k-1", ["grid_runs", "grid_failed"]].tolist() == [5, 1]
    assert "grid: 1 failed" in tables["random-suffices"].caption


def test_tables_of_a_whole_study_have_no_mark(study: Path) -> None:
    for file in (study / contract.PLANNED).iterdir():
        file.unlink()
    for seed in (3, 4):
        shutil.rmtree(study / f"k-1/s/seed-{seed}")
    for table in make_tables(study_results([study])):
        assert "†" not in table.markdown()
        counts = [name for name in table.data if name.endswith(("failed", "missing", "damaged", "unfinished"))]
        assert len(counts) in (4, 8) and not table.data[counts].to_numpy().any()


@pytest.mark.slow  # every cell of a table, above, has the same counts
def test_a_task_of_which_nothing_was_run_lacks_in_the_whole(tmp_path: Path) -> None:
    report = build_report([several(tmp_path)], tmp_path / "out")
    lines = format_speedups(report.speedups, account=report.account).splitlines()
    assert "9/10 (1 failed, 6 missing)" in lines[lines.index(next(x for x in lines if x.startswith("ALL"))) + 1]
    assert "m-1: 4 of 4 planned runs are missing" in " ".join(report.notes)


def test_failed_runs_that_are_known_by_older_logs_are_said_to_be_unverified(study: Path) -> None:
    said = account([study]).sentences()
    assert any(
        "2 of 6 runs failed" in line and "(2 by a log without checksums, so unverified)" in line for line in said
    )
    for log in study.glob(f"*/*/*/{contract.LOG}"):
        lines, check = [], 0
        for line in log.read_bytes().splitlines():
            written, check = sealed(orjson.dumps(orjson.loads(line)), check)
            lines.append(written)
        log.write_bytes(b"".join(lines))
    assert not any("unverified" in line for line in account([study]).sentences())
