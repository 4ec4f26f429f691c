"""Kernel Tuner's caches become landscapes; damaged ones are one clear line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from harness.cli import main
from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.imports import import_file
from harness.landscapes.landscape import read_landscape
from tests.harness.formats.samples import CACHES, NOT_HERE, by_x_and_mode, cache, import_document, imported


def test_kinds_samples_costs_and_failures(tmp_path: Path) -> None:
    landscape = imported(tmp_path, cache())
    assert [(p.name, p.kind) for p in landscape.space.parameters] == [
        ("x", "ordinal"), ("pad", "boolean"), ("mode", "categorical"), ("tile", "ordinal"),
    ]  # fmt: skip
    scales = {p["name"]: p.get("scale") for p in landscape.space.to_json()["parameters"]}
    assert (scales["x"], scales["tile"]) == ("log2", "linear")
    assert landscape.space.size == 4
    rows = by_x_and_mode(landscape)
    best = rows[16, "a"]
    assert landscape.samples_ms[best] == (3.0, 2.0, 2.0)
    assert landscape.latency_ms[best] == landscape.oracle_ms[best] == 2.0
    assert landscape.costs_s[best].tolist() == [1.5, 0.0, 0.25]
    assert landscape.samples_ms[rows[64, "a"]] == (1.5,)
    assert landscape.status[rows[32, "b"]] is Status.COMPILE_ERROR
    assert landscape.status[rows[64, "b"]] is Status.OUT_OF_RESOURCES
    assert landscape.costs_s[rows[32, "b"], 0] == 4.0
    assert landscape.metadata["device"] == {"name": "Some GPU", "slug": "somegpu"}


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ({"time": "RuntimeFailedConfig"}, Status.RUNTIME_ERROR),
        ({"time": 1e20}, Status.RUNTIME_ERROR),
        ({"time": 1.7976931348623157e308}, Status.RUNTIME_ERROR),
        ({"__error__": "CompilationFailedConfig", "time": 3.0}, Status.COMPILE_ERROR),
        ({"__error__": {"type": "new"}}, Status.RUNTIME_ERROR),
        ({"GFLOP/s": "InvalidConfig", "objective": "GFLOP/s"}, Status.OUT_OF_RESOURCES),
        ({"times": [2.0], "time": None}, Status.OK),
    ],
)
def test_failures_old_and_new(tmp_path: Path, record: dict[str, Any], status: Status) -> None:
    document = cache()
    document["objective"] = record.pop("objective", "time")
    document["cache"]["64,0,a,3,1"] = {"x": 64, "pad": 0, "mode": "a", "tile": 3, "depth": 1, **record}
    landscape = imported(tmp_path, document)
    assert landscape.status[by_x_and_mode(landscape)[64, "a"]] is status


def test_more_work_per_second_is_less_latency(tmp_path: Path) -> None:
    """With times beside the rate they are the latency; without, it is the rate's reciprocal."""
    for times in ({"times": [4.0]}, {}):
        document = cache()
        document["objective"] = ["GFLOP/s"]
        for key, record in document["cache"].items():
            if key.endswith("a,3,1"):
                record.pop("time"), record.pop("times", None)
                record |= {"GFLOP/s": 50.0 if key.startswith("16") else 100.0, **times}
        landscape = imported(tmp_path, document)
        rows = by_x_and_mode(landscape)
        assert landscape.latency_ms[rows[16, "a"]] == (4.0 if times else 1 / 50)
        assert landscape.latency_ms[rows[64, "a"]] == (4.0 if times else 1 / 100)
        assert ("unit" in landscape.metadata["timing"]) == (not times)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("tune_params"), "tune_params: expected"),
        (lambda d: d.pop("cache"), "cache: expected"),
        (lambda d: d.update(cache={}), "cache: expected"),
        (lambda d: d.update(objective="energy"), "objective='energy'"),
        (lambda d: d.update(objective=["score"]), r"objective=\['score'\]"),
        (lambda d: d["tune_params"].update(x="16"), r"tune_params\.x"),
        (lambda d: d["tune_params"].update(x=[16, float("nan")]), r"tune_params\.x=nan"),
        (lambda d: d["tune_params"].update(x=[16, 10**400]), r"tune_params\.x=1000"),
        (lambda d: d["tune_params"].update(x=[16, 16, 32, 64]), "'x'"),
        (lambda d: d["tune_params"].update(mode=["a", "b", "\ud800"]), r"tune_params\.mode"),
        (lambda d: d["tune_params"].pop("x"), "tune_params_keys"),
        (lambda d: d["tune_params_keys"].append("x"), "tune_params_keys"),
        (lambda d: d["cache"]["16,0,a,3,1"].pop("x"), "x is missing"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(x=17), "x=17"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(x=32), "x=32: expected '16', as its key says"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(x=[1]), r"x=\[1\]"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(times=[1.0, -1.0]), "times: expected positive"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(times=[1.0, "2"]), "times: expected positive"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(compile_time="long"), "compile_time='long'"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(benchmark_time=-1), "benchmark_time=-1"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(time="odd", times=[]), "times: expected|time: expected"),
        (lambda d: d["cache"].update(y=3), "expected an object"),
    ],
)
def test_damage_is_one_line_that_names_the_field(tmp_path: Path, change: Any, message: str) -> None:
    document = cache()
    change(document)
    with pytest.raises(UserError, match=message) as caught:
        imported(tmp_path, document)
    assert "cache.json" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.parquet"))


def test_a_configuration_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    document = cache()
    again = dict(document["cache"]["16,0,a,3,1"], times=[9.0])
    document["cache"]["16.0,0,a,3,1"] = again
    done = import_document(tmp_path, document)
    assert (done.configurations, done.repeated) == (4, 1)
    assert "1 repeats left out" in done.line()
    landscape = read_landscape(done.out)
    assert landscape.latency_ms[by_x_and_mode(landscape)[16, "a"]] == 2.0


def test_the_command_line_imports_and_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cache.json").write_text(json.dumps(cache()))
    assert main(["landscapes", "import", "cache.json"]) == 2
    assert "-o OUT.parquet" in capsys.readouterr().err
    assert main(["landscapes", "import", "cache.json", "-o", "k-64__somegpu.parquet"]) == 0
    assert "4 configurations, 2 failed; exhaustive" in capsys.readouterr().out
    assert main(["run", "backend.landscape=k-64__somegpu.parquet"]) == 0
    assert (tmp_path / "results/k-64__somegpu/random/seed-0/DONE").exists()
    Path("cache.json").write_text("{")
    assert main(["landscapes", "import", "cache.json", "-o", "x.parquet"]) == 2


@pytest.mark.skipif(not CACHES, reason=NOT_HERE)
@pytest.mark.parametrize("path", CACHES, ids=lambda path: path.name.split(".")[0])
def test_real_recordings(path: Path, tmp_path: Path) -> None:
    landscape = read_landscape(import_file(path, tmp_path / f"{path.name.split('.')[0]}__gpu.parquet").out)
    cache = json.loads(gzip.decompress(path.read_bytes()))["cache"]
    assert landscape.space.size == len(cache)
    for row in range(0, len(cache), 499):
        configuration = landscape.space.decode(landscape.codes[row])
        (record,) = (r for r in cache.values() if all(r[name] == value for name, value in configuration.items()))
        if isinstance(record["time"], str):
            assert landscape.status[row] is not Status.OK
        else:
            assert landscape.latency_ms[row] == median(record["times"])
            assert len(landscape.samples_ms[row]) == len(record["times"])
            assert landscape.costs_s[row, 0] == pytest.approx(record["compile_time"] / 1e3, rel=1e-6)
