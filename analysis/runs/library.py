"""The recordings that a report may look up: landscape files by task, and the tables that they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from analysis.runs import contract


@dataclass(frozen=True)
class Library:
    """Landscape files.

    Attributes:
        files: task to file.
        table: a file to its rows with ``key`` and ``draw_probability``, by whoever knows search spaces: the analysis
            does not. ``None``: nobody here does, and no row's probability is known. May raise ``ValueError``.
        chosen_on: by a strategy's ``_target_``, patterns of the tasks that its defaults were chosen on, for runs whose
            config.yaml does not say.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    table: Callable[[Path], pd.DataFrame] | None = None
    chosen_on: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def probabilities(self, task: str, landscape_sha256: object) -> pd.Series[float] | None:
        """How likely random search by parameter draws each configuration, by key, up to a factor.

        ``None`` unless the library has the very file, by its digest, and can tell.
        """
        file = self.files.get(task)
        if self.table is None or file is None or not file.is_file():
            return None
        if hashlib.sha256(file.read_bytes()).hexdigest() != landscape_sha256:
            return None
        rows = self.table(file)
        return rows.set_index(contract.KEY)[contract.DRAW_PROBABILITY]
