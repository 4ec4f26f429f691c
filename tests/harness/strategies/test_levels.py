"""Latencies that cannot be distinguished count once, and a search does not dwell on parameters without effect."""

from __future__ import annotations

import numpy as np
import pytest

from harness.evaluation import Configuration
from harness.strategies.base import Budget
from harness.strategies.conditional_gp import ConditionalGP
from harness.strategies.conditional_gp.latency_levels import level_targets, of_levels
from harness.testing import drive
from search_spaces.parameter import Categorical, Integer
from search_spaces.space import SearchSpace


def test_a_level_is_as_wide_as_the_resolution_and_has_its_mean() -> None:
    logs = np.log([1.03, 1.0, 1.009, 1.02, 1.5])
    found = of_levels(logs, 0.01)
    np.testing.assert_allclose(found[[1, 2]], np.log(1.009) / 2, atol=1e-9)
    np.testing.assert_allclose(found[[0, 3]], np.log([1.03, 1.02]).mean(), atol=1e-9)
    np.testing.assert_allclose(found[4], np.log(1.5), atol=1e-9)


def test_a_level_ends_at_its_width_and_no_later() -> None:
    width = np.log1p(0.05)
    for value, levels in ((width, 1), (1.001 * width, 2)):
        assert len(set(of_levels(np.array([0.0, value]), 0.05).tolist())) == levels


def test_targets_are_those_of_levels_however_often_one_is_seen() -> None:
    latencies = [1.0, 1.2, 1.5, 2.0, 4.0, None]
    once = level_targets(latencies, 0.01, 0.5)
    often = level_targets([*latencies, *[1.0] * 100], 0.01, 0.5)
    np.testing.assert_array_equal(often.values[:6], once.values)
    assert often.worthwhile == once.worthwhile
    # Clipped at the median level, 1.5, which is what the failure counts as too.
    logs = np.log([1.0, 1.2, 1.5, 1.5, 1.5])
    np.testing.assert_allclose(once.values[:5], (logs - logs.mean()) / logs.std(), atol=1e-8)
    assert once.values[5] == once.values[2]
    assert once.worthwhile == pytest.approx(2 * np.log(1.01) / logs.std())


def test_targets_have_no_unit() -> None:
    latencies = list(np.random.default_rng(0).lognormal(size=50))
    one, other = (level_targets([scale * x for x in latencies], 0.01, 0.5) for scale in (1.0, 1000.0))
    np.testing.assert_array_equal(one.values, other.values)
    assert one.worthwhile == pytest.approx(other.worthwhile)


@pytest.mark.parametrize("latencies", [[None, None], [1.0, 1.001, None], [2.0]])
def test_nothing_to_tell_apart_is_all_zeros(latencies: list[float | None]) -> None:
    assert not level_targets(latencies, 0.01, 0.5).values.any()


def idle_space() -> SearchSpace:
    """Return a space of 256 programs with ten parameters that change nothing."""
    idle = [Categorical(f"idle_{i}", ("a", "b", "c", "d")) for i in range(10)]
    return SearchSpace([Integer("a", 0, 15), Integer("b", 0, 15), *idle])


def programs_tried(seed: int, resolution: float) -> int:
    """Return the number of different programs that a run tries."""
    space, noise = idle_space(), np.random.default_rng(seed)
    strategy = ConditionalGP(space, np.random.SeedSequence(seed), Budget(evaluations=120), resolution=resolution)

    def latency(_: SearchSpace, c: Configuration) -> float:
        a, b = int(c["a"]), int(c["b"])
        rugged = (a * 7 + b * 11) % 13 / 26
        return float((1 + abs(a - 11) / 8 + abs(b - 4) / 8 + rugged) * noise.lognormal(0, 0.003))

    done = drive(strategy, space, latency, evaluations=120, batch=6)
    return len({(e.configuration["a"], e.configuration["b"]) for e in done})


@pytest.mark.slow
def test_parameters_that_do_nothing_get_fewer_evaluations() -> None:
    ours, without = (sum(programs_tried(seed, resolution) for seed in range(4)) for resolution in (0.01, 0.0))
    assert ours >= 1.2 * without, (ours, without)
