"""Write the coverage table: ``python -m experiments.coverage.run`` (a few minutes on one core)."""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.progress import tracked
from analysis.statistics.supported import LEAST, MOST, TABLE
from experiments.coverage.simulate import METHODS, Cell, coverage

SEEDS, HIT_RATES, KERNELS = (3, 5, 10, 20, 30, 100), (1.0, 0.7, 0.3), (1, 2, 3, 4, 10)
REPETITIONS, REPLICATES, ENTROPY = 500, 500, 20261123
MORE = 4
"""Studies for the t intervals, in repetitions: at 500 the noise of a share (1%) would refuse cells by chance."""


def _again(seed: np.random.SeedSequence) -> np.random.SeedSequence:
    """The same seed with nothing spawned yet."""
    return np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key)


def table(repetitions: int, replicates: int) -> pd.DataFrame:
    """A row per cell, question and method: coverage, median width (log scale), supported."""
    cells = [Cell(*values) for values in product(SEEDS, HIT_RATES, KERNELS)]
    children = np.random.SeedSequence(ENTROPY).spawn(len(cells))
    rows = []
    for cell, seed in tracked(list(zip(cells, children, strict=True)), "cells"):
        # the bootstraps on the first studies alone: they take most of the time, and the report does not use them
        found = coverage(cell, repetitions, replicates, _again(seed))
        found |= coverage(cell, MORE * repetitions, 0, _again(seed))
        for question, method in METHODS:
            if (question, method) in found:
                share, width = found[question, method]
                row = {"seeds": cell.seeds, "hit_rate": cell.hit_rate, "kernels": cell.kernels}
                row |= {"question": question, "method": method, "coverage": share, "median_log_width": width}
                row["studies"] = (MORE if method == "t" else 1) * repetitions
                rows.append(row | {"supported": LEAST <= share <= MOST})
    return pd.DataFrame(rows)


def markdown(found: pd.DataFrame, seeds: tuple[int, ...], kernels: tuple[int, ...]) -> str:
    """Coverage of every method by cell; struck through where it is unsupported."""
    head = ["seeds", "hit rate", "kernels", *(f"{question}: {method}" for question, method in METHODS)]
    lines = [head, ["---"] * len(head)]
    part = found[found["seeds"].isin(seeds) & found["kernels"].isin(kernels)]
    for (n, rate, count), rows in part.groupby(["seeds", "hit_rate", "kernels"], sort=True):
        cells = {(row.question, row.method): row for row in rows.itertuples()}
        line = [f"{n}", f"{rate:g}", f"{count}"]
        for key in METHODS:
            row = cells.get(key)
            share = "–" if row is None else f"{100 * row.coverage:.1f}"
            line.append(share if row is None or row.supported else f"~~{share}~~")
        lines.append(line)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--replicates", type=int, default=REPLICATES, help="of each bootstrap")
    parser.add_argument("-o", "--output", type=Path, default=TABLE)
    arguments = parser.parse_args()
    found = table(arguments.repetitions, arguments.replicates)
    found.to_csv(arguments.output, index=False, float_format="%.4g")
    print(markdown(found, SEEDS, KERNELS))


if __name__ == "__main__":
    main()
