"""Recorded tasks with idle parameters: few programs behind many configurations, and the same run for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.ablation import unlisted
from harness.landscapes.landscape import read_landscape
from harness.landscapes.library import find_landscape


def test_idle_parameters_make_a_space_too_large_to_list_of_the_same_programs() -> None:
    landscape = read_landscape(find_landscape("softmax-4096x2560-bf16", "h100"))
    space = unlisted.padded(landscape)
    assert not space.enumerable
    for configuration in space.sample(np.random.default_rng(0), 20):
        own = {k: v for k, v in configuration.items() if not k.startswith(unlisted.IDLE)}
        assert landscape.space.contains(own)


SLOW = {"as_listed", "optuna_tpe"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else []) for name in unlisted.STRATEGIES]
)
def test_a_run_repeats_and_says_what_it_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlisted, "BUDGET", 24)
    landscape = read_landscape(find_landscape("softmax-4096x2560-bf16", "h100"))
    one, other = (unlisted.run(landscape, name, 3) for _ in range(2))
    assert {**one, "ask_cpu_s": 0} == {**other, "ask_cpu_s": 0}
    assert one["hit"] == (one["best"] <= unlisted.TARGET)
    assert one["evaluations"] <= 24 and one["best"] >= 1.0


def test_the_table_counts_misses_in_full() -> None:
    rows = [
        {"task": "t", "strategy": name, "seed": str(seed), "hit": str(int(hit)), "evaluations": str(spent)}
        for name in unlisted.STRATEGIES
        for seed, (hit, spent) in enumerate([(True, 20), (False, 180)])
    ]
    assert list(unlisted.table(rows))[2] == "| t |" + " 200, 1/2 |" * len(unlisted.STRATEGIES)


def test_a_ratio_is_that_of_the_erts() -> None:
    spent = {"conditional_gp": 20, "optuna_tpe": 50}
    rows = [
        {"task": task, "strategy": name, "seed": str(seed), "hit": "1", "evaluations": str(spent[name])}
        for task in "tu"
        for name in spent
        for seed in range(3)
    ]
    found = unlisted.ratio(rows, "optuna_tpe")
    assert str(found) == "2.50 [2.50, 2.50]" and found.tasks == 2


def test_a_ratio_is_over_what_both_strategies_have() -> None:
    has = {"conditional_gp": [("t", "0", 20), ("t", "1", 900), ("u", "0", 900)], "optuna_tpe": [("t", "0", 60)]}
    rows = [
        {"task": task, "strategy": name, "seed": seed, "hit": "1", "evaluations": str(spent)}
        for name, runs in has.items()
        for task, seed, spent in runs
    ]
    found = unlisted.ratio(rows, "optuna_tpe")
    assert str(found) == "3.00 [3.00, 3.00]" and found.tasks == 1
