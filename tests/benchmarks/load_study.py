"""How long 20,000 runs of 300 evaluations take to load and aggregate: ``python -m tests.benchmarks.load_study``.

Writes synthetic run directories once (``--keep`` to use them again), loads them cold, then through the consolidated
Parquet in a fresh process, aggregates, and prints seconds and the peak of memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from analysis.reference import COSTS
from analysis.runs import contract
from tests.analysis.fabricate import landscape, write_reference

TASKS, STRATEGIES, SEEDS, EVALUATIONS = 25, 8, 100, 300


def write_results(results: Path, seeds: int) -> None:
    """Write run directories like the harness's, with the columns that the analysis reads."""
    rng = np.random.default_rng(0)
    for t in range(TASKS):
        task = f"k{t % 5}-{t}__h100"
        table = landscape(2000, t)
        write_reference(results, task, table)
        cost = table[list(COSTS)].sum(axis=1).to_numpy()
        for s in range(STRATEGIES):
            for seed in range(seeds):
                rows = rng.choice(len(table), EVALUATIONS, replace=False)
                directory = results / task / f"strategy_{s}" / f"{contract.SEED_PREFIX}{seed}"
                directory.mkdir(parents=True)
                part = table.iloc[rows]
                columns = {name: part[name].to_numpy() for name in (*contract.REFERENCE_COLUMNS, *COSTS)}
                columns |= {contract.INDEX: np.arange(EVALUATIONS), contract.CLOCK_END_S: np.cumsum(cost[rows])}
                columns |= {contract.ASK_S: 1e-3 + 0 * cost[rows], contract.TELL_S: 0 * cost[rows]}
                pq.write_table(pa.table(columns), directory / contract.EVALUATIONS)
                config = {"task": task, "strategy": {"label": f"strategy_{s}"}, "seed": seed, "batch": 1}
                config |= {"budget": {"evaluations": EVALUATIONS, "seconds": None}, "config_hash": "x"}
                config |= {"backend": {"kind": "replay", "noise": "recorded", "landscape_sha256": task}}
                (directory / contract.CONFIG).write_text(yaml.safe_dump(config))
                (directory / contract.DONE).write_text(json.dumps({"ended": "budget"}))


def measure(results: Path) -> None:
    """Load and aggregate in this process, and print time and memory."""
    from analysis.runs.load import load_study
    from analysis.study.results import analyse

    start = perf_counter()
    study = load_study([results])
    loaded = perf_counter()
    table = analyse(study).speedups
    done = perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{len(study.runs)} runs, {len(study.evaluations)} evaluations: loaded in {loaded - start:.1f} s, "
        f"aggregated in {done - loaded:.1f} s ({len(table)} rows), together {done - start:.1f} s, "
        f"peak {peak:.2f} GiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, help="where to write, or to find, the run directories")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--measure", action="store_true", help="only load --results")
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.results)
        return
    with tempfile.TemporaryDirectory() as temporary:
        results = arguments.results or Path(temporary) / "results"
        if not results.exists():
            print("writing run directories", file=sys.stderr)
            write_results(results, arguments.seeds)
        (results / contract.CONSOLIDATED).unlink(missing_ok=True)
        for name in ("from run directories", "from consolidated.parquet"):
            print(f"{name}: ", end="", flush=True)
            again = [sys.executable, "-m", "tests.benchmarks.load_study", "--measure", "--results", str(results)]
            subprocess.run(again, check=True)
        size = (results / contract.CONSOLIDATED).stat().st_size / 2**20
        print(f"{contract.CONSOLIDATED}: {size:.0f} MiB")


if __name__ == "__main__":
    main()
