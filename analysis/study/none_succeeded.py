"""Tasks on which no evaluation succeeded: they have no numbers, so a sentence names them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from analysis.errors import AnalysisError
from analysis.runs import contract
from analysis.runs.load import Study
from analysis.runs.run_directory import read_parquet
from analysis.study.incumbents import Optima

MAX_MESSAGE = 160


def none_succeeded(study: Study, best: Optima) -> dict[str, str]:
    """Map each task without a success to a sentence with the most common reason."""
    return {
        task: f"no configuration of this task succeeded{_commonest(Counter(_reasons(study, task)))}"
        for task, t_star in sorted(best.t_star_ms.items())
        if not np.isfinite(t_star)
    }


def _commonest(reasons: Counter[str]) -> str:
    if not reasons:
        return ""
    reason, count = max(reasons.items(), key=lambda item: (item[1], item[0]))
    return f" (in {reasons.total()} evaluations; most often, {count} times: {reason})"


def _reasons(study: Study, task: str) -> Iterator[str]:
    """The status and message of every evaluation whose run still has its files."""
    for path in study.runs.loc[study.runs["task"] == task, "path"]:
        try:
            table = read_parquet(Path(path) / contract.EVALUATIONS, (contract.STATUS,), (contract.MESSAGE,))
        except AnalysisError:
            continue
        rows = table.to_pydict()
        for status, message in zip(
            rows[contract.STATUS], rows.get(contract.MESSAGE) or [None] * table.num_rows, strict=True
        ):
            words = " ".join(str(message or "").split())
            yield f"{status}: {words[:MAX_MESSAGE]}" if words else str(status)
