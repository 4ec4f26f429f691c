"""Write the coverage table: ``python -m experiments.coverage.run`` (some minutes on one core).

A cell is written as soon as it is known, and existing cells are not computed again, so the same command resumes after
an interruption. ``--bootstraps`` also recomputes the bootstraps, which the report does not use.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.progress import tracked
from analysis.statistics.supported import LEAST, MOST, MOST_WRONG, TABLE
from experiments.coverage.cells import Coverage, Kind
from experiments.coverage.cells import coverage as coverage_of
from experiments.coverage.simulate import METHODS, Cell, coverage

SEEDS, HIT_RATES, KERNELS = (3, 5, 10, 20, 30, 100), (1.0, 0.7, 0.3), (1, 2, 3, 4, 10)
BASELINES = (float("nan"), 1.0, 0.7, 0.3)
"""Hit rates of the runs of random search; nan: random search is known exactly."""
STUDIES, REPETITIONS, REPLICATES, ENTROPY = 10_000, 500, 500, 20261123
"""The number of studies per cell: with 500, the noise of a share (1%) would refuse cells by chance."""
COLUMNS = ["seeds", "hit_rate", "kernels", "baseline_hit_rate", "question", "method", "coverage", "median_log_width",
           "below", "above", "studies", "supported"]  # fmt: skip
KEY = COLUMNS[:4]


def kinds() -> list[Kind]:
    """List every kind of study in the table."""
    return [Kind(*values) for values in product(SEEDS, HIT_RATES, KERNELS, BASELINES)]


def rows_of(kind: Kind, studies: int) -> list[dict[str, object]]:
    """Compute the rows of the t intervals of one kind; the numbers do not depend on what was computed before."""
    seed = [ENTROPY, kind.seeds, round(100 * kind.hit_rate), kind.kernels]
    seed.append(0 if np.isnan(kind.baseline_hit_rate) else round(100 * kind.baseline_hit_rate))
    found = coverage_of(kind, studies, np.random.default_rng(seed))
    return [{**asdict(kind), **asdict(of), "method": "t", "supported": supported(of)} for of in found]


def supported(of: Coverage) -> bool:
    """Whether the report gives such an interval, and tests by it."""
    return LEAST <= of.coverage <= MOST and max(of.below, of.above) <= MOST_WRONG


def bootstraps(repetitions: int, replicates: int) -> pd.DataFrame:
    """Coverage of the bootstraps over exact random search."""
    cells = [Cell(*values) for values in product(SEEDS, HIT_RATES, KERNELS)]
    children = np.random.SeedSequence(ENTROPY).spawn(len(cells))
    rows = []
    for cell, seed in tracked(list(zip(cells, children, strict=True)), "cells of bootstraps"):
        for (question, method), (share, width) in coverage(cell, repetitions, replicates, seed).items():
            if method != "t":
                row = {**asdict(cell), "question": question, "method": method, "coverage": share}
                row |= {"median_log_width": width, "studies": repetitions}
                rows.append(row | {"supported": LEAST <= share <= MOST})
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def _save(found: pd.DataFrame, file: Path) -> None:
    part = file.with_suffix(".part")
    found.sort_values([*KEY, "question", "method"], kind="stable", na_position="first").to_csv(
        part, index=False, float_format="%.4g"
    )
    part.replace(file)


def markdown(found: pd.DataFrame, seeds: tuple[int, ...], kernels: tuple[int, ...]) -> str:
    """Format the coverage of every method by cell; unsupported cells are struck through."""
    head = ["seeds", "hit rate", "kernels", *(f"{question}: {method}" for question, method in METHODS)]
    lines = [head, ["---"] * len(head)]
    part = found[found["seeds"].isin(seeds) & found["kernels"].isin(kernels) & found["baseline_hit_rate"].isna()]
    for (n, rate, count), rows in part.groupby(["seeds", "hit_rate", "kernels"], sort=True):
        cells = {(row["question"], row["method"]): row for row in rows.to_dict("records")}
        line = [f"{n}", f"{rate:g}", f"{count}"]
        for key in METHODS:
            row = cells.get(key)
            share = "–" if row is None else f"{100 * row['coverage']:.1f}"
            line.append(share if row is None or row["supported"] else f"~~{share}~~")
        lines.append(line)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=STUDIES)
    parser.add_argument("--bootstraps", action="store_true", help="also recompute the bootstraps (slow)")
    parser.add_argument("--again", action="store_true", help="recompute every cell")
    parser.add_argument("-o", "--output", type=Path, default=TABLE)
    arguments = parser.parse_args()
    known = pd.read_csv(arguments.output) if arguments.output.exists() else pd.DataFrame(columns=COLUMNS)
    known = known.reindex(columns=COLUMNS)
    if arguments.bootstraps:
        known = pd.concat([known[known["method"] == "t"], bootstraps(REPETITIONS, REPLICATES)], ignore_index=True)
    done = known[(known["method"] == "t") & (known["studies"] > 0) & known["below"].notna()]
    have = set() if arguments.again else {tuple(key) for key in done[KEY].fillna(0.0).itertuples(index=False)}
    found = known[(known["method"] != "t") | known["below"].notna() & (not arguments.again)]
    missing = [k for k in kinds() if (k.seeds, k.hit_rate, k.kernels, np.nan_to_num(k.baseline_hit_rate)) not in have]
    for at, kind in enumerate(tracked(missing, "kinds of study"), 1):
        rows = pd.DataFrame(rows_of(kind, arguments.studies)).reindex(columns=COLUMNS)
        found = pd.concat([found, rows], ignore_index=True) if len(rows) else found
        if at % 20 == 0 or at == len(missing):
            _save(found, arguments.output)
    print(markdown(found, SEEDS, KERNELS))


if __name__ == "__main__":
    main()
