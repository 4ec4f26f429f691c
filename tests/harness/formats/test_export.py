"""Exported landscapes are read back by us, by Kernel Tuner's simulation mode and by autotuning_methodology."""

from __future__ import annotations

import gzip
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.formats.export import export
from harness.formats.imports import import_file
from harness.landscapes.landscape import Landscape, read_landscape
from harness.landscapes.write import write_landscape
from search_spaces.parameter import Categorical, Ordinal
from search_spaces.space import SearchSpace
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.formats.samples import cache, imported
from tests.harness.toy import METADATA, write_toy

__all__ = ["nearopt"]


@pytest.mark.parametrize("format_", ["cache", "t4"])
def test_there_and_back(tmp_path: Path, format_: str) -> None:
    """A landscape of a flat space comes back equal: rows, kinds, samples, costs."""
    first = imported(tmp_path, cache())
    out = export(first, format_, tmp_path / "again.json.gz")
    again = read_landscape(import_file(out, tmp_path / "again__somegpu.parquet").out)
    if format_ == "cache":  # T4 has no domains: tile's second value is lost
        assert first.space.to_json() == again.space.to_json()
        assert first.metadata["device"] == again.metadata["device"]
    assert [dict(first.space.decode(c)) | {"tile": 3} for c in first.codes] == [
        dict(again.space.decode(c)) | {"tile": 3} for c in again.codes
    ]
    assert first.status == again.status
    assert first.samples_ms == again.samples_ms
    assert np.array_equal(first.latency_ms, again.latency_ms, equal_nan=True)
    assert np.allclose(first.costs_s, again.costs_s, rtol=1e-6)


@pytest.mark.parametrize("format_", ["cache", "t4"])
def test_every_kind_of_parameter_and_condition_is_flattened_one_to_one(tmp_path: Path, format_: str) -> None:
    toy = read_landscape(write_toy(tmp_path))
    again = read_landscape(import_file(export(toy, format_, tmp_path / "t.json"), tmp_path / "t__toy.parquet").out)
    assert len(again.codes) == len(toy.codes)
    assert {p.name: p.kind for p in again.space.parameters} == {
        "schedule": "categorical", "block": "ordinal", "ctas": "ordinal", "factor": "ordinal", "overlap": "boolean",
        "order": "permutation",
    }  # fmt: skip
    samples = {
        json.dumps(dict(toy.space.decode(c)), sort_keys=True): s for c, s in zip(toy.codes, toy.samples_ms, strict=True)
    }
    for codes, found in zip(again.codes, again.samples_ms, strict=True):
        flat = again.space.decode(codes)
        if flat["schedule"] != "persistent":
            assert flat["ctas"] == 1
        active = toy.space.canonicalize(flat)
        assert samples[json.dumps(dict(active), sort_keys=True)] == found


def test_a_sample_is_its_uniform_rows(tmp_path: Path) -> None:
    space = SearchSpace([Ordinal("block", (1, 2, 4, 8), "log2")])
    columns = {
        "configurations": [{"block": 1}, {"block": 8}],
        "status": ["ok", "ok"],
        "latency_ms": [2.0, 1.0],
        "oracle_ms": [2.5, 1.0],
        "origin": ["uniform", "search"],
    }
    write_landscape(tmp_path / "s__d.parquet", space, columns, {**METADATA, "coverage": {"kind": "sample"}})
    out = export(read_landscape(tmp_path / "s__d.parquet"), "cache", tmp_path / "s.json")
    document = json.loads(out.read_text())
    assert document["tune_params"] == {"block": [1, 2, 4, 8]}
    assert list(document["cache"]) == ["1"]
    assert (document["cache"]["1"]["time"], document["cache"]["1"]["times"]) == (2.5, [2.0])


def test_the_command_line(nearopt: Nearopt, tmp_path: Path) -> None:
    toy = write_toy(tmp_path)
    assert nearopt("landscapes", "export", toy, "--format", "t4", "-o", "new/t.json.gz") == (0, "new/t.json.gz\n", "")
    assert json.loads(gzip.decompress(Path("new/t.json.gz").read_bytes()))["schema_version"] == "1.0.0"
    other = write_toy(tmp_path / "b", name="b__toy")
    code, out, _ = nearopt("landscapes", "export", toy, other, "--format", "cache", "-o", "all")
    assert (code, out.split()) == (0, ["all/toy-8x8-bf16__toy.json", "all/b__toy.json"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("toy", "-o", "x.json"), "expected --format cache or t4"),
        (("toy", "--format", "xml", "-o", "x.json"), "--format xml: expected one of cache, t4"),
        (("toy", "--format", "t4"), "expected -o OUT.json"),
        (("toy", "toy", "--format", "t4", "-o", "x.json"), "expected a folder"),
        (("none", "--format", "t4", "-o", "x.json"), "cannot be read"),
        (("toy", "--format", "t4", "-o", "toy/x.json"), "cannot be written"),
        (("timed", "--format", "cache", "-o", "x.json"), "parameter 'time': Kernel Tuner has another use"),
    ],
)
def test_refusals_are_one_line(nearopt: Nearopt, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    toy = write_toy(tmp_path)
    write_landscape(
        tmp_path / "timed.parquet", SearchSpace([Ordinal("time", (1, 2), "log2")]),
        {"configurations": [{"time": 1}], "status": ["ok"], "latency_ms": [1.0], "oracle_ms": [1.0]}, METADATA,
    )  # fmt: skip
    named = {
        "toy": toy,
        "none": tmp_path / "none.parquet",
        "toy/x.json": toy / "x.json",
        "timed": tmp_path / "timed.parquet",
    }
    code, out, err = nearopt("landscapes", "export", *[named.get(word, word) for word in arguments])
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert message in err


def shipped(*names: str) -> list[Landscape]:
    folder = Path(__file__).resolve().parents[3] / "experiments" / "landscapes"
    return [read_landscape(folder / f"{name}__h100.parquet") for name in names]


def flat_and_conditional() -> list[Landscape]:
    return shipped("softmax-512x65536-bf16", "attention-4x16x2048x64-causal-bf16")


def test_kernel_tuner_simulates_it(tmp_path: Path) -> None:
    kernel_tuner = pytest.importorskip("kernel_tuner", reason="kernel-tuner is not installed")
    for landscape in [read_landscape(write_toy(tmp_path)), *flat_and_conditional()]:
        path = export(landscape, "cache", tmp_path / f"{landscape.name}.json")
        before = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results, environment = kernel_tuner.tune_cache(str(path), strategy="brute_force", quiet=True)
        assert path.read_bytes() == before
        # Kernel Tuner's own search of a cache leaves out what failed.
        found = sorted(result["time"] for result in results)
        ok = np.isfinite(landscape.oracle_ms)
        assert found == sorted(landscape.oracle_ms[ok].tolist())
        assert environment["best_config"]["time"] == np.nanmin(landscape.oracle_ms)
        assert environment["simulated_time"] == pytest.approx(1e3 * landscape.costs_s[ok].sum(), rel=1e-6)


def test_the_methodology_package_reads_it(tmp_path: Path) -> None:
    statistics: Any = pytest.importorskip(
        "autotuning_methodology.searchspace_statistics", reason="autotuning_methodology is not installed"
    )
    keys = ["compilation", "benchmark", "validation", "framework", "search_algorithm"]
    for landscape in flat_and_conditional():
        path = export(landscape, "t4", tmp_path / f"{landscape.name}.json")
        found = statistics.SearchspaceStatistics("app", "device", True, keys, ["time"], path)
        ok = np.isfinite(landscape.oracle_ms)
        assert found.size == len(landscape.codes)
        assert found.objective_performances_number_of_nan == (~ok).sum()
        assert found.total_performance_absolute_optimum() == np.nanmin(landscape.oracle_ms)
        assert found.total_performance_median() == pytest.approx(np.nanmedian(landscape.oracle_ms))
        assert found.total_time_mean() == pytest.approx(landscape.costs_s.sum(axis=1).mean(), rel=1e-6)  # s


def product(folder: Path) -> Landscape:
    """Return a space without constraints, as a T1 description states it; latencies grow with the row."""
    space = SearchSpace(
        [Ordinal("block", (1, 2, 4, 8), "log2"), Categorical("mode", ("a", "b")), Ordinal("tile", (1, 3))]
    )
    configurations = list(space.enumerate())
    n = len(configurations)
    columns = {
        "configurations": configurations,
        "status": ["ok"] * (n - 1) + ["compile_error"],
        "latency_ms": [1.0 + i for i in range(n - 1)] + [None],
        "oracle_ms": [1.0 + i for i in range(n - 1)] + [None],
        "compile_s": [0.5] * n,
        "benchmark_s": [0.125] * n,
    }
    write_landscape(folder / "product__d.parquet", space, columns, METADATA)
    return read_landscape(folder / "product__d.parquet")


def test_the_methodology_package_tunes_it(tmp_path: Path) -> None:
    """Run autotuning_methodology's own runner, in which Kernel Tuner simulates the cache named by a T1 description."""
    runner: Any = pytest.importorskip("autotuning_methodology.runner", reason="autotuning_methodology is not installed")
    landscape = product(tmp_path)
    path = export(landscape, "cache", tmp_path / "product.json")
    document = json.loads(path.read_text())
    described = {
        "ConfigurationSpace": {
            "TuningParameters": [
                {"Name": name, "Type": "string" if isinstance(values[0], str) else "int", "Values": str(values)}
                for name, values in document["tune_params"].items()
            ],
            "Conditions": [],
        },
        "Search": {"Name": "greedy_ils"},
        "KernelSpecification": {
            "Language": "CUDA",
            "KernelName": document["kernel_name"],
            "KernelFile": str(tmp_path / "kernel.cu"),
            "ProblemSize": document["problem_size"],
            "Device": {"Id": 0, "Name": document["device_name"]},
            "SimulationInput": str(path),
            "GlobalSize": {"X": "1"},
            "LocalSize": {"X": "1"},
            "Arguments": [],
        },
    }
    (tmp_path / "kernel.cu").write_text("__global__ void kernel() {}")
    (tmp_path / "T1.json").write_text(json.dumps(described))
    group = {"autotuner": "KernelTuner", "samples": 1, "budget": {"max_fevals": 10}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, results, _ = runner.tune(tmp_path / "T1.json", "app", "device", group, "time", False, False, None)
    keys = [json.dumps(dict(landscape.space.decode(codes))) for codes in landscape.codes]
    recorded = dict(zip(keys, landscape.oracle_ms, strict=True))
    assert len({json.dumps(result["configuration"]) for result in results["results"]}) == 10
    for result in results["results"]:
        expected = recorded[json.dumps(result["configuration"])]
        if result["invalidity"] == "correct":
            assert result["measurements"][0]["value"] == expected
            assert result["times"]["compilation"] in (0.5, 0)  # s; 0 after the round trip
        else:
            assert np.isnan(expected)


def test_what_kernel_tuner_writes_is_read(tmp_path: Path) -> None:
    kernel_tuner = pytest.importorskip("kernel_tuner", reason="kernel-tuner is not installed")
    landscape = product(tmp_path)
    path = export(landscape, "cache", tmp_path / "product.json")
    document = json.loads(path.read_text())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results, _ = kernel_tuner.tune_kernel(
            document["kernel_name"], "", tuple(document["problem_size"]), [], document["tune_params"], cache=str(path),
            simulation_mode=True, strategy="brute_force", quiet=True,
        )  # fmt: skip
    repeats = [kernel_tuner.util.copy_without_benchmark_timings(result) for result in results[:3]]
    kernel_tuner.file_utils.store_output_file(str(tmp_path / "out.json"), results + repeats, document["tune_params"])
    again = read_landscape(import_file(tmp_path / "out.json", tmp_path / "again__d.parquet").out)
    assert len(again.codes) == 16
    assert np.array_equal(again.latency_ms, landscape.latency_ms, equal_nan=True)
    assert again.status == landscape.status
    assert np.allclose(again.costs_s, landscape.costs_s)
