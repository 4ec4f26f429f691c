"""Why live runs cost more than replays of the same configurations: ``python -m experiments.claim_5_10x.live_costs``.

It prints, from live runs and recorded tables, what live evaluations were charged compared with the recorded costs of
the same configurations, and where the difference went. README.md beside this file draws the conclusions.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

from analysis.errors import AnalysisError
from analysis.runs.contract import REFERENCE
from analysis.runs.load import load_study
from analysis.runs.recordings import read_table
from analysis.statistics.equivalence import equivalence
from analysis.study.live_costs import beside_recorded, compile_ratio_by_order, excess, run_costs
from analysis.study.live_pairs import COST_MARGIN

HERE = Path(__file__).parent
REPLAYS = HERE / "results"
ORDER = (0, 1, 5, 20, 60, 100)


def told(live: Path, replays: Path, strategy: str | None = None) -> str:
    """Three tables as text.

    Args:
        replays: folder with the tasks' ``reference.parquet``.

    Raises:
        AnalysisError: no live runs, no recording of them, or a damaged file.
    """
    tables = {path.parent.name: read_table(path) for path in sorted(replays.glob(f"*/{REFERENCE}"))}
    rows = beside_recorded(load_study([live]), tables)
    if strategy is not None:
        rows = rows[rows["strategy"] == strategy]
    if rows.empty:
        raise AnalysisError(
            f"{live}: no evaluation{f' of {strategy}' if strategy else ''} with a recorded cost: expected "
            f"live runs in their own directories, on tasks with a recording in {replays}"
        )
    runs = run_costs(rows)
    tasks = excess(rows, ["task"])
    numbers = [column for column in tasks if column != "task"]
    whole = pd.DataFrame([{"task": "ALL", **tasks[numbers].sum().to_dict()}])
    by_task = pd.concat([tasks, whole], ignore_index=True).astype({"evaluations": int})
    by_task.insert(4, "ratio", by_task["live_s"] / by_task["recorded_s"])
    same = equivalence(runs["ratio"], COST_MARGIN)
    return "\n".join(
        [
            f"Seconds charged in {len(runs)} live runs, and what the excess over the recorded ones was spent on:",
            by_task.to_string(index=False, float_format=lambda value: f"{value:.2f}"),
            f"Live over recorded seconds of a run: {same.text()}; "
            f"{int((runs['ratio'] > 1).sum())} of {len(runs)} above 1.",
            "Compile seconds, live over recorded, by position in the run (geometric mean):",
            compile_ratio_by_order(rows, ORDER).to_string(index=False, float_format=lambda value: f"{value:.3f}"),
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("live", type=Path, nargs="?", default=HERE / "live", help="folder of live runs")
    parser.add_argument("--strategy", help="only runs with this label")
    parser.add_argument("--replays", type=Path, default=REPLAYS, help="folder of the replay study, for its recordings")
    arguments = parser.parse_args()
    try:
        print(told(arguments.live, arguments.replays, arguments.strategy))
    except AnalysisError as error:
        print(f"live_costs: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
