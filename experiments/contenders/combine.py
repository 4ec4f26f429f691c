"""All strategies of all studies in one table: ``python -m experiments.contenders.combine -o FILE [-o FILE]``.

FILE ends in ``.csv`` or ``.parquet``. The rows are those of :mod:`experiments.contenders.table`, computed from
committed results; nothing is run. Two more columns are ``expected``, E[T] of that random search in evaluations, and
``source``, the study that a row is from. A strategy that several studies ran has a row in each, with its own ``runs``.

Both studies of the claim ran earlier versions of ``conditional_gp``: claim_5_10x what is ``conditional_gp_1`` today,
claim_2 what is ``conditional_gp_2``. Their labels are read so, ``conditional_gp_16`` as ``conditional_gp_1_16`` and so
on. ``claim_2_later`` are runs of later strategies on the tasks and seeds of claim_2.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from analysis.errors import AnalysisError
from experiments.contenders.table import COLUMNS, check_path, read_table, speedups, write_table

HERE = Path(__file__).parent
STUDY, TEST = (HERE.parent / name for name in ("claim_5_10x/results", "claim_2"))
SPEEDUPS, RUNS = HERE / "speedups.csv", HERE / "first_hit.csv"
EARLIER = {"study": "conditional_gp_1", "claim_2": "conditional_gp_2"}
"""What is called ``conditional_gp`` in a study, by source."""
NAME = "conditional_gp"
KEY = ["task", "baseline"]


def sources() -> dict[str, pd.DataFrame]:
    """The table of every study by the study's name.

    Raises:
        AnalysisError: committed results cannot be read.
    """
    tables = {
        "contenders": read_table(SPEEDUPS),
        "study": speedups([STUDY]),
        "first_hit": speedups([STUDY, RUNS], kept_alone=True),
        "claim_2": speedups([TEST / "results", TEST / "others.csv.gz"]),
        "claim_2_later": speedups([TEST / "results", TEST / "later.csv"], kept_alone=True),
    }
    return {
        source: table.assign(strategy=[today(label, source) for label in table["strategy"]])
        for source, table in tables.items()
    }


def today(label: str, source: str) -> str:
    """What a label of a source is called today: ``conditional_gp_16`` of the study is ``conditional_gp_1_16``."""
    version = EARLIER.get(source)
    other = label in EARLIER.values()  # claim_2 also ran conditional_gp_1
    return label if version is None or other or not label.startswith(NAME) else label.replace(NAME, version, 1)


def combined(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The tables as one, in their order, by task, baseline and strategy.

    A table without ``expected`` takes it from another one with the same task.
    """
    parts = [table.assign(source=name) for name, table in tables.items()]
    whole = pd.concat(parts, ignore_index=True)
    known = whole.dropna(subset="expected").drop_duplicates(KEY).set_index(KEY)["expected"]
    found = whole[KEY].join(known, on=KEY)["expected"]
    whole = whole.assign(expected=whole["expected"].fillna(found), order=whole["source"].map(list(tables).index))
    columns = [*COLUMNS, "expected", "source"]
    return whole.sort_values(["order", *KEY, "strategy"], kind="stable", ignore_index=True)[columns]


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, action="append", required=True, metavar="FILE")
    arguments = parser.parse_args(given)
    try:
        for path in arguments.output:
            check_path(path)
        table = combined(sources())
        for path in arguments.output:
            write_table(table, path)
    except AnalysisError as error:
        parser.error(str(error))
    counts = ", ".join(f"{len(own)} of {name}" for name, own in table.groupby("source", sort=False))
    print(f"{len(table)} rows of {table['strategy'].nunique()} strategies on {table['task'].nunique()} tasks: {counts}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
