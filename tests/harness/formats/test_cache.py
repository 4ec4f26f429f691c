"""Kernel Tuner's caches become landscapes; damaged ones are refused in one clear line."""

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
from search_spaces.errors import SpaceError
from search_spaces.parameter import Boolean
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
    """Times beside a rate are the latency; without times, the latency is the reciprocal of the rate."""
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


def untimed(document: dict[str, Any]) -> dict[str, Any]:
    """Remove every latency from a cache."""
    for record in document["cache"].values():
        record.pop("time"), record.pop("times", None)
        record.setdefault("__error__", "") or record.pop("__error__")
    return document


@pytest.mark.parametrize("objective", ["energy", ["score"], "my own rate", ["my rate", "energy"]])
def test_a_time_counts_whatever_was_tuned_for(tmp_path: Path, objective: Any) -> None:
    landscape = imported(tmp_path, {**cache(), "objective": objective})
    rows = by_x_and_mode(landscape)
    assert [landscape.latency_ms[rows[x, "a"]] for x in (16, 64)] == [2.0, 1.5]


def renamed(old: str, new: str) -> dict[str, Any]:
    """Return a cache in which a parameter has another name."""
    text = json.dumps(cache())
    return dict(json.loads(text.replace(json.dumps(old), json.dumps(new))))


@pytest.mark.parametrize("name", ["times", "time", "compute_time", "benchmark_time", "__error__", "timestamp"])
def test_a_parameter_with_the_name_of_a_reading_is_refused(tmp_path: Path, name: str) -> None:
    """Otherwise its value would be taken for the latency."""
    assert len(imported(tmp_path, renamed("x", "tempus")).codes) == 4
    with pytest.raises(UserError, match=rf"cache.json: tune_params.{name}: expected another name"):
        imported(tmp_path, renamed("x", name))


def test_a_parameter_with_the_name_of_the_objective_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tune_params.x: expected another name"):
        imported(tmp_path, {**cache(), "objective": ["time", "x"]})


@pytest.mark.parametrize("none", ["Infinity", "NaN", "null", "1e20", "1.7976931348623157e+308"])
@pytest.mark.parametrize("field", ["time", "times", "both"])
def test_a_number_that_says_failed_is_a_failure(tmp_path: Path, none: str, field: str) -> None:
    document = cache()
    record = document["cache"]["64,0,a,3,1"]
    record.pop("time")
    record |= {"both": {"time": "#", "times": ["#", "#"]}, "time": {"time": "#"}, "times": {"times": ["#"]}}[field]
    landscape = imported(tmp_path, json.dumps(document).replace('"#"', none))
    row = by_x_and_mode(landscape)[64, "a"]
    assert (landscape.status[row], landscape.samples_ms[row]) == (Status.RUNTIME_ERROR, ())
    assert landscape.message[row].startswith("time")


@pytest.mark.parametrize("name", ["time", "compute_time"])
@pytest.mark.parametrize("bad", ["true", "false", '"x"', "0", "-1.5", "-Infinity"])
@pytest.mark.parametrize("beside", ["", ', "times": [1.5, 1.5]'])
def test_what_is_neither_a_latency_nor_a_failure_is_damage(tmp_path: Path, name: str, bad: str, beside: str) -> None:
    with pytest.raises(UserError, match=rf"cache\['64,0,a,3,1'\]: {name}: expected positive numbers of ms, found "):
        imported(tmp_path, json.dumps(cache()).replace('"time": 1.5', f'"{name}": {bad}{beside}'))


@pytest.mark.parametrize("bad", ["null", "true", "false", "Infinity", "NaN", "1e20", '"x"', "0", "-1.5"])
def test_half_failed_samples_are_damage_that_is_named(tmp_path: Path, bad: str) -> None:
    said = {"Infinity": "inf", "NaN": "nan", "1e20": r"1e\+20", '"x"': "'x'"}.get(bad, bad)
    with pytest.raises(UserError, match=rf"cache\['64,0,a,3,1'\]: times\[1\]: expected positive .*, found {said}$"):
        imported(tmp_path, json.dumps(cache()).replace('"time": 1.5', f'"time": 1.5, "times": [1.5, {bad}]'))


def test_null_and_booleans_among_numbers_are_values_of_their_own(tmp_path: Path) -> None:
    """1 and true are equal in Python, but two configurations in the file."""
    values: list[Any] = [1, True, 0.5, None]
    records = {str(value): {"x": value, "y": 1, "time": 1.0 + i} for i, value in enumerate(values)}
    document = {"tune_params": {"x": values, "y": [1, None]}, "cache": records | {}}
    document["cache"] = {f"{key},1": record for key, record in records.items()}
    landscape = imported(tmp_path, document)
    found = {
        landscape.space.decode(codes)["x"]: ms for codes, ms in zip(landscape.codes, landscape.latency_ms, strict=True)
    }
    assert found == {"1": 1.0, "True": 2.0, "0.5": 3.0, "None": 4.0}
    document = {"tune_params": {"x": [1, 2], "y": [None]}, "cache": {"1,null": {"x": 1, "y": None, "time": 1.0}}}
    assert imported(tmp_path, document).space.names == ("x",)


def test_a_parameter_that_is_listed_twice_counts_once_if_nothing_differs(tmp_path: Path) -> None:
    text = json.dumps(cache())
    once = imported(tmp_path, text)
    for again in ('"x": [16, 32, 64], "x": [16, 32, 64]', '"x": [16, 32], "x": [16, 32, 64]'):
        twice = text.replace('"x": [16, 32, 64]', again).replace('_keys": ["x",', '_keys": ["x", "x",')
        if again.count("64") == 2:
            assert imported(tmp_path, twice).space.to_json() == once.space.to_json()
            continue
        with pytest.raises(UserError, match=r"cache.json: tune_params: 'x' is listed twice, with different values"):
            imported(tmp_path, twice)
    with pytest.raises(UserError, match=r"cache\['64,0,a,3,1'\]: 'time' is listed twice"):
        imported(tmp_path, text.replace('"time": 1.5', '"time": 1.5, "time": 1.4'))


def test_names_are_judged_once(tmp_path: Path) -> None:
    """A name that search spaces accept can be imported; for any other, the message names the file."""
    for name in ("größe", "Ширина", "_", "x1", "ﬁ", "µ", "1x", "a b", "lambda", "x-y", ""):
        try:
            Boolean(name)
        except SpaceError:
            with pytest.raises(UserError, match=r"cache.json: tune_params: parameter name"):
                imported(tmp_path, renamed("x", name))
        else:
            assert name in imported(tmp_path, renamed("x", name)).space.names


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("tune_params"), "tune_params: expected"),
        (lambda d: d.pop("cache"), "cache: expected"),
        (lambda d: d.update(cache={}), "cache: expected"),
        (lambda d: untimed(d).update(objective="energy"), "objective='energy': no time was recorded"),
        (lambda d: untimed(d).update(objective=["score"]), r"objective=\['score'\]: no time was recorded"),
        (lambda d: d.update(objective=[3]), r"objective=\[3\]: expected a name"),
        (
            lambda d: d["cache"]["16,0,a,3,1"].update(time=2100.0),
            r"time=2100.0 and times=\[3.0, 2.0, 2.0\]: .*one unit",
        ),
        (lambda d: d["tune_params"].update(x="16"), r"tune_params\.x"),
        (lambda d: d["tune_params"].update(x=[16, float("nan")]), r"tune_params\.x=nan"),
        (lambda d: d["tune_params"].update(x=[16, 10**400]), r"tune_params\.x=1000"),
        (lambda d: d["tune_params"].update(x=[16, 16, 32, 64]), "'x'"),
        (lambda d: d["tune_params"].update(mode=["a", "b", "\ud800"]), r"tune_params\.mode"),
        (lambda d: d["tune_params"].pop("x"), "tune_params_keys"),
        (lambda d: d["tune_params_keys"].append("y"), "tune_params_keys"),
        (lambda d: d["cache"]["16,0,a,3,1"].pop("x"), "x is missing"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(x=17), "x=17"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(x=32), "x=32: expected '16', as its key says"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(x=[1]), r"x=\[1\]"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(times=[1.0, -1.0]), r"times\[1\]: expected positive"),
        (lambda d: d["cache"]["16,0,a,3,1"].update(times=[1.0, "2"]), r"times\[1\]: expected positive"),
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


def test_what_all_failed_is_said_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The import, a run and a sweep all report it."""
    monkeypatch.chdir(tmp_path)
    document = cache()
    for key, record in document["cache"].items():
        record["__error__"] = "RuntimeFailedConfig" if key.startswith(("16", "32")) else "InvalidConfig"
    document["cache"]["64,0,a,3,1"]["__error__"] = "RuntimeFailedConfig"
    Path("cache.json").write_text(json.dumps(document))
    said = "no configuration of this task succeeded (of {} tried; most often, {} times: runtime_error: RuntimeFailed"
    assert main(["landscapes", "import", "cache.json", "-o", "k__gpu.parquet"]) == 0
    assert said.format(4, 3) in capsys.readouterr().out
    assert main(["run", "backend.landscape=k__gpu.parquet", "results=one"]) == 1
    assert said.format(4, 3) in capsys.readouterr().err
    assert main(["run", "-m", "backend.landscape=k__gpu.parquet", "seed=0,1", "results=two", "jobs=1"]) == 1
    assert f"nearopt: k__gpu: in 2 of 2 runs {said.format(8, 6)}" in capsys.readouterr().err


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


SMALLEST = min(CACHES, key=lambda path: path.stat().st_size, default=None)
RECORDED = [pytest.param(path, marks=[] if path == SMALLEST else [pytest.mark.slow]) for path in CACHES]


@pytest.mark.skipif(not CACHES, reason=NOT_HERE)
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name.split(".")[0])
def test_real_recordings(path: Path, tmp_path: Path) -> None:
    landscape = read_landscape(import_file(path, tmp_path / f"{path.name.split('.')[0]}__gpu.parquet").out)
    cache = json.loads(gzip.decompress(path.read_bytes()))["cache"]
    names = [parameter.name for parameter in landscape.space.parameters]
    recorded = {tuple(record[name] for name in names): record for record in cache.values()}
    assert landscape.space.size == len(cache) == len(recorded)
    for row in range(0, len(cache), 499):
        configuration = landscape.space.decode(landscape.codes[row])
        record = recorded[tuple(configuration[name] for name in names)]
        if isinstance(record["time"], str):
            assert landscape.status[row] is not Status.OK
        else:
            assert landscape.latency_ms[row] == median(record["times"])
            assert len(landscape.samples_ms[row]) == len(record["times"])
            assert landscape.costs_s[row, 0] == pytest.approx(record["compile_time"] / 1e3, rel=1e-6)
