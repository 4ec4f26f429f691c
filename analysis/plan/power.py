"""The chance that a study decides a hypothesis, and the smallest study that has the chance asked for.

A study is drawn as its verdict sees it: for each test an estimate, normal around the pilot's, and its standard error,
which is itself estimated (chi-squared). On *these tasks* the error falls with the seeds; for *new kernels* it is the
spread of kernel means, which falls with their number, and somewhat with a kernel's tasks and seeds. The estimates go
together as the pilot's do. The same draws serve every size, so that the chance rises smoothly with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr, stdtr

from analysis.plan.pilot import Pilot, Test
from analysis.plan.rule import Words, claim
from analysis.statistics.supported import NEW_KERNELS, allowed, refusal
from analysis.study.aggregate import MIN_KERNELS
from analysis.verdict.hypothesis import Hypothesis

Floats = NDArray[np.float64]
DRAWS, SEED = 10_000, 20261127
"""A chance of 80% has a standard error of 0.4%."""
MOST = {"these tasks": 10_000, NEW_KERNELS: 1_000}
"""Seeds, and kernels, beyond which nothing is planned."""


@dataclass(frozen=True)
class Sizes:
    """A study of some size: standard errors and degrees of freedom of the tests. [tests] each"""

    se: Floats
    df: Floats


@dataclass(frozen=True)
class Chances:
    """The tests of one question that a verdict is made of.

    Attributes:
        tests: which of the pilot's, strategies x (axes x baselines) x targets. [strategies, tests, targets]
    """

    pilot: Pilot
    hypothesis: Hypothesis
    question: str
    tests: NDArray[np.int64]
    normal: Floats
    uniform: Floats

    @classmethod
    def of(cls, pilot: Pilot, hypothesis: Hypothesis, question: str) -> Chances:
        """Of the baselines that ``hypothesis`` names, of those that the pilot has."""
        rows = [
            [
                [pilot.keys.index((strategy, axis, baseline, target)) for target in hypothesis.targets]
                for axis in hypothesis.axes
                for baseline in hypothesis.baselines
            ]
            for strategy in hypothesis.strategies
        ]
        rng = np.random.default_rng(SEED)
        together = pilot.over_tasks if question == NEW_KERNELS else pilot.over_seeds
        values, vectors = np.linalg.eigh(together)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        normal = rng.standard_normal((DRAWS, len(together))) @ root.T
        return cls(pilot, hypothesis, question, np.array(rows), normal, rng.random((DRAWS, len(rows))))

    def words(self, size: int) -> Words:
        """What many studies of this size, in seeds or in kernels, say."""
        of = np.array([_error(self.pilot, test, self.question, size) for test in self.pilot.tests])
        sizes = Sizes(*of.T)
        known = np.array([test.unsolved == 0 for test in self.pilot.tests])
        logs = np.array([test.log for test in self.pilot.tests])
        df = sizes.df[self.tests[:, 0, 0]]
        ratio = np.sqrt(2 * gammaincinv(df / 2, self.uniform) / df)  # of the estimated error to the true one
        estimates = (logs + sizes.se * self.normal)[:, self.tests]
        errors = sizes.se[self.tests] * ratio[:, :, None, None]
        t = (np.log(self.hypothesis.threshold) - estimates) / errors
        freedom = sizes.df[self.tests]
        above = np.where(freedom < 1e6, stdtr(np.minimum(freedom, 1e6), t), ndtr(t))
        usable = known[self.tests]
        return claim(
            np.where(usable, above, 1.0),
            np.where(usable, 1.0 - above, 1.0),
            self.hypothesis.targets.index(self.hypothesis.target),
            self.hypothesis.error_rate,
        )

    def supports(self) -> bool:
        """Whether the estimates speak for the claim: some strategy's are all above the threshold."""
        test = self.deciding()
        return test.unsolved == 0 and bool(test.log > np.log(self.hypothesis.threshold))

    def deciding(self) -> Test:
        """The test that the verdict hangs on: the lowest of the strategy whose lowest is highest."""
        lowest = [min((self.pilot.tests[int(i)] for i in row), key=_height) for row in self.headline]
        return max(lowest, key=_height)

    @property
    def headline(self) -> NDArray[np.int64]:
        """The tests at the hypothesis's target. [strategies, tests]"""
        return self.tests[:, :, self.hypothesis.targets.index(self.hypothesis.target)]

    def power(self, size: int) -> float:
        """Chance of the verdict that the estimates speak for."""
        words = self.words(size)
        return float((words.supported if self.supports() else words.refuted).mean())

    def refused(self, size: int) -> str:
        """Why a study of this size would get no interval from the report; empty where it would get one."""
        seeds, kernels = (self.pilot.seeds, size) if self.question == NEW_KERNELS else (size, self.pilot.kernels)
        of = [refusal(self.question, seeds, self.pilot.tests[i].hit_rate, kernels, self.pilot.tests[i].base_rate)
              for i in self.headline.flat]  # fmt: skip
        return next((reason for reason in of if reason), "")


def _height(test: Test) -> tuple[bool, float]:
    """What was never solved is below everything else."""
    return test.unsolved == 0, test.log


def _error(pilot: Pilot, test: Test, question: str, size: int) -> tuple[float, float]:
    """Standard error and degrees of freedom of a test in a study of this size."""
    if question == NEW_KERNELS:
        a_kernel = test.spread.of_kernel(pilot.tasks / pilot.kernels)
        return max(1e-9, float(np.sqrt(a_kernel / size))), size - 1.0
    small = (1 + 1 / size) / (1 + 1 / pilot.seeds)
    se = test.se * float(np.sqrt(pilot.seeds / size)) * small
    return max(1e-9, se), max(1.0, test.df * (size - 1) / max(1, pilot.seeds - 1))


def smallest(chances: Chances, power: float) -> tuple[int | None, str]:
    """The smallest size, in seeds or in kernels, with this chance of a verdict; or ``None`` and why there is none."""
    least, most = (MIN_KERNELS if chances.question == NEW_KERNELS else 2), MOST[chances.question]
    if chances.question == NEW_KERNELS and chances.pilot.kernels < 2:
        return None, "one kernel says nothing of how kernels differ"
    size = _first(lambda n: chances.power(n) >= power, least, most)
    if size is None:
        what = "kernels" if chances.question == NEW_KERNELS else "seeds"
        return None, f"{most:,} {what} would not decide it: the estimate lies at the threshold"
    found = allowed(size, chances.refused)
    return (found, "") if found is not None else (None, chances.refused(most))


def _first(enough: Callable[[int], bool], low: int, most: int) -> int | None:
    """The smallest from ``low`` on, where more is never too little."""
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
    """Why no estimate is there at all; empty where there is one."""
    tests: Sequence[Test] = [chances.pilot.tests[i] for i in chances.headline.flat]
    worst = max((test.unsolved for test in tests), default=0)
    if all(test.unsolved for test in tests):
        return f"{worst} of {chances.pilot.tasks} tasks were never solved: expected longer runs, not more of them"
    return ""
