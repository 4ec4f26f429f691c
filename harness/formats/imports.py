"""Turn one foreign recording into one landscape file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.evaluation import Status
from harness.formats.document import read_document
from harness.formats.file import ForeignFile
from harness.formats.foreign import ForeignRecording, ForeignRow
from harness.formats.kinds import Domain
from harness.formats.options import ReadOptions
from harness.formats.registry import recordings
from harness.formats.space import coverage_of, domains_of, space_of
from harness.formats.t1 import Description, read_t1
from harness.formats.units import told_range
from harness.formats.values import is_number, shown, text_of
from harness.landscapes.landscape import COSTS
from harness.landscapes.write import write_landscape
from harness.system.text import failure_reason, none_succeeded
from search_spaces.parameter import Value
from search_spaces.space import SearchSpace

PLAIN = ReadOptions()
"""Options that add nothing to what the file states."""


@dataclass(frozen=True)
class Imported:
    """The outcome of importing one recording.

    Attributes:
        configurations, failed: the number of rows of the landscape, and of those without a latency.
        failures: the number of failed rows by kind of failure.
        coverage: the landscape's coverage, in words.
        repeated, outside: the number of recorded rows that the landscape leaves out because the configuration already
            had a row, or because it breaks a described constraint.
        left_out: the entries of the file that are not evaluations: a description of each kind, and their number.
        latency: the range of the latencies, and the unit in which they were read.
    """

    out: Path
    configurations: int
    failed: int
    coverage: str
    repeated: int
    outside: int
    failures: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    latency: str = ""

    def line(self) -> str:
        """Return the line to print in the terminal."""
        counts = [f"{self.configurations} configurations", f"{self.failed} failed"]
        if self.repeated:
            counts.append(f"{self.repeated} repeats left out")
        if self.outside:
            counts.append(f"{self.outside} left out that break the described constraints")
        counts += [f"{count} {what} left out" for what, count in self.left_out.items()]
        if self.failed == self.configurations:
            counts.append(none_succeeded(self.failures))
        return f"{self.out}: {', '.join(counts)}; {self.coverage}; {self.latency}"


def read_description(path: Path) -> Description:
    """Read the space that a T1 file describes."""
    return read_t1(read_document(path))


def import_file(path: Path, out: Path, space: Path | None = None, options: ReadOptions = PLAIN) -> Imported:
    """Write the landscape of a recording, under the constraints of a T1 description if there is one.

    Raises:
        UserError: a field is at fault, or the file has several recordings. Nothing is written then.
    """
    description = None if space is None else read_description(space)
    found = recordings(ForeignFile(path), options)
    if len(found) > 1:
        names = ", ".join(shown(one.name) for one in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise UserError(f"{path}: {len(found)} recordings, {names}{more}: expected a folder for them, -o FOLDER")
    return import_recording(found[0], description, out)


def import_recording(foreign: ForeignRecording, description: Description | None, out: Path) -> Imported:
    """Write a recording as a landscape.

    Raises:
        UserError: as for :func:`import_file`.
    """
    domains = domains_of(foreign, description)
    if all(domain.parameter is None for domain in domains.values()) and len(foreign.rows) > 0:
        raise UserError(
            f"{_of(foreign)}: only one configuration, the winner: expected every configuration that was measured"
        )
    space = space_of(f"{foreign.path}: {foreign.values_field}", domains.values(), description)
    rows, configurations = _distinct(foreign, domains)
    repeated, outside = len(foreign.rows) - len(rows), 0
    if description is not None:
        kept = _inside(space, configurations, description)
        outside = kept.count(False)
        rows, configurations = list(compress(rows, kept)), list(compress(configurations, kept))
    coverage = coverage_of(foreign, description, len(rows), space)
    metadata = _metadata(out, foreign, description, coverage)
    try:
        write_landscape(out, space, _columns(rows, configurations), metadata)
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror or error})") from None
    latencies = told_range(row.latency_ms for row in rows if row.latency_ms is not None)
    return Imported(
        out=out,
        configurations=len(rows),
        failed=sum(row.status is not Status.OK for row in rows),
        coverage=f"{coverage['kind']}: {coverage['drawn']}",
        repeated=repeated,
        outside=outside,
        failures=Counter(failure_reason(row.status, row.message) for row in rows if row.status is not Status.OK),
        left_out=foreign.left_out,
        latency=f"{latencies}, read as {foreign.read_as}",
    )


def _of(foreign: ForeignRecording) -> str:
    return f"{foreign.path}: {foreign.name}" if foreign.name else str(foreign.path)


def _distinct(
    foreign: ForeignRecording, domains: Mapping[str, Domain]
) -> tuple[list[ForeignRow], list[dict[str, Value]]]:
    """Return the first row of every configuration, and the configuration."""
    first: dict[tuple[Value, ...], ForeignRow] = {}
    for row in foreign.rows:
        values = []
        for name, given in row.values.items():
            value = domains[name].value(given)
            if value is None:
                raise UserError(f"{row.where}: {name}={shown(given)}: expected one of {foreign.values_field}.{name}")
            if domains[name].parameter is not None:
                values.append(value)
        first.setdefault(tuple(values), row)
    names = [name for name, domain in domains.items() if domain.parameter is not None]
    return list(first.values()), [dict(zip(names, values, strict=True)) for values in first]


def _inside(space: SearchSpace, configurations: Sequence[Mapping[str, Value]], of: Description) -> list[bool]:
    """Return which configurations satisfy the described constraints.

    Some recordings contain more than the space that they come with: hub's GEMM was recorded before a constraint was
    added, and tuners without constraints record configurations that break them as failures.
    """
    kept: list[bool] = space.satisfied(space.encode_many(configurations)).tolist()
    if not any(kept):
        raise UserError(f"{of.path}: Conditions: no recorded configuration satisfies them")
    return kept


def _columns(rows: Sequence[ForeignRow], configurations: Sequence[Mapping[str, Value]]) -> dict[str, Any]:
    latencies = [row.latency_ms for row in rows]
    return {
        "configurations": configurations,
        "status": [row.status for row in rows],
        "latency_ms": latencies,
        "oracle_ms": latencies,
        "samples_ms": [row.samples_ms for row in rows],
        "message": [row.message for row in rows],
        "origin": ["uniform"] * len(rows),
        **{name: [row.costs_s[i] for row in rows] for i, name in enumerate(COSTS)},
    }


def _metadata(
    out: Path, foreign: ForeignRecording, description: Description | None, coverage: Mapping[str, Any]
) -> dict[str, Any]:
    task, _, slug = out.stem.partition("__")
    device = foreign.device or slug or "unknown device"
    source: dict[str, Any] = {"file": text_of(foreign.path.name), "sha256": foreign.fingerprint()}
    if description is not None:
        source["space"] = text_of(description.path.name)
    return {
        "task": task or "imported",
        "kernel": task.split("-")[0] or "imported",
        "device": {"name": device, "slug": slug_of(slug or device.lower())},
        "coverage": dict(coverage),
        "shape": {"problem_size": _problem_size(foreign.problem_size)},
        "timing": {**foreign.timing, "kernel_name": foreign.kernel},
        "recording": source,
    }


def _problem_size(given: Any) -> Any:
    sizes = given if isinstance(given, list) else [given]
    return given if all(is_number(size) for size in sizes) else text_of(given)


def slug_of(text: str) -> str:
    """Reduce a text to the characters that a device or task may have in file names."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.") or "unknown"
