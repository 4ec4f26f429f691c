"""Does replay predict the live runs? ``python -m experiments.helion.agreement LIVE_RESULTS REPLAY_RESULTS``.

The claim's own test (:mod:`analysis.study.live_agreement`) judges live runs by the recording of the replays. That is
impossible here: the live runs search the whole space, of which the recorded pool is a sample, on another device. So
each side is judged by its best known configuration, re-timed, and the comparison is of the number of evaluations to
within 5% of that. All runs of a (kernel, strategy) are cut at the fewest evaluations that one of them made, and the
live runs are ranked among the replays.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import AnalysisError
from analysis.reference import HEADLINE_TARGET
from analysis.runs.load import Study, load_study
from analysis.statistics.agreement import RankTest, rank_test, stratified
from analysis.statistics.multiplicity import holm
from analysis.study.incumbents import optima
from analysis.study.live_agreement import ALPHA
from analysis.study.time_to_target import budgets, times_to_target
from analysis.tables.live_agreement import p_text
from analysis.tables.table import Table, text_rows, write

HERE = Path(__file__).parent
NAME = "live-agreement"
SAME = ("batch", "strategy_arguments")


@dataclass(frozen=True)
class Cell:
    """One kernel and strategy.

    Attributes:
        task: the task without its device.
        budget: evaluations at which all runs are cut.
        live, replay: evaluations to within 5% of the best known; inf: not within the budget. [runs]
        test: the rank test of the live runs among the replays; rank 1 is the fastest.
    """

    task: str
    strategy: str
    budget: int
    live: NDArray[np.float64]
    replay: NDArray[np.float64]
    test: RankTest


def compare(live: Study, replays: Study) -> list[Cell]:
    """Compare every (kernel, strategy) of ``live`` with its replays.

    Raises:
        AnalysisError: nothing in common, a live study without evaluations, or runs under another protocol.
    """
    ours, theirs = (_by_cell(study) for study in (live, replays))
    common = sorted(set(ours) & set(theirs))
    if not common:
        raise AnalysisError(
            "no replay of any live task and strategy: expected runs with the same names except for the device"
        )
    found = []
    for task, strategy in common:
        sides = [(live, ours[task, strategy]), (replays, theirs[task, strategy])]
        _check_same(*(study.runs.loc[runs] for study, runs in sides))
        budget = min(int(_made(study, runs).min()) for study, runs in sides)
        if budget < 1:
            raise AnalysisError(f"{task} with {strategy}: a run without evaluations: expected at least one")
        one, other = (_times(study, runs, budget) for study, runs in sides)
        found.append(Cell(task, strategy, budget, one, other, rank_test(one, other)))
    return found


def table(cells: Sequence[Cell]) -> Table:
    """A table with one row per cell."""
    adjusted = holm([cell.test.p for cell in cells])
    data = pd.DataFrame(
        [
            {
                "task": cell.task,
                "strategy": cell.strategy,
                "budget": cell.budget,
                "live_hits": int(np.isfinite(cell.live).sum()),
                "live_runs": len(cell.live),
                "replay_hits": int(np.isfinite(cell.replay).sum()),
                "replay_runs": len(cell.replay),
                "live_median": float(np.median(cell.live)),
                "replay_median": float(np.median(cell.replay)),
                "slower": cell.test.larger,
                "p": cell.test.p,
                "p_holm": float(p),
            }
            for cell, p in zip(cells, adjusted, strict=True)
        ]
    )
    rows = [
        [
            row["task"],
            row["strategy"],
            str(row["budget"]),
            f"{row['live_hits']}/{row['live_runs']}",
            f"{row['replay_hits']}/{row['replay_runs']}",
            *(f"{row[name]:.0f}" if np.isfinite(row[name]) else "never" for name in ("live_median", "replay_median")),
            f"{row['slower']:.0%}",
            p_text(row["p"]) + "*" * bool(row["p_holm"] <= ALPHA),
        ]
        for row in data.to_dict("records")
    ]
    return Table(
        name=NAME,
        title=f"Live runs ranked among their replays: evaluations to {HEADLINE_TARGET:.0%}",
        caption=(
            "Each side is judged by its best known configuration. Budget: the fewest evaluations of any run of "
            "the row, at which all are cut. Slower: share of pairs of a live run and a replay in which the live run is "
            "slower (ties count half); 50% means no difference. p: exact two-sided permutation test of the rank sum, "
            f"before Holm's correction over {len(cells)} rows (*: rejected at {ALPHA:.0%} after it)."
        ),
        headers=("task", "strategy", "budget", "hits live", "replay", "median live", "replay", "slower", "p"),
        rows=text_rows(rows),
        data=data,
    )


def by_strategy(cells: Sequence[Cell]) -> dict[str, dict[str, float]]:
    """For each strategy over all kernels: share of pairs in which live is slower, p after Holm, share of hits."""
    names = sorted({cell.strategy for cell in cells})
    groups = {name: [cell for cell in cells if cell.strategy == name] for name in names}
    tests = {name: stratified([cell.test for cell in group]) for name, group in groups.items()}
    adjusted = holm([test.p for test in tests.values()])
    return {
        name: {
            "slower": tests[name].larger,
            "p_holm": float(p),
            "live_hit_rate": float(np.mean([np.isfinite(cell.live).mean() for cell in groups[name]])),
            "replay_hit_rate": float(np.mean([np.isfinite(cell.replay).mean() for cell in groups[name]])),
        }
        for name, p in zip(names, adjusted, strict=True)
    }


def sentence(found: dict[str, dict[str, float]]) -> str:
    """A sentence on what replay predicts, by strategy."""
    told = []
    for name, one in found.items():
        verdict = "not rejected" if one["p_holm"] > ALPHA else "slower live" if one["slower"] > 0.5 else "faster live"
        told.append(
            f"{name} {verdict} (p {p_text(one['p_holm'])}; hits {one['live_hit_rate']:.0%} live, "
            f"{one['replay_hit_rate']:.0%} in replay within the same evaluations)"
        )
    return f"Replay against live, by strategy: {'; '.join(told)}."


def _by_cell(study: Study) -> dict[tuple[str, str], pd.Index[int]]:
    names = study.runs["task"].str.partition("__")[0]
    groups = study.runs.groupby([names, study.runs["strategy"]], sort=True)
    return {(str(task), str(strategy)): part.index for (task, strategy), part in groups}


def _check_same(live: pd.DataFrame, replays: pd.DataFrame) -> None:
    one, other = live.iloc[0], replays.iloc[0]
    for name in SAME:
        if str(one[name]) != str(other[name]):
            raise AnalysisError(f"{one['path']}: {name}={one[name]}: expected {other[name]} as in {other['path']}")


def _made(study: Study, runs: pd.Index[int]) -> pd.Series[int]:
    """The number of evaluations that ended within each run's budget. [runs]"""
    rows = study.evaluations[study.evaluations["run"].isin(runs)]
    limit = study.runs["budget_seconds"].fillna(np.inf).loc[rows["run"]].to_numpy()
    return rows[rows["clock_end_s"].to_numpy() <= limit].groupby("run").size().reindex(runs, fill_value=0)


def _times(study: Study, runs: pd.Index[int], budget: int) -> NDArray[np.float64]:
    own = budgets(study, study.runs.loc[runs])
    cut = own.fillna(budget).clip(upper=budget)
    times = times_to_target(study, optima(study), (HEADLINE_TARGET,), cut)
    times = times[times["axis"] == "evaluations"]
    return times["time"].fillna(np.inf).to_numpy(np.float64)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("live", type=Path, help="folder of live runs, re-timed")
    parser.add_argument("replays", type=Path, help="folder of replays, or of their consolidated results")
    parser.add_argument("-o", "--output", type=Path, default=HERE)
    arguments = parser.parse_args()
    try:
        cells = compare(load_study([arguments.live]), load_study([arguments.replays]))
        told = by_strategy(cells)
        write(table(cells), arguments.output)
        document = {"sentence": sentence(told), "strategies": told}
        file = arguments.output / f"{NAME}.json"
        file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except (AnalysisError, OSError) as error:
        print(f"agreement: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(f"{table(cells).markdown()}\n{sentence(told)}\n{file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
