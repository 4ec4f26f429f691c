"""Judge live runs by ``RESULTS/<task>/retimed.parquet``, which ``nearopt retime`` writes, if there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.errors import AnalysisError
from analysis.runs import contract
from analysis.runs.run_directory import RunLog, is_live, read_parquet


def with_retimed(logs: Sequence[RunLog]) -> list[RunLog]:
    """The runs, with the true latencies of live runs from the re-timing of their task.

    Raises:
        AnalysisError: the file is damaged, or lacks evaluations of a run.
    """
    table = cache(_table)
    beside = contract.RETIMED
    return [_judged(log, table(log.path.parents[1] / beside)) if is_live(log.config) else log for log in logs]


def _table(path: Path) -> tuple[Path, pd.DataFrame] | None:
    if not path.exists():
        return None
    frame = read_parquet(path, contract.RETIMED_COLUMNS, ()).to_pandas()
    return path, frame.astype({contract.LABEL: str}).set_index([contract.LABEL, contract.SEED]).sort_index()


def _judged(log: RunLog, retimed: tuple[Path, pd.DataFrame] | None) -> RunLog:
    if retimed is None:
        return log
    path, frame = retimed
    ok = log.columns[contract.OK]
    name = (str(log.config["strategy"]["label"]), int(log.config["seed"]))
    if name not in frame.index:
        if not ok.any() or log.ended == contract.ENDED_FAILED:
            return log  # failed runs are not re-timed, since they are misses anyway
        raise AnalysisError(f"{path}: no row of {name[0]} seed {name[1]}: run nearopt retime again")
    rows = frame.loc[[name]]
    oracle = np.full(len(ok), np.nan)
    index = rows[contract.INDEX].to_numpy()
    inside = index < len(oracle)
    oracle[index[inside]] = rows[contract.ORACLE_MS].to_numpy()[inside]
    if not inside.all() or np.isnan(oracle[ok]).any():
        raise AnalysisError(f"{path}: rows of other evaluations of {name[0]} seed {name[1]}: run nearopt retime again")
    return replace(log, columns={**log.columns, contract.ORACLE_MS: oracle})
