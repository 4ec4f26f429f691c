"""The early end of an evaluation: limits computed by hand, and the exact errors of the sequential test."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import median

import numpy as np
import pytest

from harness.errors import UserError
from harness.rules import Limits, Rules, missing, quantile

INCUMBENT = Limits(incumbent_ms=1.0, sample_error=0.01)


def test_compiles_are_limited_by_the_better_half_once_enough_have_succeeded() -> None:
    rules = Rules(compile_factor=3.0, compile_quantile=0.5, compile_after=4)
    told = [(1.0, 0.4), (2.0, 0.2), (3.0, 9.0), (4.0, 9.0)]
    assert rules.limits(told[:3]).compile_s == math.inf
    assert rules.limits(told).compile_s == pytest.approx(0.6)  # of 0.2 and 0.4 the half that 0.2 is
    assert rules.limits([*told, (5.0, 0.1)]).compile_s == pytest.approx(1.2)  # a third one is in the better half
    assert rules.limits(told) == Limits(rules.limits(told).compile_s)


def test_quantiles_are_values() -> None:
    values = [1.0, 2.0, 3.0, 4.0]
    assert [quantile(values, q) for q in (0.0, 0.25, 0.26, 0.5, 0.75, 0.9, 1.0)] == [1, 1, 2, 2, 3, 4, 4]


def test_samples_are_tested_against_the_incumbent_once_there_is_one() -> None:
    rules = Rules(sample_error=0.01)
    assert rules.limits([]) == Limits()
    assert rules.limits([(1.0, 0.4), (2.0, 0.2)]) == INCUMBENT


@pytest.mark.parametrize("error", [0.05, 0.01, 0.001])
def test_what_is_as_fast_as_the_incumbent_is_ended_no_more_often_than_stated(error: float) -> None:
    """If half of the samples are above: the chance that the test ends within 300 samples, over all sequences."""
    going, ended = {0: 1.0}, 0.0
    for taken in range(1, 301):
        after: dict[int, float] = defaultdict(float)
        for above, chance in going.items():
            for more in (0, 1):
                if missing(above + more, taken - above - more, error) == 0:
                    ended += chance / 2
                else:
                    after[above + more] += chance / 2
        going = dict(after)
    assert 0.2 * error < ended <= error


def test_what_is_slower_in_every_sample_ends_after_eight() -> None:
    assert INCUMBENT.samples_taken([1.1] * 20) == 8
    assert INCUMBENT.samples_taken([1.1] * 7) == 7  # as many as there are
    assert INCUMBENT.samples_taken([0.9, *[1.1] * 20]) == 8 + 4  # itself and three more
    assert INCUMBENT.samples_taken([1.0] * 60) == 60  # equal is not slower
    assert Limits().samples_taken([9.0] * 60) == 60
    assert INCUMBENT.samples_to_end([1.0, 1.1]) == missing(1, 1, 0.01) and Limits().samples_to_end([9.0]) is None


def test_ended_samples_never_make_an_incumbent_and_say_how_many_are_missing() -> None:
    rng, ends = np.random.default_rng(0), 0
    for _ in range(2000):
        samples = rng.normal(1.01, 0.02, 40).tolist()
        taken = INCUMBENT.samples_taken(samples)
        if taken < len(samples):
            ends += 1
            assert median(samples[:taken]) > 1.0
            assert INCUMBENT.samples_to_end(samples[:taken]) == 0
            needed = INCUMBENT.samples_to_end(samples[: taken - 1])
            assert needed == 1
        for known in range(taken):  # taking that many at once misses no earlier end
            needed = INCUMBENT.samples_to_end(samples[:known])
            assert needed is not None and 0 < needed <= max(needed, taken - known)
            assert INCUMBENT.samples_taken([*samples[:known], *[2.0] * 99]) == known + needed
    assert ends > 400


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"compile_factor": 1.0}, "rules.compile_factor=1.0: expected a number more than 1"),
        ({"compile_factor": math.inf}, "rules.compile_factor=inf"),
        ({"compile_factor": math.nan}, "rules.compile_factor=nan"),
        ({"compile_factor": 2.0, "compile_quantile": 1.5}, "rules.compile_quantile=1.5: expected a number from 0 to 1"),
        ({"compile_factor": 2.0, "compile_after": 0}, "rules.compile_after=0: expected a whole number, 1 or more"),
        ({"sample_error": 0.5}, "rules.sample_error=0.5: expected a number between 0 and 0.5"),
        ({"sample_error": 0.0}, "rules.sample_error=0.0"),
    ],
)
def test_what_is_out_of_range_is_refused(options: dict[str, float], said: str) -> None:
    with pytest.raises(UserError) as error:
        Rules(**options)  # type: ignore[arg-type]
    assert str(error.value).startswith(said)


def test_the_ends_of_a_quantiles_range_are_in_it() -> None:
    told = [(1.0, 0.4), (2.0, 0.2), (3.0, 9.0)]
    ends = [Rules(compile_factor=2.0, compile_quantile=q, compile_after=1).limits(told).compile_s for q in (0.0, 1.0)]
    assert ends == [0.4, 0.8]


def test_only_what_is_on_decides() -> None:
    assert Rules(sample_error=0.01, compile_after=7).to_json() == {"sample_error": 0.01}
    assert Rules(compile_factor=2.0).to_json() == {"compile_factor": 2.0, "compile_quantile": 0.5, "compile_after": 5}
