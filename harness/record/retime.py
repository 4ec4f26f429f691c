"""Re-timing: the best configurations and some anchors, interleaved in random order in one process."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

import numpy as np
from scipy.stats import spearmanr

from harness.evaluation import Configuration, Status
from harness.measure.device_worker import DeviceWorker
from harness.measure.jobs import CompiledPlan, Resample
from harness.measure.session import Session

VENDOR = ""
"""Stands for the vendor's call among configuration keys."""
ENOUGH_ANCHORS = 5
"""Fewest re-timed configurations of a device for a scale of its own."""


@dataclass(frozen=True, slots=True)
class Retiming:
    """Options of a re-timing.

    Attributes:
        factor: re-time everything within this factor of the best …
        limit: … but at most this many, the fastest.
        anchors: slower configurations, spread evenly over the ranks, that tie the rest to the same scale.
        rounds: number of visits of each, every round in a new random order.
        samples: samples taken at each visit.
        slow_ms: configurations slower than this get one sample per visit.
    """

    factor: float = 1.25
    limit: int = 500
    anchors: int = 20
    rounds: int = 8
    samples: int = 5
    slow_ms: float = 20.0

    def choose(self, latency_ms: Mapping[str, float]) -> list[str]:
        """Keys to re-time, fastest first, anchors last."""
        order = sorted(latency_ms, key=lambda key: latency_ms[key])
        if not order:
            return []
        near = [key for key in order if latency_ms[key] <= self.factor * latency_ms[order[0]]][: self.limit]
        rest = order[len(near) :]
        picks = np.unique(np.linspace(0, len(rest) - 1, min(self.anchors, len(rest))).round().astype(int))
        return near + [rest[pick] for pick in picks]


def retime(
    session: Session,
    chosen: Mapping[str, tuple[Configuration, float]],
    compiled: Mapping[str, CompiledPlan],
    retiming: Retiming,
    rng: np.random.Generator,
) -> list[dict[str, list[float]]]:
    """Samples in ms by key (``VENDOR`` too, if the kernel has such a call), for each device of the session.

    Devices work in parallel, each on all configurations in its own random order.

    Args:
        session: the session with the devices.
        chosen: configuration and latency in ms by key.
        compiled: plans that are already compiled; the rest is compiled first.

    A configuration that fails now, although it passed before, is left out; if it takes the process down,
    the rounds start again without it, so that all samples come from one process.
    """
    plans = {key: plan for key, plan in compiled.items() if key in chosen}
    plans.update(_compile(session, {key: chosen[key][0] for key in chosen if key not in plans}))
    jobs = {
        key: Resample(1 if chosen[key][1] > retiming.slow_ms else retiming.samples, chosen[key][0], plan)
        for key, plan in plans.items()
    }
    if session.started.vendor:
        jobs[VENDOR] = Resample(retiming.samples)
    with ThreadPoolExecutor(len(session.workers)) as threads:
        pairs = zip(session.workers, rng.spawn(len(session.workers)), strict=True)
        waiting = [threads.submit(_retime_on, worker, dict(jobs), retiming.rounds, own) for worker, own in pairs]
        return [future.result() for future in waiting]


def _retime_on(
    worker: DeviceWorker, jobs: dict[str, Resample], rounds: int, rng: np.random.Generator
) -> dict[str, list[float]]:
    while True:
        restarts = worker.restarts
        samples = _rounds(worker, jobs, rounds, rng)
        if samples is not None and worker.restarts == restarts:
            return samples


def _rounds(
    worker: DeviceWorker, jobs: dict[str, Resample], rounds: int, rng: np.random.Generator
) -> dict[str, list[float]] | None:
    """All rounds; ``None`` (and the culprit removed from ``jobs``) when the process was lost."""
    samples: dict[str, list[float]] = {key: [] for key in jobs}
    for _ in range(rounds):
        keys = list(jobs)
        for index in rng.permutation(len(keys)):
            key = keys[index]
            reply = worker.run(jobs[key])
            if reply.status is Status.OK:
                samples[key].extend(reply.samples_ms)
                continue
            del jobs[key], samples[key]
            if not reply.healthy:
                return None
    return samples


def _compile(session: Session, configurations: Mapping[str, Configuration]) -> dict[str, CompiledPlan]:
    keys = list(configurations)
    outcomes = session.engine.compile([configurations[key] for key in keys])
    return {keys[i]: plan for i, plan in outcomes.items()}


def rescale(
    latency_ms: Mapping[str, float], retimed_ms: Mapping[str, list[float]], measured_on: Mapping[str, str] | None = None
) -> tuple[dict[str, float], dict[str, float]]:
    """Best known latency in ms of every configuration, and by device the scale used where it was not re-timed.

    Re-timed: the median of its re-timed samples. The rest: its latency times the median over the re-timed that were
    measured on the same device of oracle over latency, so that all are on the scale of the one interleaved batch.
    A device with fewer than ``ENOUGH_ANCHORS`` of them takes the scale of all.

    Args:
        measured_on: device by configuration key; by default a single device.
    """
    on = {key: (measured_on or {}).get(key, "") for key in latency_ms}
    fresh = {key: median(samples) for key, samples in retimed_ms.items() if samples and key in latency_ms}
    ratios: dict[str, list[float]] = {device: [] for device in on.values()}
    for key, value in fresh.items():
        ratios[on[key]].append(value / latency_ms[key])
    together = [ratio for own in ratios.values() for ratio in own]
    overall = median(together) if together else 1.0
    scales = {device: median(own) if len(own) >= ENOUGH_ANCHORS else overall for device, own in ratios.items()}
    return {key: fresh.get(key, value * scales[on[key]]) for key, value in latency_ms.items()}, scales


@dataclass(frozen=True, slots=True)
class Consistency:
    """Agreement of another GPU's re-timing with the first one's.

    Attributes:
        configurations: number of configurations re-timed on both.
        median_ratio: median ratio of the other's latencies to the first's.
        p95_difference: 95th percentile of |ratio - 1|.
        rank_correlation: Spearman's rank correlation.
    """

    configurations: int
    median_ratio: float
    p95_difference: float
    rank_correlation: float


def consistency(first: Mapping[str, list[float]], other: Mapping[str, list[float]]) -> Consistency | None:
    """The agreement of two devices, from samples in ms by key; ``None`` with fewer than three common keys."""
    keys = sorted(key for key in first if first[key] and other.get(key))
    if len(keys) < 3:
        return None
    a, b = (np.array([median(samples[key]) for key in keys]) for samples in (first, other))
    ratio = b / a
    return Consistency(
        len(keys),
        float(np.median(ratio)),
        float(np.quantile(np.abs(ratio - 1), 0.95)),
        float(spearmanr(a, b).statistic),
    )
