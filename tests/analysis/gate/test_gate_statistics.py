"""The gate's statistics against known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtri

from analysis.gate.compare import compare
from analysis.gate.ratio import identical, mean_of, paired, part, stratified, unpaired, variance
from analysis.gate.side_times import SideTimes, TaskTimes
from analysis.gate.spending import Bounds, Design, bounds, maximum_information
from analysis.statistics.ert import estimate
from analysis.statistics.random_search import ert
from experiments.gate.simulate import Law, simulate, verdicts

BUDGET = 120


def geometric(rng: np.random.Generator, means: np.ndarray, gates: int, seeds: int) -> np.ndarray:
    return rng.geometric(1 / means[:, None], (gates, len(means), seeds)).astype(float)


def within(times: np.ndarray, budget: int = BUDGET) -> tuple[np.ndarray, np.ndarray]:
    return np.minimum(times, budget), times <= budget


def test_one_side_is_the_ert_of_the_analysis_less_its_bias() -> None:
    rng = np.random.default_rng(0)
    cost, hit = within(rng.geometric(1 / 60, 400))
    known, found = estimate(cost, hit), part(cost, hit)
    assert float(found.log) == pytest.approx(known.log.log, abs=5 / 400)
    assert np.sqrt(variance(found.share)) == pytest.approx(known.log.se)


def test_unequal_numbers_of_seeds_do_not_bias_the_ratio() -> None:
    rng = np.random.default_rng(1)
    means = np.array([20.0, 60.0, 150.0])
    few, many = (part(*within(geometric(rng, means, 4000, seeds))) for seeds in (8, 100))
    assert np.abs((few.log - many.log).mean(axis=0)).max() < 0.03  # uncorrected: -0.07 at a mean of 20
    plain = [np.log(estimate(*within(times)).ert) for times in geometric(rng, means[:1], 4000, 8)[:, 0]]
    assert np.mean(plain) - np.log(20) < -0.05


def test_random_search_against_random_search_is_one() -> None:
    n, k = 1500, 9
    rng = np.random.default_rng(2)
    times = np.argsort(rng.random((600, n)), axis=1).argsort(axis=1)[:, :k].min(axis=1) + 1.0
    a, b = times[:300], times[300:]
    ratio = stratified([unpaired(part(*within(a)), part(*within(b)))])
    low, high = ratio.interval()
    assert low < 1 < high
    exact = part(*within(times))
    assert float(exact.log) == pytest.approx(np.log(ert(n, k, BUDGET)), abs=0.15)


def test_pairs_cancel_what_they_share() -> None:
    rng = np.random.default_rng(3)
    times = rng.geometric(1 / 40, 30).astype(float)
    a, b = part(*within(times + 4)), part(*within(times))
    apart, together = stratified([unpaired(a, b)]), stratified([paired(a, b)])
    assert together.log == apart.log
    assert together.se < 0.3 * apart.se
    same = stratified([identical(a)])
    assert same.value == 1.0
    assert same.se == pytest.approx(np.sqrt((1 - 0.025 ** (1 / 30)) * 2 * variance(a.share)))


@pytest.mark.parametrize("seeds", [2, 3, 10, 40])
@pytest.mark.parametrize(("own", "theirs"), [(1.0, 1.0), (2.0, 1.0), (30.0, 60.0)])
def test_equal_readings_are_not_certainty(seeds: int, own: float, theirs: float) -> None:
    """All runs of a side took equally long; the interval of the ratio still has a width, paired or not."""
    a, b = (part(np.full(seeds, time), np.ones(seeds)) for time in (own, theirs))
    for ratio in (unpaired(a, b), paired(a, b), identical(a)):
        low, high = stratified([ratio]).interval()
        assert low < 0.9 * high
    one_side = estimate(np.full(seeds, own), np.ones(seeds))
    assert np.sqrt(variance(a.share)) == pytest.approx(one_side.log.se)  # by the rule of the report


def test_pairs_that_differ_by_the_same_factor_are_not_certain_either() -> None:
    times = np.array([3.0, 9.0, 20.0, 55.0])
    ratio = stratified([paired(part(*within(2 * times)), part(*within(times)))])
    assert ratio.value == pytest.approx(2) and ratio.interval()[0] < 1.9


def test_ties_hold_their_truth() -> None:
    """Return runs that mostly hit at once: the same strategy on both sides, so that the ratio is 1."""
    rng = np.random.default_rng(6)
    held = 0
    for _ in range(400):
        a, b = (part(*within(rng.geometric(0.9, 4).astype(float))) for _ in range(2))
        low, high = stratified([unpaired(a, b)]).interval()
        held += low <= 1 <= high
    assert held >= 380


def test_a_side_without_a_hit_weighs_but_does_not_decide_alone() -> None:
    never = part(np.full(20, 120.0), np.zeros(20))
    always = part(np.full(20, 30.0) + np.arange(20), np.ones(20))
    alone = stratified([unpaired(never, always)])
    assert alone.log > np.log(20)
    assert alone.se > np.sqrt(2)
    assert stratified([unpaired(never, always)] * 10).interval()[0] > 1
    neither = stratified([unpaired(never, never)])
    assert neither.log == 0
    assert neither.interval()[0] < 0.1


def test_many_at_once_are_one_after_another() -> None:
    rng = np.random.default_rng(4)
    a, b = geometric(rng, np.array([30.0, 90.0]), 5, 12), geometric(rng, np.array([40.0, 70.0]), 5, 20)
    ratio = unpaired(part(*within(a)), part(*within(b)))
    parts = ratio.variances.swapaxes(1, 2).reshape(-1, 5)
    log, se, df = mean_of(ratio.log.T, parts, np.repeat(ratio.df, 2))
    for i in range(5):
        one = [unpaired(part(*within(a[i, t])), part(*within(b[i, t]))) for t in range(2)]
        assert stratified(one).log == pytest.approx(log[i])
        assert stratified(one).se == pytest.approx(se[i])
        assert stratified(one).df == pytest.approx(df[i])


def test_bounds_are_those_of_the_literature() -> None:
    """Lan-DeMets bounds of O'Brien-Fleming type, 5 equal looks, two-sided 5%: DeMets & Lan (1994), table 1."""
    design = Design(1.0, 0.025, 0.1)
    found = [bounds(design, [k + 1 for k in range(looks)], 5, looks == 5).upper for looks in range(1, 6)]
    assert found == pytest.approx(
        [4.0, 3.373, 2.680, 2.290, 2.031], abs=2e-3
    )  # the table has 4.877, 3.357: 4 is our highest
    assert bounds(design, [1.0], 5, last=True).upper == pytest.approx(-ndtri(0.025))


def test_one_look_needs_the_textbook_information() -> None:
    design = Design(0.3, 0.05, 0.1)
    single = ((ndtri(0.95) + ndtri(0.9)) / 0.3) ** 2
    assert maximum_information(design, 1) == pytest.approx(single, rel=1e-4)
    assert 1.02 * single < maximum_information(design, 4) < 1.2 * single


@pytest.mark.parametrize("fractions", [(0.25, 0.5, 0.75, 1.0), (0.4, 0.6, 0.7, 1.05), (0.2, 0.201, 0.5, 0.8)])
def test_the_errors_are_those_that_were_spent(fractions: tuple[float, ...]) -> None:
    """In a simulated Brownian motion, the errors are alpha without stops at a pass, and beta under the slowdown."""
    design, runs = Design(np.log(1.3), 0.04, 0.1), 100_000
    most = maximum_information(design, 4)
    information = [fraction * most for fraction in fractions]
    found = [bounds(design, information[: k + 1], most, k == 3) for k in range(4)]
    rng = np.random.default_rng(5)
    assert regressions(rng, 0.0, information, found, runs, passing=False) == pytest.approx(0.04, abs=0.003)
    assert regressions(rng, 0.0, information, found, runs, passing=True) < 0.04
    assert passes(rng, design.effect, information, found, runs) < 0.103


def walk(rng: np.random.Generator, drift: float, information: list[float], runs: int) -> np.ndarray:
    steps = np.diff([0.0, *information])
    scores = np.cumsum(rng.normal(drift * steps, np.sqrt(steps), (runs, len(steps))), axis=1)
    return scores / np.sqrt(information)


def regressions(
    rng: np.random.Generator, drift: float, information: list[float], found: list[Bounds], runs: int, passing: bool
) -> float:
    z = walk(rng, drift, information, runs)
    going, slow = np.ones(runs, dtype=bool), np.zeros(runs, dtype=bool)
    for k, limit in enumerate(found):
        slow |= going & (z[:, k] >= limit.upper)
        going &= ~slow & ((z[:, k] > limit.lower) | (not passing))
    return float(slow.mean())


def passes(rng: np.random.Generator, drift: float, information: list[float], found: list[Bounds], runs: int) -> float:
    z = walk(rng, drift, information, runs)
    going, passed = np.ones(runs, dtype=bool), np.zeros(runs, dtype=bool)
    for k, limit in enumerate(found):
        passed |= going & (z[:, k] < limit.upper) & (z[:, k] <= limit.lower)
        going &= ~passed & (z[:, k] < limit.upper)
    return float(passed.mean())


@pytest.mark.slow
def test_the_default_suite_finds_a_slowdown_and_seldom_cries_wolf() -> None:
    """This is a reduced form of ``experiments/gate``, which has 2,000 gates of nine laws."""
    law = Law("geometric", lambda rng, n, seeds: geometric(rng, np.geomspace(25, 60, 11), n, seeds), 40)
    null, slow = (simulate(law, slowdown, 400, np.random.default_rng(6)) for slowdown in (1.0, 1.3))
    assert float(str(null["regression"])) < 0.055
    assert float(str(null["pass"])) > 0.9
    assert float(str(slow["regression"])) > 0.9
    assert float(str(slow["improvement"])) == 0


def test_a_quicker_strategy_is_an_improvement_or_passes() -> None:
    rng = np.random.default_rng(7)
    means = np.geomspace(25, 60, 11)
    said = verdicts(geometric(rng, means / 2, 200, 60), geometric(rng, means, 200, 40))
    assert said["improvement"] > 0.9
    assert said["regression"] == said["undecided"] == 0


def test_seeds_are_clusters_where_tasks_share_their_streams() -> None:
    """The same times on four tasks count as those of one task; with streams of version 2 they count four times."""
    rng = np.random.default_rng(4)

    def side(first: int, version: int) -> SideTimes:
        at = rng.geometric(0.05, 20).astype(float)
        of = TaskTimes(tuple(range(first, first + 20)), {0.05: at}, np.full(20, 500.0), ("",) * 20)
        return SideTimes("s", "runs", dict.fromkeys("abcd", of), streams=version)

    one, other = side(0, 1), side(100, 1)
    old = compare(one, other, 0.05)
    new = compare(replace(one, streams=2), replace(other, streams=2), 0.05)
    assert old.ratio.log == pytest.approx(new.ratio.log)
    assert old.ratio.se == pytest.approx(old.tasks[0].ratio.se) == pytest.approx(2 * new.ratio.se)
    half = compare(replace(one, streams=2), other, 0.05)
    assert new.ratio.se < half.ratio.se < old.ratio.se
    assert old.variance_per_seed() == pytest.approx([4 * part for part in new.variance_per_seed()])
