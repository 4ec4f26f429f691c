"""Read the log of a run up to its first damaged line; ``harness/run/log_lines.py`` follows the same rules.

A line's checksum is the CRC-32 of the line without it and of all lines before; see ``harness/system/sealed_lines.py``.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from analysis.runs import contract

_SEAL = re.compile(rb',"check":"([0-9a-f]{8})"\}\Z')


@dataclass(frozen=True)
class LogLines:
    """A log up to its first damaged line.

    Attributes:
        rows: the content of the lines.
        unverified: number of lines at the beginning without a checksum, which an older NearOpt wrote.
        fault: what is wrong with the first damaged line, with its number; empty without one. A truncated last line is
            not a fault.
    """

    rows: list[dict[str, Any]]
    unverified: int
    fault: str


def read_lines(data: bytes) -> LogLines:
    """Parse the lines of a log."""
    rows: list[dict[str, Any]] = []
    check, sealed = 0, 0
    for line in data.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        wrong, row = _row(line, len(rows))
        seal = _SEAL.search(line[:-1])
        check = zlib.crc32(line[:-1] if seal is None else line[: seal.start()] + b"}", check)
        if not wrong and seal is None and sealed:
            wrong = "has no checksum, unlike the lines before it"
        if not wrong and seal is not None and check != int(seal[1], 16):
            wrong = "changed after it was written: its checksum is that of another line"
        if wrong:
            return LogLines(rows, len(rows) - sealed, f"{contract.LOG}, line {len(rows) + 1}: {wrong}")
        sealed += seal is not None
        rows.append(row)
    return LogLines(rows, len(rows) - sealed, "")


def is_as_written(line: bytes) -> bool | None:
    """Whether the checksum of a single line is right; ``None`` without one."""
    seal = _SEAL.search(line)
    return None if seal is None else zlib.crc32(line[: seal.start()] + b"}") == int(seal[1], 16)


def _row(line: bytes, index: int) -> tuple[str, dict[str, Any]]:
    """What is wrong with the content of a line, and its content."""
    try:
        row = orjson.loads(line)
    except ValueError:
        return "not JSON", {}
    if wrong := _bad_key(row, index):
        return wrong, {}
    return "", row


def _bad_key(row: Any, index: int) -> str:
    if not isinstance(row, Mapping):
        return "not an object"
    if row.get(contract.INDEX) != index:
        return f"{contract.INDEX} is {row.get(contract.INDEX)!r}"
    for name in contract.LOGGED_NUMBERS:
        value = row.get(name)
        if not _number(value) and not (value is None and name in contract.NULLABLE_NUMBERS):
            return f"{name} is {value!r}"
    samples = row.get(contract.SAMPLES_MS)
    if not isinstance(samples, list) or not all(map(_number, samples)):
        return f"{contract.SAMPLES_MS} is {str(samples)[:40]!r}"
    if row.get(contract.STATUS) not in contract.STATUSES:
        return f"{contract.STATUS} is {row.get(contract.STATUS)!r}"
    if not isinstance(row.get("configuration"), Mapping):
        return "configuration is not an object"
    return ""


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
