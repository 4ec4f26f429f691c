"""The power that a gate states, compared with simulated gates, and what the shipped suites detect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from analysis.gate.baseline_file import read_baseline
from analysis.gate.exact import ExactErts
from analysis.gate.judge import Judgement, Plan, Source, Verdict, gate
from analysis.gate.power import GATES, held, judged, power, slowing_share, wasted, within
from analysis.gate.side_times import SideTimes
from analysis.gate.text import terminal
from analysis.statistics.ert import LogEstimate
from harness.gate.suite import load_suite
from tests.analysis.gate.test_gate_judgement import fixed, growing, times, unsolved, upto

BASELINES = Path("experiments/baselines")
CI, DEFAULT = load_suite("ci"), load_suite("default")


def plan(looks: tuple[int, ...], slowdown: float) -> Plan:
    return Plan(looks, 0.05, slowdown, 0.04, 0.92)


def unchanged(name: str, of: Plan, tasks: int = 11) -> Judgement:
    """Simulate gates of the committed baseline against itself."""
    side = read_baseline(BASELINES / f"{name}.json").times
    kept = dict(list(side.tasks.items())[:tasks])
    side = replace(side, tasks=kept)
    return gate(of, Source(lambda seeds: upto(side, seeds), grows=True), fixed(side))


def chance(judgement: Judgement) -> float:
    found = power(judgement, 120)
    assert found is not None and found.gates == GATES
    return found.chance


@pytest.mark.slow
def test_it_is_that_of_gates_with_fresh_draws() -> None:
    """Simulate slowed geometric times; return the share of regressions and the power that one gate states."""
    asked, means = plan((4, 12), 1.5), np.geomspace(25, 60, 8)
    rng = np.random.default_rng(3)

    def draw(rng: np.random.Generator, gates: int, seeds: int) -> np.ndarray:
        return rng.geometric(1 / means[:, None], (gates, len(means), seeds)).astype(float)

    share = slowing_share(draw, 1.5, 120, rng, 4000)
    slow = wasted(draw(rng, 500, 12), share, rng)
    ratio = np.exp((within(slow, 120).log - within(draw(rng, 500, 12), 120).log).mean())
    assert ratio == pytest.approx(1.5, rel=0.05)
    ends = held(slow, draw(rng, 500, 40), 120, asked)
    truth = sum(verdict is Verdict.REGRESSION for verdict, _ in ends) / 500
    stated = chance(gate(asked, growing(times("new", 1, 12)), fixed(times("base", 1, 40))))
    assert 0.6 < truth < 0.99 and stated == pytest.approx(truth, abs=0.08)


def test_few_seeds_of_few_tasks_find_little_and_say_so() -> None:
    """An earlier version of the suite ci stated 92%."""
    judgement = unchanged("optuna_tpe", plan((3,), 1.3), tasks=3)
    assert judgement.verdict is Verdict.PASS and chance(judgement) < 0.3
    assert "up to 3 seeds per task detect a slowdown of 1.3 in" in terminal(judgement, power(judgement, 120))
    assert "92%" not in terminal(judgement, power(judgement, 120))


@pytest.mark.parametrize(("strategy", "least"), [("conditional_gp", 0.9), ("optuna_tpe", 0.7)])
def test_the_suite_of_a_pull_request_finds_its_slowdown(strategy: str, least: float) -> None:
    assert chance(unchanged(strategy, plan(CI.looks, CI.slowdown))) > least


def test_a_baseline_of_two_seeds_finds_nothing() -> None:
    assert chance(unchanged("optuna_gp", plan(CI.looks, CI.slowdown))) < 0.3


def test_against_a_law_only_the_candidates_luck_counts() -> None:
    side = times("new", 1, 12)
    law = ExactErts("exact_random", "law", dict.fromkeys(side.tasks, LogEstimate(np.log(40.0), 0.0)))
    asked = plan((12,), 1.5)
    found = power(gate(asked, growing(side), law), 120)
    few = power(gate(asked, growing(side), fixed(times("base", 1, 6))), 120)
    assert found is not None and few is not None and found.chance > few.chance + 0.05


def test_one_look_is_a_t_test() -> None:
    """A ratio with many degrees of freedom is a regression if its z exceeds the quantile."""
    asked = plan((10,), 1.3)
    se = np.sqrt(1 / asked.needed)
    rng = np.random.default_rng(0)
    ends = [judged([LogEstimate(float(log), float(se), np.inf)], asked)[0] for log in rng.normal(0.26, se, 2000)]
    truth = float(ndtr(0.26 / se - ndtri(1 - asked.alpha)))
    assert ends.count(Verdict.REGRESSION) / 2000 == pytest.approx(truth, abs=0.03)


def test_where_nothing_was_compared_none_is_stated() -> None:
    judgement = gate(plan((10,), 1.3), fixed(unsolved("one", 8)), fixed(unsolved("other", 8)))
    assert power(judgement, 120) is None
    assert "of gates" not in terminal(judgement, None)


def test_times_that_no_waste_makes_so_much_longer_state_none() -> None:
    side: SideTimes = times("new", 1, 12, budget=3)
    judgement = gate(plan((12,), 1e9), growing(side), fixed(times("base", 1, 12, budget=3)))
    assert power(judgement, 3) is None
