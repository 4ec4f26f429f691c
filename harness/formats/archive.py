"""Landscapes as an archive for other people's tools: T4 results, Kernel Tuner caches, checksums and a data card.

The card is there twice: for people (README.md) and as Croissant metadata (croissant.json; MLCommons Croissant 1.0,
https://docs.mlcommons.org/croissant/docs/croissant-spec.html), which names every file with its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.formats.export import export
from harness.landscapes.landscape import Landscape, read_landscape
from harness.system.atomic import write_text

CHECKSUMS, CARD, CROISSANT = "SHA256SUMS", "README.md", "croissant.json"
LICENCE = "https://spdx.org/licenses/MIT.html"
CONTEXT = {
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
}
FOLDERS = {"t4": ("t4", "_T4.json.gz"), "cache": ("cache", ".json")}
"""By format: the folder, and how names end. Kernel Tuner's simulation mode reads caches that are not compressed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One landscape of the archive.

    Attributes:
        landscape, kernel, device, recorded_at: its name, and what its metadata says.
        configurations, failed: how many rows it has, and how many of them have no latency.
        coverage: exhaustive or sampled.
        files: relative paths and their SHA-256 digests.
    """

    landscape: str
    kernel: str
    device: str
    recorded_at: str
    configurations: int
    failed: int
    coverage: str
    files: tuple[tuple[str, str], ...]


def write_archive(files: Sequence[Path], out: Path, told: Callable[[str], None]) -> list[Entry]:
    """Write the archive of these landscapes into the folder ``out``.

    Args:
        told: called with the name of each landscape when it is written.

    Raises:
        UserError: ``out`` holds something else, two landscapes have one name, or a file cannot be read or written.
    """
    own = {CHECKSUMS, CARD, CROISSANT, *(folder for folder, _ in FOLDERS.values())}
    if out.exists() and (not out.is_dir() or any(file.name not in own for file in out.iterdir())):
        raise UserError(f"-o {out}: exists and is no archive: expected a new folder")
    entries: list[Entry] = []
    for file in files:
        landscape = read_landscape(file)
        if any(entry.landscape == landscape.name for entry in entries):
            raise UserError(f"{file}: a second landscape of the name {landscape.name}: expected each once")
        entries.append(_entry(landscape, out))
        told(landscape.name)
    sums = "".join(f"{digest}  {path}\n" for entry in entries for path, digest in entry.files)
    _write(out / CARD, card(entries))
    _write(out / CROISSANT, json.dumps(croissant(entries), indent=1) + "\n")
    _write(out / CHECKSUMS, sums)
    return entries


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from None


def _entry(landscape: Landscape, out: Path) -> Entry:
    metadata = landscape.metadata
    digests = []
    for format_, (folder, ending) in FOLDERS.items():
        path = export(landscape, format_, out / folder / f"{landscape.name}{ending}")
        digests.append((f"{folder}/{path.name}", hashlib.sha256(path.read_bytes()).hexdigest()))
    failed = sum(latency is None or latency != latency for latency in landscape.oracle_ms)
    return Entry(
        landscape=landscape.name,
        kernel=str(metadata.get("kernel") or landscape.name.partition("-")[0]),
        device=str(metadata["device"]["name"]),
        recorded_at=str(metadata.get("recorded_at", "")),
        configurations=len(landscape.oracle_ms),
        failed=failed,
        coverage=str(metadata["coverage"]["kind"]),
        files=tuple(digests),
    )


def card(entries: Sequence[Entry]) -> str:
    """The data card in Markdown."""
    kernels = ", ".join(sorted({entry.kernel for entry in entries}))
    devices = ", ".join(sorted({entry.device for entry in entries}))
    rows = "".join(_row(entry) for entry in entries)
    return f"""# Recorded landscapes of GPU-kernel search spaces

{len(entries)} landscapes of the kernels {kernels} on {devices}: every configuration (or a uniform sample)
compiled, checked against a high-precision reference and timed.

- `t4/`: T4 results of the FAIR auto-tuning schema, gzipped; `cache/`: caches that Kernel Tuner's simulation mode reads.
  An inactive parameter has its first value there, a permutation is text.
- `time` is the latency of the re-timed configuration in ms, `times` are the samples in ms; costs are in the files.
- Failures are kept with their kind: compile errors and timeouts, resources, wrong results, run-time errors.
- Licence: MIT. Checksums: `sha256sum -c {CHECKSUMS}`. Machine-readable: `{CROISSANT}`.
- Limits: one machine and one state of its software each, which the landscapes' own files name; clocks were not locked;
  latencies carry an error of 1 to 2% (experiments/oracle_error of the repository).

| landscape | kernel | device | configurations | failed | coverage | recorded |
| --- | --- | --- | --- | --- | --- | --- |
{rows}"""


def _row(entry: Entry) -> str:
    cells = (entry.landscape, entry.kernel, entry.device, entry.configurations, entry.failed, entry.coverage)
    return "".join(f"| {cell} " for cell in (*cells, entry.recorded_at)) + "|\n"


def croissant(entries: Sequence[Entry]) -> dict[str, Any]:
    """The data card as Croissant metadata (JSON-LD)."""
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "nearopt-landscapes",
        "description": "Recorded landscapes of GPU-kernel search spaces: latency, status and cost of configurations.",
        "license": LICENCE,
        "creator": {"@type": "sc:Organization", "name": "The NearOpt authors"},
        "datePublished": max((entry.recorded_at for entry in entries), default="")[:10],
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": path,
                "name": Path(path).name,
                "contentUrl": path,
                "encodingFormat": "application/gzip" if path.endswith(".gz") else "application/json",
                "sha256": digest,
            }
            for entry in entries
            for path, digest in entry.files
        ],
    }
