"""The tuning clock: the start and end of each evaluation of a batch, computed from its costs alone."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from harness.evaluation import Measurement


@dataclass(frozen=True, slots=True)
class Span:
    """Start of the compile and end of the benchmark, in s on the tuning clock."""

    start_s: float
    end_s: float


def schedule(batch: Sequence[Measurement], workers: int, now_s: float) -> list[Span]:
    """The spans of a batch that is asked at ``now_s``.

    Compiles start in ask order, each on the first free compile worker; verification and
    benchmark run one at a time on the single GPU, first in, first out, as compiles finish (in ask order on ties).
    """
    if len(batch) == 1:
        only = batch[0]
        return [Span(now_s, now_s + only.compile_s + only.verify_s + only.benchmark_s)]
    free = [now_s] * min(workers, len(batch))
    compiled: list[tuple[float, int, float]] = []
    for i, measurement in enumerate(batch):
        start = heapq.heappop(free)
        end = start + measurement.compile_s
        heapq.heappush(free, end)
        compiled.append((end, i, start))
    spans: list[Span | None] = [None] * len(batch)
    gpu_free = now_s
    for ready, i, start in sorted(compiled):
        on_gpu = batch[i].verify_s + batch[i].benchmark_s
        end = ready
        if on_gpu > 0:
            end = gpu_free = max(gpu_free, ready) + on_gpu
        spans[i] = Span(start, end)
    return [span for span in spans if span is not None]
