"""A first part of the fuzzer's cases; ``python -m tests.fuzz.formats`` runs all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz import cases
from tests.fuzz.cases import KINDS, Wrong, run_case
from tests.fuzz.formats import supervise


def test_damaged_files_import_correctly_or_are_refused_in_one_line() -> None:
    counts, wrong = supervise(0, 100)
    assert wrong == {}
    assert {outcome.split(":")[0] for outcome in counts} == set(KINDS)
    assert sum(counts.values()) == 100


def says(text: str, code: int) -> Callable[[list[str]], int]:
    def main(_arguments: list[str]) -> int:
        sys.stderr.write(text)
        return code

    return main


def runs_code(_arguments: list[str]) -> int:
    Path("PWNED").touch()
    return 0


@pytest.mark.parametrize(
    ("main", "message"),
    [
        (says("nearopt: TypeError: no\n", 1), "exit code 1"),
        (says("nearopt: damaged.json: x\nand more\n", 2), "not one clear line"),
        (says("nearopt: something: is wrong\n", 2), "names neither file nor field"),
        (says("a warning\n", 0), "although it worked"),
        (runs_code, "code from the file was run"),
    ],
)
def test_the_fuzzer_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, main: Callable[[list[str]], int], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cases, "main", main)
    monkeypatch.setattr(cases, "_check_latencies", lambda *_: None)
    monkeypatch.setattr(cases, "read_landscape", lambda path: cases.write_toy(path.parent) and _Empty())
    with pytest.raises(Wrong, match=message):
        run_case(0, tmp_path)


class _Empty:
    latency_ms = cases.np.array([])
