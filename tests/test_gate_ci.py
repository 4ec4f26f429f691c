"""Our own strategies gated against their committed baselines, on the suite of a pull request.

Seeds are fixed, so an unchanged strategy repeats its baseline run by run, the ratio is exactly 1, and the test cannot
flake. It fails if the code of a strategy made its traces worse, either significantly or by the slowdown that the
default suite should detect. After an intended change, or with other versions of the libraries, gate the strategy on the
default suite and then run `nearopt gate STRATEGY --update-baseline`.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from experiments.gate.slowed import Slowed
from harness.cli import main
from harness.cli.exit_codes import REGRESSION
from harness.strategies.base import Budget
from harness.strategies.random import RandomSearch
from harness.testing import spaces


def complaint(strategy: str, baseline: str, folder: Path, *options: str) -> str:
    """Return what is wrong with a strategy; empty if nothing is."""
    file = folder / "gate.json"
    fixed = ["--suite", "ci", "--results", str(folder / "runs"), "--jobs", "1", "--json", str(file)]
    code = main(["gate", strategy, "--against", baseline, *fixed, *options])
    judged = json.loads(file.read_text())
    slower = code == REGRESSION or judged["ratio"]["value"] >= judged["plan"]["slowdown"]
    return judged["sentence"] if slower else ""


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["conditional_gp", "lfbo", "optuna_tpe"])
def test_the_strategy_is_no_slower_than_its_baseline(strategy: str, tmp_path: Path) -> None:
    assert complaint(strategy, strategy, tmp_path) == ""


@pytest.mark.slow
def test_it_would_notice(tmp_path: Path) -> None:
    """pattern_search with three quarters of its evaluations wasted represents a broken strategy."""
    config = tmp_path / "strategy"
    config.mkdir()
    (config / "broken.yaml").write_text(
        "_target_: experiments.gate.handicapped.Handicapped\nlabel: broken\nwasted: 0.75\n"
        "of: harness.strategies.pattern_search.PatternSearch\n"
    )
    assert "regression: broken needs" in complaint("broken", "pattern_search", tmp_path, "--config-dir", str(tmp_path))


def test_slowed_asks_are_those_of_the_strategy_and_take_their_time() -> None:
    space, budget = spaces.conditional(), Budget(evaluations=20)
    seeds = [np.random.SeedSequence(1) for _ in range(2)]
    slowed = Slowed(space, seeds[0], budget, of="harness.strategies.random.RandomSearch", seconds=0.02)
    begun = time.process_time()
    asked = [slowed.ask(1) for _ in range(5)]
    assert time.process_time() - begun >= 0.1
    plain = RandomSearch(space, seeds[1], budget)
    assert asked == [plain.ask(1) for _ in range(5)]
