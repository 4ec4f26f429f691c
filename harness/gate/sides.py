"""The meaning of CANDIDATE and BASELINE on the command line: a strategy, a results folder, or a baseline file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.gate.suite import Suite
from harness.system.names import LAWS

Names = Callable[[Path], Sequence[str]]
"""Names of runs as relative paths, ``TASK/LABEL/seed-N``."""


@dataclass(frozen=True)
class Folder:
    """Existing runs.

    Attributes:
        name: as given.
        folders: the folders of one strategy, one per task of the suite.
    """

    name: str
    label: str
    folders: list[Path]


@dataclass(frozen=True)
class Law:
    """Random search on the suite's recordings by its exact law, which needs only the recordings and no runs.

    Attributes:
        name: one of :data:`~harness.system.names.LAWS`.
    """

    name: str


def as_law(word: str) -> Law | None:
    """The law that ``word`` names; ``None`` if it names none."""
    return Law(word) if word in LAWS else None


def as_file(word: str, baselines: Path, by_name: bool) -> Path | None:
    """The baseline file that ``word`` names: by its path, or with ``by_name`` as the committed baseline of a
    strategy."""
    path = Path(word)
    if path.suffix == ".json":
        return path
    committed = baselines / f"{word}.json"
    return committed if by_name and committed.is_file() else None


def as_folder(word: str, suite: Suite, consolidated: Names) -> Folder | None:
    """The runs in the results folder ``word``, or of one strategy in it: ``FOLDER:LABEL``.

    Args:
        consolidated: lists the runs that a consolidated file in a folder holds in place of directories.

    Raises:
        UserError: the folder does not exist, lacks a task of the suite, or holds several strategies without one being
            named.
    """
    path, label = Path(word), ""
    if not path.is_dir():
        before, colon, label = word.rpartition(":")
        path = Path(before)
        if not colon and "/" not in word:
            return None
        if not colon or not before or not path.is_dir():
            raise UserError(
                f"{word}: no such folder: expected a strategy, runs as FOLDER or FOLDER:LABEL, or a FILE.json"
            )
    labels = _labels(path, suite, consolidated(path))
    common = set.intersection(*labels.values())
    if label:
        for task, task_labels in labels.items():
            if label not in task_labels:
                raise UserError(f"{path}: no runs of {label} on {task}, which is in the suite {suite.name}")
    elif len(common) != 1:
        lacking = next((task for task, task_labels in labels.items() if not task_labels), None)
        if lacking:
            raise UserError(f"{path}: no runs of {lacking}, which is in the suite {suite.name}")
        raise UserError(f"{path}: runs of {', '.join(sorted(common)) or 'no one strategy'} on all tasks of the suite: "
                        f"expected {path}:LABEL")  # fmt: skip
    chosen = label or common.pop()
    return Folder(word, chosen, [path / task / chosen for task in suite.landscapes])


def _labels(path: Path, suite: Suite, consolidated: Sequence[str]) -> dict[str, set[str]]:
    """Strategies by task, from run directories and from a consolidated file."""
    pairs = [name.split("/")[:2] for name in consolidated]
    pairs += [[entry.parent.name, entry.name] for task in suite.landscapes for entry in (path / task).glob("*/")]
    return {task: {label for where, label in pairs if where == task} for task in suite.landscapes}
