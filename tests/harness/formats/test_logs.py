"""Logs of searches: several tasks in a file, configurations that are timed again, failures of every kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import pytest

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.autotvm import ERRORS, NAMES
from harness.formats.file import ForeignFile
from harness.formats.foreign import ForeignRecording
from harness.formats.helion_log import parse_config
from harness.formats.imports import import_file
from harness.formats.ktt import STATUSES
from harness.formats.options import ReadOptions
from harness.formats.registry import recordings
from harness.landscapes.landscape import read_landscape
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.formats.foreign_files import GRID, autotvm_record, helion, ktt, optuna_journal, optuna_study, triton

pytestmark = pytest.mark.usefixtures("undrawn")
__all__ = ["nearopt"]
HEADER = "run_id,timestamp_s,config_id,generation,status,perf_ms,compile_time_s,config\n"


def read(path: Path, text: str, **given: Any) -> list[ForeignRecording]:
    path.write_text(text)
    return recordings(ForeignFile(path), ReadOptions(**given))


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_a_log_of_several_tasks_becomes_several_landscapes(nearopt: Nearopt, tmp_path: Path) -> None:
    records = [autotvm_record(*one, task=task) for task in ("conv.cuda", "dense.cuda") for one in GRID]
    (tmp_path / "all.log").write_text(lines(*records, autotvm_record(32, 2, "once.cuda")))
    code, said, err = nearopt("landscapes", "import", "all.log", "-o", "one__h100.parquet")
    assert (code, said) == (2, "") and "3 recordings, '0', '1', '2': expected a folder for them, -o FOLDER" in err
    code, said, err = nearopt("landscapes", "import", "all.log", "-o", "made")
    assert code == 2 and "all.log: 2: only one configuration, the winner" in err
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == [
        "conv.cuda-0__h100.parquet", "dense.cuda-1__h100.parquet",
    ]  # fmt: skip
    assert "2 landscapes from 2 recordings (0 counted once), 18 configurations" in said and "1 failed" in said


def test_winners_of_many_tasks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="2 records of 2 tasks, the winner of each: expected the log of the"):
        read(tmp_path / "best.log", lines(*(autotvm_record(32, 2, task) for task in "ab")))


def test_what_a_search_tried_is_a_sample(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text(lines(*(autotvm_record(*one) for one in GRID[:-2])))
    done = import_file(tmp_path / "x.log", tmp_path / "k__g.parquet")
    assert "sample: the 7 of 9 combinations that a search tried: not a uniform sample" in done.line()
    assert not read_landscape(done.out).exhaustive


@pytest.mark.parametrize("error", range(9))
def test_every_error_number_has_its_status(tmp_path: Path, error: int) -> None:
    record = autotvm_record(32, 2)
    record["result"] = [[0.001] if error == 0 else [1e9], error, 2.0, 1.0]
    (found,) = read(tmp_path / "x.log", "# a comment\n" + lines(record, autotvm_record(64, 2)))
    row = found.rows[0]
    assert (row.status, row.message) == (ERRORS[error], "" if error == 0 else NAMES[error])
    assert row.samples_ms == ((1.0,) if error == 0 else ()) and row.costs_s == (0.0, 0.0, 2.0)


def test_the_first_version_of_the_log(tmp_path: Path) -> None:
    old = [
        {"i": ["cuda", "conv", [], {}, ["conv"], {"i": 3, "t": "direct", "c": None, "e": [["tile", "sp", [4, size]]]}],
         "r": [[1e-5 * size], 0, 1.0, 2.0], "v": 0.1}
        for size in (1, 2)
    ]  # fmt: skip
    (found,) = read(tmp_path / "x.log", lines(*old))
    assert [dict(row.values) for row in found.rows] == [{"tile_0": 4, "tile_1": 1}, {"tile_0": 4, "tile_1": 2}]
    assert [row.latency_ms for row in found.rows] == [pytest.approx(0.01), pytest.approx(0.02)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"input": ["cuda"]}, "line 2: input: expected a list of target"),
        ({"config": {"entity": []}}, r"line 2: config\.entity: expected a list"),
        (
            {"config": {"entity": [["a", "ot"]]}},
            r"line 2: config\.entity: \['a', 'ot'\]: expected a list of name, kind",
        ),
        ({"config": {"entity": [["a", "ot", 1], ["a", "ot", 2]]}}, "'a' is listed twice"),
        ({"result": [[1.0], 9, 1.0]}, r"line 2: result\[1\]=9: expected an error number, 0 to 8"),
        ({"result": [[-1.0], 0, 1.0]}, r"line 2: result\[0\]\[0\]: expected positive numbers"),
        ({"result": [1.0]}, "line 2: result: expected a list of costs"),
    ],
)
def test_damaged_records_are_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        read(tmp_path / "x.log", lines(autotvm_record(32, 2), {**autotvm_record(64, 2), **change}))


def test_a_log_that_was_cut_off_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text(lines(*(autotvm_record(*one) for one in GRID))[:-40])
    line = import_file(tmp_path / "x.log", tmp_path / "k__g.parquet").line()
    assert "8 configurations, 0 failed, 1 last line that was cut off left out; sample: cut off in mid-write" in line


def test_helion_retimes_starts_and_fails(tmp_path: Path) -> None:
    text = HEADER + "".join(
        f'{run},0.1,x,0,{status},{ms},0.5,"Config(block_sizes=[{size}, 8], loop_orders=[[1, 0]], maxnreg=None)"\n'
        for run, size, status, ms in (
            ("a", 16, "started", ""), ("a", 16, "ok", 0.5), ("a", 16, "ok", 0.7), ("a", 32, "started", ""),
            ("a", 64, "timeout", ""), ("a", 128, "peer_compilation_fail", ""), ("b", 16, "ok", 0.1),
        )
    )  # fmt: skip
    first, second = read(tmp_path / "h.csv", text)
    assert [row.status for row in first.rows] == [
        Status.OK, Status.WORKER_CRASH, Status.COMPILE_TIMEOUT, Status.COMPILE_ERROR,
    ]  # fmt: skip
    assert first.rows[0].samples_ms == (0.5, 0.7) and first.rows[0].costs_s[0] == 0.5
    assert dict(first.domains) == {
        "block_sizes_0": [16, 32, 64, 128], "block_sizes_1": [8], "loop_orders_0": [[1, 0]], "maxnreg": [None],
    }  # fmt: skip
    assert (first.name, second.name, len(second.rows)) == ("a", "b", 1)


@pytest.mark.parametrize(
    "text", ["Config(x=open('f'))", "Config(1)", "print(a=1)", "Config(", "Config(**{})x", "x" * 70_000, "Config"]
)
def test_a_configuration_is_read_and_not_run(text: str) -> None:
    with pytest.raises(UserError, match=r"here: config=.*: expected Config\(name=value, …\)"):
        parse_config("here", text)


def test_damaged_rows_of_helions_are_named(tmp_path: Path) -> None:
    for row, words in (
        ('a,1,x,0,fine,1,1,"Config(a=1)"', "line 2: status='fine': expected one of started, ok"),
        ('a,1,x,0,ok,,1,"Config(a=1)"', "line 2: perf_ms: expected positive numbers of ms, found null"),
        ('a,1,x,0,ok,1ms,1,"Config(a=1)"', "line 2: perf_ms='1ms': expected a number, or nothing"),
        ("a,1,x", "line 2: expected 8 cells"),
        ("", "no evaluation below the header"),
    ):
        with pytest.raises(UserError, match=words):
            read(tmp_path / "h.csv", HEADER + row)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("unit", ["Nanoseconds", "Milliseconds"])
def test_every_status_and_unit_of_ktts(tmp_path: Path, status: str, unit: str) -> None:
    document = json.loads(ktt(tmp_path).read_text())
    document["Metadata"]["TimeUnit"] = unit
    result = document["Results"][0]
    result["Status"] = status
    result["Configuration"] = [{"Name": "block", "Value": 0.5, "IsDouble": True}, {"Name": "num_warps", "Value": 2}]
    (found,) = read(tmp_path / "k.json", json.dumps(document))
    row = found.rows[0]
    assert row.status is STATUSES[status] and row.values["block"] == 0.5
    assert row.samples_ms == (
        (pytest.approx(result["TotalDuration"] * (1e-6 if unit[0] == "N" else 1)),) * (status == "Ok")
    )
    assert found.device == "NVIDIA H100" and found.read_as.startswith("ns" if unit[0] == "N" else "ms")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"Microseconds"', '"Fortnights"', r"Metadata\.TimeUnit='Fortnights': expected one of Nanoseconds"),
        ('"TimeUnit": "Microseconds",', "", r"Metadata\.TimeUnit=None: expected one of"),
        ('"Status": "Ok"', '"Status": "Fine"', r"Results\[0\]\.Status='Fine': expected one of Ok"),
        ('"TotalDuration": 16.0', '"TotalDuration": null', r"Results\[0\]\.TotalDuration: expected positive numbers"),
        ('"Name": "num_warps"', '"Name": "block"', "'block' is listed twice"),
        ('"Configuration": [', '"Configuration": [3, ', r"Results\[0\]\.Configuration: 3: expected an object"),
    ],
)
def test_damaged_results_of_ktts_are_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = ktt(tmp_path).read_text()
    assert old in text
    with pytest.raises(UserError, match=words):
        read(tmp_path / "k.json", text.replace(old, new))


def test_several_studies_and_what_optuna_does_not_say(nearopt: Nearopt, tmp_path: Path) -> None:
    path = optuna_journal(tmp_path)
    before = path.read_bytes()
    assert "does not say what its values are: expected --unit" in nearopt("landscapes", "import", path, "-o", "x")[2]
    assert (
        "1.4e-08 ms is not a plausible kernel time"
        in nearopt("landscapes", "import", path, "-o", "x", "--unit", "ns")[2]
    )
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == [path.name]
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(path)))
    other = optuna.create_study(storage=storage, study_name="other", direction="minimize")
    other.add_trials(optuna_study(None).trials[:4])
    code, _, err = nearopt("landscapes", "import", path, "-o", "made", "--unit", "ms")
    assert code == 0, err
    assert sorted(p.name for p in (tmp_path / "made").iterdir()) == [
        "other__unknown.parquet",
        "softmax__unknown.parquet",
    ]


def test_a_folder_of_tritons_cache_and_helions_logs(nearopt: Nearopt, tmp_path: Path) -> None:
    """The folder has one subfolder per key, with the binary's description, and an unrelated CSV file."""
    for key, size in (("3f", 4096), ("9a", 8192)):
        (tmp_path / "in" / key).mkdir(parents=True)
        path = triton(tmp_path / "in" / key)
        path.write_text(path.read_text().replace("4096", str(size)).replace("0.01,", f"0.0{size},"))
        (path.parent / "softmax.json").write_text('{"hash": "3f", "num_warps_used": 4}')
    helion(tmp_path / "in")
    (tmp_path / "in/other.csv").write_text("a,b\n1,2\n")
    code, said, err = nearopt("landscapes", "import", "in", "-o", "made")
    assert code == 0, err
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == [
        "in__softmax.parquet", "softmax-4096-torch.bfloat16__unknown.parquet",
        "softmax-8192-torch.bfloat16__unknown.parquet",
    ]  # fmt: skip
    assert "2 other files, 0 failed" in said and "other.csv" not in said
    code, said, err = nearopt("landscapes", "import", "in", "-o", "made", "--unit", "ms")
    assert (code, said) == (2, "") and "--unit: in is a folder" in err
