"""Turn recorded draws and reference searches into the rates and optima by which the live study is judged.

    python -m experiments.helion_2.rates near DRAWN FOLDER      # FOLDER/softmax.json …: what was drawn near the best
    python -m experiments.helion_2.rates slim DRAWN LIVE [--results RESULTS]   # LIVE/<task>/reference.parquet: the rate
    python -m experiments.helion_2.rates merge EARLIER RESULTS  # fills the batch in RESULTS from an earlier one
    python -m experiments.helion_2.rates freeze RESULTS LIVE    # LIVE/optima.yaml: t*, before the runs that it judges
    python -m experiments.helion_2.rates slim DRAWN FOLDER --alone             # the same, with the best draw as t*
    python -m experiments.helion_2.rates show LIVE              # prints E[T] = 1/p within 1, 5 and 10% of the frozen t*

DRAWN has the recordings of draws (``<task>__h100.parquet``). RESULTS has the live runs with their ``retimed.parquet``:
the reference searches, and the run ``drawn`` that measured the configurations listed by ``near``. All of a task were
timed in one interleaved batch, so draws, references and runs are judged on one scale. For draws far from the best, the
rate needs only their number and cost, so ``slim`` merges them by status and roughly by latency.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from numpy.typing import NDArray

from analysis.reference import COSTS, DRAWN, true_latency
from analysis.runs import contract
from analysis.runs.frozen import NAME, VERSION
from analysis.statistics.drawn_rate import DrawnRate
from experiments.helion_2.live import REFERENCE_SEEDS, WAVES
from experiments.helion_2.sitting import TASKS
from harness.landscapes.files import keyed_table
from harness.landscapes.landscape import Landscape, read_landscape

NEAR, KEPT = 1.1, 1.3
"""Draws up to these multiples of the best draw are measured again with the runs, and keep a separate row."""
STEP = 1.02
"""Merged draws differ in latency by at most this factor."""
DRAWS_LABEL = "drawn"
SHOWN = (0.01, 0.05, 0.10)
"""The targets that ``show`` prints."""
SEARCHES = {label: strategy for label, strategy, _ in WAVES[0]}
"""The strategy behind the label of each reference search."""


def near_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the drawn rows within :data:`NEAR` of the best, fastest first."""
    true = pd.Series(true_latency(table), index=table.index)
    drawn = table[contract.ORIGIN] == DRAWN
    near = table[drawn & (true <= NEAR * true[drawn].min())]
    return near.loc[true[near.index].sort_values(kind="stable").index]


def slim(table: pd.DataFrame, again_ms: Mapping[str, float]) -> pd.DataFrame:
    """Reduce the table of draws to a row for each draw within :data:`KEPT` of the best, and few rows for all others.

    The others are merged by status and, where they have a latency, by steps of :data:`STEP`; a merged row has the mean
    costs and the median latency, which only curves of random search need.

    Args:
        table: the table of a recording, with ``key`` and ``draws``.
        again_ms: by key, the latencies of :func:`near_rows` as timed again with the runs; may be empty.
    """
    table = table[(table[contract.ORIGIN] == DRAWN) & (table[contract.DRAWS] > 0)].reset_index(drop=True)
    true = true_latency(table)
    keep: NDArray[np.bool_] = true <= KEPT * true.min()
    kept = table[keep].assign(
        **{contract.ORACLE_MS: table[contract.KEY][keep].map(dict(again_ms)).fillna(table[contract.ORACLE_MS][keep])}
    )
    merged = []
    steps = np.where(np.isfinite(true), np.floor(np.log(true / true.min()) / np.log(STEP)), -1.0)
    for (status, _), rest in table[~keep].groupby([table[contract.STATUS][~keep], steps[~keep]], sort=True):
        draws = rest[contract.DRAWS].astype(np.float64)
        means = {name: float(np.average(rest[name].fillna(0.0), weights=draws)) for name in COSTS}
        median = float(np.median(true[rest.index]))
        latency = median if np.isfinite(median) else float("nan")
        latencies = {contract.LATENCY_MS: latency, contract.ORACLE_MS: latency}
        told = {contract.STATUS: status, **latencies, **means}
        merged.append({**told, contract.ORIGIN: DRAWN, contract.DRAWS: draws.sum()})
    names = [contract.STATUS, contract.LATENCY_MS, contract.ORACLE_MS, *COSTS, contract.ORIGIN, contract.DRAWS]
    return pd.concat([kept, pd.DataFrame(merged)], ignore_index=True).reindex(columns=names)


def write_slim(table: pd.DataFrame, landscape: Landscape, folder: Path) -> None:
    """Write reference.parquet and its note, as the harness does beside replays."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = (contract.STATUS, contract.ORIGIN)
    columns = {
        name: pa.array(table[name], pa.string() if name in texts else pa.float64(), from_pandas=True) for name in table
    }
    pq.write_table(pa.table(columns), folder / contract.REFERENCE, compression="zstd", compression_level=19)
    facts = {name: landscape.metadata[name] for name in contract.REFERENCE_FACTS if name in landscape.metadata}
    note = {contract.LANDSCAPE_SHA256: landscape.sha256, **facts}
    (folder / contract.REFERENCE_NOTE).write_text(yaml.safe_dump(note, sort_keys=False), encoding="utf-8")


def again(results: Path, task: str, near: Sequence[str]) -> dict[str, float]:
    """Return, by key, the latencies in the batch of all runs of the run that measured ``near`` first and in order."""
    table = pq.read_table(results / task / contract.RETIMED).to_pandas()
    own = table[(table[contract.LABEL] == DRAWS_LABEL) & (table[contract.INDEX] < len(near))].dropna()
    return {near[i]: float(ms) for i, ms in zip(own[contract.INDEX], own[contract.ORACLE_MS], strict=True)}


def filled(later: pd.DataFrame, earlier: pd.DataFrame) -> tuple[pd.DataFrame, float, int]:
    """Give what the later batch did not time the earlier batch's latencies, on the later one's scale.

    Returns: the later table filled, the median ratio of the later latencies to the earlier ones over what both timed,
    and the number of configurations filled.

    Raises:
        ValueError: the batches have nothing in common.
    """
    timed = [table[table[contract.SAMPLES_MS].notna()].drop_duplicates(contract.KEY) for table in (later, earlier)]
    own, before = (table.set_index(contract.KEY) for table in timed)
    both = own.index.intersection(before.index)
    if both.empty:
        raise ValueError("the two batches timed no configuration in common")
    ratio = float((own.loc[both, contract.ORACLE_MS] / before.loc[both, contract.ORACLE_MS]).median())
    missing = later[contract.SAMPLES_MS].isna() & later[contract.KEY].isin(before.index)
    made = later.copy()
    made.loc[missing, contract.ORACLE_MS] = ratio * later.loc[missing, contract.KEY].map(before[contract.ORACLE_MS])
    return made, ratio, int(later.loc[missing, contract.KEY].nunique())


def merge(earlier: Path, results: Path) -> Iterator[str]:
    """Fill each task's ``retimed.parquet`` in ``results`` from the one in ``earlier``, and yield a line on it.

    Raises:
        OSError: a task has no earlier batch.
    """
    for path in sorted(results.glob(f"*/{contract.RETIMED}")):
        table = pq.read_table(path)
        before = pq.read_table(earlier / path.parent.name / contract.RETIMED)
        made, ratio, count = filled(table.to_pandas(), before.to_pandas())
        column = table.column_names.index(contract.ORACLE_MS)
        pq.write_table(table.set_column(column, contract.ORACLE_MS, pa.array(made[contract.ORACLE_MS])), path)
        yield f"{path.parent.name}: {count} configurations from the earlier batch, times {ratio:.4f}"


def found(retimed: pd.DataFrame) -> dict[str, float]:
    """Return the best latency that each reference search, and the draws, found, in ms; by strategy."""
    best = retimed.groupby(contract.LABEL)[contract.ORACLE_MS].min().dropna()
    names = {**SEARCHES, DRAWS_LABEL: "draws"}
    return {names[label]: float(ms) for label, ms in best.items() if label in names}


def freeze(results: Path) -> dict[str, Any]:
    """Build the document of ``optima.yaml``.

    Raises:
        ValueError: a task was not re-timed, or a reference search of it is missing there.
    """
    tasks = {}
    for task in sorted(path.parent.name for path in results.glob(f"*/{contract.RETIMED}")):
        who = found(pq.read_table(results / task / contract.RETIMED).to_pandas())
        if missing := sorted({*SEARCHES.values(), "draws"} - set(who)):
            raise ValueError(
                f"{results / task / contract.RETIMED}: nothing of {', '.join(missing)}: expected wave 0 done"
            )
        tasks[task] = who
    if len(tasks) != len(TASKS):
        raise ValueError(f"{results}: {len(tasks)} tasks re-timed: expected {len(TASKS)}")
    seeds = f"{REFERENCE_SEEDS.start}-{REFERENCE_SEEDS.stop - 1}"
    source = f"reference searches of seeds {seeds} and the draws, re-timed in one interleaved batch a task"
    return {"version": VERSION, "source": source, "found_ms": tasks}


def alone(best_ms: Mapping[str, float]) -> dict[str, Any]:
    """Build the document of ``optima.yaml`` for draws that no search is compared with, from the best draw by task.

    The shares of draws near this optimum are larger than those near one that a search found.
    """
    found_ms = {task: {"draws": ms} for task, ms in best_ms.items()}
    return {"version": VERSION, "source": "the draws themselves, re-timed in one batch a task", "found_ms": found_ms}


def shown(live: Path) -> Iterator[str]:
    """Yield the rows of a Markdown table: for each task the frozen optimum, who found it, and E[T] near it.

    Raises:
        OSError: optima.yaml or a task's reference.parquet is missing.
    """
    yield "| task | t*, found by | best draw | " + " | ".join(f"E[T] within {target:.0%}" for target in SHOWN) + " |"
    yield "| --- " * (3 + len(SHOWN)) + "|"
    for task, found_ms in sorted(yaml.safe_load((live / NAME).read_text(encoding="utf-8"))["found_ms"].items()):
        table = pq.read_table(live / task / contract.REFERENCE).to_pandas()
        who = min(found_ms, key=found_ms.__getitem__)
        cells = [f"{1e3 * found_ms[who]:.2f} µs, {who}", f"{found_ms['draws'] / found_ms[who]:.3f} t*"]
        for target in SHOWN:
            near = table[contract.ORACLE_MS] <= (1 + target) * found_ms[who]
            rate = DrawnRate(int(table.loc[near, contract.DRAWS].sum()), int(table[contract.DRAWS].sum()))
            low, high = rate.interval()
            expected = f"{rate.expected_evaluations:,.0f} ({low:,.0f}–{high:,.0f})" if rate.hits else f"≥ {low:,.0f}"
            cells.append(f"{expected}, {rate.hits} of {rate.draws:,}")
        yield f"| {task.removeprefix('helion_').split('-')[0]} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("near", "slim", "merge", "freeze", "show"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path, nargs="?")
    parser.add_argument("--results", type=Path, help="for slim: the live runs that were re-timed")
    parser.add_argument(
        "--alone", action="store_true", help="for slim: also write optima.yaml, with the best draw as t*"
    )
    given = parser.parse_args()
    if (given.command == "show") != (given.target is None):
        parser.error(f"{given.command}: expected {'one folder' if given.command == 'show' else 'two folders'}")
    if given.command == "show":
        try:
            print("\n".join(shown(given.source)))
        except OSError as error:
            parser.error(str(error))
        return
    if given.command == "merge":
        try:
            print("\n".join(merge(given.source, given.target)))
        except (OSError, ValueError) as error:
            parser.error(str(error))
        return
    drawn = sorted(given.source.glob("*.parquet"))
    if given.command != "freeze" and not drawn:
        parser.error(f"{given.source}: no *.parquet: expected a folder of drawn landscapes")
    given.target.mkdir(parents=True, exist_ok=True)
    if given.command == "freeze":
        try:
            text = yaml.safe_dump(freeze(given.source), sort_keys=False)
        except (OSError, ValueError) as error:
            parser.error(str(error))
        (given.target / NAME).write_text(text, encoding="utf-8")
        return
    short = {task: name for name, task in TASKS.items()}
    best_ms: dict[str, float] = {}
    for path in drawn:
        landscape, table = read_landscape(path), keyed_table(path)
        near = near_rows(table)
        if given.command == "near":
            rows = [dict(landscape.space.decode(landscape.codes[i])) for i in near.index]
            (given.target / f"{short[path.stem.split('__')[0]]}.json").write_text(json.dumps(rows), encoding="utf-8")
        else:
            keys = near[contract.KEY].tolist()
            timed = {} if given.results is None else again(given.results, path.stem, keys)
            rows_kept = slim(table, timed)
            best_ms[path.stem] = float(rows_kept[contract.ORACLE_MS].min())
            write_slim(rows_kept, landscape, given.target / path.stem)
        print(f"{path.stem}: {len(near)} configurations within {NEAR:g} of the best of {len(table)}", flush=True)
    if given.alone:
        (given.target / NAME).write_text(yaml.safe_dump(alone(best_ms), sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    main()
