"""Read ``reference_error.yaml``: the measured error of a study's recorded latencies, stated beside its results.

It has three keys: ``version`` (1), ``relative_error`` (relative standard error of a recorded latency; the largest of
several measured ones) and ``source`` (how it is known). If the hypothesis registers an error, that one decides and this
file is ignored. Otherwise the results with this error are reported, and decide nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import AnalysisError
from analysis.media import printable
from analysis.reference import REFERENCE_ERROR
from analysis.verdict.hypothesis_parts import read_reference_error
from analysis.verdict.yaml_mapping import read_mapping

NAME = REFERENCE_ERROR
VERSION = 1
_KEYS = ("version", "relative_error", "source")


@dataclass(frozen=True)
class StatedError:
    """The content of one file."""

    path: Path
    relative_error: float
    source: str


def find_reference_error(folders: Sequence[str | Path]) -> StatedError | None:
    """The error stated for the results folders, in each folder or its parent; ``None`` without one.

    Raises:
        AnalysisError: a file is damaged, or two folders state different errors.
    """
    places = [place for folder in map(Path, folders) for place in (folder / NAME, folder.absolute().parent / NAME)]
    files = [read(path) for path in dict.fromkeys(places) if path.is_file()]
    for other in files[1:]:
        if other.relative_error != files[0].relative_error:
            raise AnalysisError(
                f"{other.path}: relative_error={other.relative_error:g}: expected {files[0].relative_error:g}, as in "
                f"{files[0].path}: one value for all folders"
            )
    return files[0] if files else None


def read(path: Path) -> StatedError:
    """Read and check one file.

    Raises:
        AnalysisError: it cannot be read, or a key is unknown, missing or wrong; the message says which.
    """
    _, document = read_mapping(path, _KEYS, "the error of a study's recorded latencies")
    for key in (*document, *_KEYS):
        if key not in _KEYS:
            raise AnalysisError(f"{path}: {str(key)[:60]!r}: unknown field: expected {', '.join(_KEYS)}")
        if key not in document:
            raise AnalysisError(f"{path}: {key} is missing: expected {', '.join(_KEYS)}")
    if type(document["version"]) is not int or document["version"] != VERSION:
        raise AnalysisError(f"{path}: version={document['version']!r:.60}: expected {VERSION}")
    source = document["source"]
    if not isinstance(source, str) or not source.strip():
        raise AnalysisError(f"{path}: source={source!r:.60}: expected a non-empty text")
    relative = read_reference_error(path, document["relative_error"], "relative_error")
    return StatedError(path, relative, printable(" ".join(source.split())))
