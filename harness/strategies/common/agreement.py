"""Check whether measurements on this task agree with the order of configurations on another task."""

from __future__ import annotations

from collections.abc import Sequence

APART = 1.03
"""Two latencies closer than this factor count as equal."""
FAILED = 2
"""Number of failures that contradict a source on which the same configurations succeeded."""


def contradicted(tried: Sequence[tuple[float, float | None]], probe_ms: float | None = None) -> bool:
    """Whether tries contradict their source: a random probe is faster than all of them, :data:`FAILED` of them failed,
    or two or more pairs that are apart in the source, and most of those that are apart here too, are the other way
    round.

    Args:
        tried: slowdown in the source and latency in ms here (``None`` for a failure) of each try.
        probe_ms: latency in ms of the probe; ``None`` if it failed or is not known yet.
    """
    worked = [latency for _, latency in tried if latency is not None]
    if probe_ms is not None and tried and probe_ms < min(worked, default=float("inf")):
        return True
    if sum(latency is None for _, latency in tried) >= FAILED:
        return True
    same = opposite = 0
    for i, (slow, latency) in enumerate(tried):
        for other_slow, other in tried[i + 1 :]:
            there = _order(slow, other_slow)
            here = _order(latency, other)
            same += there * here > 0
            opposite += there * here < 0
    return opposite >= 2 and opposite > same


def _order(a: float | None, b: float | None) -> int:
    """-1 if the first is faster, 1 if the second is, 0 if they are too close; a failure is slowest."""
    left, right = (float("inf") if value is None else value for value in (a, b))
    if left == right:
        return 0
    return -1 if left * APART < right else int(right * APART < left)
