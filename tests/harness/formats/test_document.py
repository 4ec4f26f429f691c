"""JSON files that are complete, compressed, cut off or damaged."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.formats import document
from harness.formats.document import read_document
from harness.formats.imports import import_file
from harness.landscapes.landscape import read_landscape
from tests.harness.formats.samples import cache, imported, t4


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def as_kernel_tuner_writes_it() -> str:
    """Write one record per line, with the cache last."""
    content = cache()
    records = content.pop("cache")
    lines = ",\n".join(json.dumps({key: record})[1:-1] for key, record in records.items())
    return json.dumps(content, indent=0)[:-2] + ',\n"cache": {\n' + lines


@pytest.mark.parametrize(("end", "complete"), [("}\n}", True), ("}}", True), ("}", False), ("", False), (",", False)])
def test_a_session_that_was_ended_early_keeps_its_records(tmp_path: Path, end: str, complete: bool) -> None:
    found = read_document(written(tmp_path / "cache.json", (as_kernel_tuner_writes_it() + end).encode()))
    assert found.complete is complete
    assert found.content["cache"] == cache()["cache"]


def test_every_cut_gives_complete_records_or_one_line(tmp_path: Path) -> None:
    text = as_kernel_tuner_writes_it() + "}\n}"
    records = cache()["cache"]
    counts = []
    for length in range(len(text)):
        path = written(tmp_path / "cache.json", text[:length].encode())
        try:
            found = read_document(path).content["cache"]
        except UserError as error:
            assert "cache.json: not a complete JSON file" in str(error)
            continue
        assert all(found[key] == records[key] for key in found)
        counts.append(len(found))
    assert counts == sorted(counts)
    assert set(counts) == {0, 1, 2, 3, 4}


def test_damage_in_the_middle_is_not_taken_for_the_end(tmp_path: Path) -> None:
    text = as_kernel_tuner_writes_it() + "}\n}"
    for damaged in (text.replace('"tile": 3', '"tile": ', 1), text.replace("},\n", "}\n", 1), text + "x"):
        with pytest.raises(UserError, match="not a complete JSON file"):
            read_document(written(tmp_path / "cache.json", damaged.encode()))


def test_a_cut_off_recording_is_a_sample(tmp_path: Path) -> None:
    landscape = imported(tmp_path, as_kernel_tuner_writes_it()[:-20])
    assert len(landscape.codes) == 3
    assert landscape.metadata["coverage"]["kind"] == "sample"
    assert "cut off" in landscape.metadata["coverage"]["drawn"]


def test_cut_off_and_foreign_files(tmp_path: Path) -> None:
    text = json.dumps(t4()).encode()
    for data in (text[:-1], gzip.compress(text)[:-30], gzip.compress(text[:-9]), b"", b"[1, 2]", b"{}", b"\x1f\x8bno",
                 b"\xff\xfe\x00", b"[" * 100_000, b'{"cache": ' * 50_000):  # fmt: skip
        path = written(tmp_path / "cache.json.gz", data)
        with pytest.raises(UserError, match=r"cache\.json\.gz") as caught:
            import_file(path, tmp_path / "out.parquet")
        assert "\n" not in str(caught.value)


def test_a_small_packed_file_may_not_fill_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is compressed 1,000 to 1 is refused before it is parsed."""
    monkeypatch.setattr(document, "FREE_BYTES", 1 << 16)
    path = written(tmp_path / "cache.json.gz", gzip.compress(b'{"cache": {}, "x": [' + b"1," * (1 << 20) + b"1]}"))
    monkeypatch.setattr(json, "loads", None)
    with pytest.raises(UserError, match=r"cache.json.gz: more than 0 MiB of text"):
        read_document(path)


@pytest.mark.parametrize("part", [b"[],", b"{},", b'{"a":1},'])
def test_containers_are_counted_before_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: bytes
) -> None:
    monkeypatch.setattr(document, "MAX_CONTAINERS", 1000)
    assert read_document(written(tmp_path / "cache.json", b'{"x": [' + part * 900 + b"1]}")).complete
    monkeypatch.setattr(json, "loads", None)
    with pytest.raises(UserError, match=r"cache.json: more than 1000 objects and lists"):
        read_document(written(tmp_path / "cache.json", b'{"x": [' + part * 1000 + b"1]}"))


@pytest.mark.parametrize("depth", [100, 800, 5_000])
@pytest.mark.parametrize("field", ["problem_size", "objective", "device_name", "x", "time", "tune_params", "cache"])
def test_deep_json_names_its_file(tmp_path: Path, depth: int, field: str) -> None:
    deep = "[" * depth + "]" * depth
    text = json.dumps({**cache(), field: "#"} if field not in ("x", "time") else cache())
    text = text.replace('"#"', deep).replace('"x": 64' if field == "x" else '"time": 1.5', f'"{field}": {deep}')
    path = written(tmp_path / "cache.json", text.encode())
    try:
        import_file(path, tmp_path / "k__gpu.parquet")
    except UserError as error:
        assert "cache.json: " in str(error) and len(str(error)) < 500 + len(str(path))
    else:
        assert field in ("problem_size", "device_name") and depth < 5_000


def test_a_pipe_is_no_recording(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "cache.json")
    with pytest.raises(UserError, match=r"cache.json: cannot be read \(not a regular file\)"):
        read_document(tmp_path / "cache.json")


def test_gzip_is_seen_by_its_bytes(tmp_path: Path) -> None:
    path = written(tmp_path / "cache.json", gzip.compress(json.dumps(cache()).encode()))
    assert len(read_landscape(import_file(path, tmp_path / "a__b.parquet").out).codes) == 4


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MAX_BYTES", 1 << 20)
    with pytest.raises(UserError, match="more than 1 MiB"):
        read_document(written(tmp_path / "bomb.json.gz", gzip.compress(b" " * (1 << 24))))


@pytest.mark.parametrize("name", ["none.json", "."])
def test_what_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_document(tmp_path / name)
