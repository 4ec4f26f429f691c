"""Write the coverage table: ``python -m experiments.coverage.run`` (a few minutes on one core)."""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.progress import tracked
from analysis.supported import LEAST, MOST, TABLE
from experiments.coverage.simulate import METHODS, Cell, coverage

SEEDS, HIT_RATES, KERNELS = (3, 5, 10, 20, 30, 100), (1.0, 0.7, 0.3), (1, 2, 3, 4, 10)
REPETITIONS, REPLICATES, ENTROPY = 500, 500, 20261123


def table(repetitions: int, replicates: int) -> pd.DataFrame:
    """A row per cell, question and method: coverage, median width (log scale), supported."""
    cells = [Cell(*values) for values in product(SEEDS, HIT_RATES, KERNELS)]
    children = np.random.SeedSequence(ENTROPY).spawn(len(cells))
    rows = []
    for cell, seed in tracked(list(zip(cells, children, strict=True)), "cells"):
        found = coverage(cell, repetitions, replicates, seed)
        for question, method in METHODS:
            if (question, method) in found:
                share, width = found[question, method]
                row = {"seeds": cell.seeds, "hit_rate": cell.hit_rate, "kernels": cell.kernels}
                row |= {"question": question, "method": method, "coverage": share, "median_log_width": width}
                rows.append(row | {"supported": LEAST <= share <= MOST})
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--replicates", type=int, default=REPLICATES, help="of each bootstrap")
    parser.add_argument("-o", "--output", type=Path, default=TABLE)
    arguments = parser.parse_args()
    found = table(arguments.repetitions, arguments.replicates)
    found.to_csv(arguments.output, index=False, float_format="%.4g")
    print(found.pivot_table(index=["seeds", "hit_rate", "kernels"], columns=["question", "method"], values="coverage"))
    print(arguments.output)


if __name__ == "__main__":
    main()
