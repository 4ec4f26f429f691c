"""A YAML file that a person writes beside results: read strictly, and one line about what is wrong with it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml

from analysis.errors import AnalysisError
from analysis.runs.documents import YAML_LOADER, load_yaml, read_bytes
from analysis.runs.run_directory import first_line


def read_mapping(path: Path, keys: Sequence[str], what: str) -> tuple[bytes, dict[str, Any]]:
    """The file's bytes, and what it says.

    Args:
        keys: that it may have; not checked here.
        what: the file is, for the line.

    Raises:
        AnalysisError: it cannot be read, is no YAML or no mapping, or a key stands twice.
    """
    try:
        data = read_bytes(path)
        document = load_yaml(data.decode("utf-8"), _Loader)
    except OSError as error:
        raise AnalysisError(f"{path}: cannot be read: {error.strerror or error}: expected {what}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise AnalysisError(f"{path}: not YAML: {_told(error)}") from error
    if not isinstance(document, dict):
        raise AnalysisError(f"{path}: {shown(document)}: expected a mapping with the keys {', '.join(keys)}")
    return data, document


def shown(value: object) -> str:
    """A value for a message, in 60 letters at most."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


class _Loader(YAML_LOADER):  # type: ignore[misc]  # a class of PyYAML, whichever is there
    """YAML in which a key that stands twice is an error."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands twice", key.start_mark)
            seen.add(key.value)
        made: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return made


def _told(error: Exception) -> str:
    """With the line, which a YAML error has apart from what is wrong there."""
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: {problem}" if problem and mark else first_line(error)
