"""``reference_error.yaml``: how well the recorded latencies of a study are known, measured and stated beside it.

Three keys: ``version`` (1), ``relative_error`` (relative standard error of a recorded latency; of several that were
measured the largest) and ``source`` (how it is known). A hypothesis may register an error of its own: that one decides,
and this file is not asked. Else what this file says is told, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import AnalysisError
from analysis.media import printable
from analysis.reference import REFERENCE_ERROR
from analysis.runs.yaml_mapping import read_mapping
from analysis.verdict.hypothesis_parts import read_reference_error

NAME = REFERENCE_ERROR
VERSION = 1
_KEYS = ("version", "relative_error", "source")


@dataclass(frozen=True)
class StatedError:
    """What one file says."""

    path: Path
    relative_error: float
    source: str


def find_reference_error(folders: Sequence[str | Path]) -> StatedError | None:
    """That of the results folders, each in the folder or in its parent; ``None`` where there is none.

    Raises:
        AnalysisError: a file is damaged, or two folders state different errors.
    """
    places = [place for folder in map(Path, folders) for place in (folder / NAME, folder.absolute().parent / NAME)]
    files = [read(path) for path in dict.fromkeys(places) if path.is_file()]
    for other in files[1:]:
        if other.relative_error != files[0].relative_error:
            raise AnalysisError(
                f"{other.path}: relative_error={other.relative_error:g}: expected {files[0].relative_error:g}, as in "
                f"{files[0].path}: one for all folders"
            )
    return files[0] if files else None


def read(path: Path) -> StatedError:
    """Read and check one file.

    Raises:
        AnalysisError: it cannot be read, or a key is unknown, missing or wrong; one line says which.
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
        raise AnalysisError(f"{path}: source={source!r:.60}: expected a text that is not empty")
    relative = read_reference_error(path, document["relative_error"], "relative_error")
    return StatedError(path, relative, printable(" ".join(source.split())))
