"""Simulated random searches of a study's recorded tasks, on the clock of the runs compared with them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.reference import space_rows, true_latency
from analysis.runs.load import Study
from analysis.runs.recordings import read_readings
from analysis.runs.rules import rules_of
from analysis.statistics import random_simulation
from analysis.statistics.hopeless import RuledSearch
from analysis.statistics.weighted_orders import orders
from analysis.study.incumbents import Optima
from analysis.study.ruled_baseline import recorded
from analysis.study.simulated_baseline import readings_of_space, split_costs

Floats = NDArray[np.float64]
SEARCHES = 200


@dataclass(frozen=True)
class RandomSearches:
    """The best quality so far of simulated random searches, by the tuning clock.

    Attributes:
        end_s: when each evaluation ends, ascending. [SEARCHES, B]
        best: quality t*/t of the best up to then. [SEARCHES, B]
        workers: compile workers of the clock.
    """

    end_s: Floats
    best: Floats
    workers: int = 1

    def at(self, grid: Floats) -> Floats:
        """Quality at points of the clock, 0 before the first end. [SEARCHES, grid]"""
        values = np.empty((len(self.best), len(grid)))
        for row, clock, level in zip(values, self.end_s, self.best, strict=True):
            row[:] = np.concatenate([[0.0], level])[np.searchsorted(clock, grid, side="right")]
        return values


def random_searches(study: Study, optima: Optima) -> dict[str, RandomSearches]:
    """The searches by task, for tasks recorded with costs and with a known optimum."""
    by_task = {}
    for task, runs in study.runs.groupby("task", sort=True):
        name = str(task)
        if name in study.references and np.isfinite(optima.t_star_ms[name]) and float(runs["clock_s"].max()) > 0:
            searches = _searches(study, name, optima.t_star_ms[name], runs)
            if searches is not None:
                by_task[name] = searches
    return by_task


def _searches(study: Study, task: str, t_star: float, runs: pd.DataFrame) -> RandomSearches | None:
    table = space_rows(study.references[task])
    compiling, device = split_costs(table)
    if not np.isfinite(compiling + device).all():
        return None
    budget = int(min(runs["evaluations"].max(), len(table)))
    # if only some strategies ran in parallel, random is drawn as the majority ran
    workers, batch = (int(runs[name].mode().iloc[0]) for name in ("compile_workers", "batch"))
    overlapped = "schedule" in runs and runs["schedule"].mode().iloc[0] != "batch"
    rng = np.random.default_rng(np.random.SeedSequence([zlib.crc32(task.encode()), budget, workers]))
    alone = batch == 1 and workers == 1 and not overlapped
    quality = t_star / true_latency(table)
    rules = rules_of(str(runs["rules"].mode().iloc[0])) if "rules" in runs else None
    if rules is not None:
        samples, reference = study.samples.get(task), study.references[task]
        readings = None if samples is None else readings_of_space(read_readings(samples, reference), reference)
        return _under_rules(
            RuledSearch(recorded(reference, readings, False), rules, workers, alone), quality, budget, rng
        )
    searches = random_simulation.simulate(compiling, device, budget, SEARCHES, rng, workers, sequential=alone)
    return RandomSearches(searches.end_s, np.maximum.accumulate(quality[searches.rows], axis=1), workers)


def _under_rules(search: RuledSearch, quality: Floats, budget: int, rng: np.random.Generator) -> RandomSearches:
    """Searches with evaluations that end early; those ended while compiling have no quality.

    ``quality``: of each row. [N]
    """
    end_s, best = np.empty((SEARCHES, budget)), np.empty((SEARCHES, budget))
    for asked, ends, found in zip(orders(np.ones(len(quality)), budget, SEARCHES, rng), end_s, best, strict=True):
        ended = list(search.run(asked, rng))
        ends[:] = [one.end_s for one in ended]
        found[:] = np.maximum.accumulate([quality[one.row] if np.isfinite(one.reading_ms) else 0.0 for one in ended])
    return RandomSearches(end_s, best, search.workers)
