"""Compare Helion's own searches with the adapter's runs of the same seeds: seconds per evaluation, and what they chose.

A row is a seed. ``n`` is the number of evaluations that both made; ``…_at_n`` counts only these. Of ours, ``clock_s``
is the tuning clock, by which studies judge, and ``wall_s`` the real seconds; Helion's own seconds are real ones.
``chosen`` is what a search returned; where it was cut off, its best reading. The latencies are each side's own
readings, and those of one interleaved batch that timed both sides' choices again (``again``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from analysis.runs import contract
from analysis.runs.reading import read_logs
from analysis.runs.run_directory import RunLog
from experiments.helion_2.own import Search, in_space, read, read_retimed, write
from experiments.helion_2.sitting import TASKS
from harness.backends.task import session_options
from harness.landscapes.library import SEPARATOR
from harness.measure.device import AccelDevice
from harness.measure.session import Session
from harness.measure.work import MakeWork, usual_work
from harness.record.retime import Retiming, retime
from harness.record.retime_study import LiveEvaluation, live_evaluations
from kernels.base import Kernel
from search_spaces.space import SearchSpace

HELION, OURS = "helion", "ours"
CHOSEN, AT_N = "chosen", "at_n"
ROUNDS = 12
"""Timings of each choice in the interleaved batch, of five samples each."""


def our_runs(results: Path, task: str, label: str) -> dict[int, RunLog]:
    """Return the finished runs of a task and label by seed; none if there is no such folder."""
    if not any(results.glob(f"{TASKS[task]}{SEPARATOR}*")) and not (results / contract.CONSOLIDATED).exists():
        return {}
    logs, _, _ = read_logs([results])
    return {
        int(log.config["seed"]): log
        for log in logs
        if log.cell[1] == label
        and log.cell[0].split(SEPARATOR)[0] == TASKS[task]
        and log.ended != contract.ENDED_FAILED
    }


def common(search: Search, ours: RunLog | None) -> int:
    """Return the number of evaluations that both made."""
    return min(len(search.trials), len(ours.columns[contract.OK])) if ours else len(search.trials)


def _readings(ours: RunLog) -> np.ndarray:
    """Latencies in ms, infinite for failures. [evaluations]"""
    return np.where(ours.columns[contract.OK].astype(bool), ours.columns[contract.LATENCY_MS], np.inf)


def _best(search: Search, n: int) -> tuple[Mapping[str, Any] | None, float]:
    """The best reading among the first ``n`` evaluations, and its configuration."""
    ok = [trial for trial in search.trials[:n] if trial.latency_ms is not None]
    if not ok:
        return None, np.inf
    best = min(ok, key=lambda trial: trial.latency_ms or np.inf)
    return best.config, float(best.latency_ms or np.inf)


def chosen_reading(search: Search) -> float:
    """Return the first reading of what a search returned, or its best where it returned nothing."""
    own = [trial.latency_ms for trial in search.trials if trial.config == search.chosen and trial.latency_ms]
    return own[0] if own else _best(search, len(search.trials))[1]


def choices(
    searches: Sequence[Search], ours: Mapping[int, RunLog], live: Sequence[LiveEvaluation], space: SearchSpace
) -> Iterator[tuple[str, int, str, Mapping[str, Any], float]]:
    """Yield who, seed, what, configuration and reading of each choice that the space has.

    Helion's own searches may choose what breaks our rule of 256 elements a thread: such a choice is left out.
    """
    for search in searches:
        n = common(search, ours.get(search.seed))
        final = (search.chosen, chosen_reading(search)) if search.chosen else _best(search, len(search.trials))
        for what, (config, reading) in ((CHOSEN, final), (AT_N, _best(search, n))):
            configuration = None if config is None else in_space(config, space)
            if configuration is not None:
                yield HELION, search.seed, what, configuration, reading
        run = [one for one in live if one.seed == search.seed]
        for what, own in ((CHOSEN, run), (AT_N, [one for one in run if one.index < n])):
            if own:
                best = min(own, key=lambda one: one.latency_ms)
                yield OURS, search.seed, what, best.configuration, best.latency_ms


def retime_both(
    out: Path,
    task: str,
    kernel: Kernel,
    space: SearchSpace,
    device: AccelDevice,
    results: Path,
    label: str,
    work: MakeWork = usual_work,
) -> None:
    """Time all choices again in one interleaved batch, and keep the medians beside the searches."""
    searches = [search for search in read(out) if search.task == task]
    ours = our_runs(results, task, label)
    folder = results / f"{TASKS[task]}{SEPARATOR}{device.slug}"
    live = [one for one in live_evaluations(folder, space) if one.strategy == label] if ours else []
    rows = list(choices(searches, ours, live, space))
    chosen = {space.key(configuration): (configuration, reading) for *_, configuration, reading in rows}
    with Session(kernel, device, session_options(0), work) as session:
        samples, *_ = retime(session, chosen, {}, Retiming(rounds=ROUNDS), np.random.default_rng(0))
    medians = {key: median(values) for key, values in samples.items() if values}
    kept = [
        {"who": who, "seed": seed, "what": what, "key": key, "reading_ms": reading, "ms": medians.get(key)}
        for who, seed, what, configuration, reading in rows
        for key in [space.key(configuration)]
    ]
    write(out, task, searches, kept)


def compare(out: Path, task: str, results: Path, label: str) -> pd.DataFrame:
    """Return a row for each seed of Helion's own searches of a task."""
    ours = our_runs(results, task, label)
    again = {(row["who"], row["seed"], row["what"]): row["ms"] for row in read_retimed(out, task)}
    rows = []
    for search in sorted((search for search in read(out) if search.task == task), key=lambda search: search.seed):
        log = ours.get(search.seed)
        n = common(search, log)
        row: dict[str, Any] = {
            "seed": search.seed,
            "ended": search.ended,
            "evaluations": len(search.trials),
            "seconds": search.seconds,
            "ours_evaluations": np.nan if log is None else len(log.columns[contract.OK]),
            "ours_clock_s": np.nan if log is None else float(log.columns[contract.CLOCK_END_S].max()),
            "ours_wall_s": np.nan if log is None else _wall(log, len(log.columns[contract.OK])),
            "n": n,
            "s_at_n": search.trials[n - 1].elapsed_s if n else np.nan,
            "ours_clock_s_at_n": np.nan if log is None else float(log.columns[contract.CLOCK_END_S][:n].max()),
            "ours_wall_s_at_n": np.nan if log is None else _wall(log, n),
            "chosen_ms": chosen_reading(search),
            "ours_chosen_ms": np.nan if log is None else float(_readings(log).min()),
            "at_n_ms": _best(search, n)[1],
            "ours_at_n_ms": np.nan if log is None else float(_readings(log)[:n].min()),
        }
        for what in (CHOSEN, AT_N):
            for who, prefix in ((HELION, ""), (OURS, "ours_")):
                row[f"{prefix}{what}_again_ms"] = again.get((who, search.seed, what), np.nan)
        rows.append(row)
    return _with_ratios(pd.DataFrame(rows))


def paces(out: Path, task: str, results: Path, label: str) -> pd.DataFrame:
    """Return a row for each search and each of our runs, whatever their seeds: seconds and best of the first ``n``.

    ``n`` is the number of evaluations that all of them made. Helion's own searches have real seconds alone.
    """
    searches = [search for search in read(out) if search.task == task and search.trials]
    ours = our_runs(results, task, label)
    counts = [len(search.trials) for search in searches] + [len(log.columns[contract.OK]) for log in ours.values()]
    n = min(counts, default=0)
    rows = [
        {"who": HELION, "seed": each.seed, "compile_processes": each.jobs, "evaluations": len(each.trials), "n": n}
        | {"wall_s": each.trials[n - 1].elapsed_s, "best_ms": _best(each, n)[1]}
        for each in searches
    ]
    rows += [
        {"who": OURS, "seed": seed, "compile_processes": _workers(log), "evaluations": len(log.columns[contract.OK])}
        | {"n": n, "wall_s": _wall(log, n), "clock_s": float(log.columns[contract.CLOCK_END_S][:n].max())}
        | {"best_ms": float(_readings(log)[:n].min())}
        for seed, log in sorted(ours.items())
    ]
    return pd.DataFrame(rows)


def _workers(log: RunLog) -> int:
    return int((log.config.get("backend") or {}).get("compile_workers") or 0)


def _wall(log: RunLog, n: int) -> float:
    """Real seconds of the first ``n`` evaluations; NaN where a collected study has left them out."""
    return float(log.columns[contract.WALL_S][:n].sum()) if contract.WALL_S in log.columns else np.nan


def _with_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Add ours over Helion's: seconds of the same number of evaluations, and re-timed latencies."""
    if table.empty:
        return table
    return table.assign(
        clock_ratio=table["ours_clock_s_at_n"] / table["s_at_n"],
        wall_ratio=table["ours_wall_s_at_n"] / table["s_at_n"],
        chosen_ratio=table[f"ours_{CHOSEN}_again_ms"] / table[f"{CHOSEN}_again_ms"],
        at_n_ratio=table[f"ours_{AT_N}_again_ms"] / table[f"{AT_N}_again_ms"],
    )


def text(table: pd.DataFrame, pace: pd.DataFrame) -> str:
    """Return both tables for a terminal: of :func:`compare` a column is a seed, of :func:`paces` a row is a run."""
    if table.empty:
        return "no search of Helion's own"
    seeds = table.set_index("seed").T.to_string(float_format="{:.5g}".format)
    return f"{seeds}\n\n{pace.to_string(float_format='{:.5g}'.format, index=False)}"
