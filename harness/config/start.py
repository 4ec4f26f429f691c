"""Configurations that a run evaluates first, whatever its strategy: ``start=default``, ``compiler`` or a file."""

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
    """What ``start`` asks for; which configurations that are, the run finds out from its task and space.

    Attributes:
        option: as it was written.
        kind: ``default``, ``compiler`` or ``file``.
        configurations: those of a file, as they stand there.
    """

    option: str
    kind: str
    configurations: tuple[Mapping[str, Any], ...] = ()


def start_of(option: object) -> Start | None:
    """What ``start=OPTION`` asks for; ``None`` without one.

    Raises:
        UserError: neither a word that is known nor a file that can be read.
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
    """The list in a file, which all runs of a sweep have in common."""
    try:
        text = read_text(path)
        document = json.loads(text) if path.suffix == ".json" else load_yaml(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"start={path}: not readable as JSON or YAML: {one_line(said)}") from None
    if not isinstance(document, list) or not document:
        raise UserError(f"start={path}: expected a list of one configuration or more, each a value by parameter")
    for i, item in enumerate(document):
        if not isinstance(item, dict) or not all(isinstance(name, str) for name in item):
            raise UserError(f"start={path}: [{i}]={one_line(item, 80)}: expected a configuration: a value by parameter")
    return tuple(document)
