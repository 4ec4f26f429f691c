"""``nearopt best``: the best configuration of runs, studies and recordings, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.landscapes.write import write_landscape
from harness.record.retime import Retiming
from harness.tuning.of_run import outcome_of_run
from harness.tuning.outcome import Tried, best_of, commonest_messages
from harness.tuning.triton_config import triton_config
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.record.test_retime_study import TASK as LIVE_TASK
from tests.harness.record.test_retime_study import again, live_run
from tests.harness.toy import METADATA, toy_columns, toy_space, write_toy

__all__ = ["nearopt"]
TASK = "toy-8x8-bf16__toy"


def replay(nearopt: Nearopt, path: Path, *more: str) -> None:
    code, _, err = nearopt("run", f"backend.landscape={path}", "budget.evaluations=30", *more)
    assert code == 0, err


def found(nearopt: Nearopt, *paths: object) -> dict[str, Any]:
    code, out, err = nearopt("best", "--json", *paths)
    assert code == 0, err
    document: dict[str, Any] = json.loads(out)
    return document


def test_a_replays_best_is_the_recordings_best_of_the_five_lowest_readings(nearopt: Nearopt, tmp_path: Path) -> None:
    path = write_toy(tmp_path, vendor={"name": "lib", "latency_ms": 3.5})
    replay(nearopt, path)
    (entry,) = found(nearopt, "results")["best"]
    rows = pq.read_table(tmp_path / f"results/{TASK}/random/seed-0/evaluations.parquet").to_pylist()
    ok = sorted((row for row in rows if row["status"] == "ok"), key=lambda row: row["latency_ms"])
    best = min(ok[:5], key=lambda row: row["oracle_ms"])
    assert entry["latency_ms"] == best["oracle_ms"] and entry["known_by"] == "recorded" and entry["confirmed"]
    names = {name[7:]: value for name, value in best.items() if name.startswith("config.") and value is not None}
    assert entry["configuration"] == names and {"schedule", "block", "order"} <= names.keys()
    assert entry["evaluations"] == 30 and entry["statuses"]["ok"] == len(ok) == 30 - entry["failures"] < 30
    assert all(said["message"] == "it broke" for said in entry["messages"].values()) and entry["messages"]
    assert (entry["vendor"], entry["vendor_ms"]) == ("lib", 3.5) and (tmp_path / entry["path"]).is_dir()


def test_a_studys_best_is_that_of_all_its_runs_and_an_interrupted_run_counts(nearopt: Nearopt, tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    replay(nearopt, path, "-m", "seed=0,1,2", "jobs=1")
    of_runs = [found(nearopt, f"results/{TASK}/random/seed-{seed}")["best"][0] for seed in range(3)]
    (entry,) = found(nearopt, "results")["best"]
    assert entry["latency_ms"] == min(each["latency_ms"] for each in of_runs) < max(e["latency_ms"] for e in of_runs)
    assert (entry["runs"], entry["all_evaluations"]) == (3, 90)
    for part in (f"results/{TASK}", f"results/{TASK}/random"):
        assert found(nearopt, part)["best"] == [entry]
    best = tmp_path / entry["path"]
    for name in ("DONE", "evaluations.parquet"):
        (best / name).unlink()
    (entry,) = found(nearopt, "results")["best"]
    assert (entry["runs"], entry["all_evaluations"]) == (3, 60)
    code, out, _ = nearopt("best", best)
    assert code == 1 and "none of 0 evaluations succeeded" in out


def test_a_damaged_run_is_counted_and_the_others_are_told(nearopt: Nearopt, tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    replay(nearopt, path, "-m", "seed=0,1", "jobs=1")
    file = tmp_path / f"results/{TASK}/random/seed-1/evaluations.parquet"
    file.write_bytes(file.read_bytes()[:100])
    code, out, err = nearopt("best", "results")
    assert code == 0 and TASK in out
    assert err.startswith("nearopt: left out: ") and "seed-1" in err and err.count("\n") == 1
    document = found(nearopt, "results")
    assert len(document["left_out"]) == 1 and document["best"][0]["runs"] == 1
    code, _, err = nearopt("best", file.parent)
    assert code == 2 and "damaged" in err and err.count("\n") == 1


@pytest.mark.slow
def test_a_live_run_goes_by_its_re_timing(tmp_path: Path) -> None:
    live_run(tmp_path, 0)
    run = tmp_path / "results" / LIVE_TASK / "random/seed-0"
    before = outcome_of_run(run)
    assert before.best is not None and before.best.known_by == "observed"
    again(tmp_path, Retiming(factor=3.0, anchors=2, rounds=2))
    after = outcome_of_run(run)
    assert after.best is not None and after.best.known_by == "retimed"
    assert after.best.configuration == before.best.configuration
    assert after.best.latency_ms == pytest.approx(0.9 * before.best.latency_ms)  # as the fake re-times
    assert after.statuses == before.statuses and after.failures > 0


def test_recordings_have_a_line_each_and_a_file_that_is_none_is_left_out(nearopt: Nearopt, tmp_path: Path) -> None:
    for folder in ("all", "bad"):
        (tmp_path / folder).mkdir()
    first = write_toy(tmp_path / "all")
    write_toy(tmp_path / "all", "toy-9__toy", seed=1)
    (tmp_path / "all/broken.parquet").write_bytes(b"PAR1")
    columns = toy_columns(toy_space())
    n = len(columns["status"])
    failed = {"status": ["wrong_result"] * n, "message": ["off by 3"] * n, "samples_ms": [[]] * n}
    nothing = {"latency_ms": [None] * n, "oracle_ms": [None] * n}
    write_landscape(tmp_path / "bad/none__toy.parquet", toy_space(), columns | failed | nothing, METADATA)
    document = found(nearopt, "all")
    assert [entry["task"] for entry in document["best"]] == [TASK, "toy-9__toy"]
    oracle = pq.read_table(first).column("oracle_ms").to_numpy()
    assert document["best"][0]["latency_ms"] == np.nanmin(oracle)
    assert len(document["left_out"]) == 1 and "broken.parquet" in document["left_out"][0]
    code, out, err = nearopt("best", "all")
    assert code == 0 and len(out.splitlines()) == 3 and "block=" in out and err.count("\n") == 1
    code, out, err = nearopt("best", "bad")
    assert code == 1 and f"wrong_result: {n}; most often, {n} times: off by 3" in out


def test_what_is_not_there_is_said_in_a_line(nearopt: Nearopt, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, said in (("nosuch", "no such path"), ("empty", "contains no run")):
        code, out, err = nearopt("best", path)
        assert (code, out, err.count("\n")) == (2, "", 1) and f"{path}: {said}" in err


def test_a_triton_config_names_every_parameter(nearopt: Nearopt, tmp_path: Path) -> None:
    given = {"BLOCK": 128, "num_stages": 3, "order": (1, 0), "flat": True, "num_warps": 4}
    line = triton_config(given)
    assert line == "triton.Config({'BLOCK': 128, 'order': (1, 0), 'flat': True}, num_warps=4, num_stages=3)"
    assert triton_config({"block": 3}) is None and triton_config({"pid_type": "flat", "num_warps": 4}) is None
    code, out, _ = nearopt("best", "--triton", write_toy(tmp_path))
    assert (code, out) == (0, f"# not a Triton kernel:  # {TASK}\n")


def test_a_lucky_reading_wins_nothing_where_more_is_known() -> None:
    def tried(latency_ms: float | None, known_ms: float | None, name: str, message: str = "") -> Tried:
        return Tried({"name": name}, "ok" if latency_ms else "wrong_result", message, latency_ms, known_ms)

    rows = [tried(1.0, 1.5, "lucky"), tried(1.1, 1.2, "good"), tried(1.9, 1.0, "late"), tried(None, None, "bad", "x")]
    best = best_of(rows, "recorded", finalists=2)
    assert best is not None and (best.configuration, best.latency_ms) == ({"name": "good"}, 1.2)
    best = best_of(rows, "retimed")
    assert best is not None and best.configuration == {"name": "late"}
    best = best_of([tried(1.0, None, "a"), tried(2.0, None, "b")], "retimed")
    assert best is not None and (best.latency_ms, best.known_by) == (1.0, "observed")
    assert best_of([rows[-1]], "retimed") is None
    assert commonest_messages([*rows, rows[-1]]) == {"wrong_result": ("x", 2)}
