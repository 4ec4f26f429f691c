"""The W&B mirror, read from the files that offline mode leaves."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from analysis.runs.load import load_study
from harness.errors import UserError
from harness.system.resources import CHECKOUT
from harness.trackers.wandb import JOB_TYPE_LENGTH, NAME_LENGTH, WandbTracker, shortened
from tests.harness.toy import write_toy
from tests.harness.trackers.wandb_file import items, records

RUN = "toy-8x8-bf16__toy/random/seed-3"
STRATEGY = """
import time
from pathlib import Path
from harness.strategies.random import RandomSearch

class Slow(RandomSearch):
    asked = 0

    def ask(self, n):
        self.asked += n
        while self.asked > 20 and (Path(__file__).parent / "hold").exists():
            time.sleep(0.02)
        return super().ask(n)
"""


def nearopt(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Run in another process, so that W&B's service and hooks do not affect the tests."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness.cli", *arguments],
        env={**os.environ, "PYTHONPATH": f"{CHECKOUT}:{folder}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    landscape = f"backend.landscape={folder / 'toy-8x8-bf16__toy.parquet'}"
    return nearopt(
        folder, "run", landscape, f"results={folder / 'study'}", "tracker=wandb", "tracker.mode=offline", *overrides
    )


def finished(process: subprocess.Popen[str], code: int = 0) -> None:
    out, err = process.communicate(timeout=500)
    assert process.returncode == code, out + err


def offline_runs(directory: Path) -> list[Path]:
    return sorted((directory / "wandb").glob("offline-run-*"))


def mirrored(directory: Path) -> dict[str, list[Any]]:
    """Return the records of the only W&B run of a directory, by type."""
    (folder,) = offline_runs(directory)
    found: dict[str, list[Any]] = {}
    for record in records(next(folder.glob("*.wandb"))):
        kind = record.WhichOneof("record_type")
        found.setdefault(kind, []).append(getattr(record, kind))
    return found


@pytest.mark.slow
def test_the_mirror_says_what_the_parquet_file_says(tmp_path: Path) -> None:
    write_toy(tmp_path)
    finished(run(tmp_path, "seed=3", "budget.evaluations=30", "batch=4", "backend.compile_workers=2"))
    directory = tmp_path / "study" / RUN
    rows = pq.read_table(directory / "evaluations.parquet").to_pylist()
    found = mirrored(directory)

    (opened,) = found["run"]
    assert (opened.project, opened.run_group, opened.job_type) == ("nearopt", "study", "random")
    assert opened.display_name == "toy-8x8-bf16__toy random seed-3"
    config = items(opened.config.update)
    assert (config["seed"], config["batch"], config["strategy"]["label"]) == (3, 4, "random")

    steps = {metric.name: metric.step_metric for metric in found["metric"]}
    assert steps["best_ms/evaluations"] == "evaluation"
    assert steps["best_ms/tuning_s"] == "tuning_s"

    history = [items(line.item) for line in found["history"]]
    assert [line["evaluation"] for line in history] == list(range(1, 31))
    assert {row["status"] for row in rows} > {"ok"}, "the toy has failures, too"
    for name in ("status", "latency_ms", "oracle_ms", "compile_s", "benchmark_s", "ask_s", "tell_s"):
        assert [line.get(name) for line in history] == [row[name] for row in rows]
    latencies = [row["latency_ms"] if row["status"] == "ok" else float("inf") for row in rows]
    best = [None if value == float("inf") else value for value in itertools.accumulate(latencies, min)]
    assert [line.get("best_ms/evaluations") for line in history] == best
    assert [line.get("best_ms/tuning_s") for line in history] == best
    assert [line["tuning_s"] for line in history] == list(itertools.accumulate((r["clock_end_s"] for r in rows), max))

    path = history[-1]["evaluations.path"]
    (folder,) = offline_runs(directory)
    document = json.loads((folder / "files" / path).read_text())
    assert document["columns"] == list(rows[0])
    assert [dict(zip(document["columns"], line, strict=True)) for line in document["data"]] == rows

    summary: dict[str, Any] = {}
    for record in found["summary"]:
        summary |= items(record.update)
    assert (summary["ended"], summary["best_observed_ms"]) == ("budget", best[-1])
    assert summary["failures"] == sum(row["status"] != "ok" for row in rows)
    assert [record.exit_code for record in found["exit"]] == [0]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_mirror_is_finished_and_goes_on_under_its_id(tmp_path: Path, how: signal.Signals) -> None:
    write_toy(tmp_path)
    (tmp_path / "slow_strategy.py").write_text(STRATEGY)
    slow = ("strategy._target_=slow_strategy.Slow", "strategy.label=slow", "budget.evaluations=60", "tracker.every_s=0")
    directory = tmp_path / "study/toy-8x8-bf16__toy/slow/seed-0"
    (tmp_path / "hold").touch()
    process = run(tmp_path, *slow)
    log = directory / "evaluations.jsonl"
    while not (log.exists() and log.read_bytes().count(b"\n") > 10):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(how)
    finished(process, 130 if how is signal.SIGINT else -signal.SIGTERM)
    (tmp_path / "hold").unlink()
    found = mirrored(directory)
    assert [record.exit_code for record in found["exit"]] == [1]
    assert 10 <= len(found["history"]) <= 20
    assert not (directory / "FAILED").exists()
    name = found["run"][0].run_id

    finished(run(tmp_path, *slow))
    again = mirrored(directory)
    assert again["run"][0].run_id == name
    assert [items(line.item)["evaluation"] for line in again["history"]] == list(range(1, 61))
    assert [record.exit_code for record in again["exit"]] == [0]


@pytest.mark.slow
def test_a_study_becomes_one_artifact(tmp_path: Path) -> None:
    write_toy(tmp_path)
    landscape = f"backend.landscape={tmp_path / 'toy-8x8-bf16__toy.parquet'}"
    finished(nearopt(tmp_path, "run", "-m", landscape, f"results={tmp_path / 'study'}", "seed=range(0,4)", "jobs=1"))
    report = tmp_path / "report"
    finished(
        nearopt(tmp_path, "report", str(tmp_path / "study"), "-o", str(report), "tracker=wandb", "tracker.mode=offline")
    )
    found = mirrored(report)
    (opened,) = found["run"]
    assert (opened.run_group, opened.job_type) == ("study", "study")
    (artifact,) = found["artifact"]
    assert (artifact.type, artifact.name) == ("study", "study")
    contents = {entry.path: Path(entry.local_path) for entry in artifact.manifest.contents}
    assert {"consolidated.parquet", "config.yaml", "report/index.html", "report/verdict.json"} <= contents.keys()
    assert not [name for name in contents if "wandb" in name]
    index = contents["report/index.html"]
    assert index.read_bytes() == (report / "index.html").read_bytes()
    assert index != report / "index.html", "a copy: the next report overwrites the page"
    alone = load_study([contents["consolidated.parquet"].parent])
    assert sorted(alone.runs["seed"]) == [0, 1, 2, 3]
    assert len(alone.evaluations) == 400
    assert [record.exit_code for record in found["exit"]] == [0]


def test_names_are_kept_to_what_the_server_takes() -> None:
    for limit in (JOB_TYPE_LENGTH, NAME_LENGTH):
        assert shortened("x" * limit, limit) == "x" * limit
        one, other = (shortened("x" * limit + end, limit) for end in "ab")
        assert len(one) == len(other) == limit and one != other
        assert shortened("x" * limit + "a", limit) == one


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"project": "p" * 129}, "tracker.project=pppppppppppppppppppp…: 129 characters: expected at most 128 for W&B"),
        ({"group": "g" * 129}, "tracker.group="),
        ({"project": "a/b"}, "tracker.project=a/b: W&B takes none of"),
        ({"project": ""}, "tracker.project: empty"),
    ],
)
def test_names_of_the_users_are_checked_before_the_sweep(option: dict[str, str], words: str) -> None:
    with pytest.raises(UserError) as refused:
        WandbTracker(mode="offline", **option)  # type: ignore[arg-type]
    assert words in str(refused.value)


@pytest.mark.slow
def test_long_names_reach_the_mirror_shortened(tmp_path: Path) -> None:
    write_toy(tmp_path)
    label, folder = "x" * 75, "s" * 136
    finished(run(tmp_path, f"strategy.label={label}", f"results={tmp_path / folder}", "budget.evaluations=3"))
    (told,) = mirrored(tmp_path / folder / "toy-8x8-bf16__toy" / label / "seed-0")["run"]
    assert told.job_type == shortened(label, 64) and told.run_group == shortened(folder, 128)
    assert len(told.job_type) == 64 and len(told.display_name) <= 128
    report = tmp_path / "report"
    arguments = ["report", str(tmp_path / folder), "-o", str(report), "tracker=wandb", "tracker.mode=offline"]
    finished(nearopt(tmp_path, *arguments))
