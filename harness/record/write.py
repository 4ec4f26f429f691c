"""Write the landscape file from a complete recording's log. Needs no GPU; the log may be from another machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from statistics import median
from typing import Any

from harness.evaluation import DeviceState
from harness.landscapes.write import write_landscape
from harness.measure.activity import Activity
from harness.record.draws import drawn_so_far
from harness.record.log import LogContent
from harness.record.retime import Consistency, consistency, rescale
from search_spaces.space import SearchSpace


def write_from_log(path: Path, space: SearchSpace, content: LogContent, summary: Mapping[str, Any]) -> None:
    """Write the landscape of a complete recording.

    Args:
        summary: how the recording went, for the metadata.

    Raises:
        UserError: the metadata does not fit the schema.
    """
    latency_ms = content.latencies()
    measured_on = content.devices()
    oracle_ms, scales = rescale(latency_ms, content.retimed or {}, measured_on)
    gpus = list(dict.fromkeys(uuid for uuid in measured_on.values() if uuid))
    keys = list(content.results)
    rows = [content.results[key] for key in keys]
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
    if content.draws:
        drawn = drawn_so_far(content)
        columns["draws"] = [drawn.times.get(key, 0) for key in keys]
        columns["first_draw"] = [drawn.first.get(key) for key in keys]
    for field in fields(DeviceState):
        columns[field.name] = [getattr(row.measurement.device_state, field.name, None) for row in rows]
    metadata = {
        **content.metadata,
        "versions": {**content.metadata.get("versions", {}), **content.sessions[-1].get("versions", {})},
        "summary": {
            **summary,
            "rescale": next(iter(scales.values())) if len(scales) == 1 else scales,
            "retimed": len(content.retimed or {}),
            "gpus": gpus,
            "consistency": {uuid: asdict(agreement) for uuid, agreement in consistencies(content).items()},
            "sessions": content.sessions,
        },
    }
    if content.vendor is not None:
        metadata["vendor"] = {"name": content.vendor[0], "latency_ms": median(content.vendor[1])}
    write_landscape(path, space, columns, metadata)


def consistencies(content: LogContent) -> dict[str, Consistency]:
    """Agreement of each further device with the first one, by UUID."""
    agreements = {uuid: consistency(content.retimed or {}, other) for uuid, other in content.retimed_beside.items()}
    return {uuid: agreement for uuid, agreement in agreements.items() if agreement is not None}


def summary_of(content: LogContent, activity: Activity, wall_s: float) -> dict[str, Any]:
    """Summary of the last session in seconds and results per second, with the whole recording's counts by status."""
    counts: dict[str, int] = {}
    for row in content.results.values():
        counts[str(row.measurement.status)] = counts.get(str(row.measurement.status), 0) + 1
    session = {**asdict(activity), "handoff_s": activity.handoff_s, "total_s": wall_s}
    return {"statuses": counts, "last_session": session}
