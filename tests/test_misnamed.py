"""A run whose configuration names another run than its path counts as damaged, everywhere with the same message."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.runs.account import account
from analysis.runs.load import load_study
from harness.study.status import study_status
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.toy import write_toy

__all__ = ["nearopt"]

COMMAND = ("run", "-m", "strategy=random,grid", "seed=0,1", "budget.evaluations=5", "jobs=1", "results=r")


@pytest.fixture
def config(nearopt: Nearopt, tmp_path: Path) -> Path:
    """Return the config.yaml of one of four finished runs."""
    assert nearopt(*COMMAND, f"backend.landscape={write_toy(tmp_path)}")[0] == 0
    return tmp_path / "r/toy-8x8-bf16__toy/random/seed-0/config.yaml"


def damaged_by_both(results: Path) -> list[tuple[str, int, str]]:
    here, there = (
        [(run.run.label, run.run.seed, run.message) for run in seen.runs if str(run.state) == "damaged"]
        for seen in (study_status(results), account([results]))
    )
    assert here == there
    return here


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("label: random", "label: edited", "config.yaml says label 'edited'"),
        ("label: random", f"label: {'x' * 80}", f"config.yaml says label '{'x' * 59}…'"),
        ("label: random", 'label: "\\e[2J"', "config.yaml says label '\\\\x1b[2J'"),
        ("\nseed: 0", "\nseed: 1", "config.yaml says seed '1'"),
        ("task: toy-8x8-bf16__toy", "task: other__toy", "config.yaml says task 'other__toy'"),
        ("strategy:", "strategy: [", "config.yaml is not readable"),
    ],
)
def test_all_say_the_same(nearopt: Nearopt, tmp_path: Path, config: Path, old: str, new: str, words: str) -> None:
    text = config.read_text()
    config.write_text(text.replace(old, new, 1))
    assert damaged_by_both(tmp_path / "r") == [("random", 0, words)]
    study = load_study([tmp_path / "r"])
    assert sorted(zip(study.runs["strategy"], study.runs["seed"], strict=True)) == [
        ("grid", 0), ("grid", 1), ("random", 1),
    ]  # fmt: skip
    assert f"random/seed-0: {words}" in nearopt("status", "r")[1]
    code, out, err = nearopt(*COMMAND, "backend.landscape=toy-8x8-bf16__toy.parquet")
    assert code == 2
    assert "1 failed (1 of 4 runs damaged)" in out and f"{words}: move it away" in err
    assert config.read_text() == text.replace(old, new, 1)  # the original name is unknown, so nothing is moved
    config.write_text(text)
    assert damaged_by_both(tmp_path / "r") == []


def test_the_same_names_in_other_yaml_fit(tmp_path: Path, config: Path) -> None:
    config.write_text(config.read_text().replace("label: random", "label: 'random'  # as it was"))
    assert damaged_by_both(tmp_path / "r") == []


def test_a_linked_folder_may_have_the_name_that_its_runs_say(tmp_path: Path, config: Path) -> None:
    folder = config.parents[1]
    elsewhere = folder.rename(tmp_path / "moved")
    folder.symlink_to(elsewhere)
    assert damaged_by_both(tmp_path / "r") == []
