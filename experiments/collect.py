"""Put a study into a folder that is small enough to commit: ``python -m experiments.collect RESULTS… -o FOLDER``.

One consolidated Parquet file and the tasks' recorded tables replace the run directories of all RESULTS, some of which
may already be such folders: a study grows by collecting new runs and FOLDER into FOLDER. Costs are rounded to 0.1 ms
(compile, ask, tell and real seconds to 1 ms), and the clock to one part in a hundred thousand. The real seconds (but
with --wall) and the recorded samples, which the library of landscapes has, are left out.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import yaml

from analysis.runs import consolidated, contract
from analysis.runs.reading import find_run_directories, read_logs
from analysis.runs.run_directory import RunLog

MOST_MIB = 20.0
LEVEL = 19
"""Compression level: the file is written once and copied often."""


_DIGITS = {
    contract.ASK_S: 3,
    contract.TELL_S: 3,
    contract.COMPILE_S: 3,
    contract.VERIFY_S: 4,
    contract.BENCHMARK_S: 4,
    contract.WALL_S: 3,
}
_CLOCK_BITS = 16


def slim(log: RunLog, wall: bool = False) -> RunLog:
    """Round a run to the digits that reports need. True and observed latencies are unchanged.

    Args:
        wall: keep the real seconds, which no report needs.
    """
    columns = {name: values for name, values in log.columns.items() if wall or name != contract.WALL_S}
    columns |= {name: np.round(columns[name], digits) for name, digits in _DIGITS.items() if name in columns}
    fraction, exponent = np.frexp(columns[contract.CLOCK_END_S])
    columns[contract.CLOCK_END_S] = np.ldexp(np.round(np.ldexp(fraction, _CLOCK_BITS)), exponent - _CLOCK_BITS)
    return replace(log, columns=columns)


def steps_alone(log: RunLog) -> RunLog:
    """Reduce a run to what its curves need, which takes much less space.

    An evaluation that changes neither the incumbent nor the best latency tried gets the numbers and the clock of the
    one before. The last evaluation keeps its clock, and failures stay marked. Costs are left out. Where evaluations do
    not end in their order, as in batches on several workers, all keep their numbers: curves in seconds need them.
    """
    ok = np.asarray(log.columns[contract.OK], dtype=bool)
    if not len(ok):
        return log
    observed = np.where(ok, log.columns[contract.LATENCY_MS], np.inf)
    true = np.where(np.isfinite(log.columns[contract.ORACLE_MS]), log.columns[contract.ORACLE_MS], observed)
    new = _falls(observed) | _falls(np.where(ok, true, np.inf))
    ends = log.columns[contract.CLOCK_END_S]
    new |= bool((np.diff(ends) < 0).any())
    last = np.maximum.accumulate(np.where(new, np.arange(len(ok)), -1))
    at = np.maximum(last, 0)
    columns = {contract.OK: ok}
    for name in (contract.LATENCY_MS, contract.ORACLE_MS):
        columns[name] = np.where(ok & (last >= 0), log.columns[name][at], np.nan)
    clock = np.where(last >= 0, log.columns[contract.CLOCK_END_S][at], 0.0)
    clock[-1] = log.columns[contract.CLOCK_END_S][-1]
    config = log.config.copy()
    config.pop("config_hash", None)  # a tenth of what is left
    return replace(log, config=config, columns={**columns, contract.CLOCK_END_S: clock})


def _falls(values: np.ndarray) -> np.ndarray:
    """Mark the values that are below all earlier ones. Both [evaluations]."""
    before = np.concatenate([[np.inf], np.minimum.accumulate(values)[:-1]])
    return np.asarray(values < before)


def put_reference(task: Path, to: Path) -> None:
    """Write the recorded table without its samples, and its facts with the digest of the table."""
    table = pq.read_table(task / contract.REFERENCE)
    kept = [name for name in table.column_names if name != contract.SAMPLES_MS]
    pq.write_table(table.select(kept), to / contract.REFERENCE, compression="zstd", compression_level=LEVEL)
    facts = yaml.safe_load((task / contract.REFERENCE_NOTE).read_text(encoding="utf-8"))
    facts[contract.REFERENCE_SHA256] = hashlib.sha256((to / contract.REFERENCE).read_bytes()).hexdigest()
    (to / contract.REFERENCE_NOTE).write_text(yaml.safe_dump(facts, sort_keys=False), encoding="utf-8")


def put_retimed(retimed: Path, to: Path, labels: Collection[str]) -> None:
    """Write the re-timed latencies of the live runs of some labels."""
    table = pq.read_table(retimed)
    own = table.filter(pa.compute.is_in(table[contract.LABEL].cast(pa.string()), pa.array(sorted(labels))))
    to.mkdir(parents=True, exist_ok=True)
    pq.write_table(own, to / contract.RETIMED, compression="zstd", compression_level=LEVEL)


def task_of(log: RunLog) -> str:
    """Return the folder of a run's task, as in RESULTS/task/strategy/seed."""
    return log.path.parts[-3]


def reference_folder(task: str, results: Sequence[Path]) -> Path:
    """Return the folder that has the recorded table of ``task``."""
    return next(path / task for path in results if (path / task / contract.REFERENCE).exists())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", action="store_true", help="keep only what the runs' curves need, without costs")
    parser.add_argument("--wall", action="store_true", help="keep the real seconds of each evaluation")
    parser.add_argument(
        "--beside", action="store_true", help="the landscapes are in FOLDER already: do not write their tables"
    )
    parser.add_argument("--finished", action="store_true", help="leave out unfinished runs, and print which")
    parser.add_argument("--strategies", help="a,b,…: only the runs with these labels; default: all")
    arguments = parser.parse_args()
    for path in arguments.results:
        if not path.is_dir():
            parser.error(f"{path}: no such folder: expected a folder of runs")
        _, unfinished = find_run_directories(path)
        if unfinished and not arguments.finished:
            parser.error(
                f"{path}: {len(unfinished)} unfinished runs: expected the whole study; --finished leaves them out"
            )
        for directory in sorted(unfinished):
            print(f"left out, because unfinished: {'/'.join(directory.parts[-3:])}")
    read, damaged, environment = read_logs(arguments.results)
    if damaged:
        parser.error(f"{next(iter(damaged))}: damaged, with {len(damaged) - 1} more: expected the whole study")
    wanted = arguments.strategies.split(",") if arguments.strategies else None
    chosen = [log for log in read if wanted is None or log.path.parts[-2] in wanted]
    slimmed = [steps_alone(slim(log)) if arguments.steps else slim(log, arguments.wall) for log in chosen]
    logs = {"/".join(log.path.parts[-3:]): log for log in slimmed}
    if len(logs) < len(chosen):
        parser.error(f"{len(chosen) - len(logs)} runs are in several of the folders: expected each once")
    logs = dict(sorted(logs.items()))  # whichever folder a run came from
    arguments.output.mkdir(parents=True, exist_ok=True)
    results = [path.resolve() for path in arguments.results]
    consolidated.write(arguments.output / contract.CONSOLIDATED, logs, {}, environment, LEVEL)
    for task in sorted({task_of(log) for log in chosen} if not arguments.beside else ()):
        (arguments.output / task).mkdir(exist_ok=True)
        put_reference(reference_folder(task, results), arguments.output / task)
    for task in sorted({task_of(log) for log in chosen}):
        for retimed in filter(Path.exists, [path / task / contract.RETIMED for path in results]):
            put_retimed(retimed, arguments.output / task, {log.path.parts[-2] for log in chosen})
    size = sum(path.stat().st_size for path in arguments.output.rglob("*") if path.is_file()) / 2**20
    print(f"{len(logs)} runs, {size:.1f} MiB: {arguments.output}")
    if size > MOST_MIB:
        parser.error(f"{size:.1f} MiB: expected at most {MOST_MIB:g}")


if __name__ == "__main__":
    main()
