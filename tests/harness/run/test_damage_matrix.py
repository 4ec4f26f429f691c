"""The matrix of damage: a part of it in the fast tier, all of it in the slow one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.run.damage_matrix import FILES, HELD, WAYS, make_study, outcome

pytestmark = pytest.mark.usefixtures("undrawn")
ALL = [(file, way) for file in (*FILES, *HELD) for way in WAYS]
FEW = {
    ("done/seed-0/config.yaml", "a pipe"), ("done/seed-0/evaluations.parquet", "one bit"),
    ("broken/seed-0/FAILED", "a folder"),
}  # fmt: skip
"""One that kept a sweep waiting for ever, a table and a mark; test_damage.py has logs and references."""


def tiers() -> list[object]:
    few = [pair for pair in ALL if (pair[0].partition("/")[2], pair[1]) in FEW]
    assert len(few) == len(FEW)
    return [pair if pair in few else pytest.param(*pair, marks=pytest.mark.slow) for pair in ALL]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("study")
    make_study(base)
    return base


@pytest.mark.parametrize(("file", "way"), tiers())
def test_right_results_or_one_line(study: Path, tmp_path: Path, file: str, way: str) -> None:
    assert outcome(study, tmp_path, file, way).endswith(("healed", "refused"))
