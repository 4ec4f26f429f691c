"""Results folders from other people: their names do not lead elsewhere, and their content executes nothing."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from analysis.errors import AnalysisError
from analysis.runs import consolidated, contract, run_directory
from analysis.runs.load import load_study
from tests.analysis.fabricate import guided_order, landscape, random_order, write_study
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import write_toy

__all__ = ["nearopt"]
TASK = "a-1__h"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_study(tmp_path / "s", {TASK: landscape(40)}, {"random": random_order, "s": guided_order(2.0)}, 3, 8)


def edit(results: Path, change: Callable[[dict[str, object]], object], label: str = "*") -> None:
    """Change config.yaml of every run of a strategy."""
    for file in results.glob(f"*/{label}/*/{contract.CONFIG}"):
        config = yaml.safe_load(file.read_text())
        change(config)
        file.write_text(yaml.safe_dump(config))


def one_line(err: str, *words: str) -> None:
    assert err.count("\n") == 1 and all(word in err for word in words), err
    assert err.strip("\n").isprintable()


def rename(study: Path, name: str, depth: int) -> None:
    """Give a run's place another name: the task's folder (depth 0), or the label's (1) of ``s``."""
    folder = study / TASK if depth == 0 else study / TASK / "s"
    folder.rename(folder.parent / name)


@pytest.mark.parametrize("field", ["task", "strategy"])
@pytest.mark.parametrize("command", ["status", "report"])
def test_a_plan_that_leads_elsewhere_is_refused(nearopt: Nearopt, study: Path, field: str, command: str) -> None:
    runs = [{"task": TASK, "strategy": "s", "seeds": [0, 1, 2, 3], field: "../\x1b[2Jx"}]
    (study / contract.PLANNED).mkdir()
    (study / contract.PLANNED / "0.json").write_text(json.dumps({"version": 1, "runs": runs}))
    code, _, err = nearopt(command, study)
    assert code == 2
    one_line(err, "0.json", "'../\\x1b[2Jx'", "expected a name without /")


@pytest.mark.parametrize("command", ["status", "report"])
@pytest.mark.parametrize("place", ["/etc/s/seed-0", f"../{TASK}/s/seed-0", "\x1b[2J/s/seed-0"])
def test_a_consolidated_file_that_leads_elsewhere_is_refused(
    nearopt: Nearopt, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, place: str
) -> None:
    monkeypatch.setattr(consolidated, "WORTH_IT", 4)
    load_study([study])
    table = pq.read_table(study / contract.CONSOLIDATED)
    places = [place, *table.column(contract.PATH).to_pylist()[1:]]
    (tmp_path / "c").mkdir()
    pq.write_table(table.set_column(0, contract.PATH, pa.array(places)), tmp_path / "c" / contract.CONSOLIDATED)
    code, _, err = nearopt(command, tmp_path / "c")
    assert code == 2
    one_line(err, contract.CONSOLIDATED, "path=", "expected TASK/LABEL/seed-N")


def test_a_consolidated_file_has_no_other_names(
    nearopt: Nearopt, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consolidated, "WORTH_IT", 4)
    load_study([study])
    table = pq.read_table(study / contract.CONSOLIDATED)
    configs = [{**json.loads(text), "task": "../x"} for text in table.column(contract.RUN_CONFIG).to_pylist()]
    i = table.column_names.index(contract.RUN_CONFIG)
    (tmp_path / "c").mkdir()
    changed = table.set_column(i, contract.RUN_CONFIG, pa.array(map(json.dumps, configs)))
    pq.write_table(changed, tmp_path / "c" / contract.CONSOLIDATED)
    code, _, err = nearopt("report", tmp_path / "c", "--per-task")
    assert code == 2
    one_line(err, contract.CONSOLIDATED, "task='../x'")


ODD = "=cmd|$x$ `y` <b>_*_"


@pytest.mark.slow
def test_odd_names_are_text_in_every_medium(nearopt: Nearopt, study: Path, tmp_path: Path) -> None:
    edit(study, lambda config: config["strategy"].update(label=ODD), "s")  # type: ignore[attr-defined]
    rename(study, ODD, 1)
    code, printed, _ = nearopt("report", study, "-o", tmp_path / "o", "--per-task")
    assert code == 0 and ODD in printed
    files = list((tmp_path / "o").rglob("*.csv"))
    cells = [cell for file in files for row in csv.reader(file.open(encoding="utf-8", newline="")) for cell in row]
    assert f"'{ODD}" in cells and not [cell for cell in cells if cell.startswith(("=", "@"))]
    page = (tmp_path / "o/index.html").read_text()
    assert "=cmd|$x$ `y` &lt;b&gt;_*_" in page and ODD not in page
    texts = [file.read_text() for file in (tmp_path / "o/tables").glob("*.md")]
    assert any("=cmd\\|\\$x\\$ \\`y\\` \\<b>" in text for text in texts) and not any(ODD in text for text in texts)
    for file in (tmp_path / "o/tables").glob("*.tex"):
        assert "$x$" not in file.read_text() and ODD not in file.read_text()
    assert (tmp_path / f"o/figures/best-so-far-{TASK}.png").read_bytes().startswith(b"\x89PNG")  # drawn, with ODD in it


def fail(directory: Path, message: str) -> None:
    (directory / contract.DONE).unlink()
    (directory / contract.FAILED).write_text(json.dumps({"message": message, "final": True, "trace": ""}))


@pytest.mark.usefixtures("undrawn")
@pytest.mark.slow
def test_messages_reach_no_terminal_as_escape_sequences(nearopt: Nearopt, study: Path, tmp_path: Path) -> None:
    message = "\x1b[2J\x1b]0;pwned\x07\x9b2J\u202e\nnearopt: all is well"
    fail(study / TASK / "s/seed-0", message)
    for command in (("status", study), ("status", study, "--json"), ("report", study, "-o", tmp_path / "o")):
        _, printed, err = nearopt(*command)
        assert "pwned" in printed + err
        assert all(c.isprintable() or c == "\n" for c in printed + err)
        assert not [line for line in (printed + err).split("\n") if line.startswith("nearopt: all is well")]
    for file in (tmp_path / "o").rglob("*"):
        if file.suffix in (".html", ".json", ".csv", ".md", ".tex"):
            assert all(c.isprintable() or c in "\r\n" for c in file.read_text()), file


def test_names_of_folders_are_printed_as_text(nearopt: Nearopt, study: Path) -> None:
    (study / TASK).rename(study / "\x1b[2J\nfake")
    code, printed, _ = nearopt("status", study)
    assert code == 0 and "\\x1b[2J\\nfake" in printed
    assert all(c.isprintable() or c == "\n" for c in printed)


def test_what_is_wrong_is_printed_as_text(nearopt: Nearopt, tmp_path: Path) -> None:
    for words in (("report", tmp_path / "\x1b[2Jx"), ("run", "task=\x1b[2Jx"), ("status", tmp_path / "\x1b[2Jx")):
        code, _, err = nearopt(*words)
        assert code == 2 and err.strip("\n").isprintable()


@pytest.mark.usefixtures("undrawn")
@pytest.mark.slow
def test_a_path_of_bytes_that_are_no_text(nearopt: Nearopt, study: Path, tmp_path: Path) -> None:
    odd = tmp_path / "s\udcff"
    study.rename(odd)
    code, _, err = nearopt("report", odd, "-o", tmp_path / "o")
    assert code == 2
    one_line(err, "s\\udcff", "expected a path in UTF-8")
    odd.rename(study)
    code, printed, _ = nearopt("report", study, "-o", odd)
    assert code == 0 and "s\\udcff" in printed and "s\\udcff" in (odd / "index.html").read_text()


@pytest.mark.parametrize("name", ["\x1b[2Jx", "x\n", " x", "ALL", "kernel:x"])
def test_a_landscape_by_a_name_that_no_result_could_have(nearopt: Nearopt, tmp_path: Path, name: str) -> None:
    file = tmp_path / f"{name}.parquet"
    file.write_bytes(b"")
    for words in (("landscapes", file), ("run", f"backend.landscape='{file}'", "results=r")):
        code, _, err = nearopt(*words)
        assert code == 2 and "expected" in err and err.strip("\n").isprintable()
    assert not (tmp_path / "r").exists()


def test_a_baseline_has_no_other_names(nearopt: Nearopt, tmp_path: Path) -> None:
    task = {"landscape_sha256": "0", "seeds": [0, 1], "times": {"0.05": [1, 2]}, "spent": [9, 9], "starts": ["", ""]}
    document = {"format": 1, "label": "../x", "runs": 2, "evaluations": 9, "noise": "none", "made": {}}
    (tmp_path / "b.json").write_text(json.dumps({**document, "tasks": {"t": task}}))
    code, _, err = nearopt("gate", "random", "--against", "b.json", "--suite", "ci", "--results", tmp_path / "g")
    assert code == 2
    one_line(err, "b.json", "strategy.label='../x'")


@pytest.mark.parametrize("name", [contract.EVALUATIONS, contract.REFERENCE])
def test_a_table_of_repetitions_is_refused_before_it_is_written_out(
    study: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(run_directory, "MAX_VALUES", 10_000)
    (file,) = list(study.glob(f"*/s/seed-0/{name}")) or list(study.glob(f"*/{name}"))
    table = pq.read_table(file)
    small = pa.chunked_array([pa.array(np.ones(3000))])
    many = {column: small if column == contract.ORACLE_MS else pa.nulls(3000, table.schema.field(column).type)
            for column in table.column_names}  # fmt: skip
    pq.write_table(pa.table(many, schema=table.schema), file)
    assert file.stat().st_size < 20_000
    done = study / TASK / "s/seed-0" / contract.DONE
    done.write_text(
        json.dumps({**json.loads(done.read_text()), "evaluations": 3000 if name == contract.EVALUATIONS else 8})
    )
    with pytest.raises(AnalysisError, match=rf"{name}: \d+ values: expected at most 10000"):
        load_study([study])


def test_a_plan_that_was_emptied_is_written_again(nearopt: Nearopt, tmp_path: Path) -> None:
    sweep = ("run", "-m", f"backend.landscape={write_toy(tmp_path)}", "budget.evaluations=3", "jobs=1", "results=r")
    assert nearopt(*sweep)[0] == 0
    (plan,) = (tmp_path / "r/planned").iterdir()
    whole = plan.read_bytes()
    for damaged in (b"", whole[:20], b"[" * 100_000):
        plan.write_bytes(damaged)
        code, _, err = nearopt("status", "r")
        assert code == 2
        one_line(err, plan.name, "move it away; the sweep writes it again")
        assert nearopt(*sweep)[0] == 0 and plan.read_bytes() == whole
