"""Asynchronous runs on a GPU against replays of their seeds: ``python -m experiments.asynchronous.live LIVE REPLAYS``.

It prints one row per pair of runs, then the geometric mean of each ratio by strategy with its 90% t interval, which two
one-sided tests of equivalence at 5% need.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

LEVEL = 0.90
RATIOS = ("tuning seconds", "wall seconds", "compile CPU seconds")


def pairs(live: Path, replays: Path) -> pd.DataFrame:
    """One row per run of ``live`` with a replay: task, strategy, seed, utilisation, seconds of both and ratios."""
    rows = []
    for file in sorted(live.glob("*/*/seed-*/evaluations.parquet")):
        name = file.parent.relative_to(live)
        there = replays / name / file.name
        if not there.exists():
            continue
        ours, theirs = pd.read_parquet(file), pd.read_parquet(there)
        done = json.loads((file.parent / "DONE").read_text(encoding="utf-8"))
        replayed_s = float(theirs["clock_end_s"].max())
        clock_s, wall_s = float(ours["clock_end_s"].max()), float(ours["wall_s"].sum())
        rows.append(
            {
                "task": name.parts[0],
                "strategy": name.parts[1],
                "seed": name.parts[2].removeprefix("seed-"),
                "utilisation": done.get("utilisation", float("nan")),  # of an asynchronous run
                "clock_s": clock_s,
                "wall_s": wall_s,
                "replay_s": replayed_s,
                RATIOS[0]: clock_s / replayed_s,
                RATIOS[1]: wall_s / replayed_s,
                RATIOS[2]: float(ours["compile_s"].sum() / theirs["compile_s"].sum()),
            }
        )
    return pd.DataFrame(rows)


def interval(ratios: pd.Series) -> tuple[float, float, float]:
    """Geometric mean of positive ratios [n >= 2], and the lower and upper end of its 90% interval."""
    logs = np.log(ratios.to_numpy(dtype=float))
    half = student.ppf(0.5 + LEVEL / 2, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs))
    middle, low, high = np.exp([logs.mean(), logs.mean() - half, logs.mean() + half]).tolist()
    return middle, low, high


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("live", type=Path)
    parser.add_argument("replays", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    found = pairs(arguments.live, arguments.replays)
    if found.empty:
        parser.error(f"{arguments.live}: no finished run has a replay below {arguments.replays}")
    begun = len(list(arguments.live.glob("*/*/seed-*")))
    print(f"{len(found)} of {begun} live runs are finished and have a replay; the others are left out")
    print(found.to_string(index=False, float_format=lambda value: f"{value:.3g}"))
    for strategy, rows in found.groupby("strategy"):
        for ratio in RATIOS:
            middle, low, high = interval(rows[ratio])
            print(f"{strategy}, {ratio}: {middle:.2f} ({low:.2f}–{high:.2f}) over {len(rows)} pairs")
    if arguments.output:
        found.to_csv(arguments.output, index=False, float_format="%.4g")
    return 0


if __name__ == "__main__":
    sys.exit(main())
