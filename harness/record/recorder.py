"""Record a task's whole search space on a GPU into a landscape file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.errors import UserError
from harness.evaluation import Configuration, Status
from harness.measure.device import AccelDevice
from harness.measure.engine import Activity, Result
from harness.measure.jobs import CompiledPlan
from harness.measure.session import Session
from harness.measure.triton.nvml import describe_states
from harness.measure.work import MakeWork, usual_work
from harness.record.draws import Drawn, DrawStream, drawn_so_far, draws_coverage, measure_draws
from harness.record.facts import Recording, RecordOptions, recording_identity, recording_metadata, session_facts
from harness.record.log import RecordLog
from harness.record.retime import VENDOR, Retiming, retime
from harness.record.search import DeadlinePassed, RecordingBackend, run_search
from harness.record.write import consistencies, recording_summary, write_recording
from harness.system.progress import ProgressDisplay
from kernels.base import Kernel
from search_spaces.enumeration import Codes
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
    work: MakeWork = usual_work,
    cache: Path | None = None,
    beside: Sequence[AccelDevice] = (),
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
        cache: a compile cache shared with other recordings of this job (see :class:`~harness.measure.session.Session`).
        beside: further devices of the same model; each configuration is measured on whichever is free, and each device
            re-times the best, the first one for the record.

    Raises:
        UserError: the log belongs to another recording, or the device is taken or does not start.
        DeviceLost, PoolError, Unkillable: the device or the workers gave up; the log keeps what there is.
    """
    options = options or RecordOptions()
    start = time.monotonic()
    order_seed, retime_seed = np.random.SeedSequence(options.session.seed).spawn(2)
    stream = None if options.draws is None else DrawStream(space, order_seed)
    nothing = np.empty((0, len(space.parameters)), dtype=np.int32)
    order = draw_order(space, np.random.default_rng(order_seed), options.limit) if stream is None else nothing
    total = len(order) if options.draws is None else options.draws
    feasible = space.size if space.enumerable else None
    identity = recording_identity(task, kernel, space, device, options)
    fresh = int(np.random.SeedSequence().generate_state(1)[0])
    metadata = recording_metadata(task, kernel, device, options, total, feasible, command, fresh)
    if stream is not None:
        metadata["coverage"] = draws_coverage(stream.how, options.session.seed, Drawn(0, 0, {}, {}))
    with RecordLog(out.with_name(out.name + LOG_SUFFIX), identity, metadata) as log:
        known = log.recorded.results
        todo = [c for c in (space.decode(row) for row in order) if space.key(c) not in known]
        activity, retime_s, stopped = Activity(), 0.0, False
        missing = options.draws is not None and drawn_so_far(log.recorded).draws < options.draws
        if todo or missing or log.recorded.retimed is None:
            print(f"{task}: starting {options.session.compile_workers} compile workers", file=sys.stderr)
            inputs = log.recorded.metadata["timing"].get(
                "input_seed", fresh
            )  # the first session's, if this one goes on
            with Session(kernel, device, replace(options.session, seed=inputs), work, cache, beside) as session:
                log.session(session_facts(session.devices))
                for row in known.values():
                    if row.binary:
                        session.engine.remember(row.binary, row.measurement)
                if stream is None:
                    compiled, stopped = _measure(session, space, log, todo, start, options)
                else:
                    compiled, stopped = _draw(session, space, log, stream, start, options)
                if (started := session.worker.reported) is not None:
                    log.started(started.versions)
                activity = replace(session.engine.activity)  # searches wait for their strategies, and for each batch
                if not stopped:
                    stopped = _search(session, space, log, compiled, start, options)
                if not stopped:
                    before = time.monotonic()
                    _retime(session, log, compiled, options.retiming, np.random.default_rng(retime_seed))
                    retime_s = time.monotonic() - before
        complete = not stopped and log.recorded.retimed is not None
        if complete:
            if stream is not None:
                found = drawn_so_far(log.recorded)
                log.recorded.metadata["coverage"] = draws_coverage(stream.how, options.session.seed, found)
            summary = recording_summary(log.recorded, activity, time.monotonic() - start)
            write_recording(out, space, log.recorded, summary)
        return Recording(
            log=log.path,
            landscape=out if complete else None,
            done=sum(row.origin == "uniform" for row in known.values())
            if stream is None
            else drawn_so_far(log.recorded).draws,
            total=total,
            searched=sum(row.origin == "search" for row in known.values()),
            activity=activity,
            wall_s=time.monotonic() - start,
            retime_s=retime_s,
            consistency=consistencies(log.recorded),
            states=describe_states(
                row.measurement.device_state for row in known.values() if row.measurement.device_state is not None
            ),
        )


def draw_order(space: SearchSpace, rng: np.random.Generator, limit: int | None) -> Codes:
    """What to measure in what order, [n, d]: all of a space, or ``limit`` configurations without replacement.

    Raises:
        UserError: a space that cannot be listed, without a limit.
    """
    if space.enumerable:
        codes = space.codes()
        return codes[rng.permutation(len(codes))[:limit]]
    if limit is None:
        raise UserError("--limit: missing: the space is too large to be listed: expected --limit N")
    drawn: dict[bytes, Codes] = {}
    while len(drawn) < limit:
        drawn |= {row.tobytes(): row for row in space.sample_codes(rng, limit)}
    return np.array(list(drawn.values())[:limit])


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
                log.result(key, result, session.uuid_of(result))
                _keep(compiled, key, result)
                finished += 1
                progress.advance(_note(session.engine.incumbent_ms, finished, time.monotonic() - began, result))
        except KeyboardInterrupt:
            return compiled, True
    return compiled, finished < len(todo)


def _draw(
    session: Session, space: SearchSpace, log: RecordLog, stream: DrawStream, start: float, options: RecordOptions
) -> tuple[dict[str, CompiledPlan], bool]:
    """As :func:`_measure`, of independent draws; a deadline has not stopped it early if it is to finish then."""
    compiled: dict[str, CompiledPlan] = {}
    began, count = time.monotonic(), 0
    deadline = float("inf") if options.deadline_s is None else start + options.deadline_s
    assert options.draws is not None

    def measured(key: str, result: Result) -> str:
        nonlocal count
        count += 1
        _keep(compiled, key, result)
        return _note(session.engine.incumbent_ms, count, time.monotonic() - began, result)

    undisturbed = measure_draws(session, space, log, stream, options.draws, deadline, measured)
    draws = drawn_so_far(log.recorded).draws
    return compiled, not (undisturbed and (draws >= options.draws or (options.finish and draws > 0)))


def _keep(compiled: dict[str, CompiledPlan], key: str, result: Result) -> None:
    if result.compiled is not None and result.measurement.status is Status.OK:
        compiled[key] = result.compiled


def _search(
    session: Session,
    space: SearchSpace,
    log: RecordLog,
    compiled: dict[str, CompiledPlan],
    start: float,
    options: RecordOptions,
) -> bool:
    """Run the searches, if any; whether the deadline or the user stopped them."""
    deadline = float("inf") if options.deadline_s is None else start + options.deadline_s
    backend = RecordingBackend(session, log, space, deadline, lambda key, result: _keep(compiled, key, result))
    try:
        for config in options.searches:
            run_search(config, backend)
    except (DeadlinePassed, KeyboardInterrupt):
        return True
    return False


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
    latency_ms = log.recorded.latencies()
    results = log.recorded.results
    chosen = {key: (results[key].configuration, latency_ms[key]) for key in retiming.choose(latency_ms)}
    print(f"re-timing {len(chosen)} configurations, {retiming.rounds} rounds", file=sys.stderr)
    samples, *others = retime(session, chosen, compiled, retiming, rng)
    vendor = samples.pop(VENDOR, None)
    beside = {
        device.uuid: {key: values for key, values in other.items() if key != VENDOR}
        for device, other in zip(session.devices[1:], others, strict=True)
    }
    log.retimed(samples, (session.started.vendor, vendor) if vendor else None, beside)
