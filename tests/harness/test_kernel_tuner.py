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
from harness.kernel_tuner import import_cache
from harness.landscape import Landscape, read_landscape

EXTERNAL = Path(__file__).resolve().parents[3] / "shared" / "external-landscapes"
CACHES = [path for path in sorted(EXTERNAL.glob("*.json.gz")) if "_T4" not in path.name]


def small() -> dict[str, Any]:
    def record(x: int, pad: int, mode: str, **rest: Any) -> dict[str, Any]:
        return {"x": x, "pad": pad, "mode": mode, "tile": 3, "depth": 1, **rest}

    costs = {"compile_time": 1500, "verification_time": 0, "benchmark_time": 250.0}
    return {
        "device_name": "Some GPU",
        "kernel_name": "k",
        "problem_size": [64],
        "tune_params_keys": ["x", "pad", "mode", "tile", "depth"],
        "tune_params": {"x": [16, 32, 64], "pad": [0, 1], "mode": ["a", "b"], "tile": [3, 5], "depth": [1]},
        "cache": {
            "16,0,a,3,1": record(16, 0, "a", time=2.1, times=[3.0, 2.0, 2.0], **costs),
            "32,1,b,3,1": record(32, 1, "b", time="CompilationFailedConfig", compile_time=4000),
            "64,1,b,3,1": record(64, 1, "b", time=1e20, __error__="InvalidConfig"),
            "64,0,a,3,1": record(64, 0, "a", time=1.5),
        },
    }


def imported(tmp_path: Path, document: Any) -> Landscape:
    source = tmp_path / "cache.json"
    source.write_text(json.dumps(document))
    return read_landscape(import_cache(source, tmp_path / "k-64__somegpu.parquet"))


def test_kinds_samples_costs_and_failures(tmp_path: Path) -> None:
    landscape = imported(tmp_path, small())
    assert [(p.name, p.kind) for p in landscape.space.parameters] == [
        ("x", "ordinal"), ("pad", "boolean"), ("mode", "categorical"), ("tile", "ordinal"),
    ]  # fmt: skip
    scales = {p["name"]: p.get("scale") for p in landscape.space.to_json()["parameters"]}
    assert (scales["x"], scales["tile"]) == ("log2", "linear")
    assert landscape.space.size == 4
    by_key = {
        (c["x"], c["mode"]): row for row, c in enumerate(landscape.space.decode(codes) for codes in landscape.codes)
    }
    best = by_key[16, "a"]
    assert landscape.samples_ms[best] == (3.0, 2.0, 2.0)
    assert landscape.latency_ms[best] == landscape.oracle_ms[best] == 2.0
    assert landscape.costs_s[best].tolist() == [1.5, 0.0, 0.25]
    assert landscape.samples_ms[by_key[64, "a"]] == (1.5,)
    assert landscape.status[by_key[32, "b"]] is Status.COMPILE_ERROR
    assert landscape.status[by_key[64, "b"]] is Status.OUT_OF_RESOURCES
    assert landscape.costs_s[by_key[32, "b"], 0] == 4.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("tune_params"), "tune_params: expected"),
        (lambda d: d.pop("cache"), "cache: expected"),
        (lambda d: d.update(cache={}), "cache: expected"),
        (lambda d: d.update(objective="GFLOP/s"), "objective='GFLOP/s'"),
        (lambda d: d["tune_params"].update(x="16"), "tune_params.x"),
        (lambda d: d["tune_params"].pop("x"), "tune_params_keys"),
        (lambda d: d["cache"]["16,0,a,3,1"].pop("x"), "x is missing"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(x=17), "x=17"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(times=[1.0, -1.0]), "times: expected positive"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(compile_time="long"), "compile_time='long'"),
        (lambda d: d["cache"].update(y=3), "expected an object"),
    ],
)
def test_damage_is_one_line_that_names_the_field(tmp_path: Path, change: Any, message: str) -> None:
    document = small()
    change(document)
    with pytest.raises(UserError, match=message) as caught:
        imported(tmp_path, document)
    assert "cache.json" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.parquet"))


def test_the_command_line_imports_and_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cache.json").write_text(json.dumps(small()))
    assert main(["landscapes", "import", "cache.json"]) == 2
    assert "-o OUT.parquet" in capsys.readouterr().err
    assert main(["landscapes", "import", "cache.json", "-o", "k-64__somegpu.parquet"]) == 0
    assert main(["run", "backend.landscape=k-64__somegpu.parquet"]) == 0
    assert (tmp_path / "results/k-64__somegpu/random/seed-0/DONE").exists()
    Path("cache.json").write_text("{")
    assert main(["landscapes", "import", "cache.json", "-o", "x.parquet"]) == 2


def test_cut_off_and_foreign_files(tmp_path: Path) -> None:
    text = json.dumps(small()).encode()
    path = tmp_path / "cache.json.gz"
    for data in (text[: len(text) // 2], gzip.compress(text)[:-30], b"", b"[1, 2]", b"\x1f\x8bno"):
        path.write_bytes(data)
        with pytest.raises(UserError, match=r"cache\.json\.gz"):
            import_cache(path, tmp_path / "out.parquet")


@pytest.mark.skipif(not CACHES, reason="the shared recordings are not here")
@pytest.mark.parametrize("path", CACHES, ids=lambda path: path.name.split(".")[0])
def test_real_recordings(path: Path, tmp_path: Path) -> None:
    landscape = read_landscape(import_cache(path, tmp_path / f"{path.name.split('.')[0]}__gpu.parquet"))
    cache = json.loads(gzip.decompress(path.read_bytes()))["cache"]
    assert landscape.space.size == len(cache)
    for row in range(0, len(cache), 499):
        configuration = landscape.space.decode(landscape.codes[row])
        (record,) = (r for r in cache.values() if all(r[name] == value for name, value in configuration.items()))
        if isinstance(record["time"], str):
            assert landscape.status[row] is not Status.OK
        else:
            assert landscape.latency_ms[row] == median(record["times"])
            assert landscape.costs_s[row, 0] == pytest.approx(record["compile_time"] / 1e3, rel=1e-6)
