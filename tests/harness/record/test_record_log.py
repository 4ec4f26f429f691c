"""The log of a recording is checked: a line that was changed later is reported and not used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.record.log import LogContent, RecordLog, read_log

IDENTITY = {"task": "t"}


def written(path: Path, *draws: int) -> LogContent:
    """Append draws, one line each, and a re-timing to a recording's log; return its content."""
    with RecordLog(path, IDENTITY, {"task": "t"}) as log:
        log.session({"device": "d"})
        log.started({"torch": "2"})
        for index in draws:
            log.drawn(index, f"key-{index}")
        log.retimed({"key-0": [1.0, 2.0]}, ("lib", [3.0]), {})
        return log.content


def test_a_log_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "x.recording.jsonl"
    content = written(path, 0, 1)
    assert read_log(path) == content and len(content.sessions) == 1
    content = written(path, 2)
    assert read_log(path) == content and content.draws == {i: f"key-{i}" for i in range(3)}
    assert "check" not in json.dumps(content.sessions)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (b'"samples_ms":{"key-0":[1.0,2.0]', b'"samples_ms":{"key-0":[0.5,2.0]', 6),
        (b'"vendor":["lib",[3.0]]', b'"vendor":["lib",[9.0]]', 6),
        (b'"key":"key-1"', b'"key":"key-7"', 5),
        (b'"metadata":{"task":"t"}', b'"metadata":{"task":"u"}', 1),
    ],
)
def test_a_line_that_was_changed_is_named(tmp_path: Path, old: bytes, new: bytes, line: int) -> None:
    path = tmp_path / "x.recording.jsonl"
    written(path, 0, 1)
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    changed = path.read_bytes()
    for ask in (lambda: read_log(path), lambda: written(path, 2)):
        with pytest.raises(
            UserError, match=rf"line {line}: changed after it was written: .*: restore the file, or truncate"
        ):
            ask()
    assert path.read_bytes() == changed


def test_what_is_cut_off_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "x.recording.jsonl"
    whole = written(path, 0, 1)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4]) + lines[4][:-3])
    content = written(path, 1)
    assert (content.draws, content.retimed) == (whole.draws, whole.retimed) and read_log(path) == content


def test_an_older_log_is_read_and_its_lines_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.recording.jsonl"
    whole = written(path, 0, 1)
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in row.items() if k != "check"}) + "\n" for row in rows))
    assert read_log(path) == whole
    with RecordLog(path, IDENTITY, {}) as log:
        assert log.unverified == len(rows) == 6
        log.drawn(2, "key-2")
    assert read_log(path).draws[2] == "key-2"
    path.write_bytes(path.read_bytes().replace(b"key-1", b"key-9"))
    with pytest.raises(UserError, match="line 7: changed after it was written"):
        read_log(path)
