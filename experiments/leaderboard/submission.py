"""A submission to the leaderboard: a folder with a strategy, its YAML, a description and its runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from analysis.runs.documents import load_yaml, read_text
from analysis.runs.reading import read_logs
from analysis.runs.run_directory import RunLog
from harness.config.compose import Composer
from harness.config.schema import RunConfig
from harness.errors import UserError

EXPERIMENT = "claim_2"
"""The protocol: the tasks, seeds and budget of ``conf/experiment/claim_2.yaml``."""
FILE = "submission.yaml"
WORDS = ("strategy", "authors", "about")
Cell = tuple[str, int]
"""A task, without its device, and a seed."""


@dataclass(frozen=True)
class Submission:
    """The description of a submission.

    Attributes:
        folder: its folder; the runs are in ``folder/results``.
        strategy: the label of its runs.
        authors, about: its authors, and one sentence about it.
        chosen_on: patterns of the tasks on which its defaults were chosen.
    """

    folder: Path
    strategy: str
    authors: str
    about: str
    chosen_on: tuple[str, ...] = ()

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def config_dir(self) -> Path | None:
        """The folder with its YAML; ``None`` for a strategy of NearOpt."""
        return self.folder if (self.folder / "strategy").is_dir() else None


def read_submission(folder: Path) -> Submission:
    """The submission in ``folder``.

    Raises:
        UserError: the file is missing or damaged, or lacks a field.
    """
    file = folder / FILE
    if not file.is_file():
        raise UserError(f"{file}: no such file: expected a copy of experiments/leaderboard/template/{FILE}")
    try:
        said = load_yaml(read_text(file))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{file}: damaged: {str(error).splitlines()[0]}") from None
    if not isinstance(said, dict):
        raise UserError(f"{file}: expected a mapping with {', '.join(WORDS)}")
    words = {name: _word(file, said, name) for name in WORDS}
    patterns = said.get("chosen_on") or []
    if not isinstance(patterns, list) or not all(isinstance(each, str) for each in patterns):
        raise UserError(f"{file}: chosen_on={patterns!r}: expected a list of patterns of tasks")
    if unknown := sorted(set(said) - {*WORDS, "chosen_on"}):
        raise UserError(f"{file}: {unknown[0]}: expected only {', '.join(WORDS)} and chosen_on")
    return Submission(folder, words["strategy"], words["authors"], words["about"], tuple(patterns))


def _word(file: Path, said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{file}: {name}={value!r}: expected some text")
    return value.strip()


def protocol(submission: Submission, results: Path) -> dict[Cell, RunConfig]:
    """Every run that the protocol asks for, to be written into ``results``.

    Raises:
        UserError: the strategy's YAML does not compose.
    """
    words = [f"experiment={EXPERIMENT}", f"strategy={submission.strategy}", f"results={results}"]
    asked = Composer(submission.config_dir).expand(words)
    return {(run.task.name if run.task is not None else "", run.seed): run for run in asked.runs}


def submitted(submission: Submission) -> dict[Cell, RunLog]:
    """The finished runs of the strategy in its results.

    Raises:
        UserError: there are none, or some are damaged.
    """
    logs, damaged, _ = read_logs([submission.results])
    if damaged:
        path, why = next(iter(damaged.items()))
        raise UserError(f"{path}: damaged: {why}: expected runs as they were written")
    own = [log for log in logs if log.cell[1] == submission.strategy]
    if not own:
        raise UserError(
            f"{submission.results}: no finished run of {submission.strategy}: expected those of the protocol"
        )
    return {(log.cell[0].partition("__")[0], int(log.config["seed"])): log for log in own}


def check_complete(submission: Submission) -> None:
    """Refuse a submission whose runs are not those of the protocol, each once.

    Raises:
        UserError: some are missing or beyond it.
    """
    found, asked = submitted(submission).keys(), protocol(submission, submission.results).keys()
    if found != asked:
        beyond = f" and {len(found - asked)} outside the protocol" if found - asked else ""
        raise UserError(
            f"{submission.results}: {len(found & asked)} of {len(asked)} runs of the protocol{beyond}: expected all of "
            f"them (python -m experiments.leaderboard.check {submission.folder})"
        )
