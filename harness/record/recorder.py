"""Record a task's whole search space on a GPU into a landscape file."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from harness.errors import UserError
from harness.evaluation import Configuration, Status
from harness.measure.activity import Activity
from harness.measure.session import Session
from harness.measure.triton.nvml import describe_states
from harness.measure.work import MakeWork, usual_work
from harness.record.draws import DrawStream, drawn_so_far, draws_coverage
from harness.record.facts import Recording, recording_identity, recording_metadata, session_facts
from harness.record.log import LoggedResult, RecordLog
from harness.record.phases import Phases
from harness.record.progress import RecordingProgress
from harness.record.write import consistencies, summary_of, write_from_log
from harness.system.atomic import writing
from harness.system.terminal import warn
from harness.system.text import failure_reason
from search_spaces.enumeration import Codes
from search_spaces.space import SearchSpace


@dataclass(frozen=True)
class SessionTally:
    """The result of one recording session.

    Attributes:
        activity: how the time of measuring the space or its sample was spent.
        retime_s: seconds of re-timing.
        complete: whether every phase ended.
        interrupted: the user stopped it.
    """

    activity: Activity = field(default_factory=Activity)
    retime_s: float = 0.0
    complete: bool = True
    interrupted: bool = False


def record(recording: Recording, *, work: MakeWork = usual_work, cache: Path | None = None) -> RecordingProgress:
    """Measure every feasible configuration once, in random order, re-time the best, write the landscape.

    Each measurement is appended to the recording's log as it is made; another call with an equal recording resumes
    where an interrupted one (deadline, Ctrl-C, SIGKILL) stopped.

    Args:
        recording: what is recorded, where and how.
        work: factory of what the processes run; tests pass fakes.
        cache: a compile cache shared with other recordings of this job (see :class:`~harness.measure.session.Session`).

    Raises:
        UserError: the log belongs to another recording, or the device is in use or does not start.
        DeviceLost, CompilePoolError, Unkillable: the device or the workers failed; the log keeps the measurements made.
    """
    start = time.monotonic()
    options = recording.options
    order_seed, retime_seed = np.random.SeedSequence(options.session.seed).spawn(2)
    stream = None if options.draws is None else DrawStream(recording.space, order_seed)
    order = draw_order(recording.space, np.random.default_rng(order_seed), options.limit if stream is None else 0)
    wanted = len(order) if options.draws is None else options.draws
    input_seed = int(np.random.SeedSequence().generate_state(1)[0])
    metadata = recording_metadata(recording, wanted, input_seed)
    with RecordLog(recording.log, recording_identity(recording), metadata) as log:
        if log.unverified:
            warn(f"{log.path}: its first {log.unverified} lines have no checksums and are unverified")
        tally = SessionTally()
        missing = _missing(recording.space, order, log)
        too_few = options.draws is not None and drawn_so_far(log.content).draws < options.draws
        if missing or too_few or log.content.retimed is None:
            warn(f"{recording.task}: starting {options.session.compile_workers} compile workers")
            with _open_session(recording, log, input_seed, work, cache) as session:
                phases = Phases(recording, log, session, start)
                tally = _run_phases(phases, missing if stream is None else stream, np.random.default_rng(retime_seed))
        complete = tally.complete and log.content.retimed is not None
        drawn = None if stream is None else drawn_so_far(log.content)
        if complete:
            if stream is not None and drawn is not None:
                log.content.metadata["coverage"] = draws_coverage(stream.how, options.session.seed, drawn)
            summary = summary_of(log.content, tally.activity, time.monotonic() - start)
            with writing(recording.out):
                write_from_log(recording.out, recording.space, log.content, summary)
        rows = log.content.results.values()
        return RecordingProgress(
            log=log.path,
            landscape=recording.out if complete else None,
            done=sum(row.origin == "uniform" for row in rows) if drawn is None else drawn.draws,
            total=wanted,
            searched=sum(row.origin == "search" for row in rows),
            activity=tally.activity,
            wall_s=time.monotonic() - start,
            retime_s=tally.retime_s,
            interrupted=tally.interrupted,
            consistency=consistencies(log.content),
            failures=_failures(rows),
            succeeded=sum(row.measurement.status is Status.OK for row in rows),
            states=describe_states(
                row.measurement.device_state for row in rows if row.measurement.device_state is not None
            ),
        )


def _failures(rows: Iterable[LoggedResult]) -> dict[str, int]:
    """The failures by status and message, with their counts."""
    failed = [row.measurement for row in rows if row.measurement.status is not Status.OK]
    return dict(Counter(failure_reason(measurement.status, measurement.message) for measurement in failed))


def draw_order(space: SearchSpace, rng: np.random.Generator, limit: int | None) -> Codes:
    """Configurations to measure, in order, [n, d]: a whole space, or ``limit`` of it without replacement.

    Raises:
        UserError: the space is too large to enumerate, and there is no limit.
    """
    if space.enumerable:
        codes = space.codes()
        return codes[rng.permutation(len(codes))[:limit]]
    if limit is None:
        raise UserError("the space is too large to enumerate: add --limit N")
    drawn: dict[bytes, Codes] = {}
    while len(drawn) < limit:
        drawn |= {row.tobytes(): row for row in space.sample_codes(rng, limit)}
    return np.array(list(drawn.values())[:limit], dtype=np.int32).reshape(-1, len(space.parameters))


def _missing(space: SearchSpace, order: Codes, log: RecordLog) -> list[Configuration]:
    """Configurations that the log lacks, in their order."""
    known = log.content.results
    return [configuration for configuration in map(space.decode, order) if space.key(configuration) not in known]


def _open_session(recording: Recording, log: RecordLog, input_seed: int, work: MakeWork, cache: Path | None) -> Session:
    """A session on the inputs of the recording's first one; ``input_seed`` is that of new ones."""
    first = log.content.metadata["timing"].get("input_seed", input_seed)
    options = replace(recording.options.session, seed=first)
    return Session(recording.kernel, recording.device, options, work, cache, recording.beside)


def _run_phases(
    phases: Phases, missing: Sequence[Configuration] | DrawStream, retime_rng: np.random.Generator
) -> SessionTally:
    session, log = phases.session, phases.log
    log.session(session_facts(session.devices))
    for row in log.content.results.values():
        if row.binary:
            session.engine.remember(row.binary, row.measurement)
    measured = phases.draw(missing) if isinstance(missing, DrawStream) else phases.measure(missing)
    if (started := session.worker.reported) is not None:
        log.started(started.versions)
    activity = replace(
        session.engine.activity
    )  # a copy without the searches, which wait for their strategies and batches
    if not (measured and phases.search()):
        return SessionTally(activity, complete=False, interrupted=phases.interrupted)
    before = time.monotonic()
    phases.retime(retime_rng)
    return SessionTally(activity, retime_s=time.monotonic() - before)
