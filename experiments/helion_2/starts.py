"""Write what Helion's own search begins with, so that any strategy can begin with it: ``start=FILE``.

    python -m experiments.helion_2.starts RESULTS FOLDER       # FOLDER/attention.json …

Helion's search evaluates its default and its compiler's suggestions before anything random. They are therefore what
its runs in RESULTS, whose seeds differ, have in common at the beginning.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from analysis.runs import contract
from analysis.runs.configurations import PREFIX
from experiments.helion_2.live import VERSION
from experiments.helion_2.sitting import TASKS

LABEL = f"helion_lfbo_tree_{VERSION}"
FEWEST = 3
"""Runs of different seeds hardly have a random configuration in common."""


def beginning(runs: Sequence[Sequence[Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    """Return the longest common beginning of the runs' configurations.

    Raises:
        ValueError: there are too few runs to tell it from a random draw.
    """
    if len(runs) < FEWEST:
        raise ValueError(f"{len(runs)} runs: expected at least {FEWEST}")
    common: list[Mapping[str, Any]] = []
    for step in zip(*runs, strict=False):
        if any(each != step[0] for each in step):
            break
        common.append(step[0])
    return common


def configurations(path: Path) -> list[dict[str, Any]]:
    """Return the configurations of a run's log in its order, without inactive parameters."""
    table = pq.read_table(path)
    names = [name for name in table.column_names if name.startswith(PREFIX)]
    return [
        {name.removeprefix(PREFIX): value for name, value in row.items() if value is not None}
        for row in table.select(names).to_pylist()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return exit code 0, or 2 if a task has too few runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    for name, task in TASKS.items():
        logs = sorted(given.results.glob(f"{task}__*/{LABEL}/seed-*/{contract.EVALUATIONS}"))
        try:
            starts = beginning([configurations(path) for path in logs])
        except ValueError as error:
            print(f"starts: {given.results}: {LABEL} on {task}: {error}", file=sys.stderr)
            return 2
        lines = ",\n ".join(json.dumps(start) for start in starts)
        (given.folder / f"{name}.json").write_text(f"[{lines}]\n", encoding="utf-8")
        print(f"{name}: {len(starts)} configurations, {len(logs)} runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
