"""T1 descriptions: values and constraints are parsed, never executed, and coverage is computed from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UserError
from harness.formats.imports import import_file
from harness.formats.value_list import value_list
from harness.landscapes.landscape import read_landscape
from tests.harness.formats.samples import EXTERNAL, NOT_HERE, cache, import_document, imported, t1, t4


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("[1, 2, -4]", [1, 2, -4]),
        ("(1, 2)", [1, 2]),
        ("['a', \"b\"]", ["a", "b"]),
        ("[1, 2, 4, 8, 16] + list(range(32, 1024+1, 32))", [1, 2, 4, 8, 16, *range(32, 1025, 32)]),
        ("[2**i for i in range(0, 6)]", [1, 2, 4, 8, 16, 32]),
        ("[i for i in range(1, 10+1)]", list(range(1, 11))),
        ("range(3)", [0, 1, 2]),
        ("[32*i for i in [1, 2]] + [x % 3 for x in range(2)]", [32, 64, 0, 1]),
        ("[True, False]", [True, False]),
        ("[1.5]", [1.5]),
    ],
)
def test_values_as_they_are_in_the_wild(text: str, values: list[Any]) -> None:
    assert value_list(text) == values


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch pwned')",
        "[__import__('os').system('touch pwned')]",
        "[x for x in ().__class__.__base__.__subclasses__()]",
        "[open('pwned', 'w')]",
        "list(range(10**9))",
        "range(10**400)",
        "[i for i in range(10) if i]",
        "[i*j for i in range(9) for j in range(9)]",
        "[1/0]",
        "[unknown]",
        "[i for i in ['a']] + 3",
        "range(1.5)",
        "range(1, 2, 0)",
        "[",
        "(" * 5000,
        "-" * 50_000 + "1",
        "7",
        "",
        "[]",
        "lambda: 0",
    ],
)
def test_no_text_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as caught:
        value_list(text)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_constraints_constants_and_full_coverage(tmp_path: Path) -> None:
    for document in (cache() | {"tune_params": {**cache()["tune_params"], "tile": [3]}}, t4()):
        landscape = imported(tmp_path, document, t1())
        assert landscape.exhaustive
        assert landscape.metadata["coverage"] == {"kind": "exhaustive", "drawn": "all 4 of T1.json", "space_size": 4}
        assert landscape.space.constants == {"LIMIT": 64, "depth": 1}
        assert landscape.space.constraints == tuple(c["Expression"] for c in t1()["ConfigurationSpace"]["Conditions"])
        assert [p.name for p in landscape.space.parameters] == ["x", "pad", "mode"]


def test_a_space_with_more_is_a_sample(tmp_path: Path) -> None:
    described = t1()
    described["ConfigurationSpace"]["TuningParameters"][0]["Values"] = "[8, 16, 32, 64, 128]"
    landscape = imported(tmp_path, t4(), described)
    assert not landscape.exhaustive
    assert landscape.metadata["coverage"]["space_size"] == 6
    assert landscape.metadata["coverage"]["drawn"] == "4 of 6 in T1.json"
    narrow = {**cache()["tune_params"], "tile": [3]}
    drawn = imported(tmp_path, cache() | {"tune_params": narrow}, described).metadata["coverage"]["drawn"]
    assert drawn == "4 of 6 in T1.json, which has more values of x"


def test_rows_outside_the_space_are_left_out_and_counted(tmp_path: Path) -> None:
    described = t1()
    described["ConfigurationSpace"]["Conditions"].append({"Expression": "not (x == 64 and pad == 1)"})
    done = import_document(tmp_path, t4(), described)
    assert (done.configurations, done.outside) == (3, 1)
    assert "1 left out that break the described constraints; exhaustive: all 3 of T1.json" in done.line()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("TuningParameters"), "TuningParameters: expected a list"),
        (
            lambda c: c["TuningParameters"].append({"Values": "[1]"}),
            r"TuningParameters\[5\]: expected an object with a Name",
        ),
        (
            lambda c: c["TuningParameters"].append({"Name": "x", "Values": "[1]"}),
            r"\[5\]: Name='x' occurs twice, with other",
        ),
        (
            lambda c: c["Conditions"].extend([{"Expression": "x > 0"}] * 1000),
            "Conditions: 1004 of them: expected at most",
        ),
        (
            lambda c: c["Conditions"].extend([{"Expression": f"x > 0{' ' * 9_000}"}] * 30),
            "Conditions: expected at most 2",
        ),
        (
            lambda c: c["TuningParameters"].extend({"Name": f"p{i}", "Values": "range(100000)"} for i in range(30)),
            "TuningParameters: expected at most 2000000 values in all",
        ),
        (
            lambda c: c["TuningParameters"].append({"Name": "y", "Values": "[1, 2]"}),
            "TuningParameters.y: .*has no such",
        ),
        (lambda c: c["TuningParameters"].pop(0), "configuration.x: not a parameter of"),
        (lambda c: c["TuningParameters"][0].update(Values="[16, 32]"), "configuration.x: 64 is not among the values"),
        (lambda c: c["TuningParameters"][0].update(Values="os.listdir()"), r"TuningParameters\.x\.Values='os\.listdir"),
        (lambda c: c["TuningParameters"][0].update(Values="[16, 16]"), "TuningParameters: parameter 'x'"),
        (lambda c: c["TuningParameters"][0].update(Values=None), r"TuningParameters\.x\.Values=None"),
        (
            lambda c: c["Conditions"][0].update(Expression="__import__('os')"),
            r"Conditions\[0\]: .*not part of the language",
        ),
        (lambda c: c["Conditions"][0].update(Expression="y > 1"), "T1.json: expression 'y > 1': name 'y' is unknown"),
        (lambda c: c["Conditions"][0].update(Expression="mode > 1"), "cannot be evaluated"),
        (lambda c: c["Conditions"][0].update(Expression=7), r"Conditions\[0\].Expression=7"),
        (lambda c: c.update(Conditions="x"), "Conditions='x'"),
        (lambda c: c["Conditions"][0].update(Expression="x < 0"), "Conditions: no recorded configuration satisfies"),
    ],
)
def test_damage_is_one_line_that_names_the_field(tmp_path: Path, change: Any, message: str) -> None:
    described = t1()
    change(described["ConfigurationSpace"])
    with pytest.raises(UserError, match=message) as caught:
        imported(tmp_path, t4(), described)
    assert "T1.json" in str(caught.value)
    assert not list(tmp_path.glob("*.parquet"))


def test_the_very_same_parameter_twice_counts_once(tmp_path: Path) -> None:
    described = t1()
    parameters = described["ConfigurationSpace"]["TuningParameters"]
    parameters.insert(1, {"Name": "x", "Type": "int", "Values": "[16, 32, 64]"})  # the same, written otherwise
    done = import_document(tmp_path, t4(), described)
    assert done.coverage == "exhaustive: all 4 of T1.json"
    parameters[1]["Values"] = "[16, 32]"
    with pytest.raises(UserError, match=r"T1.json: TuningParameters\[1\]: Name='x' occurs twice, with other Values"):
        import_document(tmp_path, t4(), described)


def test_a_description_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give it as --space"):
        imported(tmp_path, t1())
    with pytest.raises(UserError, match="ConfigurationSpace: expected"):
        imported(tmp_path, t4(), t4())


@pytest.mark.skipif(not EXTERNAL.is_dir(), reason=NOT_HERE)
@pytest.mark.parametrize(
    ("recording", "space", "configurations", "coverage"),
    [
        ("convolution_milo-MI250X", "convolution_milo", 4362, "all 4362 of"),
        pytest.param("dedispersion_milo-MI250X", "dedispersion_milo", 11130, "all 11130 of", marks=pytest.mark.slow),
        # Made before T1's last constraint was added, and on one value of three parameters.
        pytest.param(
            *("gemm-RTX_2080_Ti", "gemm_milo", 17472),
            "17472 of 116928 in T1_gemm_milo.json, which has more values of KWG",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_real_coverage(tmp_path: Path, recording: str, space: str, configurations: int, coverage: str) -> None:
    described = EXTERNAL / f"T1_{space}.json"
    landscape = read_landscape(import_file(EXTERNAL / f"{recording}.json.gz", tmp_path / "a.parquet", described).out)
    assert len(landscape.codes) == configurations
    assert landscape.metadata["coverage"]["drawn"].startswith(coverage)
    assert landscape.exhaustive is coverage.startswith("all")
