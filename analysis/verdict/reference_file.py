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
from analysis.runs.yaml_mapping import read_record
from analysis.verdict.hypothesis_parts import read_reference_error

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
    document = read_record(path, _KEYS, "the error of a study's recorded latencies", VERSION)
    relative = read_reference_error(path, document["relative_error"], "relative_error")
    return StatedError(path, relative, printable(" ".join(document["source"].split())))
