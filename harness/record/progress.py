"""Progress of a recording, and a report on it in text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.measure.activity import Activity
from harness.record.retime import Consistency
from harness.system.text import by_status, mostly_failed, none_succeeded


@dataclass(frozen=True, kw_only=True)
class RecordingProgress:
    """Progress of a recording, and how its last session spent its time.

    Attributes:
        log: the append-only file from which the same command resumes.
        landscape: the Parquet file, ``None`` if the recording is incomplete.
        done, total: number of configurations (or draws) measured by all sessions so far, and wanted.
        searched: number of configurations visited only by searches.
        activity: how this session spent its time.
        wall_s: wall seconds of this session.
        retime_s: seconds of it spent re-timing.
        consistency: agreement of each further GPU with the first, by UUID.
        failures: counts of failed configurations by reason.
        succeeded: number of successful configurations.
        states: the device's clocks and temperatures over the whole recording, in words; empty if unknown.
        interrupted: the user stopped it.
    """

    log: Path
    landscape: Path | None
    done: int
    total: int
    activity: Activity
    wall_s: float
    retime_s: float
    searched: int = 0
    consistency: Mapping[str, Consistency] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    succeeded: int = 0
    states: str = ""
    interrupted: bool = False

    @property
    def none_succeeded(self) -> bool:
        """Whether all tried configurations failed."""
        return bool(self.failures) and not self.succeeded

    def report(self) -> str:
        """A report of several lines: the state of the recording, and how the time was spent."""
        return "\n".join(_report(self))


def _report(progress: RecordingProgress) -> Iterator[str]:
    activity = progress.activity
    if progress.landscape is None:
        yield f"stopped: {progress.done} of {progress.total} recorded in {progress.log}"
        yield "run the same command again to continue"
    else:
        more = f" and {progress.searched} more by searches" if progress.searched else ""
        yield f"recorded {progress.done} configurations{more}: {progress.landscape}"
    if progress.none_succeeded:
        yield none_succeeded(progress.failures)
        yield from by_status(progress.failures)
    elif line := mostly_failed(progress.failures, progress.succeeded + sum(progress.failures.values())):
        yield line
    if not activity.finished:
        return
    gpus = f"{activity.what} process" if activity.gpus == 1 else f"{activity.gpus} {activity.what} processes"
    yield (
        f"{activity.rate:.1f} configurations/s over {activity.wall_s:.1f} s; {gpus} busy "
        f"{activity.busy_fraction:.0%}; {activity.aliases} aliases not measured twice"
    )
    lower = min(activity.compile_limit, activity.device_limit)
    yield (
        f"limits: compile-bound {activity.compile_limit:.1f}/s ({activity.compile_workers} workers), "
        f"{activity.what}-bound {activity.device_limit:.1f}/s; reached {activity.rate / lower:.0%} of the lower"
    )
    yield (
        f"time: verify {activity.verify_s:.1f} s, benchmark {activity.benchmark_s:.1f} s, waiting for compiles "
        f"{activity.compile_wait_s:.1f} s, handing over {activity.handoff_s:.1f} s, "
        f"set-up {activity.setup_s:.1f} s, respawn {activity.respawn_s:.1f} s, re-timing {progress.retime_s:.1f} s, "
        f"searches and rest {progress.wall_s - activity.wall_s - progress.retime_s:.1f} s"
    )
    yield (
        f"compile: {activity.compile_charged_s:.0f} CPU s charged, {activity.compile_spent_s:.0f} spent (the cache "
        f"saved {activity.compile_charged_s - activity.compile_spent_s:.0f}); the timeout cut off "
        f"{activity.compile_timeouts} compiles after {activity.compile_cut_s:.0f} s in all (the longest that ended by "
        f"itself: {activity.compile_longest_s:.1f} s)"
    )
    for uuid, agreement in progress.consistency.items():
        yield (
            f"{uuid} against the first GPU, {agreement.configurations} configurations re-timed on both: median ratio "
            f"{agreement.median_ratio:.4f}, 95% within {agreement.p95_difference:.1%}, rank correlation "
            f"{agreement.rank_correlation:.5f}"
        )
    if progress.states:
        yield f"device: {progress.states}"
