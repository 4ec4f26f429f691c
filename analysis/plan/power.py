"""The probability that a study decides a hypothesis, and the smallest study with a requested probability.

A study is simulated as its verdict sees it: for each test an estimate, normal around the pilot's, and its standard
error, which is itself estimated (chi-squared). On *these tasks* the error falls with the number of seeds; for *new
kernels* it is the spread of kernel means, which falls with the number of kernels and slightly with the tasks and seeds
per kernel. The estimates are correlated as in the pilot. Every size uses the same draws, so that the probability rises
smoothly with size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr, stdtr

from analysis.plan.pilot import Pilot, Test
from analysis.plan.rule import PValues, Words, claim
from analysis.statistics.supported import NEW_KERNELS, THESE_TASKS, allowed, refusal
from analysis.study.aggregate import MIN_KERNELS
from analysis.verdict.hypothesis import Hypothesis
from analysis.verdict.sensitivity import counterparts

Floats = NDArray[np.float64]
DRAWS, SEED = 10_000, 20261127
"""Simulated studies: a probability of 80% has a standard error of 0.4%."""
MOST = {"these tasks": 10_000, NEW_KERNELS: 1_000}
"""The largest numbers of seeds and of kernels that are planned."""


@dataclass(frozen=True)
class Sizes:
    """A study of a certain size: standard errors and degrees of freedom of the tests. [tests] each"""

    se: Floats
    df: Floats


@dataclass(frozen=True)
class Chances:
    """The tests of one question on which a verdict rests.

    Attributes:
        tests: indices of the pilot's tests, strategies x (axes x baselines) x targets. [strategies, tests, targets]
        harder: the same over random search that never restarts, where available.
    """

    pilot: Pilot
    hypothesis: Hypothesis
    question: str
    tests: NDArray[np.int64]
    harder: NDArray[np.int64]
    normal: Floats
    uniform: Floats

    @classmethod
    def of(cls, pilot: Pilot, hypothesis: Hypothesis, question: str) -> Chances:
        """The tests over the baselines that ``hypothesis`` names and the pilot has."""
        at = {key: i for i, key in enumerate(pilot.keys)}
        of_each = list(product(hypothesis.strategies, hypothesis.targets))
        beside = [
            (axis, name)
            for axis, name in product(hypothesis.axes, dict.fromkeys(counterparts(hypothesis).values()))
            if all((strategy, axis, name, target) in at for strategy, target in of_each)
        ]
        tests, harder = (
            np.array(
                [
                    at[strategy, axis, name, target]
                    for strategy in hypothesis.strategies
                    for axis, name in pairs
                    for target in hypothesis.targets
                ],
                dtype=np.int64,
            ).reshape(len(hypothesis.strategies), len(pairs), len(hypothesis.targets))
            for pairs in (list(product(hypothesis.axes, hypothesis.baselines)), beside)
        )
        rng = np.random.default_rng(SEED)
        together = pilot.over_tasks if question == NEW_KERNELS else pilot.over_seeds
        values, vectors = np.linalg.eigh(together)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        normal = rng.standard_normal((DRAWS, len(together))) @ root.T
        return cls(pilot, hypothesis, question, tests, harder, normal, rng.random((DRAWS, len(tests))))

    def words(self, size: int) -> Words:
        """The verdicts of many simulated studies of this size, in seeds or in kernels."""
        of = np.array([_error(self.pilot, test, self.question, size) for test in self.pilot.tests])
        sizes = Sizes(*of.T)
        ways = [self._tests(self.tests, sizes, with_reference=False)]
        if self.counts_reference:
            ways.append(self._tests(self.tests, sizes, with_reference=True))
        return claim(
            ways,
            self._tests(self.harder, sizes, with_reference=False).above,
            self.hypothesis.targets.index(self.hypothesis.target),
            self.hypothesis.error_rate,
        )

    @property
    def counts_reference(self) -> bool:
        """Whether the tests include the reference error; for new kernels the spread between kernels already does."""
        return self.hypothesis.reference_error is not None and self.question == THESE_TASKS

    def _tests(self, which: NDArray[np.int64], sizes: Sizes, *, with_reference: bool) -> PValues:
        """The p values of many simulated studies.

        The error of the recorded latencies widens a test but moves no estimate, because a study with other seeds is
        judged by the same recordings.
        """
        tests = [self.pilot.tests[int(i)] for i in which.flat]
        logs, known, own, own_df = (
            np.reshape([of(test) for test in tests], which.shape)
            for of in (_log, _known, _reference_error, _reference_freedom)
        )
        se, df = sizes.se[which], sizes.df[which]
        at = sizes.df[self.tests[:, 0, 0]]
        ratio = np.sqrt(2 * gammaincinv(at / 2, self.uniform) / at)  # the estimated error over the true one
        estimates = logs + se * self.normal[:, which]
        errors, freedom = se * ratio[:, :, None, None], np.broadcast_to(df, (len(self.normal), *which.shape))
        if with_reference:
            both = np.hypot(errors, own)
            freedom = both**4 / (errors**4 / df + own**4 / own_df)
            errors = both
        t = (np.log(self.hypothesis.threshold) - estimates) / errors
        above = np.where(freedom < 1e6, stdtr(np.minimum(freedom, 1e6), t), ndtr(t))
        return PValues(np.where(known, above, 1.0), np.where(known, 1.0 - above, 1.0))

    def exactly_recorded(self) -> Chances:
        """The same without the error of the recorded latencies."""
        return replace(self, hypothesis=replace(self.hypothesis, reference_error=None))

    def supports(self) -> bool:
        """Whether the estimates favour the claim: some strategy's are all above the threshold."""
        test = self.pilot.tests[self.deciding()]
        return test.unsolved == 0 and bool(test.log > np.log(self.hypothesis.threshold))

    def deciding(self) -> int:
        """The pilot's test that decides the verdict: the lowest of the strategy whose lowest is highest."""
        return self._highest_of_lowest([list(row) for row in self.headline])

    def taken_away(self) -> int | None:
        """The pilot's test over random search that never restarts that prevents support."""
        at = self.hypothesis.targets.index(self.hypothesis.target)
        rows = [[*row, *of] for row, of in zip(self.headline, self.harder[:, :, at], strict=True)]
        lowest = self._highest_of_lowest(rows)
        below = self.pilot.tests[lowest].log <= np.log(self.hypothesis.threshold)
        return lowest if self.supports() and below else None

    def _highest_of_lowest(self, rows: Sequence[Sequence[np.int64]]) -> int:
        lowest = [min(map(int, row), key=self._height) for row in rows]
        return max(lowest, key=self._height)

    def _height(self, test: int) -> tuple[bool, float]:
        """A sort key that puts tests with unsolved tasks below all others."""
        return self.pilot.tests[test].unsolved == 0, self.pilot.tests[test].log

    @property
    def headline(self) -> NDArray[np.int64]:
        """The tests at the hypothesis's target. [strategies, tests]"""
        return self.tests[:, :, self.hypothesis.targets.index(self.hypothesis.target)]

    def power(self, size: int) -> float:
        """The probability of the verdict that the estimates favour."""
        words = self.words(size)
        return float((words.supported if self.supports() else words.refuted).mean())

    def refused(self, size: int) -> str:
        """Why the report would give a study of this size no interval; empty if it would give one."""
        seeds, kernels = (self.pilot.seeds, size) if self.question == NEW_KERNELS else (size, self.pilot.kernels)
        of = [refusal(self.question, seeds, self.pilot.tests[i].hit_rate, kernels, self.pilot.tests[i].base_rate)
              for i in self.headline.flat]  # fmt: skip
        return next((reason for reason in of if reason), "")


def _log(test: Test) -> float:
    return test.log


def _known(test: Test) -> bool:
    return test.unsolved == 0


def _reference_error(test: Test) -> float:
    return test.reference.se


def _reference_freedom(test: Test) -> float:
    return test.reference.df


def _error(pilot: Pilot, test: Test, question: str, size: int) -> tuple[float, float]:
    """Standard error and degrees of freedom of a test in a study of this size."""
    if question == NEW_KERNELS:
        a_kernel = test.spread.of_kernel(pilot.tasks / pilot.kernels)
        return max(1e-9, float(np.sqrt(a_kernel / size))), size - 1.0
    small = (1 + 1 / size) / (1 + 1 / pilot.seeds)
    se = test.se * float(np.sqrt(pilot.seeds / size)) * small
    return max(1e-9, se), max(1.0, test.df * (size - 1) / max(1, pilot.seeds - 1))


def smallest(chances: Chances, power: float) -> tuple[int | None, str]:
    """The smallest size, in seeds or in kernels, with this probability of a verdict; or ``None`` and the reason."""
    least, most = (MIN_KERNELS if chances.question == NEW_KERNELS else 2), MOST[chances.question]
    if chances.question == NEW_KERNELS and chances.pilot.kernels < 2:
        return None, "one kernel does not show how kernels differ"
    size = _first(lambda n: chances.power(n) >= power, least, most)
    if size is None:
        return None, _why_none(chances, power, most)
    found = allowed(size, chances.refused)
    return (found, "") if found is not None else (None, chances.refused(most))


def _why_none(chances: Chances, power: float, most: int) -> str:
    """Why not even ``most`` seeds or kernels decide."""
    what = "kernels" if chances.question == NEW_KERNELS else "seeds"
    told = f"{most:,} {what} would not decide it"
    harder = chances.taken_away()
    if harder is not None:
        baseline, speedup = chances.pilot.keys[harder][2], np.exp(chances.pilot.tests[harder].log)
        return f"{told}: over {baseline} the estimate is {speedup:.2f}×, and support must hold against that"
    if chances.counts_reference and chances.exactly_recorded().power(most) >= power:
        return f"{told}: the error of the recorded latencies, which seeds do not reduce, reaches the threshold"
    return f"{told}: the estimate lies at the threshold"


def _first(enough: Callable[[int], bool], low: int, most: int) -> int | None:
    """The smallest size from ``low`` on that is enough, given that larger sizes are enough too."""
    high = low
    while not enough(high):
        if high >= most:
            return None
        low, high = high + 1, min(2 * high, most)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return high


def reason_unsolved(chances: Chances) -> str:
    """Why there is no estimate; empty if there is one."""
    tests: Sequence[Test] = [chances.pilot.tests[i] for i in chances.headline.flat]
    worst = max((test.unsolved for test in tests), default=0)
    if all(test.unsolved for test in tests):
        return f"{worst} of {chances.pilot.tasks} tasks were never solved: expected longer runs, not more runs"
    return ""
