"""The cost of live evaluations against the recorded cost of the same configurations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.runs import contract
from analysis.runs.configurations import read_log
from analysis.runs.load import Study

PARTS = (contract.COMPILE_S, contract.VERIFY_S, contract.BENCHMARK_S)
LAUNCHER_S = 0.1
"""Excess of an older run's verification over the recorded one that shows that it built a launcher (0.25 to 0.8 s)."""
WARM_UP_S = 0.01
"""Excess, below that of a launcher, that shows that the device was warmed up (0.02 s)."""


def beside_recorded(live: Study, references: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per live evaluation whose configuration was recorded.

    Args:
        live: runs in their own directories, because consolidated runs keep no configurations.
        references: task to recorded table.

    Returns:
        Columns run, task, strategy, seed, index, ``compile_s``, ``verify_s`` and ``benchmark_s`` as charged live, the
        same with ``recorded_`` before them, and ``setup_s``: nan in older runs, which charged it as ``verify_s``.

    Raises:
        AnalysisError: a file is damaged.
    """
    found: list[dict[str, Any]] = []
    tables = {task: _costs(table) for task, table in references.items()}
    for run, row in live.runs.iterrows():
        known = tables.get(str(row["task"]), {})
        for logged in (read_log(Path(str(row["path"]))) or []) if known else []:
            recorded = known.get(logged[contract.KEY])
            if recorded is not None:
                found.append(
                    {"run": run, "task": row["task"], "strategy": row["strategy"], "seed": row["seed"]}
                    | {name: logged[name] for name in (contract.INDEX, *PARTS)}
                    | {f"recorded_{name}": cost for name, cost in zip(PARTS, recorded, strict=True)}
                    | {contract.SETUP_S: logged.get(contract.SETUP_S)}
                )
    costs = [f"{before}{name}" for before in ("", "recorded_") for name in PARTS]
    table = pd.DataFrame(found, columns=["run", "task", "strategy", "seed", contract.INDEX, *costs, contract.SETUP_S])
    return table.astype(dict.fromkeys([*costs, contract.SETUP_S], "float64"))


def _costs(table: pd.DataFrame) -> dict[str, tuple[float, ...]]:
    if any(name not in table for name in (contract.KEY, *PARTS)):
        return {}
    complete = table.dropna(subset=list(PARTS))
    return dict(zip(complete[contract.KEY], complete[list(PARTS)].itertuples(index=False, name=None), strict=True))


def run_costs(rows: pd.DataFrame) -> pd.DataFrame:
    """Sums for each run of :func:`beside_recorded`: evaluations, live_s, recorded_s, their ratio, and setup_s."""
    parts = rows.assign(
        live_s=rows[list(PARTS)].sum(axis=1),
        recorded_s=rows[[f"recorded_{name}" for name in PARTS]].sum(axis=1),
        evaluations=1,
    )
    by_run = parts.groupby(["run", "task", "strategy", "seed"])
    table = by_run[["evaluations", "live_s", "recorded_s"]].sum()
    table[contract.SETUP_S] = by_run[contract.SETUP_S].sum(min_count=1)
    return table.assign(ratio=table["live_s"] / table["recorded_s"]).reset_index()


def excess(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """What the live seconds beyond the recorded ones were spent on, for each group of :func:`beside_recorded`.

    Returns:
        Columns ``by``, evaluations, live_s and recorded_s, then seconds beyond the recorded: ``compiling``,
        ``launchers``, ``warm_ups``, ``verifying`` (the rest of verification) and ``benchmarking``, which add up to
        live_s minus recorded_s. Launchers and warm-ups are distinguished by their size (``LAUNCHER_S``, ``WARM_UP_S``),
        at most one of each per evaluation; runs that log ``setup_s`` have neither, because they are not charged for it.
    """
    more = {part: rows[part] - rows[f"recorded_{part}"] for part in PARTS}
    apart = rows[contract.SETUP_S].notna()
    verify = more[contract.VERIFY_S]
    launcher = verify.where((verify >= LAUNCHER_S) & ~apart, 0.0)
    warm_up = verify.where((verify >= WARM_UP_S) & (verify < LAUNCHER_S) & ~apart, 0.0)
    table = rows[by].assign(
        evaluations=1,
        live_s=rows[list(PARTS)].sum(axis=1),
        recorded_s=rows[[f"recorded_{part}" for part in PARTS]].sum(axis=1),
        compiling=more[contract.COMPILE_S],
        launchers=launcher,
        warm_ups=warm_up,
        verifying=verify - launcher - warm_up,
        benchmarking=more[contract.BENCHMARK_S],
    )
    return table.groupby(by).sum().reset_index()


def compile_ratio_by_order(rows: pd.DataFrame, edges: tuple[int, ...]) -> pd.DataFrame:
    """The geometric mean of live over recorded compile seconds, by position in the run.

    Args:
        edges: ascending first positions of the groups; the last group is open.

    Returns:
        One row per non-empty group: from, evaluations, ratio.
    """
    group = np.searchsorted(np.array(edges), rows[contract.INDEX], side="right") - 1
    log = np.log(rows[contract.COMPILE_S] / rows[f"recorded_{contract.COMPILE_S}"])
    table = pd.DataFrame({"from": np.array(edges)[group], "log": log}).groupby("from")["log"]
    return pd.DataFrame({"evaluations": table.size(), "ratio": np.exp(table.mean())}).reset_index()
