"""Our own strategies gated against their committed baselines, on a small suite.

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
    fixed = ["--suite", "ci", "--results", str(folder / "runs"), "--jobs", "1", "--json", str(file)]
    code = main(["gate", strategy, "--against", baseline, *fixed, *options])
    judged = json.loads(file.read_text())
    slower = code == REGRESSION or judged["ratio"]["value"] >= judged["plan"]["slowdown"]
    return judged["sentence"] if slower else ""


SEEDS = pytest.mark.parametrize("seeds", ["2", pytest.param("3", marks=pytest.mark.slow)])
"""A trace that has changed shows in any run; the suite's own number bounds by how much it is the worse."""


@SEEDS
@pytest.mark.parametrize("strategy", ["conditional_gp", "lfbo", "optuna_tpe"])
def test_the_strategy_is_no_slower_than_its_baseline(strategy: str, seeds: str, tmp_path: Path) -> None:
    assert complaint(strategy, strategy, tmp_path, "--seeds", seeds) == ""


@SEEDS
def test_it_would_notice(seeds: str, tmp_path: Path) -> None:
    """pattern_search with three quarters of its evaluations wasted, as a stand-in for a strategy that was broken."""
    config = tmp_path / "strategy"
    config.mkdir()
    (config / "broken.yaml").write_text(
        "_target_: experiments.gate.handicapped.Handicapped\nlabel: broken\nwasted: 0.75\n"
        "of: harness.strategies.pattern_search.PatternSearch\n"
    )
    options = ("--seeds", seeds, "--config-dir", str(tmp_path))
    needs = {"2": "2.13", "3": "2.89"}[seeds]
    assert f"broken needs {needs}" in complaint("broken", "pattern_search", tmp_path, *options)
