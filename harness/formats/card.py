"""The data card of an archive for people: its content, how it was recorded, its licence and its limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.formats.croissant import Field

SOFTWARE = ("torch", "triton", "helion", "cuda")
"""Packages whose versions are on the card, because latencies depend on them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One landscape of the archive.

    Attributes:
        landscape, kernel, device, recorded_at: its name, and these facts as its metadata states them.
        how: how it was recorded, in words.
        configurations, failed: the number of its rows, and of those without a latency.
        coverage: exhaustive or sampled.
        files: relative paths and their SHA-256 digests.
        fields: the columns of our own file, the first of ``files``.
    """

    landscape: str
    kernel: str
    device: str
    recorded_at: str
    how: str
    configurations: int
    failed: int
    coverage: str
    files: tuple[tuple[str, str], ...]
    fields: tuple[Field, ...]


def how_recorded(metadata: Mapping[str, Any]) -> str:
    """Describe how a landscape was recorded, as far as its metadata says."""
    timing = metadata.get("timing") or {}
    if "recording" in metadata:
        return f"imported: {timing.get('source', 'a recording')} of another tuner"
    if "samples" not in timing:
        return "made by hand: its metadata does not say how"
    parts = [
        "compiled, checked against a high-precision reference and timed by `nearopt record`",
        f"{timing['samples']} to {timing.get('max_samples', timing['samples'])} latency samples a configuration",
    ]
    if retiming := timing.get("retiming"):
        parts.append(
            f"those within {retiming['factor']:g} × of the best timed again in {retiming['rounds']} interleaved rounds"
        )
    versions = metadata.get("versions") or {}
    known = [f"{name} {versions[name]}" for name in SOFTWARE if name in versions]
    driver = [f"driver {metadata['driver']}"] if metadata.get("driver") else []
    return "; ".join([*parts, ", ".join([*driver, *known])] if driver or known else parts)


def ways(entries: Sequence[Entry]) -> list[str]:
    """List each way of recording with its number of landscapes, the most common first."""
    counts = Counter(entry.how for entry in entries).most_common()
    return [f"{count} landscape{'s' * (count > 1)} {how}" for how, count in counts]


def card(entries: Sequence[Entry], checksums: str, croissant: str) -> str:
    """Return the data card in Markdown.

    Args:
        checksums, croissant: the names of the files with the checksums and the Croissant metadata.
    """
    kernels = ", ".join(sorted({entry.kernel for entry in entries}))
    devices = ", ".join(sorted({entry.device for entry in entries}))
    rows = "".join(_row(entry) for entry in entries)
    how = "\n".join(f"- {way}" for way in ways(entries))
    return f"""# Recorded landscapes of GPU-kernel search spaces

{len(entries)} landscapes of the kernels {kernels} on {devices}: the latency, status and cost of every
configuration of a search space, or of a sample.

- `landscapes/`: NearOpt's own files, a Parquet table each with its search space in the metadata; nothing is lost here.
- `t4/`: T4 results of the FAIR auto-tuning schema, gzipped; `cache/`: caches that Kernel Tuner's simulation mode reads.
  An inactive parameter has its first value there, a permutation is text.
- `time` is the best known latency of a configuration in ms, `times` are the samples in ms; costs are in the files.
- Failures are kept with their kind: compile errors and timeouts, resources, wrong results, run-time errors.
- Licence: MIT. Checksums: `sha256sum -c {checksums}`. Machine-readable: `{croissant}`.
- Limits: one machine and one state of its software each, which the landscapes' own files name; clocks were not locked;
  what NearOpt recorded carries an error of 1 to 2% (experiments/oracle_error of the repository).

## How they were recorded
{how}

| landscape | kernel | device | configurations | failed | coverage | recorded |
| --- | --- | --- | --- | --- | --- | --- |
{rows}"""


def _row(entry: Entry) -> str:
    cells = (entry.landscape, entry.kernel, entry.device, entry.configurations, entry.failed, entry.coverage)
    return "".join(f"| {cell} " for cell in (*cells, entry.recorded_at)) + "|\n"
