"""An archive of landscapes lists every file with its digest, and both cards agree with the landscapes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
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
    there = {path.relative_to(archive).as_posix() for path in archive.rglob("*") if path.is_file()}
    assert set(listed) == there - {CHECKSUMS} and len(listed) == 5
    for path, digest in listed.items():
        assert hashlib.sha256((archive / path).read_bytes()).hexdigest() == digest
    card = json.loads((archive / CROISSANT).read_text())
    described = {file["contentUrl"]: file["sha256"] for file in card["distribution"]}
    assert described == {path: digest for path, digest in listed.items() if path not in (CARD, CROISSANT)}


def test_the_croissant_has_what_its_specification_asks_for(archive: Path, tmp_path: Path) -> None:
    """The fields that Croissant 1.0 requires, and those that mlcroissant 1.1 insists on."""
    card = json.loads((archive / CROISSANT).read_text())
    assert card["@context"]["@language"] == "en" and card["@context"]["cr"] == "http://mlcommons.org/croissant/"
    assert {"@vocab", "sc", "dct", "conformsTo", "recordSet", "field", "source", "extract"} <= card["@context"].keys()
    assert card["@type"] == "sc:Dataset" and "http://mlcommons.org/croissant/1.0" in card["conformsTo"]
    for name in ("name", "description", "license", "creator", "datePublished", "version", "citeAs", "keywords",
                 "rai:dataCollection"):  # fmt: skip
        assert card[name], name
    year, month, day = map(int, card["datePublished"].split("-"))
    assert card["version"] == f"{year}.{month}.{day}" and "url" not in card
    ids = [file["@id"] for file in card["distribution"]]
    assert len(set(ids)) == len(ids) == 3
    for file in card["distribution"]:
        assert file["@type"] == "cr:FileObject" and {"name", "contentUrl", "encodingFormat", "sha256"} <= file.keys()
    (records,) = card["recordSet"]
    columns = pq.read_schema(archive / "landscapes" / f"{records['name']}.parquet")
    types = {field["name"]: (field["dataType"], field.get("repeated", False)) for field in records["field"]}
    assert list(types) == columns.names
    assert types["config.schedule"] == ("sc:Text", False) and types["config.block"] == ("sc:Integer", False)
    assert types["samples_ms"] == ("sc:Float", True) and types["config.overlap"] == ("sc:Boolean", False)
    assert types["config.order"] == ("sc:Integer", True)
    for field in records["field"]:
        assert field["source"] == {
            "fileObject": {"@id": f"landscapes/{records['name']}.parquet"}, "extract": {"column": field["name"]},
        }  # fmt: skip
    write_archive([write_toy(tmp_path)], tmp_path / "again", lambda _: None, "https://HOST/landscapes")
    assert json.loads((tmp_path / "again" / CROISSANT).read_text())["url"] == "https://HOST/landscapes"


def test_what_is_in_it_comes_back(archive: Path, tmp_path: Path) -> None:
    ours = read_landscape(write_toy(tmp_path))
    assert read_landscape(archive / "landscapes" / ours.path.name).sha256 == ours.sha256
    for file in (*(archive / "t4").iterdir(), *(archive / "cache").iterdir()):
        out = tmp_path / "back" / f"{file.name.partition('.')[0]}__x.parquet"
        import_file(file, out, None)
        back = read_landscape(out)
        assert len(back.oracle_ms) == len(ours.oracle_ms)
        best, theirs = (min(x for x in of.oracle_ms if x == x) for of in (ours, back))
        assert theirs == pytest.approx(best, rel=0.01)  # T4 results come back with the mean of their samples
    assert f"| {ours.name} |" in (archive / CARD).read_text()


def test_the_card_says_how_each_was_recorded(tmp_path: Path) -> None:
    recorded = {
        "timing": {"samples": 20, "max_samples": 60, "retiming": {"factor": 1.25, "rounds": 8}},
        "driver": "580.1", "versions": {"triton": "3.6.0", "numpy": "2.5"}, "recorded_at": "2026-11-23T20:32:50+00:00",
    }  # fmt: skip
    imported = {"recording": {"file": "x.json"}, "timing": {"source": "T4 results"}}
    write_archive(
        [write_toy(tmp_path, "a__x", **recorded), write_toy(tmp_path, "b__x", **recorded),
         write_toy(tmp_path, "c__x", **imported), write_toy(tmp_path, "d__x")],
        tmp_path / "out", lambda _: None,
    )  # fmt: skip
    ways = [
        "2 landscapes compiled, checked against a high-precision reference and timed by `nearopt record`; 20 to 60 "
        "latency samples a configuration; those within 1.25 × of the best timed again in 8 interleaved rounds; "
        "driver 580.1, triton 3.6.0",
        "1 landscape imported: T4 results of another tuner",
        "1 landscape made by hand: its metadata does not say how",
    ]
    assert "\n".join(f"- {way}" for way in ways) in (tmp_path / "out" / CARD).read_text()
    card = json.loads((tmp_path / "out" / CROISSANT).read_text())
    assert card["rai:dataCollection"] == ". ".join(ways) + "."
    assert (card["datePublished"], card["version"]) == ("2026-11-23", "2026.11.23")


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
