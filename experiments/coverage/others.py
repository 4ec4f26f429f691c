"""Coverage of a report's intervals other than those of speedups: ``python -m experiments.coverage.others --jobs N``.

The report's own functions compute the probability of improvement over runs and over exact random search, the
interquartile mean of scores, bands of data profiles and ratios of live pairs. There are two truths for each: random
against random (no difference), and a strategy with five times random's chance of a hit. A task is a table of
:data:`ROWS` with evenly spread qualities; a run of B evaluations ends with the best of B (or 5 B) draws. *70%*: about
70% of the runs hit; *tied*: nearly all runs end with the same quality; *shared*: random search shares half of its draws
with the strategy. Where a truth has no closed form, it is computed from 200,000 runs.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import trim_mean

from analysis.media import markdown_table
from analysis.statistics.equivalence import equivalence
from analysis.statistics.improvement import average, over_exact_random, over_runs
from analysis.study.interquartile import CUT, interquartile
from analysis.study.profiles import band
from experiments.coverage.parallel import done

Floats = NDArray[np.float64]
ROWS, TASKS, SEEDS, TRUE_RUNS = 400, 8, 30, 200_000
STUDIES = 500
SUMMARY = Path(__file__).parent / "others.csv"


@dataclass(frozen=True)
class Truth:
    """One kind of study: a strategy that makes ``times`` as many draws as random search.

    Attributes:
        budget: draws of random search.
        levels: the number of different qualities in a table; with few levels there are ties.
        shared: the share of its draws that random search has in common with the strategy.
    """

    name: str
    times: int
    budget: int = 24
    levels: int = ROWS
    shared: float = 0.0


TRUTHS = tuple(
    Truth(f"{name}, {how}", times, **more)
    for name, times in (("random against random", 1), ("five times", 5))
    for how, more in (
        ("70% hits", {"budget": 24 // times}),
        ("tied runs", {"budget": 120 // times, "levels": 12}),
        ("shared seeds", {"budget": 24 // times, "shared": 0.5}),
    )
)


def table(truth: Truth) -> Floats:
    """Return the quality of every row, from above 0 to 1. [ROWS]"""
    return (np.arange(ROWS) * truth.levels // ROWS + 1.0) / truth.levels


def best(draws: Floats, truth: Truth) -> Floats:
    """Return the quality of the best of each run's draws, which are uniform on [0, 1). [..., draws] to [...]"""
    return np.asarray(table(truth)[np.minimum((draws.max(axis=-1) * ROWS).astype(np.int64), ROWS - 1)])


def runs(truth: Truth, rng: np.random.Generator, tasks: int, seeds: int) -> tuple[Floats, Floats]:
    """Draw the final qualities of the strategy and of random search with its budget. Both [tasks, seeds]"""
    many, few = truth.budget * truth.times, truth.budget
    own, other = rng.random((tasks, seeds, many)), rng.random((tasks, seeds, few))
    common = int(truth.shared * few)
    own[:, :, :common] = other[:, :, :common]
    return best(own, truth), best(other, truth)


def probability_over_runs(truth: Truth, rng: np.random.Generator) -> tuple[float, float]:
    own, other = runs(truth, rng, TASKS, SEEDS)
    return average([over_runs(x, y) for x, y in zip(own, other, strict=True)]).interval()


def probability_over_random(truth: Truth, rng: np.random.Generator) -> tuple[float, float]:
    own, _ = runs(truth, rng, TASKS, SEEDS)
    return average([over_exact_random(x, table(truth), truth.budget) for x in own]).interval()


def interquartile_mean(truth: Truth, rng: np.random.Generator) -> tuple[float, float]:
    return interquartile([*runs(truth, rng, TASKS, SEEDS)[0]])[1]


def profile_band(truth: Truth, rng: np.random.Generator) -> tuple[float, float]:
    """The band of the share of runs within 5% of the best, over tasks that differ in the chance of it."""
    chance = _chances(truth, rng, TASKS)
    share = rng.binomial(SEEDS, chance) / SEEDS
    low, high = band(share[:, None], np.ones(TASKS))
    return float(low[0]), float(high[0])


def live_pairs(truth: Truth, rng: np.random.Generator) -> tuple[float, float]:
    """The interval of the ratio of 40 pairs around 1 or 1.25, with a log spread of 0.5; tied: most are equal."""
    logs = rng.normal(0.0, 0.5, 40) * (rng.random(40) < (0.3 if truth.levels < ROWS else 1.0))
    return equivalence(np.exp(logs + _ratio(truth)), 0.25).interval()


def _chances(truth: Truth, rng: np.random.Generator, tasks: int) -> Floats:
    share = 0.03 if truth.levels == ROWS else 0.2
    return 1 - (1 - share * rng.uniform(0.5, 1.5, tasks)) ** (truth.budget * truth.times / 2)


def _ratio(truth: Truth) -> float:
    return 0.0 if truth.times == 1 else float(np.log(1.25))


Interval = Callable[[Truth, np.random.Generator], tuple[float, float]]
INTERVALS: dict[str, tuple[Interval, float]] = {
    "P(better) over runs": (probability_over_runs, 0.95),
    "P(better) over exact random": (probability_over_random, 0.95),
    "interquartile mean": (interquartile_mean, 0.95),
    "data profile": (profile_band, 0.95),
    "live pairs": (live_pairs, 0.90),
}
"""The statistics whose intervals are tested, each with the level of its interval."""


def true_value(name: str, truth: Truth) -> float:
    """Return the true value, that of an infinitely large study."""
    rng = np.random.default_rng([zlib.crc32(truth.name.encode()), 1])
    if name == "live pairs":
        return float(np.exp(_ratio(truth)))
    if name == "data profile":
        return float(_chances(truth, rng, TRUE_RUNS).mean())
    parts = [runs(truth, rng, 1, TRUE_RUNS // 100) for _ in range(100)]
    own, other = (np.concatenate([part[side][0] for part in parts]) for side in (0, 1))
    if name == "interquartile mean":
        return float(trim_mean(own, CUT))
    if name == "P(better) over exact random":
        return over_exact_random(own, table(truth), truth.budget).value
    return _better(own, other if truth.shared == 0 else rng.permutation(other))


def _better(own: Floats, other: Floats) -> float:
    """P(X > Y) + P(X = Y) / 2 over all pairs."""
    ordered = np.sort(other)
    sides = [np.searchsorted(ordered, own, side=side) for side in ("left", "right")]
    return float(np.mean(sides) / len(ordered))


def row(asked: tuple[str, Truth, int]) -> dict[str, object]:
    """Count how many studies' intervals cover the truth; the result depends only on the arguments."""
    name, truth, studies = asked
    make, level = INTERVALS[name]
    value, held, given = true_value(name, truth), 0, 0
    for number in range(studies):
        low, high = make(truth, np.random.default_rng([zlib.crc32(f"{name}/{truth.name}".encode()), number]))
        given += bool(np.isfinite(low) and np.isfinite(high))
        held += bool(low <= value <= high)
    counts = {"studies": studies, "given": given, "held": held}
    return {"interval": name, "level": level, "kind": truth.name, "truth": value, **counts}


def markdown(found: pd.DataFrame) -> str:
    """Format the table for README.md, in % of the intervals that were given."""
    head = ["interval", "level", "kind", "truth", "studies", "held", "not given"]
    return markdown_table(
        head,
        [
            [
                r["interval"], f"{r['level']:.0%}", r["kind"], f"{r['truth']:.3f}", str(r["studies"]),
                f"{100 * r['held'] / r['given']:.1f}" if r["given"] else "–",
                f"{100 * (1 - r['given'] / r['studies']):.0f}",
            ]
            for r in found.to_dict("records")
        ],
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=STUDIES, help="studies of each kind; default: %(default)s")
    parser.add_argument("--jobs", type=int, default=1, help="processes; default: 1")
    parser.add_argument("-o", "--output", type=Path, default=SUMMARY, help="default: %(default)s")
    given = parser.parse_args(arguments)
    asked = [(name, truth, given.studies) for name in INTERVALS for truth in TRUTHS]
    rows = dict(done(row, asked, given.jobs, "kinds of intervals"))
    found = pd.DataFrame([rows[one] for one in asked])
    found.to_csv(given.output, index=False, float_format="%.6g")
    print(markdown(found))


if __name__ == "__main__":
    main()
