"""Do the runs of two sides come from one distribution? A table from ``run.py``'s file.

Usage: python -m experiments.kernel_tuner_crosscheck.compare runs.csv

For every recording, strategy and target it gives a Kolmogorov-Smirnov statistic between the evaluations to target of
the two sides, where a run without a hit counts as later than any run with one, and its p-value from 9,999 permutations
of the sides (exact despite ties and censoring). Holm's method corrects for multiple tests. The control compares Kernel
Tuner's counts with themselves after its repeated requests are counted as evaluations too, a mistake that the test must
detect.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

PERMUTATIONS = 9_999
Floats = NDArray[np.float64]


def two_sample_p(a: Floats, b: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """The Kolmogorov-Smirnov statistic of two samples and its permutation p-value. Infinities are latest."""
    pooled = np.concatenate([a, b])
    order = np.argsort(pooled, kind="stable")
    ends = np.flatnonzero(np.append(pooled[order][1:] != pooled[order][:-1], True))
    side = np.concatenate([np.full(len(a), 1 / len(a)), np.full(len(b), -1 / len(b))])[order]
    permuted = rng.permuted(np.tile(side, (PERMUTATIONS, 1)), axis=1)
    distances = np.abs(np.cumsum(np.vstack([side, permuted]), axis=1)[:, ends]).max(axis=1)
    return float(distances[0]), float((distances[1:] >= distances[0] - 1e-12).sum() + 1) / (PERMUTATIONS + 1)


def holm(p: Floats) -> Floats:
    """Holm's step-down adjustment."""
    order = np.argsort(p)
    adjusted = np.maximum.accumulate(np.minimum(1.0, p[order] * np.arange(len(p), 0, -1)))
    result = np.empty_like(adjusted)
    result[order] = adjusted
    return result


def _targets(runs: pd.DataFrame) -> list[str]:
    return [name for name in runs.columns if name.startswith("within_")]


def comparison(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per recording, strategy and target."""
    rng = np.random.default_rng(0)
    rows = []
    for (recording, strategy), group in runs.groupby(["recording", "strategy"], sort=False):
        for target in _targets(runs):
            sides = (group[group["side"] == side] for side in ("replay", "simulation"))
            ours, theirs = (runs_of_side[target].fillna(np.inf) for runs_of_side in sides)
            statistic, p = two_sample_p(ours.to_numpy(), theirs.to_numpy(), rng)
            rows.append(
                {
                    "recording": recording,
                    "strategy": strategy,
                    "target": target.removeprefix("within_") + "×",
                    "runs": f"{len(ours)}/{len(theirs)}",
                    "hits replay": int(np.isfinite(ours).sum()),
                    "hits simulation": int(np.isfinite(theirs).sum()),
                    "median replay": ours.median(),
                    "median simulation": theirs.median(),
                    "KS": statistic,
                    "p": p,
                }
            )
    table = pd.DataFrame(rows)
    return table.assign(**{"p (Holm)": holm(table["p"].to_numpy())})


def control(runs: pd.DataFrame) -> pd.DataFrame:
    """The smallest p of each strategy if repeats counted: evaluations scaled by each run's requests per evaluation."""
    rng = np.random.default_rng(1)
    rows = []
    theirs = runs[runs["side"] == "simulation"]
    for strategy, group in theirs.groupby("strategy", sort=False):
        found = []
        for _, part in group.groupby("recording"):
            for target in (name for name in runs.columns if name.startswith("within_")):
                counted = part[target].fillna(np.inf).to_numpy()
                found.append(
                    two_sample_p(counted, counted * (part["requests"] / part["evaluations"]).to_numpy(), rng)[1]
                )
        rows.append({"strategy": strategy, "requests per evaluation": (group["requests"] / group["evaluations"]).mean(),
                     "smallest p": min(found)})  # fmt: skip
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """The table as Markdown for the page."""
    cells = [[f"{v:.3g}" if isinstance(v, float) else str(v) for v in row] for row in table.itertuples(index=False)]
    lines = [list(table.columns), ["---"] * len(table.columns), *cells]
    return "\n".join("| " + " | ".join(line).replace("inf", "–") + " |" for line in lines)


def main() -> int:
    """Print the tables; return 1 if a difference is significant at 5% after Holm's adjustment."""
    if len(sys.argv) != 2:
        print("expected runs.csv: see the module's docstring", file=sys.stderr)
        return 2
    runs = pd.read_csv(Path(sys.argv[1]))
    table = comparison(runs)
    print(markdown(table))
    smallest = table["p (Holm)"].min()
    print(f"\n{len(table)} comparisons, smallest p {table['p'].min():.4f}, after Holm {smallest:.3f}; "
          f"p below 0.05: {(table['p'] < 0.05).sum()}, expected under the null {0.05 * len(table):.1f}\n")  # fmt: skip
    print(markdown(control(runs)))
    return int(smallest < 0.05)


if __name__ == "__main__":
    sys.exit(main())
