"""The recordings that a report may look up: landscape files by task, and their tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from analysis.runs import contract

_DEVICE = "__"
"""The separator between task and device in the name of a landscape file."""


@dataclass(frozen=True)
class Library:
    """The known landscape files.

    Attributes:
        files: task to file.
        table: returns the rows of a file with ``key`` and ``draw_probability``; supplied by code that knows search
            spaces, which the analysis does not. ``None``: not available, so no probabilities are known. May raise
            ``ValueError``.
        chosen_on: a strategy's ``_target_`` to patterns of the tasks on which its defaults were chosen, for runs whose
            config.yaml does not say.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    table: Callable[[Path], pd.DataFrame] | None = None
    chosen_on: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def beside(self, folders: Iterable[str | Path]) -> Library:
        """Add the landscape files in results folders that are named after their tasks; these take precedence."""
        found = {path.stem: path for folder in folders for path in sorted(Path(folder).glob(f"*{_DEVICE}*.parquet"))}
        return replace(self, files={**self.files, **found})

    def replayed(self, task: str, landscapes: Collection[str]) -> Path | None:
        """The file of a task; ``None`` if there is none, or if the runs of the task replayed another one.

        Args:
            landscapes: digests of the recordings that the runs replayed; empty for live runs.
        """
        file = self.files.get(task)
        if file is None or not landscapes:
            return file
        same = file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() in landscapes
        return file if same else None

    def probabilities(self, task: str, landscape_sha256: object) -> pd.Series[float] | None:
        """The probability of each configuration under random search by parameter, by key, up to a factor.

        ``None`` unless the library has the file with that digest and knows the probabilities.
        """
        file = self.files.get(task)
        if self.table is None or file is None or not file.is_file():
            return None
        if hashlib.sha256(file.read_bytes()).hexdigest() != landscape_sha256:
            return None
        rows = self.table(file)
        return rows.set_index(contract.KEY)[contract.DRAW_PROBABILITY]
