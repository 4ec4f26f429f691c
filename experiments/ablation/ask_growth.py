"""Growth of the time of an ask, listed and unlisted: ``python -m experiments.ablation.ask_growth``.

The task is the largest recording of :mod:`experiments.ablation.unlisted`, with one idle parameter of two values (9,208
configurations, all of them listed) and with that module's eleven (too many to list). Strategies are asked for one
configuration at a time, each alone in a fresh process, and are told readings with 0.5% noise. Times are CPU seconds, so
that other work on the machine does not count. Writes ask_growth.csv and ask_growth.png.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.figures.ask_cost import draw
from analysis.study.ask_cost import COLUMNS, summarise, terminal_table
from experiments.ablation.unlisted import IDLE, NOISE, padded
from harness.authoring.profiling import WINDOW, checkpoints, memory_bytes
from harness.evaluation import Status
from harness.landscapes.landscape import Landscape, read_landscape
from harness.landscapes.library import find_landscape
from harness.strategies.base import Budget, Strategy
from harness.strategies.conditional_gp import ConditionalGP
from harness.strategies.optuna_tpe import OptunaTPE
from harness.testing.driver import evaluation
from search_spaces.parameter import Categorical
from search_spaces.space import SearchSpace

TASK = "matmul-4096x4096x4096-bf16"
STRATEGIES = {"conditional_gp": ConditionalGP, "optuna_tpe": OptunaTPE}
SPACES = ("listed", "unlisted")
FILE = Path(__file__).with_name("ask_growth.csv")


def space_of(landscape: Landscape, kind: str) -> SearchSpace:
    """The recording's space with idle parameters: one, or as many as make it too large to list."""
    if kind == "unlisted":
        return padded(landscape)
    space = landscape.space
    twice = [*space.parameters, Categorical(f"{IDLE}0", ("w", "x"))]
    return SearchSpace(twice, space.constraints, space.constants, space.features)


def readings(strategy: str, kind: str, observations: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows with :data:`analysis.study.ask_cost.COLUMNS`, each over the last fifth of the observations so far."""
    landscape = read_landscape(find_landscape(TASK, "h100"))
    space, label = space_of(landscape, kind), f"{strategy}, {kind}"
    if space.enumerable:
        space.codes()  # built here, since its memory and time belong to the space
    rows = {codes.tobytes(): i for i, codes in enumerate(landscape.codes)}
    noise, before = np.random.default_rng([seed, 1]), memory_bytes()
    searcher: Strategy = STRATEGIES[strategy](space, np.random.SeedSequence(seed), Budget(evaluations=observations))
    costs: list[tuple[float, float]] = []
    found: list[dict[str, Any]] = []
    for index in range(observations):
        times = [time.process_time()]
        (configuration,) = searcher.ask(1)
        times.append(time.process_time())
        own = {name: value for name, value in configuration.items() if not name.startswith(IDLE)}
        row = rows[landscape.space.encode(own).tobytes()]
        worked = landscape.status[row] is Status.OK
        outcome = float(landscape.oracle_ms[row] * noise.lognormal(0.0, NOISE)) if worked else landscape.status[row]
        told = [evaluation(index, configuration, outcome)]
        times.append(time.process_time())
        searcher.tell(told)
        costs.append((times[1] - times[0], time.process_time() - times[2]))
        if len(costs) in checkpoints(observations):
            ask_s, tell_s = np.mean(costs[int(WINDOW * len(costs)) :], axis=0)
            values = (label, len(costs), float(ask_s), float(tell_s), max(0, memory_bytes() - before), "done")
            found.append(dict(zip(COLUMNS, values, strict=True)))
    return found


def write(rows: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Write the rows, times with four digits."""
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: f"{value:.4g}" if name.endswith("_s") else value for name, value in row.items()})


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strategies", default=",".join(STRATEGIES), help="separated by commas; default: %(default)s")
    parser.add_argument("--observations", type=int, default=1000)
    parser.add_argument("--unlisted", type=int, metavar="OBSERVATIONS", help="so many in the space that is not listed")
    parser.add_argument("--draw", action="store_true", help="measure nothing: print and draw what is in the file")
    parser.add_argument("-o", "--output", type=Path, default=FILE)
    arguments = parser.parse_args(given)
    names = arguments.strategies.split(",")
    if unknown := set(names) - set(STRATEGIES):
        parser.error(f"--strategies={','.join(sorted(unknown))}: expected {', '.join(STRATEGIES)}")
    if not arguments.draw:
        most = {"unlisted": arguments.unlisted or arguments.observations}
        jobs = [(name, kind, most.get(kind, arguments.observations)) for kind in SPACES for name in names]
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            write([row for rows in pool.starmap(readings, jobs, chunksize=1) for row in rows], arguments.output)
    table = pd.read_csv(arguments.output)
    summary = summarise(table)
    print(terminal_table(summary))
    draw(table, summary).savefig(arguments.output.with_suffix(".png"), dpi=110)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
