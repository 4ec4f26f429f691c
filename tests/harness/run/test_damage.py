"""Damaged run directories and hostile strategies: refused in one line or repaired, without losing measurements."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

from analysis.errors import AnalysisError
from analysis.runs.account import run_state
from analysis.runs.load import load_study
from harness.config.compose import Composer
from harness.errors import UserError
from harness.evaluation import Configuration
from harness.run import provenance
from harness.run.damage import damage
from harness.run.execute import execute
from harness.run.store import RunDirectory
from harness.strategies.random import RandomSearch
from harness.study.status import study_status
from tests.harness.cli.test_cli import Nearopt, nearopt, trace
from tests.harness.toy import write_toy

__all__ = ["nearopt"]
RUN = "toy-8x8-bf16__toy/random/seed-0"


def run(tmp_path: Path, *overrides: str, landscape: Path | None = None) -> Path:
    path = landscape or write_toy(tmp_path)
    given = [f"backend.landscape={path}", f"results={tmp_path / 'results'}", "budget.evaluations=20"]
    one = Composer().single([*given, *overrides])
    return execute(one.runs[0], one.options).path


def test_a_pipe_in_place_of_the_configuration_keeps_nobody_waiting(tmp_path: Path) -> None:
    file = run(tmp_path) / "config.yaml"
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(UserError, match=r"damaged: config\.yaml is not a file: move it away"):
        run(tmp_path)


def test_a_pipe_in_place_of_done_is_set_aside_and_the_run_is_made_again(tmp_path: Path) -> None:
    path = run(tmp_path)
    before = pq.read_table(path / "evaluations.parquet").column("latency_ms")
    (path / "DONE").unlink()
    os.mkfifo(path / "DONE")
    assert run(tmp_path) == path and (path / "DONE").is_file() and (path / "aborted-0/DONE").is_fifo()
    assert pq.read_table(path / "evaluations.parquet").column("latency_ms").equals(before)


def test_aliases_in_a_configuration_are_not_written_out(tmp_path: Path) -> None:
    """If the directory belongs to another run, the differences are printed."""
    config = run(tmp_path) / "config.yaml"
    names = "abcdefghi"
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]" for last, name in pairwise(names)]
    config.write_text("\n".join(["config_hash: other", *lines]))
    with pytest.raises(UserError, match=r"damaged: config.yaml is not readable: move it away"):
        run(tmp_path)
    config.write_text("\n".join(["config_hash: other", *lines[:2]]))
    with pytest.raises(UserError, match="holds a run of another configuration"):
        run(tmp_path)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'{"status": "complete"}', b"\xff\xfe"])
def test_a_damaged_done_is_named_and_the_run_kept(tmp_path: Path, text: bytes) -> None:
    folder = run(tmp_path)
    (folder / "DONE").write_bytes(text)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(UserError, match="DONE is not readable: move it away"):
        run(tmp_path)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize("text", [b"", b"a: [", b"- 1", b"\xff\xfe\x00", b"config_hash: 3"])
@pytest.mark.parametrize("name", [f"{RUN}/config.yaml", "toy-8x8-bf16__toy/reference.yaml"])
def test_damaged_yaml_is_one_line(tmp_path: Path, name: str, text: bytes) -> None:
    run(tmp_path)
    (tmp_path / "results" / name).write_bytes(text)
    with pytest.raises(UserError, match="toy-8x8-bf16__toy"):
        run(tmp_path)


def test_another_recording_leaves_no_run_directory(tmp_path: Path) -> None:
    run(tmp_path)
    other = write_toy(tmp_path / "other", seed=5)
    with pytest.raises(UserError, match="another recording"):
        run(tmp_path, "seed=9", landscape=other)
    assert [folder.name for folder in (tmp_path / "results/toy-8x8-bf16__toy/random").iterdir()] == ["seed-0"]


def test_a_lost_reference_is_written_again(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "results/toy-8x8-bf16__toy/reference.parquet").unlink()
    run(tmp_path, "seed=1")
    assert (tmp_path / "results/toy-8x8-bf16__toy/reference.parquet").exists()


class Stops(RandomSearch):
    """Random search that fails after ``limit`` asks."""

    limit = 12

    def ask(self, n: int) -> Sequence[Configuration]:
        type(self).limit -= 1
        if self.limit < 0:
            raise RuntimeError("enough")
        return super().ask(n)


def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[object]]:
    """Return the trace of the same run without a failure."""
    monkeypatch.setattr(Stops, "limit", 1000)
    return trace(run(tmp_path, f"strategy._target_={__name__}.Stops", f"results={tmp_path / 'whole'}"))


def test_a_log_damaged_in_the_middle_is_kept_before_it_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stops = (f"strategy._target_={__name__}.Stops", "strategy.label=stops")
    expected = whole(tmp_path, monkeypatch)
    monkeypatch.setattr(Stops, "limit", 12)
    with pytest.raises(RuntimeError, match="enough"):
        run(tmp_path, *stops)
    log = tmp_path / "results/toy-8x8-bf16__toy/stops/seed-0/evaluations.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    assert len(lines) == 12
    damaged = b"".join([*lines[:7], b"{broken}\n", *lines[8:]])
    log.write_bytes(damaged)
    monkeypatch.setattr(Stops, "limit", 1000)
    folder = run(tmp_path, *stops, "resume=retry_failed")
    assert trace(folder) == expected
    assert (folder / "aborted-0/evaluations.jsonl").read_bytes() == damaged


def test_a_configuration_that_comes_second_is_refused_under_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunDirectory(tmp_path, {"config_hash": "first"}):
        pass
    checks = iter([False])
    original = RunDirectory._check_owner

    def blind_at_first(self: RunDirectory, config: dict[str, object]) -> None:
        if next(checks, True):
            original(self, config)

    monkeypatch.setattr(RunDirectory, "_check_owner", blind_at_first)
    with pytest.raises(UserError, match="another configuration"):
        RunDirectory(tmp_path, {"config_hash": "second"})


class NumpyProposals(RandomSearch):
    """A strategy that proposes equal values of other types, as strategies that draw with numpy do."""

    own_values = False

    def ask(self, n: int) -> Sequence[Configuration]:
        def foreign(value: object) -> object:
            if self.own_values:
                return value
            if isinstance(value, bool):
                return int(value)
            if isinstance(value, tuple):
                return list(value)
            return np.str_(value) if isinstance(value, str) else np.int64(value)  # type: ignore[call-overload]

        return [{name: foreign(value) for name, value in c.items()} for c in super().ask(n)]  # type: ignore[misc]


class Silent(RandomSearch):
    """A strategy that proposes nothing."""

    def ask(self, n: int) -> Sequence[Configuration]:
        return super().ask(0 * n)


def test_values_of_other_types_are_logged_as_the_spaces_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = f"strategy._target_={__name__}.NumpyProposals"
    monkeypatch.setattr(NumpyProposals, "own_values", True)
    expected = trace(run(tmp_path, target, "strategy.label=own"))
    monkeypatch.setattr(NumpyProposals, "own_values", False)
    assert trace(run(tmp_path, target, "strategy.label=numpy")) == expected


def test_a_strategy_without_a_proposal_is_no_finished_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="returned nothing at the first ask"):
        run(tmp_path, f"strategy._target_={__name__}.Silent", "strategy.label=silent")
    assert not (tmp_path / "results/toy-8x8-bf16__toy/silent/seed-0/DONE").exists()


def test_a_cut_off_last_line_is_dropped(tmp_path: Path) -> None:
    row = {"index": 0}
    with RunDirectory(tmp_path, {"config_hash": "x"}) as directory:
        (tmp_path / "evaluations.jsonl").write_bytes(orjson.dumps(row))
        assert directory.logged() == []
    assert not list(tmp_path.glob("aborted-*"))


TASK_FOLDER = "results/toy-8x8-bf16__toy"
STOPS = (f"strategy._target_={__name__}.Stops", "strategy.label=stops")


def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[bytes]]:
    """Return the log of a run that failed after 12 evaluations, and its lines; the run would now continue."""
    monkeypatch.setattr(Stops, "limit", 12)
    with pytest.raises(RuntimeError, match="enough"):
        run(tmp_path, *STOPS)
    monkeypatch.setattr(Stops, "limit", 1000)
    log = tmp_path / TASK_FOLDER / "stops/seed-0/evaluations.jsonl"
    return log, log.read_bytes().splitlines(keepends=True)


def edited(line: bytes, **values: object) -> bytes:
    """Change a value of a line and leave the rest unchanged."""
    row = orjson.loads(line)
    assert row.keys() >= values.keys()
    return orjson.dumps({**row, **values}) + b"\n"


@pytest.mark.parametrize(
    "values",
    [
        {"latency_ms": 1e-3},
        {"status": "compile_error"},
        pytest.param({"oracle_ms": 1e-3}, marks=pytest.mark.slow),
        pytest.param({"samples_ms": [1e-3]}, marks=pytest.mark.slow),
        pytest.param({"compile_s": 0.0}, marks=pytest.mark.slow),
        pytest.param({"clock_end_s": 0.0}, marks=pytest.mark.slow),
        pytest.param({"message": "x"}, marks=pytest.mark.slow),
        pytest.param({"repaired": True}, marks=pytest.mark.slow),
    ],
)
def test_a_log_that_was_changed_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, object]
) -> None:
    expected = whole(tmp_path, monkeypatch)
    log, lines = interrupted(tmp_path, monkeypatch)
    changed = b"".join([*lines[:4], edited(lines[4], **values), *lines[5:]])
    log.write_bytes(changed)
    told = {damage(log.parent), run_state(log.parent).message, study_status(tmp_path / "results").runs[-1].message}
    assert told == {"evaluations.jsonl, line 5: changed after it was written: its checksum is that of another line"}
    folder = run(tmp_path, *STOPS, "resume=retry_failed")
    assert trace(folder) == expected
    assert (folder / "aborted-0/evaluations.jsonl").read_bytes() == changed


def without_checks(lines: Sequence[bytes]) -> bytes:
    """Rewrite the log as an older NearOpt wrote it."""
    rows = [orjson.loads(line) for line in lines]
    return b"".join(orjson.dumps({k: v for k, v in row.items() if k != "check"}) + b"\n" for row in rows)


def test_a_log_without_checks_is_read_and_said_to_be_unverified(
    nearopt: Nearopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = whole(tmp_path, monkeypatch)
    log, lines = interrupted(tmp_path, monkeypatch)
    log.write_bytes(without_checks(lines))
    for state in ("failed", "interrupted"):
        code, out, _ = nearopt("status", tmp_path / "results")
        said = [line for line in out.splitlines() if line.startswith(f"{state}: ")]
        assert code == 0 and len(said) == 1 and said[0].endswith("its log has no checksums, so it is unverified")
        assert run_state(log.parent).unverified and study_status(tmp_path / "results").runs[-1].unverified
        (log.parent / "FAILED").unlink(missing_ok=True)
    words = [f"results={tmp_path / 'results'}", "budget.evaluations=20", *STOPS]
    code, out, _ = nearopt("run", f"backend.landscape={tmp_path / 'toy-8x8-bf16__toy.parquet'}", *words)
    assert code == 0 and "20 evaluations" in out and "12 of them unverified (log without checksums)" in out
    assert trace(log.parent) == expected and not list(log.parent.glob("aborted-*"))


def test_lines_after_older_ones_have_checks_that_hold_these_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, lines = interrupted(tmp_path, monkeypatch)
    log.write_bytes(without_checks(lines[:6]))
    monkeypatch.setattr(Stops, "limit", 12)
    with pytest.raises(RuntimeError, match="enough"):
        run(tmp_path, *STOPS, "resume=retry_failed")
    mixed = log.read_bytes().splitlines(keepends=True)
    assert [b'"check"' in line for line in mixed] == [False] * 6 + [True] * 6 and damage(log.parent) == ""
    log.write_bytes(b"".join([edited(mixed[0], latency_ms=1e-3), *mixed[1:]]))
    assert "line 7: changed after it was written" in damage(log.parent)


@pytest.mark.parametrize("left", [0, 1, 100, -40])
@pytest.mark.parametrize("again", ["seed=1", "seed=0"])
@pytest.mark.parametrize("older", [False, True])
def test_a_damaged_reference_is_written_again(tmp_path: Path, left: int, again: str, older: bool) -> None:
    """The file is cut off; the next run is new or already done, and the note may be that of an older NearOpt."""
    run(tmp_path)
    file, note = (tmp_path / TASK_FOLDER / name for name in ("reference.parquet", "reference.yaml"))
    if older:
        note.write_text("".join(x for x in note.read_text().splitlines(True) if not x.startswith("reference_sha256")))
    whole = pq.read_table(file)
    file.write_bytes(file.read_bytes()[:left])
    run(tmp_path, again)
    assert pq.read_table(file).equals(whole) and "reference_sha256: " in note.read_text()


def test_a_reference_with_a_flipped_bit_is_refused_and_written_again(tmp_path: Path) -> None:
    run(tmp_path)
    file = tmp_path / TASK_FOLDER / "reference.parquet"
    whole = bytearray(file.read_bytes())
    file.write_bytes(bytes([*whole[:200], whole[200] ^ 1, *whole[201:]]))
    with pytest.raises(AnalysisError, match=r"reference\.parquet: damaged: .*the sweep that made it writes it again"):
        load_study([tmp_path / "results"])
    run(tmp_path)
    assert file.read_bytes() == whole and len(load_study([tmp_path / "results"]).runs) == 1


def test_a_reference_that_is_whole_is_left_alone(tmp_path: Path) -> None:
    run(tmp_path)
    files = [tmp_path / TASK_FOLDER / name for name in ("reference.parquet", "reference.yaml")]
    before = [file.stat().st_ino for file in files]
    for seed in (0, 1):
        run(tmp_path, f"seed={seed}")
    assert [file.stat().st_ino for file in files] == before


def test_a_link_to_a_folder_that_is_gone_is_named_and_stays(tmp_path: Path) -> None:
    path = run(tmp_path)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert run(tmp_path) == path and not damage(path)
    (tmp_path / "elsewhere").rename(tmp_path / "gone")
    with pytest.raises(UserError, match="is a link to nothing where a run's folder belongs: move it away"):
        run(tmp_path)
    assert path.is_symlink()


@pytest.mark.parametrize("keep", [True, False])
def test_a_dirty_checkouts_diff_is_kept_or_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    monkeypatch.setattr(provenance, "working_diff", lambda: "+secret")
    path = run(tmp_path, f"keep_diff={str(keep).lower()}")
    held = [file for file in (tmp_path / "results").rglob("*") if file.is_file() and b"secret" in file.read_bytes()]
    assert [file.parent.name for file in held] == ["provenance"] * keep
    git = orjson.loads((path / "environment.json").read_bytes())["git"]
    assert git["dirty"] and git["diff_sha256"] == hashlib.sha256(b"+secret").hexdigest()
    config = (path / "config.yaml").read_text()
    assert "keep_diff" not in config
    assert config == (run(tmp_path, f"results={tmp_path / 'other'}") / "config.yaml").read_text()  # so is its hash
