"""The cases of random search without a closed form: several compile workers, and readings with noise.

Only ratios to exactly known values are simulated, from the same draws, so that most of the luck cancels.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.reference import costs, draw_probability, is_drawn, is_hit, space_rows, true_latency
from analysis.statistics import noisy_random, random_simulation
from analysis.statistics.hopeless import Rules
from analysis.statistics.random_simulation import SimulatedSearches
from analysis.statistics.readings import Readings
from analysis.statistics.until_precise import Simulated, until_precise
from analysis.study.laws import BY_PARAMETER

Floats = NDArray[np.float64]
_SEED = 20261123


@dataclass(frozen=True)
class Conditions:
    """The conditions of runs on which the baseline's clock depends: workers, batch, schedule."""

    budget: int
    batch: int = 1
    compile_workers: int = 1
    overlapped: bool = False
    rules: Rules | None = None

    @property
    def sequential(self) -> bool:
        """Whether evaluations run one at a time, without overlap."""
        return self.batch == 1 and self.compile_workers == 1 and not self.overlapped


@dataclass(frozen=True)
class SearchedRows:
    """The data that a simulated search needs from a task's table.

    Attributes:
        p: the probability of each row, up to a factor; ``None``: all equal. [N]
        compile_s, device_s: the costs of each row on a compile worker and on the GPU. [N]
        hits: for each target, whether each row is within it. [N]
        independent: whether the rows are independent draws.
    """

    p: Floats | None
    compile_s: Floats
    device_s: Floats
    hits: Mapping[float, NDArray[np.bool_]]
    independent: bool = False

    def draw(self, searches: int, conditions: Conditions, rng: np.random.Generator) -> SimulatedSearches:
        return random_simulation.simulate(
            self.compile_s,
            self.device_s,
            conditions.budget,
            searches,
            rng,
            conditions.compile_workers,
            conditions.sequential,
            self.p,
            self.independent,
        )

    def drawn(self, conditions: Conditions) -> int:
        """The number of evaluations of a search: without replacement at most one per row."""
        return conditions.budget if self.independent else min(conditions.budget, len(self.compile_s))

    def generator(self, conditions: Conditions) -> np.random.Generator:
        """A generator seeded by the table, kind and conditions, independent of the task's name."""
        sizes = [len(self.compile_s), *(int(hit.sum()) for hit in self.hits.values())]
        how = [int(self.p is not None), conditions.budget, conditions.batch, conditions.compile_workers]
        how += [1] if conditions.overlapped else []
        how += [] if conditions.rules is None else [zlib.crc32(repr(conditions.rules).encode())]
        return np.random.default_rng(np.random.SeedSequence([_SEED, *sizes, *how]))


def split_costs(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """The seconds of every row on a compile worker, and on the GPU. [N] each"""
    compiling = rows["compile_s"].fillna(0.0).to_numpy(np.float64) if "compile_s" in rows else np.zeros(len(rows))
    return compiling, costs(rows) - compiling


def searched_rows(table: pd.DataFrame, t_star_ms: float, targets: Sequence[float], kind: str) -> SearchedRows:
    """The rows of a task whose law of that kind is known; unknown costs are 0."""
    rows = space_rows(table)
    compiling, device = (np.nan_to_num(part) for part in split_costs(rows))
    p = draw_probability(rows) if kind == BY_PARAMETER else None
    true = true_latency(rows)
    hits = {target: is_hit(true, t_star_ms, target) for target in targets}
    return SearchedRows(p, compiling, device, hits, is_drawn(table))


def seconds_per_evaluation(rows: SearchedRows, conditions: Conditions, wanted: float) -> dict[float, Simulated]:
    """ERT in s with several workers over ERT in evaluations, by target; ``wanted``: the required relative error."""

    def block(searches: int, rng: np.random.Generator) -> dict[float, Floats]:
        drawn = rows.draw(searches, conditions, rng)
        return {target: random_simulation.costs_and_evaluations(drawn, hit) for target, hit in rows.hits.items()}

    return until_precise(block, (1.0, -1.0), rows.generator(conditions), rows.drawn(conditions), wanted)


def noise_costs(
    rows: SearchedRows, readings: Readings, conditions: Conditions, wanted: float
) -> dict[tuple[float, str], Simulated]:
    """ERT with noise over the exact value, by target with a hit and axis.

    In evaluations, and in seconds with one worker, the exact value is the same ERT without noise. With several workers
    it is ERT in evaluations, so that the ratio is in s.

    Args:
        readings: those of the rows.
        wanted: required relative error of each ratio.
    """

    hits = {target: hit for target, hit in rows.hits.items() if hit.any()}
    if not hits:
        return {}

    def block(searches: int, rng: np.random.Generator) -> dict[tuple[float, str], Floats]:
        drawn = rows.draw(searches, conditions, rng)
        found: dict[tuple[float, str], Floats] = {}
        for target, read in noisy_random.read_searches(drawn, readings, hits, rng).items():
            seconds = read.seconds() if conditions.sequential else read.seconds_by_evaluations(hits[target])
            found |= {(target, "evaluations"): read.evaluations(), (target, "seconds"): seconds}
        return found

    return until_precise(block, noisy_random.SIGNS, rows.generator(conditions), rows.drawn(conditions), wanted)


def readings_of_space(readings: Readings, table: pd.DataFrame) -> Readings:
    """Select the readings of the rows that represent the space from those of all rows, in order."""
    inside = np.flatnonzero(table.index.isin(space_rows(table).index))
    return Readings(readings.samples_ms[inside], readings.counts[inside])
