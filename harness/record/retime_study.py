"""``nearopt retime``: re-time what the live runs of a task found, in one interleaved batch on this GPU.

Readings of runs that are minutes and processes apart differ by a few percent, too much for a 1% target. The
batch gives all of them one scale: ``RESULTS/<task>/retimed.parquet``, which the analysis uses to judge the runs.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from harness.errors import UserError
from harness.evaluation import Configuration, Status
from harness.landscapes.table import table_codes
from harness.measure.device import AccelDevice
from harness.measure.session import Session
from harness.measure.work import MakeWork, SessionOptions, usual_work
from harness.record.retime import VENDOR, Retiming, rescale, retime
from harness.run import contract
from harness.run.given import given_default
from harness.run.state import OPEN, State, run_state
from harness.run.survey import runs_of_task
from harness.system.atomic import check_writable, replacing, writing
from harness.system.documents import read_json, read_text
from harness.system.names import check_names
from harness.system.terminal import warn
from harness.system.yaml_text import load_yaml
from kernels.base import Kernel
from search_spaces.space import SearchSpace


@dataclass(frozen=True)
class LiveEvaluation:
    """One evaluation of a live run that has a latency.

    Attributes:
        strategy, seed, index: the evaluation.
        key: key of its configuration.
        device: UUID of the GPU that the run was on.
        default: whether the run was given it as its task's default.
    """

    strategy: str
    seed: int
    index: int
    key: str
    configuration: Configuration
    latency_ms: float
    device: str
    default: bool = False


@dataclass(frozen=True)
class Retimed:
    """The result of re-timing one task.

    Attributes:
        runs, configurations: number of runs judged by the re-timing, and of configurations re-timed.
        failed: number of configurations that failed now, although they passed before: they keep their first readings.
        t_star_ms: the lowest latency.
    """

    path: Path
    runs: int
    configurations: int
    failed: int
    t_star_ms: float


def live_evaluations(folder: Path, space: SearchSpace) -> list[LiveEvaluation]:
    """Every successful evaluation of the finished live runs below ``RESULTS/<task>``.

    Raises:
        UserError: there is no finished live run, or one is of another space or damaged.
    """
    evaluations: list[LiveEvaluation] = []
    for run in _finished(folder):
        evaluations += _of_run(run, space)
    if not evaluations:
        raise UserError(f"{folder}: no finished live run with a success: expected <strategy>/seed-<n> with DONE")
    return evaluations


def _finished(folder: Path) -> list[Path]:
    """The finished runs. Damaged runs are refused, since the batch would have to be repeated with them."""
    faults: list[str] = []
    states = {run: run_state(run) for run in runs_of_task(folder, faults)}
    damaged = [(run, why) for run, (state, why) in states.items() if state is State.DAMAGED]
    if damaged or faults:
        first = f"{damaged[0][0]}: damaged: {damaged[0][1]}" if damaged else faults[0].rstrip(".")
        of = f"{len(damaged)} of {len(states)} runs damaged, the first: " if len(damaged) > 1 else ""
        raise UserError(f"{of}{first}: run its sweep again, or move it away; nothing was re-timed")
    counts = Counter(state for state, _ in states.values())
    if said := ", ".join(f"{counts[state]} of {len(states)} runs {state}" for state in OPEN if counts[state]):
        warn(f"{folder.name}: {said}: not re-timed")
    return [run for run, (state, _) in states.items() if state is State.DONE]


def _of_run(run: Path, space: SearchSpace) -> list[LiveEvaluation]:
    config, environment = _documents(run)
    backend = config.get("backend") or {}
    if backend.get("kind") != "live":
        return []
    path = run / contract.EVALUATIONS
    table = pq.read_table(path)
    ok = [status == str(Status.OK) for status in table.column(contract.STATUS).to_pylist()]
    table = table.filter(pa.array(ok))
    if not table.num_rows:
        return []
    configurations = [space.decode(row) for row in table_codes(path, table, space)]
    device = str(((environment.get("backend") or {}).get("device") or {}).get("uuid", ""))
    label, seed = str(config["strategy"]["label"]), int(config["seed"])
    indices, latencies = (table.column(name).to_pylist() for name in (contract.INDEX, contract.LATENCY_MS))
    rows = zip(indices, configurations, latencies, strict=True)
    default = given_default(config)
    of_default = None if default is None else space.key(default)
    return [
        LiveEvaluation(label, seed, index, key := space.key(c), c, latency, device, key == of_default)
        for index, c, latency in rows
    ]


def _documents(run: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        config = load_yaml(read_text(run / contract.CONFIG))
        environment = read_json(run / contract.ENVIRONMENT)
        check_names(run / contract.CONFIG, config["task"], config["strategy"]["label"])
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise UserError(f"{run}: {contract.CONFIG} or {contract.ENVIRONMENT} is damaged ({error})") from None
    return dict(config), dict(environment)


def retime_task(
    folder: Path,
    kernel: Kernel,
    space: SearchSpace,
    device: AccelDevice,
    options: SessionOptions,
    retiming: Retiming,
    rng: np.random.Generator,
    work: MakeWork = usual_work,
    finalists: int = 0,
) -> Retimed:
    """Time the best of a task's live runs again and write ``retimed.parquet`` beside them.

    Args:
        folder: ``RESULTS/<task>``.
        retiming: options of the re-timing.
        finalists: also re-time this many of the fastest of each run, and the default that it was given.

    Raises:
        UserError: there is nothing to time, everything fails now, or the device is in use.
    """
    evaluations = live_evaluations(folder, space)
    readings: dict[str, list[float]] = {}
    for one in evaluations:
        readings.setdefault(one.key, []).append(one.latency_ms)
    first = {one.key: one.configuration for one in evaluations}
    latency = {key: float(np.median(values)) for key, values in readings.items()}
    keys = dict.fromkeys([*retiming.choose(latency), *_finalists(evaluations, finalists)])
    chosen = {key: (first[key], latency[key]) for key in keys}
    check_writable(folder / contract.RETIMED)
    warn(f"{folder.name}: re-timing {len(chosen)} configurations, {retiming.rounds} rounds")
    with Session(kernel, device, options, work) as session:
        samples, *_ = retime(session, chosen, {}, retiming, rng)
        versions, name = session.started.versions, session.started.vendor
    of_vendor = samples.pop(VENDOR, None)
    if not any(samples.values()):
        raise UserError(
            f"{folder}: all {len(chosen)} configurations fail now, although they passed before: expected the same "
            "device and software, and compiles that end in time; nothing was written"
        )
    path = folder / contract.RETIMED
    failed = len(chosen) - len(samples)
    facts: contract.RetimedFacts = {
        "device": device.to_json(),
        "versions": dict(versions),
        "retiming": asdict(retiming),
        "failed": failed,
    }
    if of_vendor:
        facts["vendor"] = {"name": name, contract.LATENCY_MS: float(np.median(of_vendor))}
    _write(path, evaluations, samples, facts)
    runs = {(one.strategy, one.seed) for one in evaluations}
    best = min(float(np.median(values)) for values in samples.values() if values)
    return Retimed(path, len(runs), len(samples), failed, best)


def _finalists(evaluations: Sequence[LiveEvaluation], count: int) -> list[str]:
    """Keys of the ``count`` fastest of each run, and of the defaults that they were given; empty if it is 0."""
    if not count:
        return []
    runs: dict[tuple[str, int], list[LiveEvaluation]] = {}
    for one in evaluations:
        runs.setdefault((one.strategy, one.seed), []).append(one)
    fastest = [sorted(own, key=lambda one: one.latency_ms)[:count] for own in runs.values()]
    return [one.key for own in fastest for one in own] + [one.key for one in evaluations if one.default]


def _write(
    path: Path,
    evaluations: Sequence[LiveEvaluation],
    samples: Mapping[str, list[float]],
    facts: contract.RetimedFacts,
) -> None:
    names = [f"{one.strategy}/{one.seed}/{one.index}" for one in evaluations]
    of = dict(zip(names, evaluations, strict=True))
    oracle, scales = rescale(
        {name: one.latency_ms for name, one in of.items()},
        {name: samples.get(one.key, []) for name, one in of.items()},
        {name: one.device for name, one in of.items()},
    )
    columns: dict[str, list[Any]] = {
        contract.LABEL: [one.strategy for one in evaluations],
        contract.SEED: [one.seed for one in evaluations],
        contract.INDEX: [one.index for one in evaluations],
        contract.KEY: [one.key for one in evaluations],
        contract.ORACLE_MS: [oracle[name] for name in names],
        contract.SAMPLES_MS: [samples.get(one.key) for one in evaluations],
    }
    table = pa.table({name: pa.array(columns[name], kind) for name, kind in contract.RETIMED_COLUMNS.items()})
    at = datetime.now(UTC).isoformat(timespec="seconds")
    document: contract.RetimedDocument = {"retimed_at": at, "scales": scales, **facts}
    table = table.replace_schema_metadata({contract.METADATA_KEY: json.dumps(document).encode()})
    with writing(path), replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
