"""Kernel Tuner's strategies in our replay and in Kernel Tuner's own simulation mode, on the same recordings.

Usage: python -m experiments.kernel_tuner_crosscheck.run RECORDINGS -o runs.csv

Needs `pip install 'nearopt[kernel-tuner]'`.
RECORDINGS is a folder with Kernel Tuner caches and T1 descriptions (``shared/external-landscapes``). A recording is
imported and exported as a cache, which Kernel Tuner searches; we replay the landscape. The two share only the
latencies: Kernel Tuner solves the constraints of the T1 description itself, keeps its own budget and counts its own
repeats. Each run has a row: how many distinct configurations it evaluated until one was within each factor of the best
(empty: not within the budget), and how many with repeats included.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import functools
import io
import random
import re
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kernel_tuner import tune_kernel, util

from harness.backends.replay import ReplayBackend
from harness.evaluation import Evaluation
from harness.formats.export import export
from harness.formats.imports import import_file
from harness.landscapes.landscape import Landscape, read_landscape
from harness.run.loop import run_loop
from harness.strategies.base import Budget
from harness.strategies.kernel_tuner import STRATEGIES, KernelTuner
from harness.strategies.kernel_tuner.search import PYATF, pyatf_as_kernel_tuner_expects_it
from harness.system.progress import ProgressDisplay

RECORDINGS = {  # and the T1 description of each: one with failures, one without
    "convolution_milo-A100": "T1_convolution_milo",
    "dedispersion_milo-MI250X": "T1_dedispersion_milo",
}
FACTORS = (1.1, 1.5)
EVALUATIONS = 120
RUNS = 50
FIELDS = ("recording", "strategy", "side", "seed", *(f"within_{f}" for f in FACTORS), "evaluations", "requests")


@dataclass(frozen=True)
class Trace:
    """A run: latencies in ms (infinite for failures) of distinct configurations, and requests including repeats."""

    latencies_ms: list[float]
    requests: int

    def evaluations_to(self, target_ms: float) -> int | None:
        """The first evaluation within the target."""
        hits = np.flatnonzero(np.array(self.latencies_ms) <= target_ms)
        return int(hits[0]) + 1 if len(hits) else None


def ours(landscape: Landscape, strategy: str, seed: int) -> Trace:
    """Make a run of our replay without noise, so that both sides see the same latencies."""
    strategy_seed, noise_seed, repair_seed = np.random.SeedSequence(seed).spawn(3)
    backend = ReplayBackend(landscape, noise_seed, noise="none")
    budget = Budget(EVALUATIONS)
    built = KernelTuner(backend.space, strategy_seed, budget, strategy=strategy, instant=True)
    log: list[Evaluation] = []
    run_loop(built, backend, budget, 1, np.random.default_rng(repair_seed), [], log.extend, lambda _: None)
    facts = built.facts()
    return Trace(
        [np.inf if e.latency_ms is None else e.latency_ms for e in log], facts["measured"] + facts["remembered"]
    )


def theirs(landscape: Landscape, cache: Path, strategy: str, seed: int) -> Trace:
    """Make a run in Kernel Tuner's simulation mode."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (what Kernel Tuner draws from)
    document = util.read_cache(str(cache), open_cache=False)
    names = document["tune_params_keys"]
    shim = pyatf_as_kernel_tuner_expects_it() if strategy == PYATF else contextlib.nullcontext()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), shim:
        warnings.simplefilter("ignore")
        results, _ = tune_kernel(
            document["kernel_name"], "", tuple(document["problem_size"]), [], document["tune_params"],
            restrictions=restrictions(landscape), cache=str(cache), simulation_mode=True, objective="time",
            strategy=strategy, strategy_options={"max_fevals": EVALUATIONS}, quiet=True,
        )  # fmt: skip
    seen: dict[tuple[Any, ...], float] = {}
    for result in results:
        key = tuple(result[name] for name in names)
        seen.setdefault(key, np.inf if "__error__" in result else float(result["time"]))
    return Trace(list(seen.values()), len(results))


def restrictions(landscape: Landscape) -> list[str]:
    """The constraints of the T1 description in Kernel Tuner's form, with constants replaced by their values."""
    constants = landscape.space.constants
    return [re.sub(r"[A-Za-z_]\w*", lambda m: str(constants.get(m[0], m[0])), c) for c in landscape.space.constraints]


def rows(folder: Path, strategies: list[str], runs: int, work: Path) -> Iterator[dict[str, Any]]:
    """One row per run, both sides in turn."""
    for name, space in RECORDINGS.items():
        imported = import_file(folder / f"{name}.json.gz", work / f"{name}.parquet", folder / f"{space}.json")
        landscape = read_landscape(imported.out)
        cache = export(landscape, "cache", work / f"{name}.json").resolve()
        targets_ms = [factor * float(np.nanmin(landscape.oracle_ms)) for factor in FACTORS]
        for strategy in strategies:
            for seed in range(runs):
                for side in ("replay", "simulation"):
                    if side == "replay":
                        trace = ours(landscape, strategy, seed)
                    else:
                        trace = theirs(landscape, cache, strategy, seed)
                    hits = [trace.evaluations_to(target_ms) for target_ms in targets_ms]
                    done = len(trace.latencies_ms)
                    yield dict(zip(FIELDS, (name, strategy, side, seed, *hits, done, trace.requests), strict=True))


def main() -> None:
    """Run and write a CSV file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    arguments = parser.parse_args()
    # Kernel Tuner reads its cache in every run; no run changes it.
    util.read_cache = functools.lru_cache(util.read_cache)
    total = len(RECORDINGS) * len(arguments.strategies) * arguments.runs * 2
    with (
        tempfile.TemporaryDirectory() as work,
        arguments.output.open("w", newline="") as file,
        ProgressDisplay("runs", total) as progress,
    ):
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        for row in rows(arguments.folder.resolve(), arguments.strategies, arguments.runs, Path(work)):
            writer.writerow(row)
            file.flush()
            progress.advance(f"{row['recording']} {row['strategy']}")


if __name__ == "__main__":
    main()
