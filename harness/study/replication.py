"""The fixed plan of ``nearopt replicate``: two tasks, two strategies, live here and in replay of the recordings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.landscapes.landscape import read_landscape
from harness.landscapes.library import LIBRARY_DEVICE, SEPARATOR, recorded_landscapes
from harness.measure.device import AccelDevice

TASKS = ("matmul-2048x2048x2048-bf16", "softmax-4096x2560-bf16")
"""A hard, compute-bound task and an easy, memory-bound one; one evaluation of each takes 1.1 s by their recordings."""
STRATEGIES = ("random", "conditional_gp")
SEEDS, FIRST_SEED, EVALUATIONS = 10, 300, 100
JOBS = 4
"""Runs at once: fewer than the cores of any rented GPU machine, since compiles slow down when they share cores."""
START_S = 15.0
"""Seconds of a run beyond its evaluations: starting its processes and asking its strategy. An allowance, not
measured."""
_TELLING = ("peak_flops", "peak_bytes_per_s", "sm_count", "l2_bytes", "memory_bytes")


@dataclass(frozen=True)
class Replication:
    """The runs of a replication.

    Attributes:
        tasks: names of ``conf/task``.
        strategies: names of ``conf/strategy``: the reference, and the strategy compared with it.
        seeds, evaluations: seeds per task and strategy, and evaluations per run.
        jobs: live runs at once.
        results: folder for both kinds of runs.
        device: device of the recordings that are replayed.
        landscapes: recordings to replay instead of the library's, by task.
        overrides: additional overrides of all runs.
    """

    tasks: tuple[str, ...]
    strategies: tuple[str, str]
    seeds: int
    evaluations: int
    jobs: int
    results: Path
    device: str
    landscapes: Mapping[str, Path]
    overrides: tuple[str, ...] = ()

    @property
    def live_results(self) -> Path:
        """The results folder of the live runs."""
        return self.results / "live"

    @property
    def replay_results(self) -> Path:
        """The results folder of the replays."""
        return self.results / "replay"

    @property
    def command(self) -> list[str]:
        """The command line that repeats this replication."""
        options = [
            *(word for task in self.tasks for word in ("--task", task)),
            *("--strategies", ",".join(self.strategies), "--seeds", str(self.seeds)),
            *("--evaluations", str(self.evaluations), "--jobs", str(self.jobs), "--device", self.device),
            *(word for path in self.landscapes.values() for word in ("--landscape", str(path))),
        ]
        return ["nearopt", "replicate", "-o", str(self.results), *options, *self.overrides]

    def live(self) -> list[str]:
        """Overrides of the live runs, with one compile worker each, on one shared device."""
        own = ["backend=live", "backend.compile_workers=1", "backend.share_device=true", f"jobs={self.jobs}"]
        return [f"task={','.join(self.tasks)}", *self._common(self.live_results), *own, *self.overrides]

    def replays(self) -> list[list[str]]:
        """Overrides of the replays of the same seeds: one sweep for all tasks of the library, and one per file."""
        common = self._common(self.replay_results)
        library = [task for task in self.tasks if task not in self.landscapes]
        sweeps = [[f"task={','.join(library)}", f"backend.device={self.device}", *common]] if library else []
        return sweeps + [[f"backend.landscape={path}", *common] for path in self.landscapes.values()]

    def _common(self, results: Path) -> list[str]:
        return [
            f"strategy={','.join(self.strategies)}",
            f"seed=range({FIRST_SEED},{FIRST_SEED + self.seeds})",
            f"budget.evaluations={self.evaluations}",
            f"results={results}",
        ]


def expected_s(runs: int, wall_s: float, jobs: int) -> float:
    """Expected seconds of the live part: ``wall_s`` from recorded costs, plus starting ``runs`` with ``jobs`` at
    once."""
    return wall_s + START_S * runs / max(1, min(jobs, runs))


def closest_device(card: AccelDevice | None, tasks: Sequence[str] = TASKS) -> str:
    """The device of the library whose recordings are nearest to a card: its own model, or the most similar one.

    Args:
        card: the device; ``None`` without a GPU, which gives the library's default device.
        tasks: tasks that must be recorded on the device.
    """
    recorded = _recorded_devices(tasks)
    if card is None or not recorded:
        return LIBRARY_DEVICE
    if card.slug in recorded:
        return card.slug
    facts = card.to_json()
    return min(sorted(recorded), key=lambda slug: _distance(facts, recorded[slug]))


def _recorded_devices(tasks: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Map the slug of each device on which all of ``tasks`` are recorded to its facts."""
    by_device: dict[str, list[Path]] = {}
    for path in recorded_landscapes():
        task, _, device = path.stem.partition(SEPARATOR)
        if task in tasks:
            by_device.setdefault(device, []).append(path)
    whole = {device: paths[0] for device, paths in by_device.items() if len(paths) == len(set(tasks))}
    return {device: read_landscape(path).metadata["device"] for device, path in whole.items()}


def _distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Sum of absolute log ratios of the facts that are known of both devices."""
    pairs = [(float(one.get(name) or 0), float(other.get(name) or 0)) for name in _TELLING]
    known = [abs(math.log(a / b)) for a, b in pairs if a > 0 and b > 0]
    return sum(known) / len(known) if known else math.inf


def landscapes_of(tasks: Sequence[str], files: Sequence[Path]) -> dict[str, Path]:
    """The recording of each task, by the task's name stated in each file.

    Raises:
        UserError: a file is of another task or cannot be read.
    """
    found: dict[str, Path] = {}
    for file in files:
        task = str(read_landscape(file).metadata["task"])
        if task not in tasks:
            raise UserError(f"--landscape {file}: a recording of {task}: expected one of --task {', '.join(tasks)}")
        found[task] = file
    return found
