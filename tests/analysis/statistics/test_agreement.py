"""The permutation tests against enumeration, scipy, and simulations with known truth."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, rankdata

from analysis.statistics.agreement import RankTest, rank_sum_law, rank_test, stratified

LIVE, REPLAYS = 3, 30


def enumerated_p(runs: list[float], others: list[float]) -> float:
    """Enumerate all choices of which runs are the live ones."""
    ranks = rankdata([*runs, *others])
    centre = len(runs) * (len(ranks) + 1) / 2
    seen = abs(ranks[: len(runs)].sum() - centre)
    away = [abs(sum(chosen) - centre) >= seen - 1e-9 for chosen in combinations(ranks.tolist(), len(runs))]
    return float(np.mean(away))


def tied(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw times to target like those of a study: small integers, with a third of the runs never hitting."""
    times = rng.geometric(0.02, size).astype(float)
    return np.where(times > 55, np.inf, times)


@pytest.mark.parametrize("seed", range(5))
def test_p_is_that_of_all_5456_choices_with_ties_and_runs_that_never_arrive(seed: int) -> None:
    rng = np.random.default_rng(seed)
    runs, others = tied(rng, LIVE), np.round(tied(rng, REPLAYS), -1)
    assert rank_test(runs, others).p == pytest.approx(enumerated_p(runs.tolist(), others.tolist()), rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(3, 30), (5, 20), (1, 30), (30, 30)])
def test_p_is_scipys_where_nothing_ties(n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    runs, others = rng.normal(0.4, 1, n), rng.normal(size=m)
    expected = mannwhitneyu(runs, others, method="exact")
    found = rank_test(runs, others)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-10)
    assert found.larger == pytest.approx(expected.statistic / (n * m))


def test_moments_of_the_law_are_wilcoxons() -> None:
    found = rank_test(np.arange(4.0), 10 + np.arange(9.0))
    twice = np.arange(len(found.law))
    mean = (found.law * twice).sum() / 2
    assert mean == pytest.approx(4 * 14 / 2)
    assert (found.law * (twice / 2 - mean) ** 2).sum() == pytest.approx(4 * 9 * 14 / 12)
    assert found.larger == 0.0 and found.larger_sd == pytest.approx(np.sqrt(4 * 9 * 14 / 12) / 36)


def test_extremes() -> None:
    lowest = rank_test([1.0, 2.0, 3.0], 10.0 + np.arange(30))
    assert lowest.p == pytest.approx(2 / 5456)
    assert rank_test([np.inf] * 3, [np.inf] * 30).p == 1.0
    with pytest.raises(ValueError, match="nan"):
        rank_test([np.nan], [1.0])
    with pytest.raises(ValueError, match="at least one run"):
        rank_test([], [1.0])
    with pytest.raises(ValueError, match="at least one cell"):
        stratified([])


def cells_of(rng: np.random.Generator, factor: float, cells: int) -> list[RankTest]:
    """Draw cells, each with its own scale; the live runs take ``factor`` times as long."""
    found = []
    for cell in range(cells):
        live, replays = (rng.exponential(10.0 * (cell + 1), size) for size in (LIVE, REPLAYS))
        found.append(rank_test(np.ceil(factor * live), np.ceil(replays)))
    return found


def test_under_exchangeability_p_is_never_too_small() -> None:
    rng = np.random.default_rng(0)
    alone = [rank_test(tied(rng, LIVE), tied(rng, REPLAYS)).p for _ in range(800)]
    together = [stratified(cells_of(rng, 1.0, 4)).p for _ in range(400)]
    for found in (np.array(alone), np.array(together)):
        for level in (0.01, 0.05, 0.2, 0.5):  # an exact test: at most the level, up to three standard errors
            assert (found <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / len(found))
        assert (found <= 0.5).mean() > 0.4  # and not by never being small


def test_the_cells_together_see_a_shift_that_each_alone_misses() -> None:
    rng = np.random.default_rng(1)
    studies = [cells_of(rng, 2.0, 16) for _ in range(80)]
    together = np.mean([stratified(cells).p <= 0.05 for cells in studies])
    alone = np.mean([cell.p <= 0.05 for cells in studies for cell in cells])
    assert together > 0.9 and alone < 0.35
    assert np.mean([stratified(cells).larger for cells in studies]) == pytest.approx(2 / 3, abs=0.03)  # f / (1 + f)


def test_one_cell_alone_is_itself_and_two_are_convolved() -> None:
    rng = np.random.default_rng(2)
    values = [np.round(tied(rng, 7), -1) for _ in range(2)]
    cells = [rank_test(values[0][:2], values[0][2:]), rank_test(values[1][:3], values[1][3:])]
    assert stratified(cells[:1]).p == pytest.approx(cells[0].p)
    # seven runs in either: equal weights, so that the sum of the rank sums decides
    sums = [
        [sum(c) - n * 4 for c in combinations(rankdata(v).tolist(), n)] for n, v in zip((2, 3), values, strict=True)
    ]
    seen = abs(sums[0][0] + sums[1][0])
    expected = np.mean([abs(a + b) >= seen - 1e-9 for a in sums[0] for b in sums[1]])
    assert stratified(cells).p == pytest.approx(expected, rel=1e-9)


def test_weights_are_van_elterens() -> None:
    """Cells of 13 and 7 runs have weights 1/14 and 1/8, so the lattice has 56 steps."""
    rng = np.random.default_rng(3)
    values = [(rng.normal(size=3), rng.normal(size=10)), (rng.normal(size=3), rng.normal(size=4))]
    cells = [rank_test(*pair) for pair in values]
    laws = []
    for cell in cells:
        centred = [sum(c) - 3 * (cell.size + 1) / 2 for c in combinations(range(1, cell.size + 1), 3)]
        laws.append(np.array(centred) / (cell.size + 1))
    seen = abs(sum(cell.excess / 2 / (cell.size + 1) for cell in cells))
    expected = (np.abs(laws[0][:, None] + laws[1][None, :]) >= seen - 1e-9).mean()
    assert stratified(cells).p == pytest.approx(expected, rel=1e-9)


def test_the_law_of_tied_ranks_sums_to_one_on_their_own_lattice() -> None:
    law = rank_sum_law([1.5, 1.5, 3.0], 2)
    assert law.tolist() == pytest.approx([0] * 6 + [1 / 3, 0, 0, 2 / 3])
