"""Suites of a gate: tasks, a budget and seeds. Named suites are in ``conf/suite``; others are YAML files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from harness.backends.replay import NOISES
from harness.errors import UserError
from harness.landscapes.library import SEPARATOR, find_landscape
from harness.system.documents import read_text
from harness.system.resources import conf_directory
from harness.system.text import one_line
from harness.system.yaml_text import load_yaml

SUFFIX = ".parquet"
MAX_TASKS = 1000
FEWEST = 8
"""Fewest seeds per task at any look but the last, since standard errors of fewer are not reliable."""
TARGETS = (0.01, 0.05, 0.1)
"""Targets that the analysis stores for every run."""


@dataclass(frozen=True)
class Suite:
    """The tasks, budget and looks of a gate.

    Attributes:
        landscapes: ``<task>__<device>`` mapped to its recording.
        evaluations: budget of each run.
        noise: noise of the replay.
        first_seed: the first seed.
        looks: seeds per task at each look, increasing.
        target: near-optimal means within this share of the optimum.
        slowdown: factor of the geometric-mean ERT to detect with probability ``power``.
        alpha: probability of reporting a regression without a change.
    """

    name: str
    landscapes: Mapping[str, Path]
    evaluations: int
    noise: str
    first_seed: int
    looks: tuple[int, ...]
    target: float
    slowdown: float
    alpha: float
    power: float

    def sha256(self) -> dict[str, str]:
        """SHA-256 of each recording's file."""
        return {task: hashlib.sha256(path.read_bytes()).hexdigest() for task, path in self.landscapes.items()}

    def upto(self, seeds: int) -> Suite:
        """The suite with this many seeds per task at the last look, and earlier looks in proportion.

        Raises:
            UserError: ``seeds`` is below 2.
        """
        if seeds < 2:
            raise UserError(f"--seeds {seeds}: expected 2 or more")
        looks = {round(look * seeds / self.looks[-1]) for look in self.looks}
        return replace(self, looks=tuple(sorted(look for look in looks if look >= min(FEWEST, seeds))))

    def seeds(self, count: int) -> range:
        """The first ``count`` seeds."""
        return range(self.first_seed, self.first_seed + count)


KEYS = ("tasks", *(field.name for field in fields(Suite) if field.name not in ("name", "landscapes")))


def load_suite(name: str) -> Suite:
    """A suite of ``conf/suite`` by name, or a YAML file; paths of landscape files are relative to it.

    Raises:
        UserError: there is no such suite, or a value is wrong.
    """
    folder = conf_directory() / "suite"
    path = Path(name) if name.endswith((".yaml", ".yml")) else folder / f"{name}.yaml"
    try:
        document = load_yaml(read_text(path))
    except FileNotFoundError:
        names = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise UserError(f"--suite {name}: expected a YAML file or one of {names}") from None
    except OSError as error:
        raise UserError(f"--suite {path}: cannot be read: {error.strerror}: expected a YAML file") from None
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(f"--suite {path}: cannot be read: {one_line(error, 200)}") from None
    if not isinstance(document, dict) or set(document) != set(KEYS):
        raise UserError(f"--suite {path}: expected the keys {', '.join(KEYS)}")
    return _checked(path, document)


def _checked(path: Path, document: Mapping[str, Any]) -> Suite:
    def number(name: str, kind: type, low: float, high: float = float("inf")) -> Any:
        value = document[name]
        right = isinstance(value, int | float if kind is float else int) and not isinstance(value, bool)
        if not right or not low < value < high:
            between = f"more than {low:g}" + (f" and less than {high:g}" if high < float("inf") else "")
            raise UserError(f"--suite {path}: {name}={value}: expected a number, {between}")
        return kind(value)

    looks = document["looks"]
    if (
        not isinstance(looks, list)
        or not looks
        or any(type(n) is not int for n in looks)
        or looks != sorted(set(looks))
    ):
        raise UserError(f"--suite {path}: looks={looks}: expected increasing numbers of seeds")
    if looks[0] < 2:
        raise UserError(f"--suite {path}: looks={looks}: expected 2 seeds or more at the first look")
    if document["noise"] not in NOISES:
        raise UserError(f"--suite {path}: noise={document['noise']}: expected one of {', '.join(NOISES)}")
    if document["target"] not in TARGETS:
        raise UserError(f"--suite {path}: target={document['target']}: expected one of {', '.join(map(str, TARGETS))}")
    return Suite(
        name=path.stem,
        landscapes=_landscapes(path, document["tasks"]),
        evaluations=number("evaluations", int, 0),
        noise=str(document["noise"]),
        first_seed=number("first_seed", int, -1),
        looks=tuple(looks),
        target=float(document["target"]),
        slowdown=number("slowdown", float, 1),
        alpha=number("alpha", float, 0, 0.5),
        power=number("power", float, 0.5, 1),
    )


def _landscapes(path: Path, tasks: Any) -> dict[str, Path]:
    if not isinstance(tasks, list) or not tasks or any(not isinstance(task, str) for task in tasks):
        raise UserError(f"--suite {path}: tasks={tasks}: expected names of recorded tasks or landscape files")
    if len(tasks) > MAX_TASKS:
        raise UserError(f"--suite {path}: tasks: {len(tasks)}: expected at most {MAX_TASKS}")
    files: dict[str, Path] = {}
    for task in tasks:
        if task.endswith(SUFFIX):
            file = path.parent / task
            if not file.is_file():
                raise UserError(
                    f"--suite {path}: tasks: {file}: no such landscape file: expected a path relative to the suite"
                )
        else:
            name, _, device = task.partition(SEPARATOR)
            file = find_landscape(name, device or None)
        if file.stem in files:
            raise UserError(f"--suite {path}: tasks: {file.stem} twice")
        files[file.stem] = file
    return files
