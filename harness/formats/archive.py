"""An archive of landscapes: our own files, the same as T4 results and Kernel Tuner caches, checksums and a data card.

There are two cards: one for people (README.md), and one of Croissant metadata (croissant.json, see
:mod:`~.croissant`), which names every file with its SHA-256. SHA256SUMS lists every file except itself;
:mod:`~.fetch` checks files against it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import UserError
from harness.formats.card import Entry, card, how_recorded, ways
from harness.formats.croissant import croissant, fields_of
from harness.formats.export import export
from harness.landscapes.landscape import Landscape, read_landscape
from harness.system.atomic import replacing, write_text, writing

CHECKSUMS, CARD, CROISSANT = "SHA256SUMS", "README.md", "croissant.json"
OWN = "landscapes"
FOLDERS = {"t4": ("t4", "_T4.json.gz"), "cache": ("cache", ".json")}
"""The folder and the file suffix of each format. Kernel Tuner's simulation mode reads only uncompressed caches."""


def write_archive(files: Sequence[Path], out: Path, told: Callable[[str], None], url: str | None = None) -> list[Entry]:
    """Write the archive of these landscapes into the folder ``out``.

    Args:
        url: where it will be published, for its card.
        told: called with the name of each landscape when it is written.

    Raises:
        UserError: ``out`` holds something else, two landscapes have one name, or a file cannot be read or written.
    """
    own = {CHECKSUMS, CARD, CROISSANT, OWN, *(folder for folder, _ in FOLDERS.values())}
    if out.exists() and (not out.is_dir() or any(file.name not in own for file in out.iterdir())):
        raise UserError(f"-o {out}: exists and is no archive: expected a new folder")
    entries: list[Entry] = []
    for file in files:
        landscape = read_landscape(file)
        if any(entry.landscape == landscape.name for entry in entries):
            raise UserError(f"{file}: a second landscape of the name {landscape.name}: expected each once")
        entries.append(_entry(landscape, out))
        told(landscape.name)
    listed = [file for entry in entries for file in entry.files]
    tables = {entry.files[0][0]: entry.fields for entry in entries}
    day = _published(entries, files)
    texts = {
        CARD: card(entries, CHECKSUMS, CROISSANT),
        CROISSANT: json.dumps(croissant(listed, tables, day, ways(entries), url), indent=1) + "\n",
    }
    listed += [(name, hashlib.sha256(text.encode()).hexdigest()) for name, text in texts.items()]
    for name, text in texts.items():
        _write(out / name, text)
    _write(out / CHECKSUMS, "".join(f"{digest}  {path}\n" for path, digest in listed))
    return entries


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from None


def _entry(landscape: Landscape, out: Path) -> Entry:
    metadata = landscape.metadata
    own = f"{OWN}/{landscape.name}.parquet"
    _copy(landscape.path, out / own)
    digests = [(own, landscape.sha256)]
    for format_, (folder, ending) in FOLDERS.items():
        path = export(landscape, format_, out / folder / f"{landscape.name}{ending}")
        digests.append((f"{folder}/{path.name}", hashlib.sha256(path.read_bytes()).hexdigest()))
    failed = sum(latency is None or latency != latency for latency in landscape.oracle_ms)
    return Entry(
        landscape=landscape.name,
        kernel=str(metadata.get("kernel") or landscape.name.partition("-")[0]),
        device=str(metadata["device"]["name"]),
        recorded_at=str(metadata.get("recorded_at", "")),
        how=how_recorded(metadata),
        configurations=len(landscape.oracle_ms),
        failed=failed,
        coverage=str(metadata["coverage"]["kind"]),
        files=tuple(digests),
        fields=fields_of(landscape.path),
    )


def _copy(source: Path, target: Path) -> None:
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as written:
            written.write_bytes(source.read_bytes())


def _published(entries: Sequence[Entry], files: Sequence[Path]) -> str:
    """Return the day of the latest recording; imported recordings do not state it, so their files' dates count."""
    days = [entry.recorded_at[:10] for entry in entries]
    if said := max((day for day in days if _is_day(day)), default=""):
        return said
    return datetime.fromtimestamp(max(file.stat().st_mtime for file in files), UTC).strftime("%Y-%m-%d")


def _is_day(text: str) -> bool:
    try:
        return bool(datetime.strptime(text, "%Y-%m-%d"))
    except ValueError:
        return False
