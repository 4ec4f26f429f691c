"""The committed outcomes as the table of README.md: ``python -m tests.mutation.table``."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.mutation.areas import AREAS

OUTCOMES = Path(__file__).with_name("mutants.csv")
SURVIVED = ("survived", "unreached")
"""A mutant that no test reached is a survivor; one that ran into its time limit was killed."""
HEAD = ("area", "tried", "killed", "survived", "equivalent", "answered by a test", "open", "open before the answers")


def outcomes() -> list[dict[str, str]]:
    """A row per mutant tried: area, place, before, after, result, and the verdict on a survivor."""
    with OUTCOMES.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def counts(rows: Sequence[Mapping[str, str]]) -> tuple[int, int, int, int, int, int]:
    """Mutants tried, killed and survived, and of the survivors those equivalent, answered and open."""
    survivors = [row for row in rows if row["result"] in SURVIVED]
    equivalent = sum(row["verdict"].startswith("equivalent") for row in survivors)
    answered = sum(row["verdict"].startswith("answered") for row in survivors)
    left = len(survivors) - equivalent - answered
    return len(rows), len(rows) - len(survivors), len(survivors), equivalent, answered, left


def table() -> Iterator[str]:
    """The lines of the table; shares are of the mutants tried that are not equivalent.

    Those open before the answers estimate what the tests would miss in a new sample, because no test was written for
    them before they were drawn; those open now do not.
    """
    yield f"| {' | '.join(HEAD)} |"
    yield f"| {' | '.join('---' for _ in HEAD)} |"
    rows = outcomes()
    for area in AREAS:
        *numbers, left = counts([row for row in rows if row["area"] == area.name])
        tried, _, _, equivalent, answered = numbers
        shares = [f"{count} ({count / (tried - equivalent):.0%})" for count in (left, left + answered)]
        yield f"| {area.name} | {' | '.join([*map(str, numbers), *shares])} |"


if __name__ == "__main__":
    sys.stdout.write("\n".join(table()) + "\n")
