"""Read each ended run below folders once: from its directory, or from a consolidated file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.errors import AnalysisError
from analysis.runs import consolidated, contract
from analysis.runs.folders import folders
from analysis.runs.run_directory import RunLog, read_failed
from analysis.runs.state import State, is_number, run_state
from analysis.runs.survey import Survey, survey
from analysis.runs.version import check_plans, check_run_version


def _check_exists(path: Path) -> None:
    """Make sure that a folder of runs exists.

    Raises:
        AnalysisError: it does not.
    """
    if not path.exists():
        raise AnalysisError(f"{path}: no such file or directory: expected a folder of runs")
    if any(0xD800 <= ord(character) < 0xE000 for character in str(path.resolve())):  # Python's stand-ins
        raise AnalysisError(f"{path}: expected a path in UTF-8, the only encoding that Parquet's reader accepts")


def read_logs(paths: Sequence[str | Path]) -> tuple[list[RunLog], dict[Path, str], dict[str, Any]]:
    """The ended runs below ``paths``, each once; directories that turned out to be damaged; one run's environment.

    Failed runs with a log are included with what they spent.

    Raises:
        AnalysisError: no such folder, a file is damaged, or a newer NearOpt wrote one.
    """
    return read_surveyed([survey(Path(path)) for path in paths])


def read_surveyed(surveys: Sequence[Survey]) -> tuple[list[RunLog], dict[Path, str], dict[str, Any]]:
    """As :func:`read_logs`, for folders already surveyed."""
    logs: dict[Path, RunLog] = {}
    damaged: dict[Path, str] = {}
    environment: dict[str, Any] = {}
    for seen in surveys:
        held = [{each.root / place for place in each.held().counted} for each in seen.collections]
        if not any(held):
            _check_exists(seen.path)
        left, unfinished = find_run_directories(seen.path)
        broken = [
            read_failed(directory) for directory in unfinished if directory not in logs and _has_failed(directory)
        ]
        logs |= {log.path: log for log in broken if log is not None}
        for collection, alone in zip((*seen.collections, None), (*held, set()), strict=True):
            own = set(left if collection is None else collection.directories.values())
            here = [directory for directory in left if directory in own]
            left = [directory for directory in left if directory not in own]
            if {*here, *alone} <= {*logs, *damaged}:
                continue
            root = seen.path.resolve() if collection is None else collection.root
            loaded = consolidated.load(root, here, collection)
            logs |= {log.path: log for log in loaded.logs}
            damaged |= loaded.damaged
            environment = joined(environment, loaded.environment)
    return sorted(logs.values(), key=lambda log: natural(log.path)), damaged, environment


def joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The environment of runs from two places: the first's, with the first and last start of both."""
    if not one or not other:
        return dict(one or other)
    times = (contract.STARTED, contract.LAST_STARTED)
    both = {name: of for name, of in one.items() if name not in times}
    if all(name in of for name in times for of in (one, other)):
        both[times[0]] = min(one[times[0]], other[times[0]])
        both[times[1]] = max(one[times[1]], other[times[1]])
    return both


def _has_failed(directory: Path) -> bool:
    """Whether the directory has FAILED; a run that is being retried counts as running."""
    return (directory / contract.FAILED).exists() and run_state(directory).state is State.FAILED


def find_run_directories(path: Path) -> tuple[list[Path], list[Path]]:
    """Find run directories at any depth, resolved and sorted: those with DONE, and those that look unfinished.

    Raises:
        AnalysisError: a newer NearOpt made an unfinished one or a plan.
    """
    check_plans(path)
    finished, unfinished = [], []
    for directory, inner, files in folders(path):
        begun = directory.name.startswith(contract.SEED_PREFIX)
        if contract.CONFIG not in files or not (begun or contract.DONE in files):
            continue  # the config.yaml of a bundle lies beside tasks
        inner.clear()
        if contract.DONE in files:
            finished.append(directory)
        else:
            check_run_version(directory)
            unfinished.append(directory)
    return sorted(finished, key=natural), unfinished


def natural(directory: Path) -> tuple[str, int, str]:
    number = directory.name.removeprefix(contract.SEED_PREFIX)
    return str(directory.parent), int(number) if is_number(number) else -1, directory.name
