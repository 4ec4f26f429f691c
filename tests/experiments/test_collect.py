"""A study collected into a folder: curves alone agree with the runs; landscapes beside them replace their tables."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from analysis.runs import consolidated, contract
from analysis.runs.load import load_study
from analysis.runs.reading import read_logs
from analysis.study.incumbents import optima
from analysis.study.time_to_target import times_to_target
from experiments.collect import main, put_retimed, slim, steps_alone
from tests.analysis.fabricate import evaluations, guided_order, landscape, write_run

TASK = "k-8x8-bf16__h100"


def _write(folder: Path, table: pd.DataFrame, seeds: Iterable[int] = range(5)) -> None:
    digest = "0" * 64
    for seed in seeds:
        frame = evaluations(table, guided_order(0.7)(np.random.default_rng(seed), table)[:60])
        noise = np.random.default_rng(seed).normal(1.0, 0.02, len(frame))
        backend = {"kind": "replay", "noise": "recorded", "compile_workers": 1, "landscape_sha256": digest}
        write_run(folder, TASK, "one", seed, frame.assign(latency_ms=frame["latency_ms"] * noise), backend=backend)


def test_steps_alone_have_the_same_times_to_target_and_gaps(tmp_path: Path) -> None:
    _write(tmp_path / "runs", landscape(300))
    logs, _, environment = read_logs([tmp_path / "runs"])
    named = {"/".join(log.path.parts[-3:]): steps_alone(slim(log)) for log in logs}
    (tmp_path / "steps").mkdir()
    consolidated.write(tmp_path / "steps" / contract.CONSOLIDATED, named, {}, environment)
    whole, steps = load_study([tmp_path / "runs"]), load_study([tmp_path / "steps"])
    assert whole.runs["failures"].equals(steps.runs["failures"]) and (steps.evaluations["index"] < 60).all()
    best = optima(whole)
    assert optima(steps).t_star_ms == best.t_star_ms
    one, other = (times_to_target(study, best) for study in (whole, steps))
    assert one["hit"].any() and not one["hit"].all()
    assert one["time"][one["axis"] == "evaluations"].equals(other["time"][other["axis"] == "evaluations"])
    assert one["cost"].to_numpy() == pytest.approx(other["cost"].to_numpy(), rel=2e-5)  # the clock is rounded
    distinct: Any = pq.read_table(tmp_path / "steps" / contract.CONSOLIDATED)[contract.ORACLE_MS].to_pylist()
    assert all(len(set(of)) < 25 for of in distinct)


def test_runs_whose_evaluations_end_in_another_order_keep_all_numbers(tmp_path: Path) -> None:
    _write(tmp_path / "runs", landscape(300), range(1))
    (log,), _, _ = read_logs([tmp_path / "runs"])
    ends = log.columns[contract.CLOCK_END_S].copy()
    ends[[4, 5]] = ends[[5, 4]]
    late = replace(log, columns={**log.columns, contract.CLOCK_END_S: ends})
    small = steps_alone(late)
    ok = late.columns[contract.OK].astype(bool)
    assert np.array_equal(small.columns[contract.LATENCY_MS][ok], late.columns[contract.LATENCY_MS][ok])
    assert np.array_equal(small.columns[contract.CLOCK_END_S], ends)
    assert len(set(steps_alone(log).columns[contract.LATENCY_MS])) < len(set(small.columns[contract.LATENCY_MS]))


def test_a_collected_study_grows_by_further_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Collecting it again with them into its own folder is the same as collecting all runs at once."""

    def collect(*folders: str) -> Any:
        paths = [tmp_path / folder for folder in folders]
        read = [path for path in paths if path != paths[-1] or (path / contract.CONSOLIDATED).exists()]
        words = ["collect", *map(str, read), "-o", str(paths[-1]), "--steps", "--beside"]
        monkeypatch.setattr(sys, "argv", words)
        main()
        return pq.read_table(tmp_path / folders[-1] / contract.CONSOLIDATED)

    table = landscape(300)
    _write(tmp_path / "first", table, range(3))
    _write(tmp_path / "further", table, range(3, 5))
    _write(tmp_path / "all", table)
    for folder in ("study", "whole"):
        (tmp_path / folder).mkdir()
    collect("first", "study")
    grown, whole = (collect(*folders).to_pandas() for folders in (("further", "study"), ("all", "whole")))
    pd.testing.assert_frame_equal(grown, whole)


def test_the_timings_of_chosen_labels_come_along(tmp_path: Path) -> None:
    rows = {"strategy": ["one", "two", "one"], "seed": [0, 0, 1], "index": [0, 0, 0], "oracle_ms": [1.0, 2.0, 3.0]}
    pd.DataFrame(rows).to_parquet(tmp_path / "retimed.parquet")
    put_retimed(tmp_path / "retimed.parquet", tmp_path / TASK, {"one"})
    assert pq.read_table(tmp_path / TASK / contract.RETIMED)["oracle_ms"].to_pylist() == [1.0, 3.0]


def test_a_landscape_beside_the_runs_is_their_table_if_they_replayed_it(tmp_path: Path) -> None:
    table = landscape(200)
    _write(tmp_path, table)
    path = tmp_path / f"{TASK}.parquet"
    table.drop(columns=contract.KEY).to_parquet(path)
    assert load_study([tmp_path]).references == {}  # another digest than the runs have
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    for config in tmp_path.glob("*/*/*/config.yaml"):
        config.write_text(config.read_text().replace("0" * 64, digest))
    found = load_study([tmp_path])
    assert len(found.references[TASK]) == 200
    assert optima(found).t_star_ms[TASK] == table["oracle_ms"].min()


def test_unfinished_runs_are_left_out_only_on_request_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path / "runs", landscape(300))
    (tmp_path / "runs" / TASK / "one" / "seed-3" / "DONE").unlink()
    words = ["collect", str(tmp_path / "runs"), "-o", str(tmp_path / "out"), "--beside"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit):
        main()
    assert "1 unfinished runs: expected the whole study; --finished leaves them out" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", [*words, "--finished"])
    main()
    assert f"left out, because unfinished: {TASK}/one/seed-3\n" in capsys.readouterr().out
    assert set(load_study([tmp_path / "out"]).runs["seed"]) == {0, 1, 2, 4}
