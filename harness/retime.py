"""Re-timing: the best configurations and some anchors, interleaved in random order in one process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np

from harness.evaluation import Configuration, Status
from harness.gpu.jobs import CompiledPlan, Resample
from harness.gpu.session import Session

VENDOR = ""
"""Stands for the vendor's call among configuration keys."""


@dataclass(frozen=True, slots=True)
class Retiming:
    """What is re-timed, and how often.

    Attributes:
        factor: everything within this factor of the best …
        limit: … but at most so many, the fastest.
        anchors: slower configurations, spread evenly over the ranks, that tie the rest to the same scale.
        rounds: visits of each, every round in a new random order.
        samples: taken at each visit.
        slow_ms: configurations slower than this get one sample a visit.
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
) -> dict[str, list[float]]:
    """Samples in ms by key (``VENDOR`` too, if the kernel has such a call).

    Args:
        session: on whose device.
        chosen: configuration and latency in ms by key.
        compiled: what is compiled already; the rest is compiled first.

    A configuration that fails now, though it passed before, is left out; if it takes the process down,
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
    while True:
        restarts = session.worker.restarts
        samples = _rounds(session, jobs, retiming.rounds, rng)
        if samples is not None and session.worker.restarts == restarts:
            return samples


def _rounds(
    session: Session, jobs: dict[str, Resample], rounds: int, rng: np.random.Generator
) -> dict[str, list[float]] | None:
    """All rounds; ``None`` (and the culprit removed from ``jobs``) when the process was lost."""
    samples: dict[str, list[float]] = {key: [] for key in jobs}
    for _ in range(rounds):
        keys = list(jobs)
        for index in rng.permutation(len(keys)):
            key = keys[index]
            reply = session.worker.run(jobs[key])
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


def rescale(latency_ms: Mapping[str, float], retimed_ms: Mapping[str, list[float]]) -> tuple[dict[str, float], float]:
    """Best known latency in ms of every configuration, and the scale used where it was not re-timed.

    Re-timed: the median of its re-timed samples. The rest: its latency times the median over the
    re-timed of oracle over latency, so that all are on the scale of the one interleaved batch.
    """
    fresh = {key: median(samples) for key, samples in retimed_ms.items() if samples and key in latency_ms}
    scale = median(fresh[key] / latency_ms[key] for key in fresh) if fresh else 1.0
    return {key: fresh.get(key, value * scale) for key, value in latency_ms.items()}, scale
