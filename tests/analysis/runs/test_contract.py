"""The analysis's side of the contract: its names are those of the schema, and fabricated files fit the schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.errors import AnalysisError
from analysis.runs import consolidated, contract
from analysis.runs.load import load_study
from tests.analysis.fabricate import evaluations, guided_order, landscape, random_order, write_run, write_study
from tests.run_directory import DEFS, faults, folder, required_keys, type_name

NEWER = contract.FORMAT_VERSION + 1
TABLE = landscape(40)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(consolidated, "WORTH_IT", 4)
    return write_study(tmp_path / "r", {"a-1": TABLE}, {"random": random_order, "s": guided_order(1.0)}, 3, 8)


def test_what_is_fabricated_and_what_is_consolidated_fit_the_schema(results: Path) -> None:
    load_study([results])
    seen = folder(results)
    assert contract.CONSOLIDATED in seen and contract.REFERENCE in seen["a-1"]
    assert faults(seen) == []


def test_files_are_the_schemas() -> None:
    assert set(contract.RUN_FILES) <= DEFS["run"]["properties"].keys()
    assert set(contract.TASK_FILES) == DEFS["task"]["properties"].keys()
    assert set(contract.RESULTS_FILES) <= DEFS["results"]["properties"].keys()
    assert all(f"^{prefix}[0-9]+$" in patterns for prefix, patterns in (
        (contract.ABORTED_PREFIX, DEFS["run"]["patternProperties"]),
        (contract.SEED_PREFIX, DEFS["task"]["additionalProperties"]["patternProperties"]),
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("file", "required", "optional"),
    [
        (contract.EVALUATIONS, contract.EVALUATION_COLUMNS, contract.OPTIONAL_EVALUATION_COLUMNS),
        (contract.REFERENCE, contract.REFERENCE_COLUMNS, (*contract.OPTIONAL_REFERENCE_COLUMNS, contract.SAMPLES_MS)),
        (contract.RETIMED, contract.RETIMED_COLUMNS, ()),
    ],
)
def test_columns_that_are_read_are_in_the_schema(file: str, required: tuple[str], optional: tuple[str]) -> None:
    columns = DEFS[file]["properties"]["columns"]
    assert set(required) <= set(columns["required"])
    assert set(optional) <= columns["properties"].keys()


def test_the_consolidated_file_is_the_schemas() -> None:
    columns = DEFS[contract.CONSOLIDATED]["properties"]["columns"]
    named = {name: column["const"] for name, column in columns["properties"].items()}
    assert {name: type_name(arrow) for name, arrow in contract.CONSOLIDATED_COLUMNS.items()} == named
    assert columns["required"] == list(contract.CONSOLIDATED_COLUMNS)
    metadata = DEFS[contract.CONSOLIDATED]["properties"]["metadata"]["properties"]
    assert contract.ConsolidatedDocument.__annotations__.keys() == metadata.keys()
    assert metadata["version"]["const"] == str(contract.FORMAT_VERSION)


def test_keys_are_the_schemas() -> None:
    config = DEFS[contract.CONFIG]
    assert contract.ConfigDocument.__annotations__.keys() == config["properties"].keys()
    assert required_keys(contract.ConfigDocument) <= set(config["required"])
    assert config["properties"]["format_version"]["const"] == contract.FORMAT_VERSION
    digests = {"landscape_sha256", contract.REFERENCE_SHA256}
    assert set(contract.REFERENCE_FACTS) == DEFS[contract.REFERENCE_NOTE]["properties"].keys() - digests
    assert config["properties"].keys() >= contract.NOT_DECIDING
    assert contract.OK_STATUS in DEFS["status"]["enum"]


def test_what_says_no_version_is_of_version_1(results: Path) -> None:
    whole = load_study([results])
    for file in results.rglob(contract.CONFIG):
        text = file.read_text()
        assert text.startswith("format_version: 1\n")
        file.write_text(text.removeprefix("format_version: 1\n"))
    again = load_study([results])
    assert again.runs.equals(whole.runs) and again.evaluations.equals(whole.evaluations)


def newer_run(results: Path) -> Path:
    return write_run(results, "a-1", "s", 9, evaluations(TABLE, range(8)), format_version=NEWER) / contract.CONFIG


def newer_interrupted_run(results: Path) -> Path:
    frame = evaluations(TABLE, range(8))
    return write_run(results, "a-1", "s", 9, frame, format_version=NEWER, done=False) / contract.CONFIG


def newer_unlike_ours(results: Path) -> Path:
    """Write a config.yaml that is not YAML after its first line."""
    file = newer_run(results)
    file.write_text(f"format_version: {NEWER}\n!!new {{")
    return file


def newer_plan(results: Path) -> Path:
    file = results / contract.PLANNED / "0123456789abcdef.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"version": NEWER, "anything": []}))
    return file


def newer_consolidated(results: Path) -> Path:
    load_study([results])
    file = results / contract.CONSOLIDATED
    table = pq.read_table(file)
    document = {**json.loads(table.schema.metadata[contract.METADATA_KEY]), "version": str(NEWER)}
    write = table.select([contract.PATH]).replace_schema_metadata({contract.METADATA_KEY: json.dumps(document)})
    pq.write_table(write, file)
    return file


@pytest.mark.parametrize(
    "make", [newer_run, newer_interrupted_run, newer_unlike_ours, newer_plan, newer_consolidated]
)  # fmt: skip
def test_a_newer_version_is_refused_by_name(results: Path, make: Any) -> None:
    file = make(results)
    with pytest.raises(AnalysisError) as refused:
        load_study([results])
    assert str(refused.value) == f"{file}: format version {NEWER}: this NearOpt knows versions up to 1: update it"


def test_runs_of_a_newer_consolidated_file_are_not_named(results: Path) -> None:
    assert len(consolidated.names(results)) == 0
    newer_consolidated(results)
    with pytest.raises(AnalysisError, match="format version 2"):
        consolidated.names(results)


@pytest.mark.parametrize("version", ["0", "-1", "new", "1.5", ""])
def test_what_is_no_version_is_said(results: Path, version: str) -> None:
    file = next(results.rglob(contract.CONFIG))
    file.write_text(file.read_text().replace("format_version: 1\n", f"format_version: {version}\n"))
    with pytest.raises(AnalysisError, match=r"config\.yaml: format version .*expected 1"):
        load_study([results])


def test_an_arrow_type_is_told_as_the_schema_spells_it() -> None:
    assert type_name(pa.dictionary(pa.int32(), pa.string())) == "string"
    assert type_name(pa.list_(pa.float32())) == "list<float>"
