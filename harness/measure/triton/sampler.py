"""Latency samples by CUDA events, each with a cold L2 cache."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import torch

from harness.measure.timing import IDLE_S

FLUSH_BYTES = 128 * 2**20
"""Bytes written before every sample, if they are at least twice the L2 cache."""
LAUNCH_OVERHEAD_MS = 0.04
"""Generous host time for queueing one sample; the device is kept busy this long before the first."""


class Sampler:
    """Times launches on the current stream.

    Args:
        device: where the flushed buffer lives.
        l2_bytes: size of the cache to flush.
        warmup_s: device time of warm-up after the device was idle, in s.
        graph: launches are captured into CUDA graphs and replayed.

    Attributes:
        flush_ms: device time of one flush.
    """

    def __init__(self, device: torch.device, l2_bytes: int, warmup_s: float, graph: bool = False) -> None:
        self._graph = graph
        self._buffer = torch.empty(max(FLUSH_BYTES, 2 * l2_bytes) // 4, dtype=torch.int32, device=device)
        self._warmup_s = warmup_s
        self._events: list[torch.cuda.Event] = []
        self._last_work = 0.0
        self.flush_ms = 0.05
        self._flush()
        self.flush_ms = max(0.01, sorted(self.samples(self._flush, 5))[2])

    def prepare(self, launch: Callable[[], object]) -> Callable[[], object]:
        """The callable that :meth:`samples` times for ``launch``: itself, or the replay of a graph that contains it.

        Args:
            launch: a call that has run on the current stream, which is not the legacy default stream.
        """
        if not self._graph:
            return launch
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        graph.capture_begin()
        try:
            launch()
        finally:
            graph.capture_end()
        replay: Callable[[], object] = graph.replay
        return replay

    def samples(self, launch: Callable[[], object], n: int) -> list[float]:
        """``n`` latencies of ``launch`` in ms; with a single synchronisation."""
        while len(self._events) < 2 * n:
            self._events.append(torch.cuda.Event(enable_timing=True))
        starts, ends = self._events[:n], self._events[n : 2 * n]
        gc.disable()
        try:
            # Keep the device busy while the host queues all samples: a host that is held up
            # between an event and its launch would otherwise be timed too.
            for _ in range(1 + int(n * LAUNCH_OVERHEAD_MS / self.flush_ms)):
                self._flush()
            for begin, end in zip(starts, ends, strict=True):
                self._flush()
                begin.record()
                launch()
                end.record()
            torch.cuda.synchronize()
        finally:
            gc.enable()
        return [begin.elapsed_time(end) for begin, end in zip(starts, ends, strict=True)]

    def warm_up(self) -> float:
        """Bring the clocks up if the device was idle since :meth:`worked`; returns the seconds it took."""
        start = time.perf_counter()
        if start - self._last_work < IDLE_S:
            return 0.0
        for _ in range(int(self._warmup_s * 1e3 / self.flush_ms)):
            self._flush()
        torch.cuda.synchronize()
        return time.perf_counter() - start

    def worked(self) -> None:
        """Record that the device worked just now."""
        self._last_work = time.perf_counter()

    def _flush(self) -> None:
        self._buffer.zero_()
