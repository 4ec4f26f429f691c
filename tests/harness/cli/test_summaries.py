"""Summaries of landscapes are cached by content; a cached summary is never trusted over the file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import harness.landscapes.files
from harness.cli import summaries
from harness.cli.summaries import KIND, SOURCES, landscape_summaries
from harness.system import cache
from harness.system.cache import VARIABLE, cache_folder, keep, recall
from tests.harness.toy import write_toy
from tests.test_imports import ROOT, imported, modules


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / KIND


def unread(_files: object) -> None:
    raise AssertionError("the landscape was read again")


def test_the_second_time_nothing_is_read(tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_toy(tmp_path)
    first = landscape_summaries([file])
    assert len(first[0]) == 1 and not first[1] and len(list(kept.iterdir())) == 1
    monkeypatch.setattr(harness.landscapes.files, "read_landscapes", unread)
    assert repr(landscape_summaries([file])) == repr(first)  # nan is not nan


def test_other_content_name_or_code_is_summarised_anew(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = landscape_summaries([write_toy(tmp_path)])[0][0]
    changed = landscape_summaries([write_toy(tmp_path, seed=1)])[0][0]
    assert changed.t_star_ms != first.t_star_ms and len(list(kept.iterdir())) == 2
    (tmp_path / "toy-8x8-bf16__toy.parquet").rename(tmp_path / "mine.parquet")
    landscape_summaries([tmp_path / "mine.parquet"])
    assert len(list(kept.iterdir())) == 3
    monkeypatch.setattr(summaries, "_code", lambda: "another version")
    landscape_summaries([tmp_path / "mine.parquet"])
    assert len(list(kept.iterdir())) == 4
    for error, entries in ((0.02, 5), (0.03, 6), (0.03, 6), (None, 6)):
        ((told,), _) = landscape_summaries([tmp_path / "mine.parquet"], error)
        assert (told.uncertain and told.uncertain.relative_error) == error and len(list(kept.iterdir())) == entries


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"task": "x"}', '{"difficulties": 1}', "[" * 100_000])
def test_damage_in_the_cache_costs_time_and_nothing_else(tmp_path: Path, kept: Path, text: str) -> None:
    file = write_toy(tmp_path)
    first = landscape_summaries([file])
    (entry,) = kept.iterdir()
    entry.write_text(text)
    assert repr(landscape_summaries([file])) == repr(first)  # nan is not nan
    assert json.loads(entry.read_text())["task"] == "toy-8x8-bf16__toy"


def test_a_flipped_bit_in_the_cache_is_never_a_number(tmp_path: Path, kept: Path) -> None:
    file = write_toy(tmp_path)
    first = landscape_summaries([file])
    (entry,) = kept.iterdir()
    data = entry.read_bytes()
    for at in range(0, len(data), 7):
        entry.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert repr(landscape_summaries([file])) == repr(first), at


def test_what_another_user_or_a_link_put_there_is_not_read(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landscape_summaries([write_toy(tmp_path)])
    (entry,) = kept.iterdir()
    assert recall(KIND, entry.stem)["task"] == "toy-8x8-bf16__toy"
    with monkeypatch.context() as other:
        other.setattr(cache.os, "geteuid", lambda: entry.stat().st_uid + 1)
        assert recall(KIND, entry.stem) is None
    entry.rename(tmp_path / "elsewhere.json")
    entry.symlink_to(tmp_path / "elsewhere.json")
    assert recall(KIND, entry.stem) is None
    entry.unlink()
    os.mkfifo(entry)
    assert recall(KIND, entry.stem) is None


def test_a_file_that_is_replaced_meanwhile_is_not_kept_as_the_one_before(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_toy(tmp_path)
    read = harness.landscapes.files.read_landscapes

    def replaced_first(files: list[Path]) -> object:
        write_toy(tmp_path, seed=1)
        return read(files)

    monkeypatch.setattr(harness.landscapes.files, "read_landscapes", replaced_first)
    assert len(landscape_summaries([file])[0]) == 1 and not kept.exists()


def test_all_code_that_a_summary_depends_on_is_in_its_key() -> None:
    ours, seen, left = modules(), set(), ["harness.landscapes.files", "analysis.landscapes.summary"]
    while left:
        seen.add(module := left.pop())
        left += [name for name, _ in imported(ours[module]) if name in ours and name not in seen]
    words = ("harness.errors", "analysis.errors", "harness.system.text")  # of messages, which are not kept
    outside = [
        module
        for module in seen - set(words)
        if not any(str(ours[module].relative_to(ROOT)).startswith(source) for source in SOURCES)
    ]
    assert outside == []


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    assert len(landscape_summaries([write_toy(tmp_path)])[0]) == 1
    monkeypatch.setenv(VARIABLE, "")
    assert cache_folder() is None and recall(KIND, "x") is None
    keep(KIND, "x", {})


def test_the_folder_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "nearopt"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home/.cache/nearopt"


def test_it_does_not_grow_for_ever(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_ENTRIES", 3)
    for i in range(6):
        keep(KIND, f"{i}", {"i": i})
    assert len(list(kept.iterdir())) == 3 and recall(KIND, "5") == {"i": 5}
    keep(KIND, "large", {"x": "x" * cache.MAX_BYTES})
    assert recall(KIND, "large") is None and not (kept / "large.json").exists()


def test_a_file_that_is_no_landscape_is_told_each_time(tmp_path: Path, kept: Path) -> None:
    file = tmp_path / "x.parquet"
    file.write_bytes(b"PAR1")
    for _ in range(2):
        made, faults = landscape_summaries([file, tmp_path / "none.parquet"])
        assert not made and len(faults) == 2
    assert not kept.exists()
