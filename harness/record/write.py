"""From a complete recording's log to its landscape file. Needs no GPU: a log that was carried elsewhere will do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from statistics import median
from typing import Any

from harness.evaluation import DeviceState
from harness.landscapes.write import write_landscape
from harness.measure.engine import Activity
from harness.record.draws import drawn_so_far
from harness.record.log import Recorded
from harness.record.retime import Consistency, consistency, rescale
from search_spaces.space import SearchSpace


def write_recording(path: Path, space: SearchSpace, recorded: Recorded, summary: Mapping[str, Any]) -> None:
    """Write the landscape.

    Args:
        summary: how the recording went, for the metadata.

    Raises:
        UserError: the metadata does not fit the schema.
    """
    latency_ms = recorded.latencies()
    measured_on = recorded.devices()
    oracle_ms, scales = rescale(latency_ms, recorded.retimed or {}, measured_on)
    gpus = list(dict.fromkeys(uuid for uuid in measured_on.values() if uuid))
    keys = list(recorded.results)
    rows = [recorded.results[key] for key in keys]
    numbers = {binary: i for i, binary in enumerate(dict.fromkeys(row.binary for row in rows if row.binary))}
    columns: dict[str, Any] = {
        "configurations": [row.configuration for row in rows],
        "status": [row.measurement.status for row in rows],
        "latency_ms": [latency_ms.get(key) for key in keys],
        "oracle_ms": [oracle_ms.get(key) for key in keys],
        "samples_ms": [list(row.measurement.samples_ms) for row in rows],
        "compile_s": [row.measurement.compile_s for row in rows],
        "verify_s": [row.measurement.verify_s for row in rows],
        "benchmark_s": [row.measurement.benchmark_s for row in rows],
        "message": [row.measurement.message for row in rows],
        "origin": [row.origin for row in rows],
        "binary": [numbers.get(row.binary) for row in rows],
        "alias": [row.measurement.alias for row in rows],
        "gpu": [gpus.index(measured_on[key]) if measured_on[key] else None for key in keys],
    }
    if recorded.draws:
        found = drawn_so_far(recorded)
        columns["draws"] = [found.times.get(key, 0) for key in keys]
        columns["first_draw"] = [found.first.get(key) for key in keys]
    for field in fields(DeviceState):
        columns[field.name] = [getattr(row.measurement.device_state, field.name, None) for row in rows]
    metadata = {
        **recorded.metadata,
        "versions": {**recorded.metadata.get("versions", {}), **recorded.sessions[-1].get("versions", {})},
        "summary": {
            **summary,
            "rescale": next(iter(scales.values())) if len(scales) == 1 else scales,
            "retimed": len(recorded.retimed or {}),
            "gpus": gpus,
            "consistency": {uuid: asdict(found) for uuid, found in consistencies(recorded).items()},
            "sessions": recorded.sessions,
        },
    }
    if recorded.vendor is not None:
        metadata["vendor"] = {"name": recorded.vendor[0], "latency_ms": median(recorded.vendor[1])}
    write_landscape(path, space, columns, metadata)


def consistencies(recorded: Recorded) -> dict[str, Consistency]:
    """How far each further device agrees with the one that re-timed for the record, by UUID."""
    found = {uuid: consistency(recorded.retimed or {}, other) for uuid, other in recorded.retimed_beside.items()}
    return {uuid: agreement for uuid, agreement in found.items() if agreement is not None}


def recording_summary(recorded: Recorded, activity: Activity, wall_s: float) -> dict[str, Any]:
    """How the last session went, in seconds and results per second; the whole recording's counts by status."""
    counts: dict[str, int] = {}
    for row in recorded.results.values():
        counts[str(row.measurement.status)] = counts.get(str(row.measurement.status), 0) + 1
    session = {**asdict(activity), "handoff_s": activity.handoff_s, "total_s": wall_s}
    return {"statuses": counts, "last_session": session}
