"""With the same random numbers on both sides, even the traces must agree, not just their distributions.

Usage: python -m experiments.kernel_tuner_crosscheck.exact RECORDINGS [--seeds 5]

A strategy runs as in ``run.py``, in Kernel Tuner's simulation mode and through our search without the run loop, from
the same states of Python's and numpy's global generators; generators made without a seed get the same seed. It prints
for how many seeds all latencies agree, in order.
"""

from __future__ import annotations

import argparse
import functools
import random
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from kernel_tuner import util
from numpy.random import default_rng

from experiments.kernel_tuner_crosscheck.run import EVALUATIONS, RECORDINGS, theirs
from harness.backends.replay import ReplayBackend
from harness.evaluation import Evaluation
from harness.formats.export import export
from harness.formats.imports import import_file
from harness.landscapes.landscape import Landscape, read_landscape
from harness.strategies.kernel_tuner import STRATEGIES
from harness.strategies.kernel_tuner.search import Search, TuningClock, load
from harness.strategies.kernel_tuner.space import FlatSpace
from harness.testing.driver import evaluation


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Put every generator from which Kernel Tuner draws into a known state."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    made = count()

    def generator(given: Any = None) -> np.random.Generator:
        return default_rng((seed, next(made)) if given is None else given)

    with mock.patch.object(np.random, "default_rng", generator):
        yield


def ours(landscape: Landscape, strategy: str) -> list[float]:
    """The latencies in ms of distinct configurations, in order; infinite for failures."""
    backend = ReplayBackend(landscape, np.random.SeedSequence(0), noise="none")
    seen: dict[tuple[Any, ...], float] = {}

    def measure(proposals: Sequence[Mapping[str, Any]]) -> list[Evaluation]:
        answers = []
        for proposal, done in zip(proposals, backend.measure(proposals), strict=True):
            seen.setdefault(tuple(proposal.items()), np.inf if done.latency_ms is None else done.latency_ms)
            answers.append(evaluation(0, proposal, done.status if done.latency_ms is None else done.latency_ms))
        return answers

    clock = TuningClock(instant=True)
    with clock.installed(strategy):
        Search(FlatSpace(landscape.space), strategy, {}, EVALUATIONS, {}, clock)(measure)
    return list(seen.values())


def main() -> int:
    """Print a line for each recording and strategy; return 1 if any trace differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    util.read_cache = functools.lru_cache(util.read_cache)
    differ = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, space in RECORDINGS.items():
            source, out = arguments.folder / f"{name}.json.gz", Path(folder) / f"{name}.parquet"
            landscape = read_landscape(import_file(source, out, arguments.folder / f"{space}.json").out)
            cache = export(landscape, "cache", Path(folder).resolve() / f"{name}.json")
            for strategy in STRATEGIES:
                load(strategy)  # loading may draw
                same = 0
                for seed in range(arguments.seeds):
                    with seeded(seed):
                        found = ours(landscape, strategy)
                    with seeded(seed):
                        same += found == theirs(landscape, cache, strategy, seed).latencies_ms
                print(f"{name} {strategy}: {same} of {arguments.seeds} traces are identical", flush=True)
                differ += arguments.seeds - same
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
