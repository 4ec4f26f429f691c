"""Strictly read a hand-written YAML file beside results; errors are one line."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml

from analysis.errors import AnalysisError
from analysis.runs.documents import YAML_LOADER, load_yaml, read_bytes
from analysis.runs.run_directory import first_line


def read_mapping(path: Path, keys: Sequence[str], what: str) -> tuple[bytes, dict[str, Any]]:
    """Read the file's bytes and its mapping.

    Args:
        keys: the allowed keys, for the message; not checked here.
        what: what the file is, for the message.

    Raises:
        AnalysisError: the file cannot be read, is not YAML or not a mapping, or a key occurs twice.
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


def read_record(path: Path, keys: Sequence[str], what: str, version: int) -> dict[str, Any]:
    """Read a mapping that has all of ``keys`` and no other, among them ``version`` and a text ``source``.

    Args:
        what: what the file is, for the message.
        version: the only version that is read.

    Raises:
        AnalysisError: as :func:`read_mapping`, or a key is unknown, missing or wrong; the message says which.
    """
    _, document = read_mapping(path, keys, what)
    for key in (*document, *keys):
        if key not in keys:
            raise AnalysisError(f"{path}: {str(key)[:60]!r}: unknown field: expected {', '.join(keys)}")
        if key not in document:
            raise AnalysisError(f"{path}: {key} is missing: expected {', '.join(keys)}")
    if type(document["version"]) is not int or document["version"] != version:
        raise AnalysisError(f"{path}: version={shown(document['version'])}: expected {version}")
    if not isinstance(document["source"], str) or not document["source"].strip():
        raise AnalysisError(f"{path}: source={shown(document['source'])}: expected a non-empty text")
    return document


def shown(value: object) -> str:
    """A value for a message, with at most 60 characters."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


class _Loader(YAML_LOADER):  # type: ignore[misc]  # a class of PyYAML, whichever is there
    """A YAML loader that refuses duplicate keys."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} occurs twice", key.start_mark)
            seen.add(key.value)
        made: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return made


def _told(error: Exception) -> str:
    """The message of a YAML error, with its line."""
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: {problem}" if problem and mark else first_line(error)
