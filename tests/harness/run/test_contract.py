"""Results folders written by the harness fit the committed schema, and the harness's names are the schema's."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from analysis.runs import contract as readers
from analysis.runs.bundle import write_bundle
from harness.config.compose import Composer
from harness.errors import UserError
from harness.evaluation import DeviceState, Evaluation, Status
from harness.run import contract
from harness.run.execute import RunResult, execute
from harness.study.plan import planned, read_plans
from harness.system.digest import digest
from harness.system.lease import Owner
from harness.system.resources import CHECKOUT
from tests.harness.cli.test_cli import Nearopt, nearopt, trace
from tests.harness.gate.gate_fixtures import SUITE
from tests.harness.record.test_retime_study import again, live_run
from tests.harness.run.test_failures import FRAGILE, Fragile
from tests.harness.toy import write_toy
from tests.run_directory import DEFS, SCHEMA, content, faults, folder, required_keys, type_name

pytestmark = pytest.mark.usefixtures("undrawn")

__all__ = ["nearopt"]
TASK = "toy-8x8-bf16__toy"
DECIDING = ("task", "strategy", "seed", "streams", "budget", "batch", "backend")
"""Keys of config.yaml that have been in its hash since the first study, spelled here to stay so."""
LATER = ("schedule",)
"""Keys that have been in the hash, where they are set, since there is something else than a batch."""
NEWER = contract.FORMAT_VERSION + 1
COMMITTED = (
    "claim_5_10x/results",
    "claim_5_10x/live",
    "claim_2/results",
    "measurement/live",
)


def given(tmp_path: Path, *overrides: str) -> list[str]:
    path = tmp_path / f"{TASK}.parquet"
    if not path.exists():
        write_toy(tmp_path)
    return [f"backend.landscape={path}", f"results={tmp_path / 'results'}", "budget.evaluations=20", *overrides]


def run(tmp_path: Path, *overrides: str) -> RunResult:
    one = Composer().single(given(tmp_path, *overrides))
    return execute(one.runs[0], one.options)


def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, *overrides: str) -> Path:
    """Return the directory of a run that ``error`` ended at its 8th ask."""
    monkeypatch.setattr(Fragile, "error", error)
    with pytest.raises(type(error)):
        run(tmp_path, *FRAGILE, *overrides)
    return tmp_path / "results" / TASK / "fragile/seed-0"


def test_a_sweep_with_its_plan_and_its_bundle(nearopt: Nearopt, tmp_path: Path) -> None:
    sweep = given(tmp_path, "strategy=random,grid", "seed=0,1", "jobs=1")
    assert nearopt("run", "-m", *sweep)[0] == 0
    write_bundle([tmp_path / "results"], tmp_path / "results")
    for name in (contract.CONFIG, "account.json"):  # the bundle's: a run's by label, and how they ended
        (tmp_path / "results" / name).unlink()
    seen = folder(tmp_path / "results")
    assert {contract.PLANNED, contract.CONSOLIDATED, TASK} <= seen.keys()
    assert seen[TASK].keys() >= {contract.REFERENCE, contract.REFERENCE_NOTE, "random", "grid"}
    done = {contract.CONFIG, contract.ENVIRONMENT, contract.EVALUATIONS, contract.DONE, contract.LOCK}
    assert seen[TASK]["random"]["seed-1"].keys() == done
    assert faults(seen) == []


def test_a_run_that_broke_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = folder(broken(tmp_path, monkeypatch, ValueError("singular")))
    assert seen[contract.FAILED]["message"] == "ValueError: singular"
    assert len(seen[contract.LOG]) == 7 and contract.DONE not in seen
    assert faults(folder(tmp_path / "results")) == []


def test_a_run_that_was_interrupted_while_another_log_lies_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = broken(tmp_path, monkeypatch, KeyboardInterrupt())
    log = path / contract.LOG
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(lines[0] + b"no line of ours\n" + lines[1])
    broken(tmp_path, monkeypatch, KeyboardInterrupt())
    seen = folder(path)
    assert {contract.CONFIG, contract.ENVIRONMENT, contract.LOG, f"{contract.ABORTED_PREFIX}0"} <= seen.keys()
    assert not {contract.DONE, contract.FAILED, contract.OWNER} & seen.keys()
    assert faults(folder(tmp_path / "results")) == []


def test_a_run_while_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def look(self: Fragile, _: object) -> None:
        del self
        seen.update(folder(tmp_path / "results"))

    monkeypatch.setattr(Fragile, "error", None)
    monkeypatch.setattr(Fragile, "tell", look)
    run(tmp_path, *FRAGILE, "budget.evaluations=2")
    held = seen[TASK]["fragile"]["seed-0"]
    assert held[contract.OWNER].keys() == Owner.__annotations__.keys() and held[contract.LOCK] == ""
    assert faults(seen) == []


def test_live_runs_that_were_timed_again(tmp_path: Path) -> None:
    from harness.record.retime import Retiming

    live_run(tmp_path, 0)
    again(tmp_path, Retiming(factor=3.0, anchors=6, rounds=2))
    seen = folder(tmp_path / "results")
    (task,) = (name for name in seen if name not in contract.RESULTS_FILES)
    assert contract.RETIMED in seen[task] and contract.REFERENCE not in seen[task]
    assert faults(seen) == []


@pytest.mark.parametrize("study", COMMITTED)
def test_what_is_committed_keeps_the_contract_and_its_hashes(study: str) -> None:
    results = CHECKOUT / "experiments" / study
    assert faults(folder(results)) == []
    configs = [yaml.load(file.read_text(), yaml.CSafeLoader) for file in results.rglob(contract.CONFIG)]
    if (results / contract.CONSOLIDATED).exists():
        table = pq.read_table(results / contract.CONSOLIDATED, columns=[readers.RUN_CONFIG])
        configs += map(json.loads, table.column(readers.RUN_CONFIG).to_pylist())
    assert configs
    for config in configs:
        assert config.get("format_version", contract.FORMAT_VERSION) == contract.FORMAT_VERSION  # older runs have none
        said = [name for name in DECIDING if name != contract.STREAMS or name in config]  # of version 1 where it is not
        said += [name for name in LATER if name in config]
        if "config_hash" in config:  # not where only the steps of curves are kept
            assert config["config_hash"] == digest({name: config[name] for name in said})


def test_the_version_is_in_no_hash(tmp_path: Path) -> None:
    config = content(run(tmp_path).path / contract.CONFIG)
    assert next(iter(config)) == "format_version" and config["format_version"] == contract.FORMAT_VERSION
    assert config["config_hash"] == digest({name: config[name] for name in DECIDING})


def without_version(path: Path) -> bytes:
    """Make a run's directory like those from before there were versions; return its config.yaml."""
    file = path / contract.CONFIG
    _, _, rest = file.read_bytes().partition(b"\n")
    file.write_bytes(rest)
    return rest


def test_a_directory_without_a_version_is_skipped_and_resumed(
    nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trace(run(tmp_path, *FRAGILE, f"results={tmp_path / 'whole'}").path)
    path = broken(tmp_path, monkeypatch, KeyboardInterrupt())
    monkeypatch.setattr(Fragile, "error", None)
    old = without_version(path)
    assert run(tmp_path, *FRAGILE).ended == "budget"
    assert trace(path) == whole
    assert run(tmp_path, *FRAGILE).ended == "skipped"
    assert (path / contract.CONFIG).read_bytes() == old
    code, out, _ = nearopt("status", tmp_path / "results", "--json")
    assert code == 0 and json.loads(out)["totals"]["done"] == 1
    code, _, err = nearopt("run", *given(tmp_path, *FRAGILE, "budget.evaluations=9"))
    assert code == 2 and "budget.evaluations was 20, now 9" in err and "version" not in err


def newer_run(results: Path) -> Path:
    """Rewrite config.yaml as a later version might write it."""
    file = results / TASK / "random/seed-0" / contract.CONFIG
    file.write_text(f"format_version: {NEWER}\n!!new {{")
    return file


def newer_interrupted_run(results: Path) -> Path:
    file = newer_run(results)
    (file.parent / contract.DONE).unlink()
    return file


def newer_plan(results: Path) -> Path:
    file = results / contract.PLANNED / "0123456789abcdef.json"
    file.write_text(json.dumps({"version": NEWER, "anything": []}))
    return file


def newer_consolidated(results: Path) -> Path:
    shutil.rmtree(results / TASK / "random")
    document = json.dumps({"version": str(NEWER)})
    table = pa.table({contract.PATH: [f"{TASK}/random/seed-0"]}, metadata={contract.METADATA_KEY: document})
    file = results / contract.CONSOLIDATED
    pq.write_table(table, file)
    return file


@pytest.mark.parametrize("version", ["0", "-1", "new", "1.5", ""])
def test_what_is_no_version_is_said(tmp_path: Path, version: str) -> None:
    file = run(tmp_path).path / contract.CONFIG
    file.write_text(file.read_text().replace("format_version: 1\n", f"format_version: {version}\n"))
    with pytest.raises(UserError, match=r"config\.yaml: format version .*expected 1 to 1"):
        run(tmp_path)


def suite(tmp_path: Path) -> Path:
    """Write the suite of a gate that has only the toy task."""
    file = tmp_path / "suite.yaml"
    file.write_text(yaml.safe_dump({**SUITE, "tasks": [str(tmp_path / f"{TASK}.parquet")]}))
    return file


@pytest.mark.parametrize(
    ("make", "commands"),
    [
        (newer_run, ("run", "sweep", "dry_run", "status", "report", "gate")),
        (newer_interrupted_run, ("run", "sweep", "dry_run", "status", "report", "gate")),
        (newer_plan, ("sweep", "status", "report")),
        (newer_consolidated, ("status", "report", "gate")),
    ],
)
def test_a_newer_version_is_one_line(nearopt: Nearopt, tmp_path: Path, make: Any, commands: tuple[str, ...]) -> None:
    results = tmp_path / "results"
    run_command = given(tmp_path, "seed=0")
    words = {
        "run": ["run", *run_command],
        "sweep": ["run", "-m", *run_command, "jobs=1"],
        "dry_run": ["run", *run_command, "dry_run=true"],
        "status": ["status", results],
        "report": ["report", results, "-o", tmp_path / "report"],
        "gate": ["gate", results, "--against", results, "--suite", suite(tmp_path)],
    }
    assert nearopt(*words["sweep"])[0] == 0
    file = make(results)
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    for command in commands:
        code, _, err = nearopt(*words[command])
        lines = [line for line in err.splitlines() if "format version" in line]
        assert (code, len(lines)) == (2, 1), (command, err)
        assert f"{file}: format version {NEWER}: this NearOpt knows versions up to 1: update it" in lines[0], command
    after = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    assert after == before


def test_the_page_names_every_file_column_and_status_and_no_link_of_it_is_dead() -> None:
    page = CHECKOUT / "harness/run/README.md"
    text = page.read_text(encoding="utf-8")
    said = set(re.findall(r"[\w.]+", text))
    files = {*contract.RUN_FILES, *contract.TASK_FILES, *contract.RESULTS_FILES}
    assert {*files, *contract.EVALUATION_COLUMNS, *contract.NOT_DECIDING, *Status} <= said
    assert f"format_version: {contract.FORMAT_VERSION}" in text
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links and all((page.parent / link).exists() for link in links)


def test_files_are_the_schemas() -> None:
    assert set(contract.RUN_FILES) == DEFS["run"]["properties"].keys()
    assert set(contract.TASK_FILES) == DEFS["task"]["properties"].keys()
    assert set(contract.RESULTS_FILES) == DEFS["results"]["properties"].keys()
    assert set(DEFS["run"]["patternProperties"]) == {rf"^{contract.ABORTED_PREFIX}[0-9]+$", r"^\..*\.tmp$"}
    assert set(DEFS["task"]["additionalProperties"]["patternProperties"]) == {f"^{contract.SEED_PREFIX}[0-9]+$"}
    assert f"format version {contract.FORMAT_VERSION}" in SCHEMA["title"]


@pytest.mark.parametrize(
    ("file", "ours"),
    [
        (contract.EVALUATIONS, contract.EVALUATION_COLUMNS),
        (contract.REFERENCE, contract.REFERENCE_COLUMNS),
        (contract.RETIMED, contract.RETIMED_COLUMNS),
    ],
)
def test_columns_are_the_schemas(file: str, ours: Mapping[str, pa.DataType]) -> None:
    columns = DEFS[file]["properties"]["columns"]
    schemas = {name: column["const"] for name, column in columns["properties"].items()}
    assert [(name, type_name(arrow)) for name, arrow in ours.items()] == list(schemas.items())


def test_columns_of_parameters_are_the_schemas() -> None:
    (pattern,) = DEFS[contract.EVALUATIONS]["properties"]["columns"]["patternProperties"].items()
    assert pattern[0] == "^" + contract.PARAMETER_PREFIX.replace(".", r"\.")
    assert set(map(type_name, contract.PARAMETER_TYPES.values())) == set(pattern[1]["enum"])


@pytest.mark.parametrize(
    ("schema", "ours"),
    [
        (DEFS[contract.CONFIG], contract.ConfigDocument),
        (DEFS[contract.ENVIRONMENT], contract.FullEnvironmentDocument),
        (DEFS[contract.DONE], contract.DoneDocument),
        (DEFS[contract.FAILED], contract.FailedDocument),
        (DEFS[contract.OWNER], Owner),
        (DEFS[contract.PLANNED], contract.PlanDocument),
        (DEFS[contract.PLANNED]["properties"]["runs"]["items"], contract.PlannedGroup),
        (DEFS[contract.REFERENCE_NOTE], contract.ReferenceNote),
        (DEFS[contract.RETIMED]["properties"]["metadata"], contract.RetimedDocument),
    ],
)
def test_keys_are_the_schemas(schema: Mapping[str, Any], ours: type) -> None:
    assert ours.__annotations__.keys() == schema["properties"].keys()
    assert required_keys(ours) == set(schema["required"])


def test_a_line_of_the_log_is_an_evaluation() -> None:
    line = DEFS["evaluation"]["properties"]
    state = {field.name for field in fields(DeviceState)}
    assert [*(field.name for field in fields(Evaluation)), contract.CHECK] == list(line)
    assert line["device_state"]["properties"].keys() == state
    assert {*line, *state} - {"configuration", "device_state", contract.CHECK} == contract.EVALUATION_COLUMNS.keys()
    assert DEFS["status"]["enum"] == list(Status)


def test_the_two_halves_call_things_the_same() -> None:
    def names(module: Any) -> dict[str, str]:
        return {name: value for name, value in vars(module).items() if name.isupper() and isinstance(value, str)}

    ours, theirs = names(contract), names(readers)
    shared = ours.keys() & theirs.keys()
    assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}
    assert len(shared) > 25
    assert contract.FORMAT_VERSION == readers.FORMAT_VERSION
    assert contract.METADATA_KEY == readers.METADATA_KEY and contract.NOT_DECIDING == readers.NOT_DECIDING
    assert (*contract.REFERENCE_FACTS, "default") == readers.REFERENCE_FACTS


@pytest.mark.parametrize(
    ("of", "damaged"),
    [
        (contract.DONE, {"status": "complete", "evaluations": 0, "ended": "budget", "config_hash": "0" * 64}),
        (contract.DONE, {"status": "complete", "evaluations": 3, "ended": "budget", "config_hash": "x"}),
        (contract.FAILED, {"message": "", "final": "yes", "trace": ""}),
        (contract.EVALUATIONS, {"columns": {"index": "int64"}}),
        (contract.PLANNED, {"version": NEWER, "runs": []}),
        ("run", {contract.DONE: {}}),
        ("run", {contract.CONFIG: {}, "notes.txt": ""}),
        ("task", {"random": {"seed-x": {}}}),
    ],
)
def test_the_schema_refuses(of: str, damaged: Any) -> None:
    assert faults(damaged, of)


def test_a_plan_without_a_version_is_of_version_1(tmp_path: Path) -> None:
    one = Composer().single(given(tmp_path))
    one.options.results.mkdir()
    run(tmp_path)
    with planned(one.runs, one.options.results):
        pass
    (file,) = (one.options.results / contract.PLANNED).iterdir()
    plans = read_plans(one.options.results)
    file.write_text(json.dumps({"runs": json.loads(file.read_text())["runs"]}))
    assert read_plans(one.options.results) == plans and len(plans) == 1
