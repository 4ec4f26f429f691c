"""Record a task's whole search space on a GPU into a landscape file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from harness.evaluation import Configuration, Status
from harness.gpu.device import AccelDevice
from harness.gpu.engine import Activity, Result
from harness.gpu.jobs import CompiledPlan
from harness.gpu.session import MakeWork, Session, cuda_work
from harness.landscape import write_landscape
from harness.progress import ProgressDisplay
from harness.record_facts import (
    Recording,
    RecordOptions,
    recording_identity,
    recording_metadata,
    session_facts,
)
from harness.record_log import Recorded, RecordLog
from harness.retime import VENDOR, Retiming, rescale, retime
from kernels.base import Kernel
from search_spaces.space import SearchSpace

LOG_SUFFIX = ".recording.jsonl"


def record(
    task: str,
    kernel: Kernel,
    space: SearchSpace,
    out: Path,
    device: AccelDevice,
    options: RecordOptions | None = None,
    *,
    command: str = "",
    work: MakeWork = cuda_work,
) -> Recording:
    """Measure every feasible configuration once, in random order, re-time the best, write the landscape.

    Each measurement is appended to ``out`` + ``.recording.jsonl`` as it is made; another call with the same
    arguments goes on where an interrupted one (deadline, Ctrl-C, SIGKILL) stopped.

    Args:
        task: the task's name without the device.
        kernel, space: what is measured.
        out: the landscape file to write.
        device: on what.
        options: how.
        command: kept in the metadata.
        work: what the processes run; tests put fakes here.

    Raises:
        UserError: the log belongs to another recording, or the device is taken or does not start.
        DeviceLost, PoolError, Unkillable: the device or the workers gave up; the log keeps what there is.
    """
    options = options or RecordOptions()
    start = time.monotonic()
    codes = space.codes()
    order_seed, retime_seed = np.random.SeedSequence(options.session.seed).spawn(2)
    order = np.random.default_rng(order_seed).permutation(len(codes))[: options.limit]
    identity = recording_identity(task, kernel, space, device, options)
    metadata = recording_metadata(task, kernel, device, options, len(order), len(codes), command)
    with RecordLog(out.with_name(out.name + LOG_SUFFIX), identity, metadata) as log:
        known = log.recorded.results
        todo = [c for c in (space.decode(codes[i]) for i in order) if space.key(c) not in known]
        activity, retime_s, stopped = Activity(), 0.0, False
        if todo or log.recorded.retimed is None:
            with Session(kernel, device, options.session, work) as session:
                activity = session.engine.activity
                log.session(session_facts(device, session))
                best = min((m.latency_ms for _, m in known.values() if m.latency_ms is not None), default=None)
                session.engine.incumbent_ms = best
                compiled, stopped = _measure(session, space, log, todo, start, options)
                if not stopped:
                    before = time.monotonic()
                    _retime(session, log, compiled, options.retiming, np.random.default_rng(retime_seed))
                    retime_s = time.monotonic() - before
        complete = not stopped and log.recorded.retimed is not None
        if complete:
            summary = _summary(log.recorded, activity, time.monotonic() - start)
            write_recording(out, space, log.recorded, summary)
        return Recording(
            log.path, out if complete else None, len(known), len(order), activity,
            time.monotonic() - start, retime_s,
        )  # fmt: skip


def _measure(
    session: Session,
    space: SearchSpace,
    log: RecordLog,
    todo: Sequence[Configuration],
    start: float,
    options: RecordOptions,
) -> tuple[dict[str, CompiledPlan], bool]:
    """Measure and log; the compiled plans by key, and whether it stopped early."""
    compiled: dict[str, CompiledPlan] = {}
    began = time.monotonic()

    def until_deadline() -> Iterator[Configuration]:
        for configuration in todo:
            if options.deadline_s is not None and time.monotonic() - start > options.deadline_s:
                return
            yield configuration

    finished = 0
    with ProgressDisplay(f"record {log.path.name.removesuffix(LOG_SUFFIX)}", len(todo)) as progress:
        try:
            for result in session.engine.evaluate(until_deadline()):
                key = space.key(result.configuration)
                log.result(key, result.configuration, result.measurement)
                if result.compiled is not None and result.measurement.status is Status.OK:
                    compiled[key] = result.compiled
                finished += 1
                progress.advance(_note(session.engine.incumbent_ms, finished, time.monotonic() - began, result))
        except KeyboardInterrupt:
            return compiled, True
    return compiled, finished < len(todo)


def _note(best_ms: float | None, finished: int, elapsed_s: float, result: Result) -> str:
    best = "" if best_ms is None else f"best {best_ms:.4g} ms, "
    return f"{best}{finished / max(elapsed_s, 1e-9):.1f}/s, last {result.measurement.status}"


def _retime(
    session: Session,
    log: RecordLog,
    compiled: Mapping[str, CompiledPlan],
    retiming: Retiming,
    rng: np.random.Generator,
) -> None:
    latency_ms = _latencies(log.recorded)
    results = log.recorded.results
    chosen = {key: (results[key][0], latency_ms[key]) for key in retiming.choose(latency_ms)}
    print(f"re-timing {len(chosen)} configurations, {retiming.rounds} rounds", file=sys.stderr)
    samples = retime(session, chosen, compiled, retiming, rng)
    vendor = samples.pop(VENDOR, None)
    log.retimed(samples, (session.started.vendor, vendor) if vendor else None)


def write_recording(path: Path, space: SearchSpace, recorded: Recorded, summary: Mapping[str, Any]) -> None:
    """Write the landscape of a complete recording. Needs no GPU: a log that was carried elsewhere will do.

    Raises:
        UserError: the metadata does not fit the schema.
    """
    latency_ms = _latencies(recorded)
    oracle_ms, scale = rescale(latency_ms, recorded.retimed or {})
    keys = list(recorded.results)
    rows = [recorded.results[key] for key in keys]
    columns = {
        "configurations": [configuration for configuration, _ in rows],
        "status": [measurement.status for _, measurement in rows],
        "latency_ms": [latency_ms.get(key) for key in keys],
        "oracle_ms": [oracle_ms.get(key) for key in keys],
        "samples_ms": [list(measurement.samples_ms) for _, measurement in rows],
        "compile_s": [measurement.compile_s for _, measurement in rows],
        "verify_s": [measurement.verify_s for _, measurement in rows],
        "benchmark_s": [measurement.benchmark_s for _, measurement in rows],
        "message": [measurement.message for _, measurement in rows],
        "origin": ["uniform"] * len(rows),
    }
    metadata = {
        **recorded.metadata,
        "versions": {**recorded.metadata.get("versions", {}), **recorded.sessions[-1].get("versions", {})},
        "summary": {**summary, "rescale": scale, "retimed": len(recorded.retimed or {}), "sessions": recorded.sessions},
    }
    if recorded.vendor is not None:
        metadata["vendor"] = {"name": recorded.vendor[0], "latency_ms": median(recorded.vendor[1])}
    write_landscape(path, space, columns, metadata)


def _latencies(recorded: Recorded) -> dict[str, float]:
    return {key: m.latency_ms for key, (_, m) in recorded.results.items() if m.latency_ms is not None}


def _summary(recorded: Recorded, activity: Activity, wall_s: float) -> dict[str, Any]:
    """How the last session went; the whole recording's counts by status."""
    counts: dict[str, int] = {}
    for _, measurement in recorded.results.values():
        counts[str(measurement.status)] = counts.get(str(measurement.status), 0) + 1
    return {"statuses": counts, "last_session": {**asdict(activity), "total_s": wall_s}}
