"""Simulate random search under rules that end evaluations early, because each ending depends on all earlier ones.

The rules are those of ``harness/rules.py``, which describes them; ``tests/test_rules_agree.py`` checks that the two
agree. Both use the results that were known when a configuration's compile begins. The clock is that of the harness:
compiles start on free workers in the order asked, and compiled configurations are measured first in, first out on one
device.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush, heapreplace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.readings import Readings

Floats = NDArray[np.float64]
AT_MOST = 0.1
"""The share of samples not above the incumbent that the sequential test assumes for a slower configuration."""
_ABOVE, _NOT_ABOVE = math.log(2 * (1 - AT_MOST)), math.log(2 * AT_MOST)


@dataclass(frozen=True)
class Rules:
    """The rules that end evaluations early; a rule is off if its field is ``None``.

    A compile ends at ``compile_factor`` times the ``compile_quantile`` of the compile times of the faster half of the
    configurations that have succeeded, once there are ``compile_after`` of these.

    Attributes:
        compile_factor: the factor in the limit of a compile.
        compile_quantile: the quantile in it, from 0 to 1.
        compile_after: the number of successes from which the limit applies.
        sample_error: chance that the sequential test stops sampling a configuration that is as fast as the incumbent.
    """

    compile_factor: float | None = None
    compile_quantile: float = 0.5
    compile_after: int = 5
    sample_error: float | None = None

    def missing(self, above: int, not_above: int) -> int:
        """The number of further samples above the incumbent that the test needs to end."""
        assert self.sample_error is not None
        return max(0, math.ceil((-math.log(self.sample_error) - not_above * _NOT_ABOVE) / _ABOVE - above - 1e-9))

    def taken(self, samples_ms: Sequence[float], incumbent_ms: float) -> int:
        """The number of samples taken until the test ends; all if it does not end."""
        above = 0
        for taken, sample in enumerate(samples_ms, 1):
            above += sample > incumbent_ms
            if self.missing(above, taken - above) == 0:
                return taken
        return len(samples_ms)


class Successes:
    """The successes so far, with the compile seconds of the better half kept sorted."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._told: list[tuple[float, float]] = []
        self._better: list[float] = []

    def tell(self, latency_ms: float, compile_s: float) -> None:
        """Add a success."""
        one = (latency_ms, compile_s)
        at = bisect_left(self._told, one)
        self._told.insert(at, one)
        if at < len(self._better):
            insort(self._better, compile_s)
        half = (len(self._told) + 1) // 2
        if len(self._better) < half:  # the half has grown by one: the next best joins it
            insort(self._better, self._told[half - 1][1])
        elif len(self._better) > half:
            del self._better[bisect_left(self._better, self._told[half][1])]

    @property
    def incumbent_ms(self) -> float | None:
        return self._told[0][0] if self._told else None

    def compile_limit_s(self) -> float:
        """The limit of a compile that begins now, in s; inf if there is none."""
        rules = self._rules
        if rules.compile_factor is None or len(self._told) < rules.compile_after:
            return math.inf
        rank = math.ceil(rules.compile_quantile * len(self._better) - 1e-9)
        return rules.compile_factor * self._better[max(0, rank - 1)]


@dataclass(frozen=True)
class Recorded:
    """The columns of a recorded table. Each [N]

    Attributes:
        compile_s, verify_s, benchmark_s: what each configuration costs, in s.
        true_ms: true latencies; inf for configurations that failed.
        counts: numbers of recorded samples; 0 for configurations that failed.
        readings: the samples that a search draws from; ``None``: it always reads the true latency.
    """

    compile_s: Floats
    verify_s: Floats
    benchmark_s: Floats
    true_ms: Floats
    counts: NDArray[np.int64]
    readings: Readings | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """An evaluation that ended: its row, its end on the tuning clock, and its reading, which is inf if it failed."""

    row: int
    end_s: float
    reading_ms: float


class RuledSearch:
    """Evaluates rows of a table in a given order under rules.

    Args:
        workers: the number of compile workers.
        sequential: make one evaluation at a time, as in batches of one.
    """

    def __init__(self, table: Recorded, rules: Rules, workers: int = 1, sequential: bool = True) -> None:
        self._rules, self.workers, self.sequential = rules, workers, sequential
        self._readings = table.readings
        self._compile, self._verify, self._benchmark, self._true = (
            column.tolist() for column in (table.compile_s, table.verify_s, table.benchmark_s, table.true_ms)
        )
        self._counts: list[int] = table.counts.tolist()
        if table.readings is None:
            self._lowest, self._highest = self._true, self._true
        else:
            samples = table.readings.samples_ms
            self._lowest = samples[:, 0].tolist()
            last = np.maximum(table.readings.counts - 1, 0)
            self._highest = samples[np.arange(len(samples)), last].tolist()

    def run(self, asked: NDArray[np.int64], rng: np.random.Generator) -> Iterator[Ended]:
        """Yield the evaluations in the order in which they end. ``asked``: rows in the order asked. [B]"""
        successes = Successes(self._rules)
        draws = None if self._readings is None else self._draw(self._readings, asked, rng)
        free = [0.0] * self.workers
        compiling: list[tuple[float, int]] = []
        running: list[tuple[float, int]] = []
        begun: list[tuple[float, float, float]] = []
        device_s = 0.0

        def ended_by(now_s: float) -> Iterator[Ended]:
            nonlocal device_s
            while compiling and compiling[0][0] <= now_s:
                end_s, j = heappop(compiling)
                if begun[j][1] > 0:
                    end_s = device_s = max(device_s, end_s) + begun[j][1]
                heappush(running, (end_s, j))
            while running and running[0][0] <= now_s:
                end_s, j = heappop(running)
                compile_s, _, reading_ms = begun[j]
                if reading_ms < math.inf:
                    successes.tell(reading_ms, compile_s)
                yield Ended(rows[j], end_s, reading_ms)

        rows: list[int] = asked.tolist()
        for j, row in enumerate(rows):
            now_s = free[0]
            yield from ended_by(now_s)
            begun.append(self._outcome(row, successes, None if draws is None else draws[j]))
            heapreplace(free, now_s + begun[j][0])
            heappush(compiling, (now_s + begun[j][0], j))
            if self.sequential:
                for ended in ended_by(math.inf):
                    heapreplace(free, ended.end_s)
                    yield ended
        yield from ended_by(math.inf)

    def _draw(self, readings: Readings, asked: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        """Resample each configuration's samples, in the order taken, padded with nan. [B, most samples]"""
        width = readings.samples_ms.shape[1]
        counts = readings.counts[asked][:, None]
        at = (rng.random((len(asked), width)) * counts).astype(np.int64)
        return np.asarray(readings.samples_ms[asked[:, None], at])

    def _outcome(self, row: int, successes: Successes, draws: Floats | None) -> tuple[float, float, float]:
        """Return the seconds that a row takes to compile and on the device, and its reading."""
        limit_s = successes.compile_limit_s()
        compile_s = self._compile[row]
        if compile_s > limit_s:
            return limit_s, 0.0, math.inf
        true_ms, every = self._true[row], self._counts[row]
        device_s = self._verify[row] + self._benchmark[row]
        if true_ms == math.inf:
            return compile_s, device_s, true_ms
        taken = every if self._rules.sample_error is None else self._taken(row, successes.incumbent_ms, draws)
        if taken < every:
            device_s = self._verify[row] + self._benchmark[row] * (1 + taken) / (1 + every)
        return compile_s, device_s, true_ms if draws is None else median(draws[:taken].tolist())

    def _taken(self, row: int, incumbent_ms: float | None, draws: Floats | None) -> int:
        every = self._counts[row]
        if incumbent_ms is None or self._highest[row] <= incumbent_ms:
            return every
        if self._lowest[row] > incumbent_ms:
            return min(every, self._rules.missing(0, 0))
        assert draws is not None
        return self._rules.taken(draws[:every].tolist(), incumbent_ms)


def first_hits(ended: Iterator[Ended], levels: Sequence[int], targets: int, budget: int) -> Floats:
    """Count evaluations and seconds until the incumbent, chosen by its reading, is within each target. [targets, 3]

    The third column says whether it ever is. A search without a hit is charged all its evaluations. The search is
    followed only until it has hit all targets.

    Args:
        levels: how many of the targets, from the widest, each row's true latency is within. [N]
        budget: evaluations of the search.
    """
    found = np.zeros((targets, 3))
    solved, count, end_s, best_ms = 0, 0, 0.0, math.inf
    for one in ended:
        count, end_s = count + 1, one.end_s
        if one.reading_ms < best_ms:
            best_ms = one.reading_ms
            if levels[one.row] > solved:
                found[solved : levels[one.row]] = count, end_s, 1.0
                solved = levels[one.row]
                if solved == targets:
                    return found
    found[solved:] = budget, end_s, 0.0
    return found
