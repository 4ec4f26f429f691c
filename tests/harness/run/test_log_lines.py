"""The last line of a log may be torn, even if the rest of it is JSON."""

from __future__ import annotations

import json

from harness.run.log_lines import read_lines
from harness.system.sealed_lines import sealed
from tests.test_account import LINE


def log(n: int) -> list[bytes]:
    lines, check = [], 0
    for index in range(n):
        line, check = sealed(json.dumps({**LINE, "index": index}, separators=(",", ":")).encode(), check)
        lines.append(line)
    return lines


def test_a_last_line_without_its_newline_does_not_count() -> None:
    lines = log(3)
    whole = read_lines(b"".join(lines))
    assert (len(whole.rows), whole.fault, whole.ends[-1]) == (3, "", sum(map(len, lines)))
    torn = read_lines(b"".join(lines)[:-1])
    assert (len(torn.rows), torn.fault, torn.ends[-1]) == (2, "", sum(map(len, lines[:2])))
    assert torn.checks == whole.checks[:2]


def test_a_line_in_the_wrong_place_is_named() -> None:
    first, second, third = log(3)
    read = read_lines(first + third + second)
    assert len(read.rows) == 1 and read.fault.startswith("evaluations.jsonl, line 2: ")
