"""What a recording is made with, what identifies it, and what it reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.backends.kernel_source import kernel_source_hash
from harness.backends.task import kernel_fields
from harness.config.schema import RunConfig
from harness.measure.device import AccelDevice, nvidia_smi
from harness.measure.engine import Activity
from harness.measure.work import SessionOptions
from harness.record.retime import Consistency, Retiming
from harness.run import provenance
from harness.system.digest import digest
from kernels.base import Kernel
from search_spaces.space import SearchSpace


@dataclass(frozen=True)
class RecordOptions:
    """How a recording is made.

    Attributes:
        session: workers, timeouts, samples and the seed of order and sample (inputs are fresh in every recording).
        retiming: of the best and the anchors, afterwards.
        limit: measure only so many configurations, drawn uniformly without replacement.
        deadline_s: start no configuration after so many seconds, and stop cleanly.
        draws: measure so many independent draws, parameter by parameter, instead (see :mod:`harness.record.draws`).
            It is no part of what a recording is: a later sitting may want more.
        finish: make a landscape of the draws that there are at the deadline.
        searches: strategies, each with its seed, budget and batch, that look for better configurations in the
            whole space afterwards; what they visit has ``origin="search"`` and only sets t*.
    """

    session: SessionOptions = field(default_factory=SessionOptions)
    retiming: Retiming = field(default_factory=Retiming)
    limit: int | None = None
    deadline_s: float | None = None
    searches: tuple[RunConfig, ...] = ()
    draws: int | None = None
    finish: bool = False


@dataclass(frozen=True)
class Recording:
    """How far a recording got.

    Attributes:
        log: the append-only file; the same command goes on from it.
        landscape: the Parquet file, ``None`` while the recording is incomplete.
        done, total: configurations of the space or its sample measured so far, by all sessions, and wanted.
        searched: configurations that only searches visited.
        activity: where this session's time went.
        wall_s: of this session.
        retime_s: of it, re-timing.
        consistency: how far each further GPU agrees with the first, by UUID.
        states: the device's clocks and temperatures over the whole recording, in words; empty if unknown.
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
    states: str = ""

    def report(self) -> str:
        """Some lines for people: what there is now, and where the time went."""
        return "\n".join(_report(self))


def recording_identity(
    task: str, kernel: Kernel, space: SearchSpace, device: AccelDevice, options: RecordOptions
) -> dict[str, Any]:
    """What must not change between the sessions of one recording."""
    session = options.session
    return {
        "task": task,
        "kernel": kernel_fields(kernel),
        "kernel_source_hash": kernel_source_hash(kernel),
        "space_hash": digest(space.to_json()),
        "device": device.name,
        "seed": session.seed,
        "limit": options.limit,
        "searches": [_search_facts(search) for search in options.searches],
        "compile_timeout_s": session.compile_timeout_s,
        "run_timeout_s": session.run_timeout_s,
        "timing": session.timing.to_json(),
        **({} if options.draws is None else {"drawn": "by_parameter"}),
    }


def recording_metadata(
    task: str,
    kernel: Kernel,
    device: AccelDevice,
    options: RecordOptions,
    wanted: int,
    feasible: int | None,
    command: str,
    input_seed: int,
) -> dict[str, Any]:
    """The landscape's metadata, as far as it is known before measuring ``wanted`` of ``feasible``.

    ``feasible`` is ``None`` where the space is too large to be counted.
    """
    among = "more than can be listed" if feasible is None else str(feasible)
    drawn = f"uniformly without replacement, seed {options.session.seed}: {wanted} of {among}"
    shape = {name: value for name, value in kernel_fields(kernel).items() if name not in ("_target_", "dtype")}
    metadata: dict[str, Any] = {
        "task": task,
        "kernel": task.partition("-")[0],
        "shape": shape,
        "dtype": kernel.dtype,
        "device": device.to_json(),
        "coverage": {"kind": "exhaustive"} if wanted == feasible else {"kind": "sample", "drawn": drawn},
        "compile_workers": options.session.compile_workers,
        "driver": device.driver,
        "versions": dict(provenance.versions()),
        "kernel_source_hash": kernel_source_hash(kernel),
        "timing": {
            **options.session.timing.to_json(),
            "compile_timeout_s": options.session.compile_timeout_s,
            "run_timeout_s": options.session.run_timeout_s,
            "retiming": asdict(options.retiming),
            "seed": options.session.seed,
            "input_seed": input_seed,
        },
        "searches": [_search_facts(search) for search in options.searches],
        "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
    }
    if device.peak_flops and device.peak_bytes_per_s:
        metadata["roofline"] = {
            "flops": kernel.flops,
            "bytes": kernel.bytes_moved,
            "peak_flops": device.peak_flops,
            "peak_bytes_per_s": device.peak_bytes_per_s,
        }
    return metadata


def _search_facts(search: RunConfig) -> dict[str, Any]:
    return {
        "strategy": search.label,
        **search.strategy,
        "seed": search.seed,
        "evaluations": search.budget.evaluations,
        "batch": search.batch,
    }


def session_facts(devices: Sequence[AccelDevice]) -> dict[str, Any]:
    """The cards, and the first one's state at the start of a session."""
    return {
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "uuid": devices[0].uuid,
        "beside": [device.uuid for device in devices[1:]],
        "nvidia_smi": nvidia_smi(devices[0].uuid) if devices[0].kind == "GPU" else {},
        "commit": provenance.environment()["git"]["commit"],
    }


def _report(recording: Recording) -> Iterator[str]:
    activity = recording.activity
    if recording.landscape is None:
        yield f"stopped: {recording.done} of {recording.total} recorded in {recording.log}"
        yield "run the same command again to go on"
    else:
        more = f" and {recording.searched} more by searches" if recording.searched else ""
        yield f"recorded {recording.done} configurations{more}: {recording.landscape}"
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
        f"set-up {activity.setup_s:.1f} s, respawn {activity.respawn_s:.1f} s, re-timing {recording.retime_s:.1f} s, "
        f"searches and rest {recording.wall_s - activity.wall_s - recording.retime_s:.1f} s"
    )
    yield (
        f"compile: {activity.compile_charged_s:.0f} CPU s charged, {activity.compile_spent_s:.0f} spent (the cache "
        f"saved {activity.compile_charged_s - activity.compile_spent_s:.0f}); the timeout cut off "
        f"{activity.compile_timeouts} compiles after {activity.compile_cut_s:.0f} s in all (the longest that ended by "
        f"itself: {activity.compile_longest_s:.1f} s)"
    )
    for uuid, found in recording.consistency.items():
        yield (
            f"{uuid} against the first GPU, {found.configurations} configurations re-timed on both: median ratio "
            f"{found.median_ratio:.4f}, 95% within {found.p95_difference:.1%}, rank correlation "
            f"{found.rank_correlation:.5f}"
        )
    if recording.states:
        yield f"device: {recording.states}"
