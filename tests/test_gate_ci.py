"""Our own strategies gated against their committed baselines, on a small suite: a minute for the three on two cores.

Seeds are fixed, so that an unchanged strategy repeats its baseline run by run and the ratio is 1 exactly: nothing here
can flake. It fails where the code of a strategy changed its traces for the worse: significantly, or by the slowdown
that the default suite is to find. A change that is meant, or other versions of the libraries: gate it on the default
suite, then `nearopt gate STRATEGY --update-baseline`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import REGRESSION, main


def complaint(strategy: str, baseline: str, folder: Path, *options: str) -> str:
    """What is wrong with a strategy; empty where nothing is."""
    file = folder / "gate.json"
    fixed = ["--suite", "ci", "--results", str(folder / "runs"), "--jobs", "2", "--json", str(file)]
    code = main(["gate", strategy, "--against", baseline, *fixed, *options])
    judged = json.loads(file.read_text())
    slower = code == REGRESSION or judged["ratio"]["value"] >= judged["plan"]["slowdown"]
    return judged["sentence"] if slower else ""


@pytest.mark.parametrize("strategy", ["conditional_gp", "lfbo", "optuna_tpe"])
def test_the_strategy_is_no_slower_than_its_baseline(strategy: str, tmp_path: Path) -> None:
    assert complaint(strategy, strategy, tmp_path) == ""


def test_it_would_notice(tmp_path: Path) -> None:
    """pattern_search with three quarters of its evaluations wasted, as a stand-in for a strategy that was broken."""
    config = tmp_path / "strategy"
    config.mkdir()
    (config / "broken.yaml").write_text(
        "_target_: experiments.gate.handicapped.Handicapped\nlabel: broken\nwasted: 0.75\n"
        "of: harness.strategies.pattern_search.PatternSearch\n"
    )
    assert "broken needs 2.89" in complaint("broken", "pattern_search", tmp_path, "--config-dir", str(tmp_path))
