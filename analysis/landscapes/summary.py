"""The summary of a recorded landscape: failures, optimum, difficulty for random search, and provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.errors import AnalysisError
from analysis.landscapes.reference_error import Uncertain, uncertain
from analysis.reference import (
    HEADLINE_TARGET,
    TARGETS,
    Difficulty,
    by_parameter_unknown,
    difficulty,
    space_rows,
    stratum,
    true_latency,
    with_coverage,
)

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN = "–"


@dataclass(frozen=True)
class Provenance:
    """How a landscape was recorded; ``–`` if its file does not say.

    Attributes:
        device: the name that the card reports.
        date: day of the recording, UTC, YYYY-MM-DD.
        command: the command that recorded it, verbatim.
    """

    device: str = UNKNOWN
    driver: str = UNKNOWN
    torch: str = UNKNOWN
    triton: str = UNKNOWN
    date: str = UNKNOWN
    command: str = UNKNOWN


def provenance(metadata: Mapping[str, Any]) -> Provenance:
    """Read the provenance of a landscape from its metadata."""
    device, versions = (metadata.get(name) or {} for name in ("device", "versions"))
    return Provenance(
        device=str(device.get("name") or UNKNOWN),
        driver=str(metadata.get("driver") or device.get("driver") or UNKNOWN),
        torch=str(versions.get("torch") or UNKNOWN),
        triton=str(versions.get("triton") or UNKNOWN),
        date=str(metadata.get("recorded_at") or UNKNOWN)[:10],
        command=str(metadata.get("command") or UNKNOWN),
    )


@dataclass(frozen=True)
class LandscapeSummary:
    """One line of ``nearopt landscapes``.

    Attributes:
        task: name with the device, or the file's stem.
        n: configurations that represent the space (without a sample's search rows).
        failures: status to count, without ``ok``, most frequent first.
        t_star_ms: best true latency in ms, including search rows.
        median_slowdown: median latency of the successful rows over t*.
        difficulties: one per target, in the order of ``TARGETS``.
        stratum: trivial, useful or needle, by E[T] at 5%.
        roofline: fraction of the device's bound that t* reaches; nan if unknown.
        vendor: vendor latency over t*; above 1, the landscape's best is faster; nan if unknown.
        coverage: ``exhaustive`` or ``sample``.
        provenance: how it was recorded.
        by_parameter_unknown: why the law of random search by parameter is unknown; empty if it is known.
        uncertain: E[T] with the error of the recorded latencies; ``None`` if none is stated.
    """

    task: str
    n: int
    failures: dict[str, int]
    t_star_ms: float
    median_slowdown: float
    difficulties: tuple[Difficulty, ...]
    stratum: str
    roofline: float
    vendor: float
    coverage: str
    provenance: Provenance
    by_parameter_unknown: str
    uncertain: Uncertain | None = None


def summarise(
    table: pd.DataFrame, metadata: Mapping[str, Any], name: str, relative_error: float | None = None
) -> LandscapeSummary:
    """Summarise a landscape table (columns status, latency_ms, oracle_ms, optionally origin) and its metadata.

    Args:
        metadata: the JSON document of the file (coverage, vendor, roofline ...); may be empty.
        name: the landscape's name, ``<task>__<device>`` or the file's stem.
        relative_error: of a recorded latency, if stated.

    Raises:
        AnalysisError: the landscape is empty or nothing in it succeeded.
    """
    coverage = str((metadata.get("coverage") or {}).get("kind", "exhaustive"))
    table = with_coverage(table, coverage)
    latency = true_latency(table)
    if not np.isfinite(latency).any():
        raise AnalysisError(f"{name}: no configuration has status=ok and a latency: expected at least one")
    best = float(latency.min())
    rows = space_rows(table)
    inside = true_latency(rows)
    failed = rows.loc[rows["status"] != "ok", "status"].value_counts()
    difficulties = tuple(difficulty(rows, best, target) for target in TARGETS)
    e5 = difficulties[TARGETS.index(HEADLINE_TARGET)].expected_evaluations
    return LandscapeSummary(
        task=name,
        n=len(rows),
        failures={str(status): int(count) for status, count in failed.items()},
        t_star_ms=best,
        median_slowdown=float(np.median(inside[np.isfinite(inside)])) / best if np.isfinite(inside).any() else np.inf,
        difficulties=difficulties,
        stratum=stratum(e5),
        roofline=roofline_fraction(best, metadata.get("roofline")),
        vendor=_ratio((metadata.get("vendor") or {}).get("latency_ms"), best),
        coverage=coverage,
        provenance=provenance(metadata),
        by_parameter_unknown=by_parameter_unknown(table, coverage),
        uncertain=None if relative_error is None else uncertain(table, name, relative_error),
    )


def summarise_all(
    landscapes: Iterable[tuple[str, pd.DataFrame, Mapping[str, Any]]], relative_error: float | None = None
) -> tuple[list[LandscapeSummary], dict[str, str]]:
    """Summarise each (name, table, metadata); also return, by name, why a landscape has no summary."""
    summaries, faults = [], {}
    for name, table, metadata in landscapes:
        try:
            summaries.append(summarise(table, metadata, name, relative_error))
        except AnalysisError as error:
            faults[name] = str(error).removeprefix(f"{name}: ")
    return summaries, faults


def roofline_fraction(latency_ms: float, roofline: Mapping[str, Any] | None) -> float:
    """max(FLOPs / peak FLOP/s, bytes / peak bytes/s) over the latency (Williams et al. 2009); nan if unknown."""
    if not roofline:
        return float("nan")
    bounds = [
        float(roofline[work]) / float(roofline[peak])
        for work, peak in (("flops", "peak_flops"), ("bytes", "peak_bytes_per_s"))
        if roofline.get(work) is not None and roofline.get(peak)
    ]
    return 1e3 * max(bounds) / latency_ms if bounds else float("nan")


def _ratio(value: Any, best: float) -> float:
    return float(value) / best if value else float("nan")
