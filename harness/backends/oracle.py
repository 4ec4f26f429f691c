"""True latencies of a live task from its recording, by which its runs are judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.errors import UserError
from harness.landscapes.landscape import Landscape, read_landscape
from harness.landscapes.library import SEPARATOR, recorded_landscapes
from search_spaces.space import SearchSpace


@dataclass(frozen=True)
class Oracle:
    """Best known latencies of a task on a device.

    Attributes:
        latency_ms: latencies in ms by configuration key; empty without a recording.
        recording: name and hash of the landscape, empty without one.
    """

    latency_ms: Mapping[str, float] = field(default_factory=dict)
    recording: Mapping[str, str] = field(default_factory=dict)


def recorded_oracle(task: str, device: str, space: SearchSpace) -> Oracle:
    """The exhaustive recording of ``task`` on ``device`` that ships with NearOpt, if there is one.

    A sample is not used, since it knows few of the configurations that a run visits, and a run must be judged on a
    single scale. A recording with other parameters, or a damaged one, is not used either.
    """
    name = f"{task}{SEPARATOR}{device}"
    for path in recorded_landscapes():
        if path.stem == name:
            try:
                landscape = read_landscape(path)
            except UserError:
                return Oracle()
            return _oracle(landscape) if landscape.exhaustive and landscape.space.names == space.names else Oracle()
    return Oracle()


def _oracle(landscape: Landscape) -> Oracle:
    keys = map(landscape.space.key_of_codes, landscape.codes)
    known = {key: float(ms) for key, ms in zip(keys, landscape.oracle_ms, strict=True) if ms == ms}
    return Oracle(known, {"landscape": landscape.name, "landscape_sha256": landscape.sha256})
