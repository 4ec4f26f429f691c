"""Refuse files of a newer format. Each file states its version; without one it is of version 1."""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import UserError
from harness.run import contract

_LINE = re.compile(rb"^format_version:[ \t]*([^\r\n]*?)[ \t]*\r?$", re.MULTILINE)
_AT_MOST = 1024
"""Number of bytes of config.yaml to read: the version comes first, so that nothing else need be parsed."""


def check_version(file: Path, version: object) -> None:
    """Check that this NearOpt knows the format of ``file``.

    Args:
        version: the version in the file: a whole number or its digits.

    Raises:
        UserError: the version is newer or invalid.
    """
    try:
        number = int(str(version))
    except ValueError:
        number = 0
    if number > contract.FORMAT_VERSION:
        raise UserError(
            f"{file}: format version {number}: this NearOpt knows versions up to {contract.FORMAT_VERSION}: update it"
        )
    if number < 1:
        raise UserError(f"{file}: format version {version!r}: expected 1 to {contract.FORMAT_VERSION}: move it away")


def check_run_version(directory: Path) -> None:
    """Check the version of a run's directory from its config.yaml; without that file nothing is checked.

    Raises:
        UserError: a newer NearOpt made the run.
    """
    file = directory / contract.CONFIG
    try:
        if not file.is_file():
            return
        with file.open("rb") as stream:
            line = _LINE.search(stream.read(_AT_MOST))
    except OSError:
        return  # missing or unreadable: code that needs more of it reports that
    if line is not None:
        check_version(file, line[1].decode("utf-8", "replace"))
