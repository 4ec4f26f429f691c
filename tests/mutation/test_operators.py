"""The mutants of a module: what is changed, what is left alone, and that exactly one change is made."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.mutation.__main__ import sampled
from tests.mutation.areas import AREAS
from tests.mutation.operators import mutants_of, mutated
from tests.mutation.table import counts, outcomes, table

SOURCE = '''
"""Module 1."""
from __future__ import annotations

LIMIT: int | None = 3


def f(x: int | None, deep: bool = True) -> int | float:
    """Returns 1."""
    if x is None and deep:
        raise ValueError(f"not {x + 1}")
    while x <= LIMIT:
        x += 2
        print(x)
    return -x
'''


def changed(tmp_path: Path) -> dict[str, str]:
    """``before -> after`` to the source of the mutant's module."""
    (tmp_path / "m.py").write_text(SOURCE)
    found = mutants_of(tmp_path, "m.py")
    return {f"{m.before} -> {m.after}": ast.unparse(mutated(SOURCE, m)) for m in found}


def test_every_operator_makes_its_change_and_no_other(tmp_path: Path) -> None:
    expected = {
        "3 -> 4", "3 -> 2", "True -> False", "x is None and deep -> x is None or deep", "x is None -> x is not None",
        "raise ValueError(f'not {x + 1}') -> pass", "x <= LIMIT -> x < LIMIT", "x <= LIMIT -> x > LIMIT",
        "x += 2 -> pass", "x += 2 -> x -= 2", "2 -> 3", "2 -> 1", "print(x) -> pass", "return -x -> return None",
        "-x -> x",
        "if x is None and deep: -> if not (x is None and deep):",
    }  # fmt: skip
    found = changed(tmp_path)
    assert set(found) == expected
    original = ast.unparse(ast.parse(SOURCE)).split("\n")
    for name, source in found.items():
        lines = source.split("\n")
        assert len(lines) == len(original), name
        assert sum(a != b for a, b in zip(lines, original, strict=True)) == 1, name


def test_a_mutant_knows_the_lines_that_a_test_has_to_execute(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(SOURCE)
    by_change = {f"{m.before} -> {m.after}": m for m in mutants_of(tmp_path, "m.py")}
    assert by_change["3 -> 4"].at_import and by_change["True -> False"].at_import
    assert not by_change["x += 2 -> pass"].at_import
    assert by_change["x += 2 -> pass"].lines == (13, 13)


def test_the_sample_of_an_area_is_the_same_each_time_and_of_the_whole_area() -> None:
    area = AREAS[3]
    first, again = sampled(area), sampled(area)
    assert [m.name for m in first] == [m.name for m in again]
    assert len({m.name for m in first}) == len(first) > 1000
    assert len({m.file for m in first[:100]}) > 10


def test_the_page_has_the_table_of_the_committed_outcomes() -> None:
    page = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    assert "\n".join(table()) in page
    tried, killed, survived, equivalent, answered, left = counts(outcomes())
    opening = " ".join(page.partition("## How")[0].split())
    assert f"of {tried} mutants the tests killed {killed}" in opening
    assert f"Of the {survived} survivors {equivalent} are equivalent to the code, {answered} are answered" in opening
    assert f"and {left} are open" in opening
