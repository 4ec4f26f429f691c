"""Leave one task out: ``python -m experiments.transfer.study 3000:3020 -o runs.csv [--groups …] [--tasks …]``.

Every recorded task is tuned cold and with sources, which never are the task itself. A row is one way to tune a task
with the results of its runs. Rows already in the file are not run again, so the command may be interrupted and
repeated. ``--tasks dtype --groups cold,dtype`` tunes the tasks that are recorded in two dtypes, each with what is known
in the other one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.transfer.misleading import DRAWS, KINDS, misleading, sibling
from experiments.transfer.recordings import dtype_pairs, registered, targets
from experiments.transfer.replays import MOMENTS, Outcome, Way, outcomes
from harness.config.compose import Composer
from harness.landscapes.facts import read_facts
from harness.landscapes.siblings import siblings
from harness.system.terminal import say

SOURCES = Path("/tmp/nearopt-transfer-sources")
SMALL, MANY = ("source_evaluations=120",), ("source_evaluations=120", "source_runs=30")
COLD = Way("conditional_gp", ("strategy=conditional_gp",))
WARM, GP = Way("warm", ("strategy=warm",)), Way("transfer_gp", ("strategy=transfer_gp",))
BEST = Way("source_best", ("strategy=source_best",))
OTHERS = (Way("transfer_tpe", ("strategy=transfer_tpe",)), Way("copula", ("strategy=copula",)))
PORTFOLIO = Way("portfolio", ("strategy=portfolio",))


@dataclass(frozen=True)
class Cell:
    """A way to tune a task, in one of the study's groups."""

    group: str
    task: str
    way: Way


def development() -> list[str]:
    """List the tasks on which designs were chosen, with seeds below 1,000: every second target."""
    return [path.stem for path in targets()[::2]]


def cells(groups: Sequence[str], patterns: Sequence[str], tasks: Sequence[Path] | None = None) -> Iterator[Cell]:
    """Yield the study's cells group by group; each group has a way for every task that it applies to.

    Args:
        tasks: recordings; default: the study's targets.
    """
    for group in groups:
        for path in targets() if tasks is None else tasks:
            if any(fnmatchcase(path.stem, pattern) for pattern in patterns):
                yield from (Cell(group, path.stem, way) for way in ways(group, path))


def ways(group: str, task: Path) -> list[Way]:
    """List the ways to tune a task in a group; none if the group has no source for it.

    Sources of other shapes are paths, found as ``sibling_shape`` and ``sibling_shapes`` find them, but only among the
    registered recordings.
    """
    if group == "cold":
        return [COLD]
    if group == "dtype":
        return [_from(way, "sibling_dtype") for way in (BEST, WARM, GP)]
    if group == "shape":
        return [_from(way, str(sibling(task))) for way in (BEST, WARM, GP, *OTHERS)]
    if group == "sizes":
        sized = [replace(GP, overrides=(*GP.overrides, *size)) for size in (SMALL, MANY)]
        return [_from(replace(way, name=f"{GP.name} {name}"), str(sibling(task)))
                for way, name in zip(sized, ("1 run", "30 runs"), strict=True)]  # fmt: skip
    if group == "shapes":
        facts = read_facts(task)
        others = [file for file in siblings(facts, registered()) if not facts.same_problem(read_facts(file))]
        return [_from(way, f"[{','.join(map(str, others))}]") for way in (PORTFOLIO, GP)]
    if group == "device":
        facts = read_facts(task)
        elsewhere = [file for file in siblings(facts, registered()) if facts.same_problem(read_facts(file))]
        return [_from(way, "sibling_device") for way in (BEST, WARM, GP)] if elsewhere else []
    draws = tuple(str(misleading(task, group, SOURCES, draw)) for draw in range(DRAWS if group != "reversed" else 1))
    return [replace(way, draws=draws) for way in (WARM, GP)]


def _from(way: Way, source: str) -> Way:
    return replace(way, source=source)


GROUPS = ("cold", "shape", "device", *KINDS, "sizes", "shapes")
"""The registered groups; ``dtype`` came later."""


def row(cell: Cell, runs: Sequence[Outcome]) -> dict[str, object]:
    """Build the row that is kept of a cell's runs. ``hits``: evaluations to 5% by seed, 0 for a miss."""
    quality = np.median([run.slowdowns for run in runs], axis=0)
    return {
        "group": cell.group,
        "task": cell.task,
        "way": cell.way.name,
        "source": Path(runs[0].source).stem if cell.group in KINDS else runs[0].source,
        "first_seed": runs[0].seed,
        "hits": " ".join(str(run.hit or 0) for run in runs),
        "seconds": " ".join(f"{run.seconds:.0f}" for run in runs),
        **{f"after_{moment}": round(float(value), 4) for moment, value in zip(MOMENTS, quality, strict=True)},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="experiments.transfer.study", description=__doc__)
    parser.add_argument("seeds", help="FROM:TO, excluding TO; 3,000 or more except for development")
    parser.add_argument("--groups", default=",".join(GROUPS))
    parser.add_argument("--tasks", default="*", help="patterns, 'development' or 'dtype'")
    parser.add_argument("-o", type=Path, required=True, help="CSV file; its existing rows are not run again")
    parser.add_argument("--ways", default="*", help="patterns of their names, such as 'transfer_gp*'")
    given = parser.parse_args(arguments)
    try:
        first, end = map(int, given.seeds.split(":"))
    except ValueError:
        parser.error(f"seeds {given.seeds}: expected FROM:TO, such as 3000:3020")
    for group in given.groups.split(","):
        if group not in (*GROUPS, "dtype"):
            parser.error(f"--groups {group}: expected some of {', '.join(GROUPS)}, dtype")
    patterns = development() if given.tasks == "development" else given.tasks.split(",")
    tasks = None
    if given.tasks == "dtype":
        patterns, tasks = ["*"], [target for _, target in dtype_pairs()]
    elif "dtype" in given.groups.split(","):
        parser.error("--groups dtype: expected --tasks dtype as well")
    done = pd.read_csv(given.o, dtype=str) if given.o.exists() else pd.DataFrame()
    held = {tuple(values) for values in done.get(["group", "task", "way", "first_seed"], pd.DataFrame()).to_numpy()}
    composer = Composer()
    every = cells(given.groups.split(","), patterns, tasks)
    wanted = [cell for cell in every if any(fnmatchcase(cell.way.name, way) for way in given.ways.split(","))]
    for i, cell in enumerate(wanted):
        if (cell.group, cell.task, cell.way.name, str(first)) in held:
            continue
        made = row(cell, list(outcomes(cell.task, cell.way, range(first, end), composer)))
        pd.DataFrame([made]).to_csv(given.o, mode="a", header=not given.o.exists(), index=False)
        say(f"{i + 1}/{len(wanted)} {cell.group} {cell.task} {cell.way.name}: {made['hits']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
