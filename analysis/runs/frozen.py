"""``optima.yaml``: the optimum of each task as it was known before the runs that are judged by it.

If a space is too large to list, t* would otherwise be the best latency that these runs found, and the strategy that
found it would be judged by its own luck. The file has three keys: ``version`` (1), ``source`` (how the numbers are
known) and ``found_ms``, which maps each task, named as in the results, to the lowest true latency in ms that each
reference search with other seeds, or ``draws``, had found. t* is the lowest of a task; the search that found it matters
when a strategy's own finds are left out (:mod:`analysis.study.own_finds`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.errors import AnalysisError
from analysis.runs.names import name_fault
from analysis.runs.yaml_mapping import read_record, shown

NAME = "optima.yaml"
VERSION = 1
_KEYS = ("version", "source", "found_ms")

Frozen = Mapping[str, Mapping[str, float]]
"""Maps a task to the latency in ms that each search had found."""


def find_frozen(folders: Sequence[str | Path]) -> Frozen:
    """Find the optima stated for the results folders, each in the folder or in its parent; empty if there are none.

    Raises:
        AnalysisError: a file is damaged, or two files state different numbers for a task.
    """
    places = [place for folder in map(Path, folders) for place in (folder / NAME, folder.absolute().parent / NAME)]
    frozen: dict[str, Mapping[str, float]] = {}
    for path in dict.fromkeys(place.absolute() for place in places if place.is_file()):
        for task, found in read(path).items():
            if frozen.setdefault(task, found) != found:
                raise AnalysisError(f"{path}: found_ms.{task}: expected the numbers in another folder's {NAME}")
    return frozen


def read(path: Path) -> Frozen:
    """Read and check one file.

    Raises:
        AnalysisError: it cannot be read, or a key is unknown, missing or wrong; one line says which.
    """
    document = read_record(path, _KEYS, "the optima of a study's tasks", VERSION)
    tasks = _mapping(path, "found_ms", document["found_ms"], "searches by task")
    return {task: _found(path, f"found_ms.{task}", found) for task, found in tasks.items()}


def _found(path: Path, name: str, value: object) -> dict[str, float]:
    found = {}
    for who, latency in _mapping(path, name, value, "latencies by search").items():
        if not isinstance(latency, int | float) or isinstance(latency, bool) or not 0 < latency < 1e12:
            raise AnalysisError(f"{path}: {name}.{who}={shown(latency)}: expected a latency in ms, above 0")
        found[who] = float(latency)
    return found


def _mapping(path: Path, name: str, value: object, of: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        raise AnalysisError(f"{path}: {name}={shown(value)}: expected a mapping of {of}")
    for key in value:
        if fault := name_fault(key):
            raise AnalysisError(f"{path}: {name}: {shown(key)}: {fault}")
    return value
