"""How well a tuned configuration transfers: ``python -m experiments.transfer.matrix [-o pairs.csv]``.

For every two recordings of a kernel: the slowdown of the source's best configuration, and of the best of its first
three distinct ones, against the target's best, by true latencies, without seeds, noise or search. The recordings are
the study's; of later ones only the pairs that differ in dtype alone are added.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.transfer.misleading import fitting
from experiments.transfer.recordings import dtype_pairs, targets
from harness.landscapes.facts import read_facts
from harness.landscapes.landscape import read_landscape
from harness.landscapes.siblings import distance, is_itself
from harness.strategies.source import apart
from harness.system.terminal import say

TRIES, DIFFERING = 3, 2


def pairs() -> pd.DataFrame:
    """``source, target, kind`` (``shape``, ``dtype`` or ``device``: how they differ), ``distance, fits`` (share of the
    target's space), ``best`` and ``best_of_3``: slowdowns, infinite where they fail or nothing fits."""
    among = targets()
    study = [(source, target) for target in among for source in among if _apart(source, target)]
    return pd.DataFrame([_pair(source, target) for source, target in (*study, *dtype_pairs())])


def _apart(source: Path, target: Path) -> bool:
    a, b = read_facts(source), read_facts(target)
    return a.kernel == b.kernel and not is_itself(b, a)


def _pair(source: Path, target: Path) -> dict[str, object]:
    landscape, facts = read_landscape(target), read_facts(target)
    data, _ = fitting(source, target)
    first = [configuration for configuration, _ in islice(apart(data.ranked, DIFFERING), TRIES)]
    rows = [landscape.space.row_of(configuration) for configuration in first]
    true = landscape.oracle_ms[landscape.searchable]
    slowdowns = [float(np.nan_to_num(true[row] / np.nanmin(true), nan=np.inf)) for row in rows if row is not None]
    return {
        "source": source.stem,
        "target": target.stem,
        "kind": "device" if facts.same_problem(data.facts) else "dtype" if facts.same_shape(data.facts) else "shape",
        "distance": distance(facts, data.facts)[0],
        "same_device": facts.device_name == data.facts.device_name,
        "fits": round(len(data) / landscape.space.size, 3),
        "best": round(slowdowns[0], 4) if slowdowns else float("inf"),
        "best_of_3": round(min(slowdowns), 4) if slowdowns else float("inf"),
    }


def told(found: pd.DataFrame) -> list[str]:
    """Return a line for each kernel, and one for each other kind of pair."""
    lines = []
    near = found["best_of_3"] <= 1.05
    kernels = found["target"].str.partition("-")[0]
    shape = found["kind"] == "shape"
    for name, part in [(kernel, (kernels == kernel) & shape) for kernel in dict.fromkeys(kernels[shape])]:
        first = found["best"][part] <= 1.05
        lines.append(
            f"{name}, to another shape: {int(first.sum())} of {int(part.sum())} pairs within 5% with the source's best "
            f"and {int(near[part].sum())} with three; median slowdown {found['best'][part].median():.2f}"
        )
    for kind in ("device", "dtype"):
        part = found["kind"] == kind
        first = found["best"][part] <= 1.05
        if part.any():
            lines.append(
                f"to another {kind}: {int(first.sum())} of {int(part.sum())} pairs within 5% with the source's best, "
                f"{int(near[part].sum())} with three"
            )
    dtypes = found[found["kind"] == "dtype"].sort_values("target").to_dict("records")
    return [*lines, *map(_told_dtype, dtypes)]


def _told_dtype(row: Mapping[Any, Any]) -> str:
    source, target = (row[name].partition("__")[0] for name in ("source", "target"))
    return (
        f"{source} to {target.rpartition('-')[2]}: {row['best']:.2f} times the optimum with the source's best, "
        f"{row['best_of_3']:.2f} with three"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="experiments.transfer.matrix", description=__doc__)
    parser.add_argument("-o", type=Path, help="CSV")
    given = parser.parse_args(arguments)
    found = pairs()
    if given.o is not None:
        found.to_csv(given.o, index=False)
    for line in told(found):
        say(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
