"""An archive of landscapes: every file is named with its digest, and both cards agree with the landscapes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.formats.archive import CARD, CHECKSUMS, CROISSANT, write_archive
from harness.formats.imports import import_file
from harness.landscapes.landscape import read_landscape
from tests.harness.toy import write_toy


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    told: list[str] = []
    write_archive([write_toy(tmp_path)], tmp_path / "archive", told.append)
    assert told == [read_landscape(write_toy(tmp_path)).name]
    return tmp_path / "archive"


def test_every_file_has_its_digest_in_both_lists(archive: Path) -> None:
    lines = (archive / CHECKSUMS).read_text().splitlines()
    listed = {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
    there = {str(path.relative_to(archive)) for folder in ("t4", "cache") for path in (archive / folder).iterdir()}
    assert set(listed) == there and len(there) == 2
    for path, digest in listed.items():
        assert hashlib.sha256((archive / path).read_bytes()).hexdigest() == digest
    card = json.loads((archive / CROISSANT).read_text())
    assert {file["contentUrl"]: file["sha256"] for file in card["distribution"]} == listed
    assert card["@type"] == "sc:Dataset" and card["conformsTo"].endswith("croissant/1.0") and card["license"]


def test_what_is_in_it_comes_back(archive: Path, tmp_path: Path) -> None:
    ours = read_landscape(write_toy(tmp_path))
    for file in (*(archive / "t4").iterdir(), *(archive / "cache").iterdir()):
        out = tmp_path / "back" / f"{file.name.partition('.')[0]}__x.parquet"
        import_file(file, out, None)
        back = read_landscape(out)
        assert len(back.oracle_ms) == len(ours.oracle_ms)
        best, theirs = (min(x for x in of.oracle_ms if x == x) for of in (ours, back))
        assert theirs == pytest.approx(best, rel=0.01)  # T4 results come back with the mean of their samples
    assert f"| {ours.name} |" in (archive / CARD).read_text()


def test_it_is_written_again_and_nothing_else_is_written_over(archive: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}
    write_archive([write_toy(tmp_path)], archive, lambda _: None)
    assert before == {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(UserError, match="mine: exists and is no archive"):
        write_archive([write_toy(tmp_path)], tmp_path / "mine", lambda _: None)
    with pytest.raises(UserError, match="a second landscape of the name"):
        write_archive([write_toy(tmp_path)] * 2, tmp_path / "twice", lambda _: None)
