"""Refuse files of a newer format. Each file states its version; without one it is version 1."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from analysis.errors import AnalysisError
from analysis.runs import contract
from analysis.runs.documents import read_json

_LINE = re.compile(rb"^format_version:[ \t]*([^\r\n]*?)[ \t]*\r?$", re.MULTILINE)
_AT_MOST = 1024
"""Bytes of config.yaml that are read: the version comes first, so nothing else need be understood."""


def check_version(file: Path, version: object) -> None:
    """Make sure that this NearOpt supports the format of ``file``.

    Args:
        version: the version in the file: a whole number or its digits.

    Raises:
        AnalysisError: the version is newer, or not a version.
    """
    try:
        number = int(str(version))
    except ValueError:
        number = 0
    if number > contract.FORMAT_VERSION:
        raise AnalysisError(
            f"{file}: format version {number}: this NearOpt knows versions up to {contract.FORMAT_VERSION}: update it"
        )
    if number < 1:
        raise AnalysisError(f"{file}: format version {version!r}: expected 1 to {contract.FORMAT_VERSION}")


def check_run_version(directory: Path) -> None:
    """Check the version of a run's directory, by its config.yaml.

    Raises:
        AnalysisError: a newer NearOpt made it.
    """
    file = directory / contract.CONFIG
    with suppress(OSError):  # code that needs more of it reports that it is not readable
        if not file.is_file():
            return
        with file.open("rb") as stream:
            line = _LINE.search(stream.read(_AT_MOST))
        if line is not None:
            check_version(file, line[1].decode("utf-8", "replace"))


def check_plans(results: Path) -> None:
    """Check the versions of the plans of a results folder.

    Raises:
        AnalysisError: a newer NearOpt made one.
    """
    for file in sorted((results / contract.PLANNED).glob("*.json")):
        with suppress(OSError, ValueError, AttributeError):  # no number depends on a damaged plan
            check_version(file, read_json(file).get("version", 1))
