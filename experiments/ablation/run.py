"""Replay every variant of conditional_gp on every landscape; append missing runs to ``results.csv``.

    python -m experiments.ablation.run [--seeds 20] [--processes 1]

A run ends at its first hit within 5%; B = 120 evaluations, recorded noise. Seeds pair: the same seed has the same noise
in all variants. The command can be interrupted and repeated.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.progress import track

from analysis.reference import is_hit
from harness.backends.replay import ReplayBackend
from harness.evaluation import Evaluation
from harness.landscapes.landscape import Landscape, read_landscape
from harness.run.loop import run_loop
from harness.strategies.base import Budget
from harness.strategies.conditional_gp import ConditionalGP

HERE = Path(__file__).parent
LANDSCAPES = HERE.parent / "landscapes"
RESULTS = HERE / "results.csv"
EVALUATIONS = 120


@dataclass(frozen=True)
class Key:
    """The key of a run."""

    variant: str
    landscape: str
    seed: int


@dataclass(frozen=True)
class VariantRun(Key):
    """A run with its evaluations and tuning seconds until the incumbent was within 5% and 10%.

    They are empty if it never was; ``spent_s`` is the tuning clock at the run's end.
    """

    hit_5: int | None
    hit_10: int | None
    hit_5_s: float | None
    spent_s: float


class Watch:
    """Notes when the incumbent, chosen by observed latency, is truly near the optimum."""

    def __init__(self, t_star_ms: float) -> None:
        self._t_star_ms = t_star_ms
        self._best_ms = np.inf
        self.hits: dict[float, tuple[int, float]] = {}
        self.clock_s = 0.0

    def __call__(self, evaluation: Evaluation) -> None:
        self.clock_s = evaluation.clock_end_s
        if evaluation.latency_ms is None or evaluation.latency_ms >= self._best_ms:
            return
        self._best_ms = evaluation.latency_ms
        assert evaluation.oracle_ms is not None
        for target in (0.05, 0.10):
            if is_hit(evaluation.oracle_ms, self._t_star_ms, target):
                self.hits.setdefault(target, (evaluation.index + 1, evaluation.clock_end_s))
        if 0.05 in self.hits:
            raise StopIteration


@lru_cache(maxsize=4)
def landscape(name: str) -> Landscape:
    """Read a recording, and keep it for the next seeds."""
    return read_landscape(LANDSCAPES / f"{name}.parquet")


def replay(key: Key, arguments: Mapping[str, Any]) -> VariantRun:
    """Make one run, to its first hit at 5% or to the end of the budget."""
    table = landscape(key.landscape)
    strategy_seed, noise_seed, repair_seed = np.random.SeedSequence(key.seed).spawn(3)
    backend = ReplayBackend(table, noise_seed)
    budget = Budget(evaluations=EVALUATIONS)
    watch = Watch(float(np.nanmin(table.oracle_ms)))
    strategy = ConditionalGP(backend.space, strategy_seed, budget, **arguments)
    with suppress(StopIteration):
        run_loop(strategy, backend, budget, 1, np.random.default_rng(repair_seed), [], lambda _: None, watch)
    none = (None, None)
    (hit_5, hit_5_s), (hit_10, _) = watch.hits.get(0.05, none), watch.hits.get(0.10, none)
    hit_5_s = None if hit_5_s is None else round(hit_5_s, 3)
    return VariantRun(**asdict(key), hit_5=hit_5, hit_10=hit_10, hit_5_s=hit_5_s, spent_s=round(watch.clock_s, 3))


def variants() -> dict[str, dict[str, Any]]:
    """Arguments that differ from the defaults, by name of the variant."""
    made: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "variants.yaml").read_text())
    return made


def missing(seeds: int, done: set[Key]) -> Iterator[Key]:
    """Yield the missing runs seed by seed, so that an interrupted ablation is a complete one with fewer seeds."""
    names = (HERE / "landscapes.txt").read_text().split()
    for seed in range(seeds):
        for name in names:
            for variant in variants():
                if (key := Key(variant, name, seed)) not in done:
                    yield key


def recorded() -> set[Key]:
    """The keys of runs already in the results."""
    if not RESULTS.exists():
        return set()
    with RESULTS.open() as lines:
        return {Key(row["variant"], row["landscape"], int(row["seed"])) for row in csv.DictReader(lines)}


def main() -> None:
    """Make the missing runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    keys = list(missing(options.seeds, recorded()))
    arguments = variants()
    fresh = not RESULTS.exists()
    with RESULTS.open("a") as file, ProcessPoolExecutor(options.processes) as pool:
        writer = csv.DictWriter(file, [field.name for field in fields(VariantRun)], lineterminator="\n")
        if fresh:
            writer.writeheader()
        waiting = [pool.submit(replay, key, arguments[key.variant]) for key in keys]
        for future in track(as_completed(waiting), "replaying", len(waiting)):
            writer.writerow(asdict(future.result()))
            file.flush()


if __name__ == "__main__":
    main()
