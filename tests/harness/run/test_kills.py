"""A command killed between any two file operations has the same results when it is repeated."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.harness.run.kills import KINDS, kill, prepare


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kills")
    prepare(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "kills"),
    [
        ("sweep", 1),
        ("import", 1),
        *(pytest.param(name, kind.share, marks=pytest.mark.slow) for name, kind in KINDS.items()),
    ],
)
def test_the_next_command_ends_as_if_nothing_had_been(base: Path, tmp_path: Path, name: str, kills: int) -> None:
    told = kill(KINDS[name], base, tmp_path, kills, random.Random(f"17 {name}"))
    assert (told.kills, told.different, told.litter) == (kills, 0, 0), told
