"""The results of the live confirmation: ``python -m experiments.transfer.live_table RESULTS|runs.csv [-o runs.csv]``.

RESULTS holds the live runs with their ``retimed.parquet``; ``-o`` keeps a row per run, from which the same command
prints the same table and verdicts. A slowdown is the re-timed latency of the incumbent, chosen by observed latency,
over the lowest that any run of its task found. Seeds of a task that not every strategy has finished are left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.media import markdown_table
from analysis.runs import contract
from analysis.runs.load import Study, load_study
from analysis.study.incumbents import delivered_steps
from experiments.transfer.live_runs import hypothesis
from experiments.transfer.replays import MOMENTS, NEAR
from harness.system.terminal import say

AFTER = [f"after_{moment}" for moment in MOMENTS]
COLD = "conditional_gp"
JUDGED = "transfer_gp"


def runs_of(study: Study) -> pd.DataFrame:
    """Build a row per run: ``task, way, seed, evaluations, seconds`` (on the tuning clock), ``hit`` (evaluations to
    within 5%, 0 for a miss), ``best_ms`` (the lowest latency that any run of the task found) and the slowdown of the
    incumbent after each of :data:`MOMENTS` evaluations, infinite before the first success."""
    runs, steps = study.runs, delivered_steps(study)
    true = study.evaluations["oracle_ms"].groupby(study.evaluations["run"]).min().reindex(runs.index)
    best = true.groupby(runs["task"]).transform("min").to_numpy(dtype=float)
    rows = []
    for run, facts in enumerate(runs.to_dict("records")):
        own = steps[steps["run"] == run]
        slowdowns = own["true_ms"].to_numpy(dtype=float) / best[run]
        at = own["evaluation"].to_numpy()
        hits = at[slowdowns <= NEAR]
        held = [slowdowns[at <= moment] for moment in MOMENTS]
        rows.append(
            {
                "task": facts["task"], "way": facts["strategy"], "seed": facts["seed"],
                "evaluations": facts["evaluations"], "seconds": round(facts["clock_s"], 1),
                "hit": int(hits[0]) if len(hits) else 0, "best_ms": round(float(best[run]), 6),
                **{name: round(float(values[-1]), 4) if len(values) else np.inf
                   for name, values in zip(AFTER, held, strict=True)},
            }
        )  # fmt: skip
    return pd.DataFrame(rows).sort_values(["task", "way", "seed"], ignore_index=True)


def whole(runs: pd.DataFrame, ways: Collection[str]) -> pd.DataFrame:
    """Return the runs of the tasks and seeds that every way has."""
    found = runs.groupby(["task", "seed"])["way"].transform(lambda own: set(ways) <= set(own))
    return runs[found.astype(bool)].reset_index(drop=True)


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Build a row per task and way: the number of runs, hits, the median evaluations to a hit (of runs with a hit), the
    mean seconds of a run, and the median slowdowns."""
    rows = []
    for (task, way), own in runs.groupby(["task", "way"], sort=True):
        hits = own["hit"][own["hit"] > 0]
        rows.append(
            {
                "task": str(task).partition("__")[0], "strategy": way, "runs": len(own),
                "hits": f"{len(hits)}/{len(own)}", "median": f"{hits.median():g}" if len(hits) else "–",
                "seconds": own["seconds"].mean(),
                **{name: own[name].median() for name in AFTER},
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def slowdown(runs: pd.DataFrame, kernels: Sequence[str], way: str, after: int) -> float:
    """Geometric mean over the tasks of some kernels of the median slowdown after some evaluations; nan without runs."""
    kernel = runs["task"].str.partition("-")[0]
    own = runs[kernel.isin(list(kernels)) & (runs["way"] == way)]
    medians = own.groupby("task")[f"after_{after}"].median()
    return float(np.exp(np.log(medians).mean()))


def verdicts(runs: pd.DataFrame, said: Mapping[str, Any]) -> list[str]:
    """One line per claim."""
    lines = []
    for claim in said["claims"]:
        value = slowdown(runs, claim["kernels"], JUDGED, claim["after"])
        if "at_most" in claim:
            bound, of = float(claim["at_most"]), ""
        else:
            cold = slowdown(runs, claim["kernels"], COLD, claim["cold_after"])
            bound = claim["factor"] * cold
            of = f" ({claim['factor']:g} times {cold:.3f}, cold after {claim['cold_after']})"
        reached = "no runs" if np.isnan(value) or np.isnan(bound) else "reached" if value <= bound else "not reached"
        lines.append(f"{claim['name']}: {value:.3f} after {claim['after']}, at most {bound:.3f}{of}: {reached}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="experiments.transfer.live_table", description=__doc__)
    parser.add_argument("results", type=Path, help="results folder, or the CSV file that -o wrote")
    parser.add_argument("-o", type=Path, help="CSV file: a row per run")
    given = parser.parse_args(arguments)
    if not given.results.exists():
        parser.error(f"{given.results}: no such path: expected the live results, or the CSV file that -o wrote")
    if given.results.is_dir():
        without = [path.name for path in given.results.glob("*__*") if not (path / contract.RETIMED).exists()]
        if without:
            say(f"not re-timed, judged by first readings: {', '.join(sorted(without))}\n")
        every = runs_of(load_study([given.results]))
        runs = whole(every, [arm["label"] for arm in hypothesis()["arms"]])
        say(f"{len(runs)} of {len(every)} finished runs are of a task and seed that every strategy has finished\n")
    else:
        runs = pd.read_csv(given.results)
    if given.o is not None:
        runs.to_csv(given.o, index=False)
    shown = summary(runs)
    numbers = {"seconds": "{:.0f}", **dict.fromkeys(AFTER, "{:.2f}")}
    text = shown.assign(**{name: shown[name].map(form.format) for name, form in numbers.items()}).astype(str)
    say(markdown_table([name.replace("_", " ") for name in text.columns], text.to_numpy().tolist()) + "\n")
    for line in verdicts(runs, hypothesis()):
        say(f"* {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
