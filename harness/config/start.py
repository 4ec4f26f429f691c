"""Configurations that a run evaluates first, independently of its strategy: ``start=default``, ``compiler`` or a
file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from harness.errors import UserError
from harness.system.documents import read_text
from harness.system.text import one_line
from harness.system.yaml_text import load_yaml

DEFAULT, COMPILER, FILE = "default", "compiler", "file"
WORDS = (DEFAULT, COMPILER)
EXPECTED = "default, compiler, or the path of a JSON or YAML file with a list of configurations"


@dataclass(frozen=True)
class Start:
    """The option ``start``; the run determines the configurations from its task and space.

    Attributes:
        option: the option as the user wrote it.
        kind: ``default``, ``compiler`` or ``file``.
        configurations: the configurations of a file, unchecked.
    """

    option: str
    kind: str
    configurations: tuple[Mapping[str, Any], ...] = ()


def start_of(option: object) -> Start | None:
    """The meaning of ``start=OPTION``; ``None`` without the option.

    Raises:
        UserError: the option is neither a known word nor a readable file.
    """
    if option is None:
        return None
    if not isinstance(option, str) or not option:
        raise UserError(f"start={option}: expected {EXPECTED}")
    if option in WORDS:
        return Start(option, option)
    path = Path(option)
    try:
        stat = path.stat()
    except (OSError, ValueError):
        near = get_close_matches(option, WORDS, n=1)
        raise UserError(f"start={option}: no such file: expected {near[0] if near else EXPECTED}") from None
    return Start(option, FILE, _configurations(path, stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=16)
def _configurations(path: Path, _modified: int, _size: int) -> tuple[Mapping[str, Any], ...]:
    """The list in a file; cached, since all runs of a sweep share it."""
    try:
        text = read_text(path)
        document = json.loads(text) if path.suffix == ".json" else load_yaml(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"start={path}: cannot be read as JSON or YAML: {one_line(said)}") from None
    if not isinstance(document, list) or not document:
        raise UserError(
            f"start={path}: expected a list of at least one configuration, each a mapping of parameters to values"
        )
    for i, item in enumerate(document):
        if not isinstance(item, dict) or not all(isinstance(name, str) for name in item):
            raise UserError(
                f"start={path}: [{i}]={one_line(item, 80)}: expected a configuration: a mapping of parameters to values"
            )
    return tuple(document)
