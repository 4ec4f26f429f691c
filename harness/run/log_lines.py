"""Read the log of a run up to its first damaged line; ``analysis/runs/log_lines.py`` follows the same rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from harness.evaluation import Status
from harness.run import contract
from harness.system.sealed_lines import Seals

STATUSES = frozenset(map(str, Status))
NULLABLE = frozenset({contract.LATENCY_MS, contract.ORACLE_MS})
NUMBERS = (
    *sorted(NULLABLE), contract.COMPILE_S, contract.VERIFY_S, contract.BENCHMARK_S, contract.ASK_S, contract.TELL_S,
    contract.CLOCK_START_S, contract.CLOCK_END_S,
)  # fmt: skip
"""Keys of every line of the log."""


@dataclass(frozen=True)
class LogLines:
    """A log up to its first damaged line.

    Attributes:
        rows: the content of the lines.
        ends: the byte offset of the end of each line.
        checks: the running checksum after each line, which the next line continues.
        unverified: number of lines at the beginning without a checksum, which an older NearOpt wrote.
        fault: what is wrong with the first damaged line, with its number; empty if no line is damaged. A truncated last
            line is not a fault.
    """

    rows: list[dict[str, Any]]
    ends: list[int]
    checks: list[int]
    unverified: int
    fault: str


def read_lines(data: bytes) -> LogLines:
    """Parse the lines of a log."""
    rows: list[dict[str, Any]] = []
    ends: list[int] = []
    checks: list[int] = []
    seals = Seals()
    for line in data.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        if wrong := _fault(line, rows, seals):
            return LogLines(rows, ends, checks, seals.unsealed, f"{contract.LOG}, line {len(rows) + 1}: {wrong}")
        ends.append((ends[-1] if ends else 0) + len(line))
        checks.append(seals.check)
    return LogLines(rows, ends, checks, seals.unsealed, "")


def _fault(line: bytes, rows: list[dict[str, Any]], seals: Seals) -> str:
    """What is wrong with a line; if nothing is, the line is appended to ``rows``."""
    try:
        row = orjson.loads(line)
    except ValueError:
        return "not JSON"
    if wrong := bad_key(row, len(rows)) or seals.fault(line[:-1]):
        return wrong
    row.pop(contract.CHECK, None)
    rows.append(row)
    return ""


def bad_key(row: Any, index: int) -> str:
    """What is wrong with the content of a line of the log."""
    if not isinstance(row, Mapping):
        return "not an object"
    if row.get(contract.INDEX) != index:
        return f"{contract.INDEX} is {row.get(contract.INDEX)!r}"
    for name in NUMBERS:
        value = row.get(name)
        if not _number(value) and not (value is None and name in NULLABLE):
            return f"{name} is {value!r}"
    samples = row.get(contract.SAMPLES_MS)
    if not isinstance(samples, list) or not all(map(_number, samples)):
        return f"{contract.SAMPLES_MS} is {str(samples)[:40]!r}"
    if row.get(contract.STATUS) not in STATUSES:
        return f"{contract.STATUS} is {row.get(contract.STATUS)!r}"
    if not isinstance(row.get("configuration"), Mapping):
        return "configuration is not an object"
    return ""


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
