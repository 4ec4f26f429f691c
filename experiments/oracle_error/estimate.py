"""The uncertainty of recorded latencies, and its effect on difficulty and speedups.

python -m experiments.oracle_error.estimate experiments/claim_5_10x/results [TIMINGS.parquet]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import gmean

from analysis.landscapes.reference_error import disturbed
from analysis.media import markdown_table
from analysis.reference import HEADLINE_TARGET
from analysis.runs.load import load_study
from analysis.study.laws import UNIFORM
from analysis.study.reference_error import afresh, judged_by
from analysis.study.results import StudyResults, analyse
from analysis.study.speedup import task_rows

HERE = Path(__file__).parent
NEAR = 1.15
"""Hits are decided among configurations up to this multiple of the best."""
OVER = (UNIFORM, "evaluations")
REPLICATES = 400
_SEED = 20261127


def logs(timings: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series[float]]:
    """Return the logs of one task's near-optima: those of each batch's median readings, and those of the recording.

    Each batch is put on the recording's scale: a card that is faster throughout changes no ratio to its own optimum.

    Returns:
        A table by key with a column per (device, session), and the recorded logs by key.
    """
    timed = timings.assign(ms=np.log([float(np.median(samples)) for samples in timings["samples_ms"]]))
    table = timed.pivot_table(index="key", columns=["device", "session"], values="ms")
    recorded = timed.groupby("key")["oracle_ms"].first().reindex(table.index).map(np.log)
    near = recorded <= recorded.min() + np.log(NEAR)
    table, recorded = table[near], recorded[near]
    return table - table.sub(recorded, axis=0).median(), recorded


def errors(timings: pd.DataFrame) -> pd.DataFrame:
    """Build a row per task with standard deviations of the log, in %.

    ``session`` and ``card`` are those of one batch, from pairs of batches on one card and from pairs of cards' means.
    ``recorded`` is that of ``oracle_ms``, from var(recorded - batch) minus the batches' own variance.
    """
    rows = []
    for task, part in timings.groupby("task", sort=True):
        batches, recorded = logs(part)
        within = batches.T.groupby(level=0).var(ddof=1).T.mean(axis=1)
        means = batches.T.groupby(level=0).mean().T
        sessions = batches.shape[1] / means.shape[1]
        card = max(0.0, float(means.var(axis=1, ddof=1).mean()) - float(within.mean()) / sessions)
        apart = float(batches.sub(recorded, axis=0).var(ddof=1).mean())
        own = float(within.mean()) + card
        rows.append({
            "task": task, "configurations": len(batches), "batches": batches.shape[1], "cards": means.shape[1],
            "session": 100 * np.sqrt(float(within.mean())), "card": 100 * np.sqrt(card),
            "recorded": 100 * np.sqrt(max(0.0, apart - own)),
        })  # fmt: skip
    return pd.DataFrame(rows)


def fresh_references(results: StudyResults, timings: pd.DataFrame, strategies: Sequence[str]) -> pd.DataFrame:
    """Build a row per task and reference (the recording, each batch, their geometric mean) with E5 and speedups."""
    rows = []
    for task, part in timings.groupby("task", sort=True):
        table = results.study.references[str(task)]
        medians = part.assign(ms=[float(np.median(samples)) for samples in part["samples_ms"]])
        batches = {
            f"card {card}, session {session}": own.set_index("key")["ms"]
            for card, (_, of_card) in enumerate(medians.groupby("device", sort=True))
            for session, own in of_card.groupby("session", sort=True)
        }
        references = {"recorded": afresh(table, {})}
        references |= {name: afresh(table, dict(column)) for name, column in batches.items()}
        references["all batches"] = afresh(table, dict(medians.groupby("key")["ms"].agg(gmean)))
        judged = judged_by(results, str(task), np.stack([*references.values()]), HEADLINE_TARGET, strategies)
        for i, name in enumerate(references):
            row = {"task": task, "reference": name, "e5": judged.expected[UNIFORM][i]}
            rows.append(row | {label: float(np.exp(judged.log_speedup[label, *OVER][i])) for label in strategies})
    return pd.DataFrame(rows)


def propagated(results: StudyResults, sd: float, strategies: Sequence[str], stratum: str = "useful") -> pd.DataFrame:
    """Build a row per strategy: the mean speedup over the stratum's tasks, with and without the reference's error.

    Args:
        sd: standard deviation of the log of every recorded latency.
    """
    tasks = sorted(
        t for t in results.counted[HEADLINE_TARGET] & set(results.study.references) if results.strata[t] == stratum
    )
    streams = np.random.SeedSequence([_SEED, round(1e6 * sd)]).spawn(len(tasks))
    logs_of: dict[str, list[NDArray[np.float64]]] = {name: [] for name in strategies}
    for task, stream in zip(tasks, streams, strict=True):
        latencies = disturbed(results.study.references[task], sd, REPLICATES, np.random.default_rng(stream))
        judged = judged_by(results, task, latencies, HEADLINE_TARGET, strategies)
        for name in strategies:
            if (name, *OVER) in judged.log_speedup:
                logs_of[name].append(judged.log_speedup[name, *OVER])
    single = task_rows(results.speedups).query(f"axis == 'evaluations' and target == {HEADLINE_TARGET}")
    rows = []
    for name in strategies:
        own = single[(single["strategy"] == name) & single["task"].isin(tasks)]
        seeds = float(np.sqrt((own["se"] ** 2).sum())) / len(own)
        spread = np.array([log.std(ddof=1) for log in logs_of[name]])
        reference = float(np.sqrt((spread**2).sum())) / len(spread)
        both, mean = float(np.hypot(seeds, reference)), float(own["log"].mean())
        low, high = np.exp([mean - 1.96 * both, mean + 1.96 * both])
        rows.append({
            "strategy": name, "tasks": len(own), "speedup": np.exp(mean), "se_seeds": seeds, "se_reference": reference,
            "largest_task": float(spread.max()), "low": low, "high": high,
        })  # fmt: skip
    return pd.DataFrame(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("timings", type=Path, nargs="?", default=HERE / "h100.parquet")
    parser.add_argument("--strategies", default="conditional_gp,lfbo")
    given = parser.parse_args(arguments)
    strategies = given.strategies.split(",")
    timings, results = pd.read_parquet(given.timings), analyse(load_study([given.results]), others=())
    found = errors(timings)
    parts = [found.round(2), fresh_references(results, timings, strategies).round(2)]
    parts += [propagated(results, sd / 100, strategies).assign(sd=sd).round(3) for sd in found["recorded"]]
    print("\n\n".join(markdown_table([*part.columns], part.astype(str).to_numpy().tolist()) for part in parts))


if __name__ == "__main__":
    main()
