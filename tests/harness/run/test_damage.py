"""Damaged run directories and hostile strategies: refused in one line or repaired, nothing measured is lost."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

from harness.config.compose import Composer
from harness.errors import UserError
from harness.evaluation import Configuration
from harness.run.execute import execute
from harness.run.store import RunDirectory
from harness.strategies.random import RandomSearch
from tests.harness.cli.test_cli import trace
from tests.harness.toy import write_toy

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
    with pytest.raises(UserError, match=r"damaged: config\.yaml is no file: move it away"):
        run(tmp_path)


def test_a_pipe_in_place_of_done_is_set_aside_and_the_run_is_made_again(tmp_path: Path) -> None:
    path = run(tmp_path)
    before = pq.read_table(path / "evaluations.parquet").column("latency_ms")
    (path / "DONE").unlink()
    os.mkfifo(path / "DONE")
    assert run(tmp_path) == path and (path / "DONE").is_file() and (path / "aborted-0/DONE").is_fifo()
    assert pq.read_table(path / "evaluations.parquet").column("latency_ms").equals(before)


def test_aliases_in_a_configuration_are_not_written_out(tmp_path: Path) -> None:
    """Where another run is found in the way, what differs is printed."""
    config = run(tmp_path) / "config.yaml"
    names = "abcdefghi"
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]" for last, name in pairwise(names)]
    config.write_text("\n".join(["config_hash: other", *lines]))
    with pytest.raises(UserError, match=r"config.yaml: not readable as a run's configuration"):
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
    """Random search that breaks down after ``limit`` asks."""

    limit = 12

    def ask(self, n: int) -> Sequence[Configuration]:
        type(self).limit -= 1
        if self.limit < 0:
            raise RuntimeError("enough")
        return super().ask(n)


def test_a_log_damaged_in_the_middle_is_kept_before_it_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = trace(run(tmp_path))
    stops = (f"strategy._target_={__name__}.Stops", "strategy.label=stops")
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
    """Proposes equal values of other types, as strategies that draw with numpy do."""

    def ask(self, n: int) -> Sequence[Configuration]:
        def foreign(value: object) -> object:
            if isinstance(value, bool):
                return int(value)
            if isinstance(value, tuple):
                return list(value)
            return np.str_(value) if isinstance(value, str) else np.int64(value)  # type: ignore[call-overload]

        return [{name: foreign(value) for name, value in c.items()} for c in super().ask(n)]  # type: ignore[misc]


class Silent(RandomSearch):
    """Has nothing to propose."""

    def ask(self, n: int) -> Sequence[Configuration]:
        return super().ask(0 * n)


def test_values_of_other_types_are_logged_as_the_spaces_own(tmp_path: Path) -> None:
    expected = trace(run(tmp_path))
    target = f"strategy._target_={__name__}.NumpyProposals"
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
