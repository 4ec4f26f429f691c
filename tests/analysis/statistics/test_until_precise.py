"""A simulation that ends when its error is small: the stated error is the true one, and it always ends."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.until_precise import ERROR, MOST, PATIENCE, ROUGH, until_precise


def test_the_stated_error_is_that_of_the_number() -> None:
    """Estimate a ratio with known truth 200 times; the deviations agree with the stated errors."""

    def block(searches: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        x = rng.exponential(1.0, searches)
        return {"ratio": np.column_stack([2 * x + rng.exponential(0.5, searches), x])}

    found = [until_precise(block, (1.0, -1.0), np.random.default_rng(seed), 2_000)["ratio"] for seed in range(200)]
    assert all(one.precise and one.error <= ERROR for one in found)
    z = np.array([np.log(one.value / 2.5) / one.error for one in found])
    assert abs(z.mean()) < 0.3 and 0.8 < z.std() < 1.2


def test_all_of_several_have_to_be_precise() -> None:
    def block(searches: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        one, other = rng.normal(1.0, 0.01, searches), rng.normal(1.0, 0.4, searches)
        return {"easy": one[:, None], "hard": other[:, None]}

    found = until_precise(block, (1.0,), np.random.default_rng(0), 100)
    assert found["easy"].searches == found["hard"].searches > 15_000 and found["hard"].precise


def test_what_never_becomes_precise_ends_and_says_so() -> None:
    def block(searches: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"wild": rng.lognormal(0.0, 4.0, searches)[:, None], "never": np.ones((searches, 1)) * [0.0]}

    found = until_precise(block, (1.0,), np.random.default_rng(0), 10**6)
    rough = until_precise(block, (1.0,), np.random.default_rng(0), 10**6, ROUGH)
    assert rough["wild"].searches == MOST[0]
    assert found["wild"].searches == MOST[0] * PATIENCE and not found["wild"].precise and found["wild"].error > ERROR
    assert np.isnan(found["never"].value) and not found["never"].precise


@pytest.mark.parametrize(("signs", "expected"), [((1.0, -1.0), float("inf")), ((-1.0, 1.0), float("nan"))])
def test_a_mean_of_0_is_no_number(signs: tuple[float, float], expected: float) -> None:
    def block(searches: int, _: np.random.Generator) -> dict[str, np.ndarray]:
        return {"x": np.column_stack([np.ones(searches), np.zeros(searches)])}

    value = until_precise(block, signs, np.random.default_rng(0), 10**7)["x"].value
    assert value == expected or np.isnan(value) == np.isnan(expected)


def test_what_a_verdict_depends_on_is_simulated_ten_times_as_long() -> None:
    """Values so uneven that no number of searches is enough, of searches so long that the least number is the most."""

    def block(searches: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"x": np.exp(rng.normal(0.0, 4.0, (searches, 1)))}

    rng = np.random.default_rng(0)
    found = {wanted: until_precise(block, (1.0,), rng, 10**9, wanted)["x"] for wanted in (ERROR, ROUGH)}
    assert {wanted: one.searches for wanted, one in found.items()} == {ERROR: 200_000, ROUGH: 20_000}
    assert not any(one.precise for one in found.values())
