"""A committed baseline: one small JSON file with a strategy's times to target on a suite and their provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.errors import AnalysisError
from analysis.gate.side_times import Protocol, SideTimes, TaskTimes
from analysis.runs import contract
from analysis.runs.documents import read_json
from analysis.runs.names import check_names

FORMAT = 1


@dataclass(frozen=True)
class Baseline:
    """A baseline file.

    Attributes:
        protocol: the protocol of its runs; may cover more tasks than a gate needs.
        made: strategy, its arguments and their hash, suite, versions and commit; informative only.
    """

    times: SideTimes
    protocol: Protocol
    made: Mapping[str, Any]


def baseline_text(times: SideTimes, protocol: Protocol, made: Mapping[str, Any]) -> str:
    """The contents of the file, with one line per task and field so that changes are readable in a diff."""
    tasks = {
        name: {
            "landscape_sha256": protocol.landscapes[name],
            "seeds": list(task.seeds),
            "times": {f"{target:g}": [_finite(t) for t in times] for target, times in task.times.items()},
            "spent": [int(spent) for spent in task.spent],
            "starts": list(task.starts),
        }
        for name, task in times.tasks.items()
    }
    head = {
        "format": FORMAT,
        "label": times.label,
        "runs": times.runs,
        "evaluations": protocol.evaluations,
        "noise": protocol.noise,
        contract.STREAMS: times.streams,
        "made": dict(made),
    }
    lines = [f"{json.dumps(name)}: {json.dumps(value, default=str)}" for name, value in head.items()]
    body = ",\n ".join(f"{json.dumps(name)}: {{\n  {_fields(task)}}}" for name, task in tasks.items())
    return "{" + ",\n".join([*lines, f'"tasks": {{\n {body}}}']) + "}\n"


def _fields(task: Mapping[str, Any]) -> str:
    return ",\n  ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in task.items())


def _finite(value: float) -> int | None:
    return int(value) if np.isfinite(value) else None


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file.

    Raises:
        AnalysisError: the file cannot be read, is damaged or has another format.
    """
    try:
        document = read_json(path)
        if document["format"] != FORMAT:
            raise AnalysisError(f"{path}: format={document['format']}: expected {FORMAT}")
        for name in document["tasks"]:
            check_names(path, name, document["label"])
        tasks = {str(name): _task(task) for name, task in document["tasks"].items()}
        landscapes = {str(name): str(task["landscape_sha256"]) for name, task in document["tasks"].items()}
        protocol = Protocol(int(document["evaluations"]), str(document["noise"]), landscapes)
        streams = int(document.get(contract.STREAMS, contract.FIRST_STREAMS))
        times = SideTimes(str(document["label"]), f"baseline {path}", tasks, streams=streams)
        return Baseline(times, protocol, dict(document["made"]))
    except OSError as error:
        raise AnalysisError(f"{path}: cannot be read ({error.strerror}): expected a baseline file") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise AnalysisError(
            f"{path}: damaged ({type(error).__name__}: {error}): expected what --update-baseline writes"
        ) from None


def _task(document: Mapping[str, Any]) -> TaskTimes:
    seeds = tuple(int(seed) for seed in document["seeds"])
    times = {
        float(target): np.array([np.inf if t is None else float(t) for t in values])
        for target, values in document["times"].items()
    }
    spent, starts = np.array(document["spent"], dtype=np.float64), tuple(str(start) for start in document["starts"])
    lengths = {len(seeds), len(spent), len(starts), *map(len, times.values())}
    if len(lengths) != 1 or len(set(seeds)) != len(seeds) or not seeds:
        raise ValueError(f"{len(seeds)} seeds: expected as many times, spent and starts, and no seed twice")
    return TaskTimes(seeds, times, spent, starts)


def fitting(baseline: Baseline, wanted: Protocol, source: str) -> SideTimes:
    """The baseline's times on the tasks of a suite.

    Raises:
        AnalysisError: the baseline was made for another suite or another version of a landscape.
    """
    own = baseline.protocol
    for name in ("evaluations", "noise"):
        if getattr(own, name) != getattr(wanted, name):
            raise AnalysisError(
                f"{source}: made for another suite: {name}={getattr(own, name)}, this one has {getattr(wanted, name)}"
            )
    for task, sha256 in wanted.landscapes.items():
        if task not in own.landscapes:
            raise AnalysisError(f"{source}: made for another suite: it has no runs of {task}")
        if own.landscapes[task] != sha256:
            raise AnalysisError(
                f"{source}: made for another recording of {task} (landscape_sha256={own.landscapes[task][:12]}, "
                f"this one {sha256[:12]})"
            )
    return replace(
        baseline.times, source=source, tasks={name: baseline.times.tasks[name] for name in wanted.landscapes}
    )
