"""A sweep's order: randomised blocks, the same for the same sweep, whatever was done or added before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.config.schema import RunConfig
from harness.config.task import TaskSpec
from harness.strategies.base import Budget
from harness.study.order import randomised_blocks

STRATEGIES = ("random", "grid", "sobol", "lfbo")


def sweep(tasks: Sequence[str], strategies: Sequence[str], seeds: Sequence[int]) -> list[RunConfig]:
    return [
        RunConfig(TaskSpec(task), name, {"_target_": name}, {"_target_": "replay"}, Budget(9, None), seed, 1)
        for task in tasks
        for name in strategies
        for seed in seeds
    ]


def order(configs: Sequence[RunConfig]) -> list[tuple[int, str, str]]:
    return [
        (configs[i].seed, configs[i].task.name if configs[i].task else "", configs[i].label)
        for i in randomised_blocks(configs)
    ]


def test_each_block_holds_every_strategy_once_and_seeds_come_in_order() -> None:
    configs = sweep("abc", STRATEGIES, range(5, 15))
    assert sorted(randomised_blocks(configs)) == list(range(len(configs)))
    runs = order(configs)
    assert [seed for seed, _, _ in runs] == sorted(seed for seed, _, _ in runs)
    for start in range(0, len(runs), len(STRATEGIES)):
        block = runs[start : start + len(STRATEGIES)]
        assert len({(seed, task) for seed, task, _ in block}) == 1
        assert {label for _, _, label in block} == set(STRATEGIES)


def test_each_strategy_comes_first_about_as_often() -> None:
    runs = order(sweep("ab", STRATEGIES, range(400)))
    places = [Counter(label for _, _, label in runs[place :: len(STRATEGIES)]) for place in range(len(STRATEGIES))]
    for place in places:  # 800 blocks: 200 expected, standard deviation 12
        assert all(abs(place[label] - 200) < 60 for label in STRATEGIES)
    tasks = [runs[i][1] for i in range(0, len(runs), 2 * len(STRATEGIES))]
    assert 140 < tasks.count("a") < 260


def test_nothing_turns_two_runs_round() -> None:
    small = order(sweep("ab", ("random", "sobol"), range(6)))
    large = order(sweep("cba", tuple(reversed(STRATEGIES)), range(6)))
    assert [run for run in large if run in set(small)] == small
