"""A landscape file round-trips exactly, and a damaged one is named in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import UserError
from harness.landscapes.landscape import METADATA_KEY, metadata_schema, read_landscape
from search_spaces import declaration
from search_spaces.parameter import Integer, Permutation
from tests.harness.toy import METADATA, toy_columns, toy_space, write_toy


def test_what_was_written_is_read(tmp_path: Path) -> None:
    space = toy_space()
    columns = toy_columns(space)
    landscape = read_landscape(write_toy(tmp_path))
    assert landscape.name == "toy-8x8-bf16__toy"
    assert landscape.space.size == space.size == len(columns["configurations"])
    for row, configuration in enumerate(landscape.space.enumerate()):
        at = columns["configurations"].index(configuration)
        assert str(landscape.status[row]) == columns["status"][at]
        assert landscape.message[row] == columns["message"][at]
        if columns["oracle_ms"][at] is None:
            assert np.isnan(landscape.oracle_ms[row])
            assert landscape.samples_ms[row] == ()
        else:
            assert landscape.oracle_ms[row] == columns["oracle_ms"][at]
            assert landscape.latency_ms[row] == columns["latency_ms"][at]
            assert landscape.samples_ms[row] == pytest.approx(columns["samples_ms"][at], rel=1e-6)
        assert landscape.costs_s[row, 0] == pytest.approx(columns["compile_s"][at], rel=1e-6)


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    table = pq.read_table(path)
    shuffled = tmp_path / "shuffled.parquet"
    pq.write_table(table.take(np.random.default_rng(1).permutation(table.num_rows)), shuffled)
    a, b = read_landscape(path), read_landscape(shuffled)
    assert np.array_equal(a.codes, b.codes)
    assert np.array_equal(a.oracle_ms, b.oracle_ms, equal_nan=True)
    assert a.samples_ms == b.samples_ms


def test_costs_samples_message_and_origin_are_optional(tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    optional = ["samples_ms", "compile_s", "verify_s", "benchmark_s", "message", "origin"]
    pq.write_table(pq.read_table(path).drop_columns(optional), path)
    landscape = read_landscape(path)
    assert landscape.costs_s.sum() == 0
    ok = np.isfinite(landscape.latency_ms)
    assert [samples[0] for samples in landscape.samples_ms if samples] == landscape.latency_ms[ok].tolist()


def test_uniform_rows_are_the_space_of_a_sample(tmp_path: Path) -> None:
    path = write_toy(tmp_path, coverage={"kind": "sample", "drawn": "uniform"})
    table = pq.read_table(path)
    origin = ["search" if i % 3 == 0 else "uniform" for i in range(table.num_rows)]
    at = table.column_names.index("origin")
    pq.write_table(table.set_column(at, "origin", pa.array(origin)), path)
    landscape = read_landscape(path)
    assert landscape.space.size == origin.count("uniform")
    assert len(landscape.codes) == table.num_rows


def rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    table = pq.read_table(path)
    document = json.loads(table.schema.metadata[METADATA_KEY])
    change(document)
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(document)}), path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(schema_version=7), "schema_version=7: expected 1"),
        (lambda d: d.pop("schema_version"), "schema_version=None: expected 1"),
        (lambda d: d.pop("device"), "'device' is a required property"),
        (lambda d: d["device"].pop("slug"), "device: 'slug' is a required property"),
        (lambda d: d["coverage"].update(kind="most"), "coverage.kind: 'most' is not one of"),
        (lambda d: d["space"]["parameters"][1].update(kind="real"), "space.parameters.1.kind"),
        (lambda d: d["space"]["parameters"][1].update(values=[16, 32]), "row .*: config.block=64"),
        (lambda d: d["space"].update(constraints=["block <"]), "not understood"),
        (lambda d: d["space"].update(constraints=["width > 1"]), "name 'width' is unknown"),
        (lambda d: d["space"].update(constraints=["block < 100"]), "is not feasible"),
        (lambda d: d["space"]["parameters"].append({"name": "extra", "kind": "boolean"}), "'config.extra' is missing"),
    ],
)
def test_wrong_metadata_names_the_field(tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str) -> None:
    path = write_toy(tmp_path)
    rewrite(path, change)
    with pytest.raises(UserError, match=message) as caught:
        read_landscape(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("column", ["status", "latency_ms", "oracle_ms", "config.block"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    path = write_toy(tmp_path)
    pq.write_table(pq.read_table(path).drop_columns([column]), path)
    with pytest.raises(UserError, match=f"column '{column}' is missing"):
        read_landscape(path)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("status", "fine", "status='fine': expected one of"),
        ("latency_ms", -1.0, "latency_ms=-1.0: expected a positive number"),
        ("oracle_ms", None, "oracle_ms=nan: expected a positive number"),
        ("compile_s", -0.5, "compile_s=-0.5: expected seconds"),
        ("latency_ms", float("inf"), "latency_ms=inf: expected a positive number"),
        ("samples_ms", [0.0], r"samples_ms=\[0.0\]: expected a list of positive"),
        ("samples_ms", [float("inf")], r"samples_ms=\[inf\]: expected a list of positive"),
    ],
)
def test_a_wrong_cell_is_named(tmp_path: Path, column: str, value: Any, message: str) -> None:
    path = write_toy(tmp_path)
    table = pq.read_table(path)
    cells = table.column(column).to_pylist()
    cells[table.column("status").to_pylist().index("ok")] = value
    pq.write_table(table.set_column(table.column_names.index(column), column, pa.array(cells)), path)
    with pytest.raises(UserError, match=message):
        read_landscape(path)


@pytest.mark.parametrize("column", ["latency_ms", "oracle_ms", "compile_s", "samples_ms"])
def test_true_is_no_number_of_ms(tmp_path: Path, column: str) -> None:
    path = write_toy(tmp_path)
    table = pq.read_table(path)
    cells = pa.array([[True] if column == "samples_ms" else True] * table.num_rows)
    pq.write_table(table.set_column(table.column_names.index(column), column, cells), path)
    with pytest.raises(UserError, match=rf"{column}.*: expected"):
        read_landscape(path)


@pytest.mark.parametrize("depth", [300, 3_000, 100_000])
@pytest.mark.parametrize("field", ["space", "schema_version", "device", "timing", "task"])
def test_deep_metadata_names_its_file(tmp_path: Path, depth: int, field: str) -> None:
    path = write_toy(tmp_path)
    table = pq.read_table(path)
    document = json.loads(table.schema.metadata[METADATA_KEY]) | {field: "#"}
    text = json.dumps(document).replace('"#"', '{"a":' * depth + "1" + "}" * depth)
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: text}), path)
    if field == "timing" and depth == 300:
        assert read_landscape(path).metadata["timing"]
        return
    with pytest.raises(UserError) as caught:
        read_landscape(path)
    assert str(caught.value).startswith(f"{path}: ") and len(str(caught.value)) < 400 + len(str(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s["parameters"].extend(
                {"name": f"i{i}", "kind": "integer", "low": 0, "high": 999_999} for i in range(30)
            ),
            "space: 300000.. values of 3. parameters: expected at most 2000000 in all",
        ),
        (
            lambda s: s["parameters"].extend({"name": f"p{i}", "kind": "permutation", "length": 8} for i in range(60)),
            "space: 24192.. values of 6. parameters: expected at most 2000000 in all",
        ),
        (
            lambda s: s["parameters"].extend({"name": f"b{i}", "kind": "boolean"} for i in range(1_000)),
            "space: 100. parameters: expected at most 1000",
        ),
        (lambda s: s["constraints"].extend(["block > 0"] * 1_000), "space: 100. constraints: expected at most 1000"),
        (
            lambda s: s["constraints"].extend([f"block > 0 {' ' * 5_000}"] * 50),
            "space: expressions: expected at most 2",
        ),
        (lambda s: s["features"].update({f"f{i}": "block" for i in range(1_001)}), "space: 100. features: expected"),
    ],
)
def test_a_space_is_bounded_before_anything_is_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    path = write_toy(tmp_path)
    rewrite(path, lambda document: change(document["space"]))

    def expanded(*_: Any) -> None:
        raise AssertionError("the bound comes first")

    monkeypatch.setattr(declaration, "Rules", expanded)
    for kind in (Integer, Permutation):
        monkeypatch.setattr(kind, "values", property(expanded))
    with pytest.raises(UserError, match=message):
        read_landscape(path)


@pytest.mark.parametrize("column", ["status", "latency_ms", "samples_ms", "config.block", "config.order", "origin"])
@pytest.mark.parametrize("cell", [[[1]], {"a": 1}, "x", b"\xff"])
def test_a_column_of_another_type_is_named(tmp_path: Path, column: str, cell: Any) -> None:
    path = write_toy(tmp_path)
    table = pq.read_table(path)
    cells = pa.array([cell] * table.num_rows)
    pq.write_table(table.set_column(table.column_names.index(column), column, cells), path)
    with pytest.raises(UserError, match=column):
        read_landscape(path)


def test_single_byte_damage_is_harmless_or_named(tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    damaged = tmp_path / "damaged.parquet"
    for _ in range(60):
        changed = bytearray(data)
        changed[rng.integers(len(data))] ^= 1 << rng.integers(8)
        damaged.write_bytes(changed)
        try:
            read_landscape(damaged)
        except UserError as error:
            assert "damaged.parquet" in str(error)


def test_truncated_missing_and_foreign_files(tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    data = path.read_bytes()
    for cut in (0, 3, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(UserError, match="cannot be read as Parquet"):
            read_landscape(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_landscape(tmp_path / "absent.parquet")
    pq.write_table(pa.table({"status": ["ok"]}), path)
    with pytest.raises(UserError, match="no key 'nearopt'"):
        read_landscape(path)


def test_a_row_given_twice_is_refused(tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)
    with pytest.raises(UserError, match="occurs twice"):
        read_landscape(path)


def test_the_schema_itself_is_valid_and_fits_what_is_written() -> None:
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(metadata_schema())
    jsonschema.validate({"schema_version": 1, "space": toy_space().to_json(), **METADATA}, metadata_schema())
