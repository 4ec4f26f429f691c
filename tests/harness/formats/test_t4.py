"""T4 results become landscapes equal to those of the caches from which they were made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.imports import import_file
from harness.landscapes.landscape import Landscape, read_landscape
from tests.harness.formats.samples import EXTERNAL, NOT_HERE, by_x_and_mode, cache, import_document, imported, t4


def test_it_agrees_with_the_cache(tmp_path: Path) -> None:
    ours, theirs = imported(tmp_path, t4()), imported(tmp_path, {**cache(), "tune_params": narrow()})
    assert ours.space.to_json() == theirs.space.to_json()
    assert (ours.codes == theirs.codes).all()
    assert ours.status == theirs.status and ours.samples_ms == theirs.samples_ms
    assert np.array_equal(ours.latency_ms, theirs.latency_ms, equal_nan=True)
    best = by_x_and_mode(ours)[16, "a"]
    assert ours.costs_s[best].tolist() == theirs.costs_s[best].tolist() == [1.5, 0.0, 0.25]


def narrow() -> dict[str, list[Any]]:
    """Return the domains that a T4 file shows: the values that occur."""
    return {**cache()["tune_params"], "tile": [3]}


def test_a_missing_benchmark_cost_is_the_sum_of_the_samples(tmp_path: Path) -> None:
    document = t4()
    document["results"][0]["times"].pop("benchmark")
    landscape = imported(tmp_path, document)
    assert landscape.costs_s[by_x_and_mode(landscape)[16, "a"], 2] == pytest.approx(0.007)
    assert "sum of the samples" in landscape.metadata["timing"]["benchmark_s"]


@pytest.mark.parametrize(
    ("unit", "factor"), [("seconds", 1e3), ("ms", 1.0), ("Milliseconds", 1.0), ("microseconds", 1e-3), (None, 1e3)]
)
def test_units(tmp_path: Path, unit: str | None, factor: float) -> None:
    document = t4()
    document["metadata"] = {} if unit is None else {"timeunit": unit}
    landscape = imported(tmp_path, document)
    rows = by_x_and_mode(landscape)
    assert landscape.latency_ms[rows[16, "a"]] == pytest.approx(2.0 * factor)
    assert landscape.latency_ms[rows[64, "a"]] == pytest.approx(1.5 * factor)  # the measurement's own unit is empty
    assert landscape.costs_s[rows[16, "a"], 0] == pytest.approx(1.5 * factor)


@pytest.mark.parametrize(
    ("invalidity", "status"),
    [
        ("timeout", Status.RUN_TIMEOUT),
        ("compile", Status.COMPILE_ERROR),
        ("runtime", Status.RUNTIME_ERROR),
        ("correctness", Status.WRONG_RESULT),
        ("constraints", Status.OUT_OF_RESOURCES),
    ],
)
def test_invalidity(tmp_path: Path, invalidity: str, status: Status) -> None:
    document = t4()
    document["results"][3]["invalidity"] = invalidity
    landscape = imported(tmp_path, document)
    assert landscape.status[by_x_and_mode(landscape)[64, "a"]] is status


def test_a_configuration_that_a_search_came_back_to_counts_once(tmp_path: Path) -> None:
    document = t4()
    document["results"].append({**document["results"][0], "times": {"runtimes": [9.0]}})
    landscape = imported(tmp_path, document)
    assert len(landscape.codes) == 4
    assert landscape.latency_ms[by_x_and_mode(landscape)[16, "a"]] == 2.0


def catbench(value: Any, name: str = "compute_time") -> dict[str, Any]:
    def result(order: Any, time: Any) -> dict[str, Any]:
        return {
            "configuration": {"order": order, "chunk": 4 if order[1] == "0" else 8},
            "times": {},
            "invalidity": "correct",
            "measurements": [{"name": name, "value": time, "unit": "s" if name == "compute_time" else ""}],
            "objectives": [name],
        }

    return {"metadata": {}, "results": [result("(0, 1, 2)", 0.002), result("(2, 0, 1)", value)]}


def test_catbench_s_permutations_and_objective(tmp_path: Path) -> None:
    landscape = imported(tmp_path, catbench([0.003, 0.001, 0.0015]))
    order = landscape.space.parameters[0]
    assert (order.kind, order.size) == ("permutation", 6)
    found = {
        landscape.space.decode(codes)["order"]: ms
        for codes, ms in zip(landscape.codes, landscape.latency_ms, strict=True)
    }
    assert found == {(0, 1, 2): 2.0, (2, 0, 1): 1.5}


def test_rates_alone_become_reciprocals_but_never_beside_times(tmp_path: Path) -> None:
    landscape = imported(tmp_path, catbench(0.004, "GFLOP/s"))
    assert sorted(landscape.latency_ms.tolist()) == [250.0, 500.0]
    mixed = catbench(0.004, "GFLOP/s")
    mixed["results"][0]["times"]["runtimes"] = [3.0]
    with pytest.raises(UserError, match=r"results\[1\]: neither times.runtimes nor"):
        imported(tmp_path, mixed)


def untimed(document: dict[str, Any]) -> dict[str, Any]:
    """Remove every latency from T4 results."""
    for result in document["results"]:
        result["measurements"], result["times"] = [], {}
    return document


def ktt(unit: str | None, name: str = "TotalDuration", objectives: Any = None, **more: Any) -> dict[str, Any]:
    """Return three configurations of 3, 1.5 and 2 ms in microseconds, as KTT's converter writes them."""

    def result(block: int, us: float) -> dict[str, Any]:
        measurement = {"name": name, "value": us, **({} if unit is None else {"unit": unit})}
        return {
            "configuration": {"BLOCK": block},
            "objectives": [name] if objectives is None else objectives,
            "times": {"compilation_time": 900_000.0, "runtimes": [us], "validation": 5.0},
            "invalidity": "correct",
            "measurements": [{"name": "rate of my own", "value": 1e6 / us, "unit": "1/s"}, measurement],
        }

    return {
        "schema_version": "1.0.0",
        "results": [result(64, 3000.0), result(128, 1500.0), result(256, 2000.0)],
        **more,
    }


def latencies(landscape: Landscape) -> list[float]:
    return [round(float(ms), 9) for ms in landscape.latency_ms]


@pytest.mark.parametrize("name", ["TotalDuration", "time", "KernelDuration", "how long it took"])
@pytest.mark.parametrize("unit", ["Microseconds", "us", "µs", "μs", " usec"])
@pytest.mark.parametrize("runtimes", [True, False])
def test_a_measurement_s_own_unit_counts(tmp_path: Path, name: str, unit: str, runtimes: bool) -> None:
    document = ktt(unit, name)
    for result in [] if runtimes else document["results"]:
        result["times"].pop("runtimes")
    landscape = imported(tmp_path, document)
    assert latencies(landscape) == [3.0, 1.5, 2.0]
    assert landscape.costs_s[0, 0] == pytest.approx(0.9)


def test_the_unit_is_the_one_in_which_the_two_readings_agree(tmp_path: Path) -> None:
    """Each result is read by its own measurement: one in milliseconds, one with samples in microseconds and seconds."""
    document = ktt("us")
    first, second = document["results"][:2]
    first["times"]["runtimes"] = first["measurements"][1]["value"] = [3.0, 2.9, 3.3]
    first["measurements"][1]["unit"] = "Milliseconds"
    second["measurements"][1] |= {"value": 0.0015, "unit": "seconds"}
    landscape = imported(tmp_path, document)
    assert latencies(landscape) == [3.0, 1.5, 2.0]
    document["results"][2] |= {"invalidity": "compile", "measurements": [], "times": {"compilation": 9.0}}
    with pytest.raises(UserError, match=r"results\[1\] and results\[0\] have times in different units.*timeunit"):
        imported(tmp_path, document)


def test_a_rate_of_one_s_own_beside_times_is_no_latency(tmp_path: Path) -> None:
    document = ktt("us", objectives=["rate of my own"])
    assert latencies(imported(tmp_path, document)) == [3.0, 1.5, 2.0]
    for result in document["results"]:
        result["measurements"].pop()
    assert latencies(imported(tmp_path, document | {"metadata": {"timeunit": "us"}})) == [3.0, 1.5, 2.0]
    for result in document["results"]:
        result["times"].pop("runtimes")
    with pytest.raises(UserError, match=r"objectives=\['rate of my own'\]: no time was recorded"):
        imported(tmp_path, document)


def test_units_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"results\[0\].measurements.time=3000.0 'us' contradicts .*0.001 s"):
        imported(tmp_path, ktt("us", "time", metadata={"timeunit": "ms"}))
    with pytest.raises(UserError, match=r"measurements.time.unit='fortnights': expected one of"):
        imported(tmp_path, ktt("fortnights", "time"))
    odd = ktt("us")
    odd["results"][1]["measurements"][1]["value"] = 1e-9
    with pytest.raises(UserError, match=r"results\[1\].measurements.TotalDuration=1e-09 'us' contradicts"):
        imported(tmp_path, odd)
    agreeing = ktt("us", "time", metadata={"timeunit": "ms"})
    for result in agreeing["results"]:
        result["times"]["runtimes"] = [result["measurements"][1]["value"] / 1000]
    assert latencies(imported(tmp_path, agreeing)) == [3.0, 1.5, 2.0]


def test_of_several_durations_an_objective_chooses(tmp_path: Path) -> None:
    document = ktt("us")
    for result in document["results"]:
        result["times"].pop("runtimes")
        result["measurements"].append({"name": "Overhead", "value": 7.0, "unit": "ms"})
    assert latencies(imported(tmp_path, document)) == [3.0, 1.5, 2.0]
    document = json.loads(json.dumps(document).replace('["TotalDuration"]', '["energy"]'))
    with pytest.raises(
        UserError, match="'TotalDuration', 'Overhead' measured in a unit of time: expected one of them as an objective"
    ):
        imported(tmp_path, document)


@pytest.mark.parametrize("none", ["Infinity", "null", "NaN", "1e20"])
def test_no_latency_where_all_is_correct_is_a_failure(tmp_path: Path, none: str) -> None:
    text = json.dumps(ktt("us")).replace("3000.0", none)
    landscape = imported(tmp_path, text)
    assert landscape.status[0] is Status.RUNTIME_ERROR and "its latency is" in landscape.message[0]
    assert latencies(landscape)[1:] == [1.5, 2.0]


def with_reading(bad: str, runtimes: str | None) -> str:
    """Return results, the first of which has this latency and these samples."""
    document = ktt("us")
    document["results"][0]["measurements"][1]["value"] = "#"
    document["results"][0]["times"] = {} if runtimes is None else {"runtimes": "##"}
    return json.dumps(document).replace('"##"', runtimes or "").replace('"#"', bad)


@pytest.mark.parametrize("none", ["Infinity", "NaN", "1e20"])
@pytest.mark.parametrize("stated", [None, "us"])
def test_a_latency_that_says_failed_counts_against_the_samples_beside_it(
    tmp_path: Path, none: str, stated: str | None
) -> None:
    document = json.loads(with_reading(none, "[3000.0, 3000.0]"))
    document["metadata"] = {"timeunit": stated} if stated else {}
    landscape = imported(tmp_path, json.dumps(document))
    assert (landscape.status[0], landscape.samples_ms[0]) == (Status.RUNTIME_ERROR, ())
    assert "its latency is" in landscape.message[0]


def test_null_beside_samples_says_nothing(tmp_path: Path) -> None:
    assert latencies(imported(tmp_path, with_reading("null", "[3000.0, 3000.0]"))) == [3.0, 1.5, 2.0]


@pytest.mark.parametrize("bad", ["true", "false", '"x"', "0", "-1.5", "[3000.0, true]", "[3000.0, null]"])
@pytest.mark.parametrize("runtimes", [None, "[3000.0]"])
def test_what_is_neither_a_latency_nor_a_failure_is_damage(tmp_path: Path, bad: str, runtimes: str | None) -> None:
    with pytest.raises(UserError, match=r"results\[0\]\.measurements\.TotalDuration"):
        imported(tmp_path, with_reading(bad, runtimes))


@pytest.mark.parametrize("bad", ["null", "true", "false", "Infinity", "NaN", "1e20", '"x"', "0"])
def test_half_failed_samples_are_damage_that_is_named(tmp_path: Path, bad: str) -> None:
    with pytest.raises(UserError, match=r"results\[0\]\.times\.runtimes\[1\]: expected positive numbers of ms, found "):
        imported(tmp_path, with_reading("3000.0", f"[3000.0, {bad}]"))


def test_a_compile_time_is_no_latency(tmp_path: Path) -> None:
    """A duration that was not the objective counts only if it agrees with the samples."""
    document = ktt("us", objectives=["rate of my own"])
    for result in document["results"]:
        result["measurements"][1] = {"name": "Compilation", "value": 900.0, "unit": "ms"}
    assert latencies(imported(tmp_path, document | {"metadata": {"timeunit": "us"}})) == [3.0, 1.5, 2.0]
    for result in document["results"]:
        result["times"].pop("runtimes")
    with pytest.raises(
        UserError, match="'Compilation' measured in a unit of time: expected one of them as an objective"
    ):
        imported(tmp_path, document)
    rates = json.loads(json.dumps(document).replace("rate of my own", "GFLOP/s"))
    assert sorted(latencies(imported(tmp_path, rates))) == [0.0015, 0.002, 0.003]  # 1 / rate, in a unit of its own


def test_true_is_not_1(tmp_path: Path) -> None:
    document = ktt("us")
    for result, value in zip(document["results"], (1, True, None), strict=True):
        result["configuration"]["BLOCK"] = value
    landscape = imported(tmp_path, document)
    blocks = [landscape.space.decode(codes)["BLOCK"] for codes in landscape.codes]
    assert dict(zip(blocks, latencies(landscape), strict=True)) == {"1": 3.0, "True": 1.5, "None": 2.0}


def test_a_parameter_may_be_called_times(tmp_path: Path) -> None:
    text = json.dumps(ktt("us")).replace("BLOCK", "times")
    assert latencies(imported(tmp_path, text)) == [3.0, 1.5, 2.0]
    with pytest.raises(UserError, match=r"results\[0\].configuration: 'times' is listed twice"):
        imported(tmp_path, text.replace('"times": 64', '"times": 64, "times": 32'))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(results=[]), "results: expected a list"),
        (lambda d: d.update(results=[1]), r"results\[0\]: expected an object"),
        (lambda d: d["metadata"].update(timeunit="days"), "metadata.timeunit='days'"),
        (lambda d: d["results"][1].update(invalidity="odd"), r"results\[1\].invalidity='odd'"),
        (lambda d: d["results"][1].pop("configuration"), r"results\[1\].configuration: expected"),
        (lambda d: d["results"][1]["configuration"].pop("x"), r"results\[1\].configuration.x is missing"),
        (
            lambda d: d["results"][1]["configuration"].update(y=1),
            r"results\[1\].configuration.'y': not in results\[0\]",
        ),
        (
            lambda d: d["results"][0]["times"].update(runtimes=["1"]),
            r"results\[0\].times.runtimes\[0\]: expected positive",
        ),
        (lambda d: d["results"][0]["times"].update(compilation=[]), r"results\[0\].times.compilation=\[\]"),
        (lambda d: d["results"][0].update(times=3), r"results\[0\].times: expected an object"),
        (lambda d: d["results"][3].update(measurements=[]), r"results\[3\]: neither times.runtimes"),
        (lambda d: untimed(d)["results"][0].update(objectives=["energy"]), r"objectives=\['energy'\]: no time"),
        (lambda d: d["results"][0]["configuration"].pop("x"), r"results\[1\].configuration.'x': not in results\[0\]"),
    ],
)
def test_damage_is_one_line_that_names_the_field(tmp_path: Path, change: Any, message: str) -> None:
    document = t4()
    change(document)
    with pytest.raises(UserError, match=message) as caught:
        imported(tmp_path, document)
    assert "cache.json" in str(caught.value)
    assert not list(tmp_path.glob("*.parquet"))


@pytest.mark.skipif(not EXTERNAL.is_dir(), reason=NOT_HERE)
@pytest.mark.parametrize("space", [None, "T1_convolution_milo.json"])
def test_the_a100_recording_is_the_same_in_both_formats(tmp_path: Path, space: str | None) -> None:
    described = None if space is None else EXTERNAL / space
    cached, listed = (
        read_landscape(
            import_file(EXTERNAL / f"convolution_milo-A100{mark}.json.gz", tmp_path / f"a{mark}.parquet", described).out
        )
        for mark in ("", "_T4")
    )
    assert cached.space.to_json() == listed.space.to_json()
    assert (cached.codes == listed.codes).all()
    assert (cached.status, cached.samples_ms) == (listed.status, listed.samples_ms)
    assert np.array_equal(cached.latency_ms, listed.latency_ms, equal_nan=True)
    assert (cached.costs_s[:, :2] == listed.costs_s[:, :2]).all()
    ok = np.isfinite(cached.latency_ms)  # the T4 form has no benchmark cost: the stand-in is right within some percent
    assert np.median(listed.costs_s[ok, 2] / cached.costs_s[ok, 2]) == pytest.approx(1.0, abs=0.05)
    assert cached.metadata["recording"]["sha256"] == listed.metadata["recording"]["sha256"]


@pytest.mark.parametrize(
    ("unit", "own", "words"),
    [
        ("miliseconds", "", "latency 1.5 ms to 2 ms, read as ms, as metadata.timeunit says"),
        ("seconds", "", "latency 1500 ms to 2000 ms, read as s, as metadata.timeunit says"),
        (None, "", "latency 1500 ms to 2000 ms, read as s, without a metadata.timeunit"),
        (None, "ms", "read as ms, the unit of measurement time"),
    ],
)
def test_the_unit_is_printed_with_the_range(tmp_path: Path, unit: str | None, own: str, words: str) -> None:
    document = t4()
    document["metadata"] = {} if unit is None else {"timeunit": unit}
    for result in document["results"]:
        result["measurements"][0]["unit"] = own
    assert import_document(tmp_path, document).line().endswith(words)
